"""The reverse pass: from the cotangent of one tensor to the gradient with respect to another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from onnx import NodeProto

from augcli.autodiff import rules as _rules  # noqa: F401  (fills the registry)
from augcli.autodiff.graph import Graph, NoRule, Value
from augcli.autodiff.nodes import names_read
from augcli.autodiff.ops import expand, total
from augcli.autodiff.registry import entry_of, gradient, is_flat, is_standard
from augcli.errors import UserError


def reverse(graph: Graph, output: str, seed: Value, wrt: str) -> Value:
    """Write the backward graph behind the forward one.

    `seed` is the cotangent of tensor `output`, of its shape. Returns the cotangent of `wrt`. Raises
    UserError that names every operator and node without a rule, or that says that `output` does not
    depend on `wrt`.
    """
    active = differentiable(graph, wrt)
    nodes = path(graph, active, wrt, output)
    if wrt != output and not any(wrt in names_read(node) for node in nodes):
        raise UserError(
            f"Tensor {output!r} does not depend on {wrt!r} differentiably; name another one."
        )
    refuse(missing_rules(nodes, active))

    failures: dict[str, list[str]] = {}
    cotangents: dict[str, list[Value]] = {output: [seed]}
    for node in reversed(nodes):
        arrived = [_sum_up(cotangents.pop(name, [])) for name in node.output]
        if all(g is None for g in arrived):
            continue
        for argument, name in enumerate(node.input):
            if name not in active:
                continue
            try:
                result = gradient(graph, node, argument, arrived)
                if result is not None:
                    cotangents.setdefault(name, []).append(_of_shape(result, graph.value(name)))
            except NoRule as reason:
                failures.setdefault(f"{node.op_type}: {reason}", []).append(label(node))
    refuse(failures)
    total = _sum_up(cotangents.pop(wrt, []))
    if total is None:
        raise UserError(
            f"The gradient of tensor {output!r} with respect to {wrt!r} is zero everywhere."
        )
    return total


def dependents(graph: Graph, source: str) -> set[str]:
    """The tensors whose elements depend on those of `source`, not only on its shape."""
    names = {source}
    for node in graph.nodes:
        if names & names_read(node) and not (is_standard(node) and node.op_type in _SHAPE_ONLY):
            names.update(filter(None, node.output))
    return names


_SHAPE_ONLY = {"Shape", "Size", "EyeLike", "RandomNormalLike", "RandomUniformLike"}


def differentiable(graph: Graph, source: str) -> set[str]:
    """The float tensors that depend on `source` through differentiable operators."""
    names = {source}
    for node in graph.nodes:
        if names & names_read(node) and not is_flat(node):
            names.update(n for n in node.output if n and graph.dtypes.get(n) is np.float32)
    return names


def path(graph: Graph, active: set[str], source: str, output: str) -> list[NodeProto]:
    """The nodes, in order, through which `output` depends on `source`, given all that does."""
    needed, nodes = {output}, []
    for node in reversed(graph.nodes):
        if any(name in needed and name in active and name != source for name in node.output):
            needed |= names_read(node) & active
            nodes.append(node)
    return nodes[::-1]


def missing_rules(nodes: Iterable[NodeProto], active: set[str]) -> dict[str, list[str]]:
    """Operators on the path that lack a rule, each with its nodes."""
    missing: dict[str, list[str]] = {}
    for node in nodes:
        reads = [(i, name) for i, name in enumerate(node.input) if name in active]
        lacking = [i for i, _ in reads if entry_of(node, i) is None]
        if lacking or len({name for _, name in reads}) < len(names_read(node) & active):
            missing.setdefault(_lacking(node, lacking), []).append(label(node))
    return missing


def refuse(missing: dict[str, list[str]]) -> None:
    """Raise one UserError for all nodes that cannot be differentiated."""
    if not missing:
        return
    listed = "; ".join(f"{what} ({_some(nodes)})" for what, nodes in sorted(missing.items()))
    raise UserError(
        f"No gradient rule for {listed}; take an output before them, "
        "a tensor behind them (wrt), or another model."
    )


def label(node: NodeProto) -> str:
    """What a user finds a node by."""
    return node.name or f"making {next(filter(None, node.output), '?')}"


def operator(node: NodeProto) -> str:
    """An operator's name, with its domain where it is not of the ONNX operator set."""
    return node.op_type if is_standard(node) else f"{node.domain}.{node.op_type}"


def _lacking(node: NodeProto, lacking: list[int]) -> str:
    name = operator(node)
    if lacking and 0 not in lacking and entry_of(node, 0) is not None:
        return f"{name} input {', '.join(map(str, lacking))}"
    return name


def _some(nodes: list[str]) -> str:
    more = len(nodes) - 4
    return ", ".join(nodes[:4]) + (f" and {more} more" if more > 0 else "")


def _sum_up(values: list[Value]) -> Value | None:
    return total(values) if values else None


def _of_shape(g: Value, x: Value) -> Value:
    if g.dims == x.dims:
        return g
    if len(g.dims) == len(x.dims) and all(a in (b, 1) for a, b in zip(g.dims, x.dims, strict=True)):
        return expand(g, x)
    raise NoRule(f"its gradient has shape {g.dims}, its input {x.dims}")
