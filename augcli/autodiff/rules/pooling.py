"""Pooling."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.autodiff.graph import Value
from augcli.autodiff.ops import (
    argmax,
    equal,
    expand,
    fixed,
    pad,
    reshape,
    scatter_add,
    size_of,
    where,
)
from augcli.autodiff.registry import vjp
from augcli.autodiff.rules.convolution import Window, input_gradient, spatial, window


@vjp("GlobalAveragePool")
def global_average_pool(g: Value, y: Value, x: Value) -> Value:
    return expand(g / math.prod(spatial(x)), x)


@vjp("GlobalMaxPool")
def global_max_pool(g: Value, y: Value, x: Value) -> Value:
    """All of it goes to the first element that attains the maximum."""
    count = math.prod(spatial(x))
    flat = reshape(x, (*x.dims[:2], count))
    is_greatest = equal(argmax(flat, 2), np.arange(count))
    return reshape(where(is_greatest, reshape(g, (*x.dims[:2], 1)), 0), x)


@vjp("GlobalLpPool")
def global_lp_pool(g: Value, y: Value, x: Value, *, p: int = 2) -> Value:
    return _lp_slope(x, p) * (g * y ** (1.0 - p))


@vjp("LpPool")
def lp_pool(
    g: Value, y: Value, x: Value, *, kernel_shape: Sequence[int], p: int = 2, **attributes: Any
) -> Value:
    at = window(spatial(x), kernel_shape, **attributes)
    return _lp_slope(x, p) * _spread(g * y ** (1.0 - p), x, at)


def _lp_slope(x: Value, p: int) -> Value:
    """The derivative of |x| ** p / p."""
    return x if p == 2 else x * abs(x) ** (p - 2.0)


@vjp("AveragePool")
def average_pool(
    g: Value,
    y: Value,
    x: Value,
    *,
    kernel_shape: Sequence[int],
    count_include_pad: int = 0,
    **attributes: Any,
) -> Value:
    at = window(spatial(x), kernel_shape, **attributes)
    counts = _window_counts(at, spatial(x), spatial(g), bool(count_include_pad))
    if counts.min() == counts.max():
        return _spread(g, x, at, share=1 / float(counts.max()))
    return _spread(g / counts, x, at)


def _spread(g: Value, x: Value, at: Window, share: float = 1.0) -> Value:
    """A share of each element of g added to every input of its window.

    Pooling is a depthwise convolution with equal weights; this is its transpose.
    """
    channels = fixed(x.dims[1], "a batch of channels")
    weights = np.full((channels, 1, *at.kernel), share, np.float32)
    return input_gradient(g, g.graph.constant(weights), x.dims, at, channels)


def _window_counts(
    at: Window, sizes: list[int], outs: list[int], include_pad: bool
) -> npt.NDArray[np.float32]:
    """How many elements each window averages over.

    With ceil_mode the last windows reach beyond the padding, where nothing counts.
    """
    counts = np.ones((), np.float32)
    for axis, size in enumerate(sizes):
        starts = np.arange(outs[axis]) * at.strides[axis] - at.before[axis]
        places = starts[:, None] + np.arange(at.kernel[axis]) * at.dilations[axis]
        low, high = (-at.before[axis], size + at.after[axis]) if include_pad else (0, size)
        inside = ((places >= low) & (places < high)).sum(axis=1)
        counts = counts[..., None] * np.maximum(inside, 1).astype(np.float32)
    return counts


@vjp("MaxPool")
def max_pool(
    g: Value,
    y: Value,
    x: Value,
    *,
    kernel_shape: Sequence[int],
    storage_order: int = 0,
    **attributes: Any,
) -> Value:
    """g scattered to where the maxima were found, by the operator's second output.

    The CUDA kernel's indices are wrong for windows that are both dilated and padded, so those are
    pooled once more from an input that is padded beforehand.
    """
    at = window(spatial(x), kernel_shape, **attributes)
    if storage_order == 0 and (not any(at.pads) or all(d == 1 for d in at.dilations)):
        return _scatter(x, g.graph.second_output(y, np.int64, y.dims), g)
    before, after = [0, 0, *at.before], [0, 0, *at.after]
    padded = pad(x, before, after, value=float(np.finfo(np.float32).min))
    ceil_mode = attributes.get("ceil_mode", 0)
    again = g.graph.op("MaxPool", padded, shape=y.dims, ceil_mode=ceil_mode, **at.steps)
    indices = g.graph.second_output(again, np.int64, y.dims)
    return pad(_scatter(padded, indices, g), [-b for b in before], [-a for a in after])


def _scatter(x: Value, indices: Value, g: Value) -> Value:
    """g added to zeros of the shape of x at indices into the flattened tensor."""
    flat = (size_of(x.dims),)
    count = (size_of(g.dims),)
    result = scatter_add(reshape(x, flat), reshape(indices, count), reshape(g, count), axis=0)
    return reshape(result, x)
