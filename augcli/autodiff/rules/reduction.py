"""Reductions over axes, softmax, and sums and products along one axis."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import (
    axes_of,
    cast,
    count_over,
    equal,
    exp,
    expand,
    reshape,
    scatter_add,
    sign,
    sum_over,
    where,
)
from augcli.autodiff.registry import Rule, vjp

Axes = Value | Sequence[int] | None


def reduction(op_type: str, rule: Rule) -> None:
    """Register a rule `(g, y, x, axes)`, in which g and y keep the reduced axes as ones."""

    @vjp(op_type)
    def of_kept(
        g: Value,
        y: Value,
        x: Value,
        axes: Axes = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Value:
        reduced = _axes(x, axes, noop=bool(noop_with_empty_axes))
        shape = [1 if a in reduced else d for a, d in enumerate(x.dims)]
        result = rule(reshape(g, shape), reshape(y, shape), x, reduced)
        assert result is not None
        return expand(result, x)


def _axes(x: Value, axes: Axes, noop: bool) -> list[int]:
    if isinstance(axes, Value):
        if axes.array is None:
            raise NoRule("its axes are not constant")
        axes = [int(a) for a in axes.array]
    if not axes and noop:
        return []
    return axes_of(x, axes or None)


reduction("ReduceSum", lambda g, y, x, axes: g)
reduction("ReduceMean", lambda g, y, x, axes: g / count_over(x, axes))
reduction("ReduceMax", lambda g, y, x, axes: _share(g, y, x, axes))
reduction("ReduceMin", lambda g, y, x, axes: _share(g, y, x, axes))
reduction("ReduceL1", lambda g, y, x, axes: g * sign(x))
reduction("ReduceL2", lambda g, y, x, axes: g * where(y > 0, x / y, 0))
reduction("ReduceSumSquare", lambda g, y, x, axes: g * 2 * x)
reduction("ReduceLogSum", lambda g, y, x, axes: g * exp(-y))
reduction("ReduceLogSumExp", lambda g, y, x, axes: g * exp(x - y))
reduction("ReduceProd", lambda g, y, x, axes: g * y / x)


def _share(g: Value, y: Value, x: Value, axes: list[int]) -> Value:
    """Shared evenly among the elements that attain the extremum, as torch.amax does."""
    attained = cast(equal(x, y), np.float32)
    return g * attained / sum_over(attained, axes)


@vjp("Softmax")
def softmax(g: Value, y: Value, x: Value, *, axis: int = -1) -> Value:
    return y * (g - sum_over(g * y, [axis]))


@vjp("LogSoftmax")
def log_softmax(g: Value, y: Value, x: Value, *, axis: int = -1) -> Value:
    return g - exp(y) * sum_over(g, [axis])


@vjp("CumSum")
def cumsum(
    g: Value, y: Value, x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0
) -> Value:
    return g.graph.op("CumSum", g, axis, shape=x.dims, exclusive=exclusive, reverse=1 - reverse)


@vjp("TopK")
def top_k(
    g: Value, y: Value, x: Value, k: Value, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Value:
    indices = g.graph.second_output(y, np.int64, y.dims)
    return scatter_add(x, indices, g, axis)
