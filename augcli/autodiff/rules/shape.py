"""Operators that move elements about without choosing among them."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import concat, fixed, pad_axis, reshape, sum_over, transpose, zeros_like
from augcli.autodiff.registry import vjp


@vjp("Reshape")
@vjp("Flatten")
@vjp("Squeeze")
@vjp("Unsqueeze")
def reshaped(g: Value, y: Value, x: Value, target: Value | None = None, **attributes: Any) -> Value:
    return reshape(g, x)


@vjp("Expand", broadcast=True)
def expanded(g: Value, y: Value, x: Value, shape: Value) -> Value:
    return g


@vjp("Transpose")
def transposed(g: Value, y: Value, x: Value, *, perm: Sequence[int] | None = None) -> Value:
    order = perm if perm is not None else range(len(x.dims))[::-1]
    return transpose(g, np.argsort(order).tolist())


@vjp("Tile")
def tiled(g: Value, y: Value, x: Value, repeats: Value) -> Value:
    """g cut into its copies, (r0, d0, r1, d1, ...), and summed over them."""
    if repeats.array is None:
        raise NoRule("its repeats follow the batch")
    copies = [int(r) for r in repeats.array]
    split = reshape(g, [n for pair in zip(copies, x.dims, strict=True) for n in pair])
    return reshape(sum_over(split, [2 * a for a, r in enumerate(copies) if r != 1]), x)


@vjp("Concat", argument=None)
def concatenated(g: Value, y: Value, *inputs: Value, argument: int, axis: int) -> Value:
    axis %= len(y.dims)
    sizes = [fixed(x.dims[axis], "a concatenation along the batch") for x in inputs]
    before = sum(sizes[:argument])
    return pad_axis(g, axis, -before, before + sizes[argument] - sum(sizes))


@vjp("Split", every_output=True)
def split(
    g: list[Value | None],
    y: list[Value],
    x: Value,
    sizes: Value | None = None,
    *,
    axis: int = 0,
    num_outputs: int = 0,
) -> Value:
    """The cotangents joined; runs of parts that nothing used are zeros."""
    axis %= len(x.dims)
    used = [i for i, part in enumerate(g) if part is not None]
    widths = [fixed(part.dims[axis], "a split of the batch") for part in y]
    middle = [g[i] or zeros_like(y[i]) for i in range(used[0], used[-1] + 1)]
    return pad_axis(concat(middle, axis), axis, sum(widths[: used[0]]), sum(widths[used[-1] + 1 :]))


@vjp("DepthToSpace")
def depth_to_space(g: Value, y: Value, x: Value, *, blocksize: int, mode: str = "DCR") -> Value:
    return _blocks(g, x, blocksize, "CRD" if mode == "CRD" else "DCR")


@vjp("SpaceToDepth")
def space_to_depth(g: Value, y: Value, x: Value, *, blocksize: int) -> Value:
    n, c, h, w = x.dims
    b = blocksize
    rows, columns = fixed(h, "a batch of rows") // b, fixed(w, "a batch of columns") // b
    parts = transpose(reshape(g, (n, b, b, c, rows, columns)), (0, 3, 4, 1, 5, 2))
    return reshape(parts, x)


def _blocks(g: Value, x: Value, b: int, mode: str) -> Value:
    """The inverse of DepthToSpace: pixels of a block back into channels."""
    n, c, h, w = x.dims
    depth = fixed(c, "a batch of channels") // (b * b)
    parts = reshape(g, (n, depth, h, b, w, b))
    order = (0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4)
    return reshape(transpose(parts, order), x)


@vjp("Trilu")
def triangle(g: Value, y: Value, x: Value, k: Value | None = None, *, upper: int = 1) -> Value:
    return g.graph.op("Trilu", *([g, k] if k else [g]), shape=x.dims, upper=upper)
