"""Matrix products."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

import numpy as np

from augcli.autodiff.graph import Value
from augcli.autodiff.ops import expand, fixed, gemm, reshape, swap_last, unbroadcast
from augcli.autodiff.registry import vjp


@vjp("Gemm", argument=None)
def gemm_of(
    g: Value,
    y: Value,
    a: Value,
    b: Value,
    c: Value | None = None,
    *,
    argument: int,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Value:
    """y = alpha * a @ b + beta * c, with a and b transposed first where transA or transB is set."""
    if argument == 2 and c is not None:
        return unbroadcast(g * beta, c)
    if argument == 0 and transA:
        return gemm(b, g, alpha=alpha, transA=transB, transB=1)
    if argument == 0:
        return gemm(g, b, alpha=alpha, transA=0, transB=1 - transB)
    if transB:
        return gemm(g, a, alpha=alpha, transA=1, transB=transA)
    return gemm(a, g, alpha=alpha, transA=1 - transA, transB=0)


@vjp("MatMul", 0)
def matmul_a(g: Value, y: Value, a: Value, b: Value) -> Value:
    g, rows, columns = _as_matrices(g, a, b)
    return reshape(unbroadcast(g @ swap_last(columns), rows), a)


@vjp("MatMul", 1)
def matmul_b(g: Value, y: Value, a: Value, b: Value) -> Value:
    g, rows, columns = _as_matrices(g, a, b)
    return reshape(unbroadcast(swap_last(rows) @ g, columns), b)


def _as_matrices(g: Value, a: Value, b: Value) -> tuple[Value, Value, Value]:
    """g, a and b with the axes that MatMul drops: a vector is a row on the left, a column after."""
    rows = reshape(a, (1, *a.dims)) if len(a.dims) == 1 else a
    columns = reshape(b, (*b.dims, 1)) if len(b.dims) == 1 else b
    lead = g.dims[: len(g.dims) - (len(a.dims) > 1) - (len(b.dims) > 1)]
    return reshape(g, (*lead, rows.dims[-2], columns.dims[-1])), rows, columns


@vjp("Einsum", argument=None)
def einsum(g: Value, y: Value, *inputs: Value, argument: int, equation: str) -> Value:
    """The equation with operand and result swapped; axes that nothing else has are expanded."""
    terms, result = _terms(equation, [len(x.dims) for x in inputs])
    graph = g.graph
    others = [(t, x) for i, (t, x) in enumerate(zip(terms, inputs, strict=True)) if i != argument]

    # A letter that the operand has twice is a diagonal: another letter, and the identity matrix.
    mine, letters_in_use = "", set("".join(terms) + result)
    for axis, letter in enumerate(terms[argument]):
        if letter in mine:
            letter = next(c for c in _LETTERS if c not in letters_in_use)
            letters_in_use.add(letter)
            size = fixed(inputs[argument].dims[axis], "a diagonal along the batch")
            eye = graph.constant(np.eye(size, dtype=np.float32))
            others.append((terms[argument][axis] + letter, eye))
        mine += letter

    available = set(result).union(*(t for t, _ in others))
    remaining = "".join(c for c in mine if c in available)
    letters = {
        c: d for t, x in ((result, g), *others) for c, d in zip(t, x.dims, strict=True) if d != 1
    }
    reached = graph.op(
        "Einsum",
        g,
        *(x for _, x in others),
        shape=tuple(letters.get(c, 1) for c in remaining),
        equation=",".join([result, *(t for t, _ in others)]) + "->" + remaining,
    )
    x = inputs[argument]
    slots = iter(reached.dims)
    spread = reshape(reached, [next(slots) if c in remaining else 1 for c in mine])
    narrowed = [1 if d == 1 else s for s, d in zip(spread.dims, x.dims, strict=True)]
    if narrowed != list(spread.dims):
        spread = unbroadcast(spread, Value(graph, x.name, tuple(narrowed), x.dtype))
    return expand(spread, x)


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _terms(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with ellipses spelled out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = (c for c in _LETTERS if c not in left)
    dots = max(
        (r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True) if "..." in t),
        default=0,
    )
    ellipsis = "".join(next(free) for _ in range(dots))
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        right = ("..." if dots else "") + "".join(once)
    spelled = []
    for term, rank in zip(terms, ranks, strict=True):
        missing = rank - len(term.replace("...", ""))
        spelled.append(term.replace("...", ellipsis[dots - missing :]))
    return spelled, right.replace("...", ellipsis)
