"""Operators that choose elements: slices, padding, gathering and scattering."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augcli.autodiff.graph import Array, NoRule, Value
from augcli.autodiff.ops import (
    along,
    expand,
    fixed,
    pad,
    reshape,
    scatter_add,
    size_of,
    take,
    untake,
    zeros_like,
)
from augcli.autodiff.registry import vjp


def constant(value: Value, what: str) -> Array:
    """The elements of an input that must not follow the batch or the image."""
    if value.array is None:
        raise NoRule(f"{what} are not constant")
    return value.array


@vjp("Slice")
def sliced(
    g: Value,
    y: Value,
    x: Value,
    starts: Value,
    ends: Value,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Value:
    rank = len(x.dims)
    selected = range(rank) if axes is None else [int(a) % rank for a in constant(axes, "its axes")]
    strides = [1] * len(selected) if steps is None else constant(steps, "its steps").tolist()
    for place, (axis, step) in enumerate(zip(selected, strides, strict=True)):
        size = x.dims[axis]
        if size == y.dims[axis] and step == 1:
            continue
        if not isinstance(size, int):
            raise NoRule("it slices the batch")
        start, end = (int(constant(v, "its bounds")[place]) for v in (starts, ends))
        g = untake(g, axis, np.arange(size)[start:end:step], size)
    return g


@vjp("Pad")
def padded(
    g: Value,
    y: Value,
    x: Value,
    pads: Value,
    fill: Value | None = None,
    axes: Value | None = None,
    *,
    mode: str = "constant",
) -> Value:
    rank = len(x.dims)
    selected = range(rank) if axes is None else [int(a) % rank for a in constant(axes, "its axes")]
    amounts = np.zeros((2, rank), int)
    amounts[:, list(selected)] = constant(pads, "its pads").reshape(2, -1)
    if mode == "constant":
        return pad(g, (-amounts[0]).tolist(), (-amounts[1]).tolist())
    for axis, (before, after) in enumerate(amounts.T):
        if before or after:
            size = x.dims[axis]
            if not isinstance(size, int):
                raise NoRule("it pads the batch")
            places = np.pad(np.arange(size), (max(before, 0), max(after, 0)), mode)  # type: ignore[call-overload]
            places = places[max(-before, 0) : len(places) - max(-after, 0)]
            g = along(g, axis, np.eye(size, dtype=np.float32)[places].T)
    return g


@vjp("Gather")
def gathered(g: Value, y: Value, x: Value, indices: Value, *, axis: int = 0) -> Value:
    axis %= len(x.dims)
    size = x.dims[axis]
    count = size_of(indices.dims)
    flat = reshape(g, (*x.dims[:axis], count, *x.dims[axis + 1 :]))
    if indices.array is not None and isinstance(size, int):
        return untake(flat, axis, indices.array.reshape(-1) % size, size)
    places = [count if a == axis else 1 for a in range(len(x.dims))]
    return scatter_add(x, expand(reshape(indices, places), flat), flat, axis)


@vjp("GatherElements")
def gathered_elements(g: Value, y: Value, x: Value, indices: Value, *, axis: int = 0) -> Value:
    return scatter_add(x, indices, g, axis)


@vjp("GatherND")
def gathered_nd(g: Value, y: Value, x: Value, indices: Value, *, batch_dims: int = 0) -> Value:
    if batch_dims:
        raise NoRule("its batch_dims are not 0")
    return g.graph.op("ScatterND", zeros_like(x), indices, g, shape=x.dims, reduction="add")


@vjp("ScatterElements", argument=None)
def scattered_elements(
    g: Value,
    y: Value,
    x: Value,
    indices: Value,
    updates: Value,
    *,
    argument: int,
    axis: int = 0,
    reduction: str = "none",
) -> Value:
    overwritten = _overwrites(reduction)
    if argument == 2:
        return g.graph.op("GatherElements", g, indices, shape=updates.dims, axis=axis)
    if overwritten:
        inputs = (g, indices, zeros_like(updates))
        return g.graph.op("ScatterElements", *inputs, shape=x.dims, axis=axis)
    return g


@vjp("ScatterND", argument=None)
def scattered_nd(
    g: Value,
    y: Value,
    x: Value,
    indices: Value,
    updates: Value,
    *,
    argument: int,
    reduction: str = "none",
) -> Value:
    overwritten = _overwrites(reduction)
    if argument == 2:
        return g.graph.op("GatherND", g, indices, shape=updates.dims)
    if overwritten:
        return g.graph.op("ScatterND", g, indices, zeros_like(updates), shape=x.dims)
    return g


def _overwrites(reduction: str) -> bool:
    """Whether updates replace elements; False if they are added."""
    if reduction not in ("none", "add"):
        raise NoRule(f"its reduction is {reduction}")
    return reduction == "none"


@vjp("Col2Im")
def columns_to_image(
    g: Value,
    y: Value,
    x: Value,
    image_shape: Value,
    block_shape: Value,
    *,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Value:
    """The blocks of g, taken by their places in the padded, flattened image."""
    block = constant(block_shape, "its blocks").tolist()
    sizes = [fixed(d, "a batch of blocks") for d in y.dims[2:]]
    rank = len(sizes)
    pads, ones = list(pads or [0] * 2 * rank), [1] * rank
    padded = [n + b + a for n, b, a in zip(sizes, pads[:rank], pads[rank:], strict=True)]
    places = np.zeros((1, 1), np.int64)
    for n, k, d, s in zip(padded, block, dilations or ones, strides or ones, strict=True):
        starts = np.arange(0, n - d * (k - 1), s)
        offsets = np.arange(k) * d
        places = places[:, None, :, None] * n + offsets[:, None, None] + starts
        places = places.reshape(places.shape[0] * k, -1)
    flat = pad(g, [0, 0, *pads[:rank]], [0, 0, *pads[rank:]])
    flat = reshape(flat, (*g.dims[:2], size_of(flat.dims[2:])))
    return reshape(take(flat, 2, places.reshape(-1)), x)
