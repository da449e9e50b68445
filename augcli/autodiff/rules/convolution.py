"""Convolutions and their transposes.

The gradient of the input has two forms of one arithmetic (Dumoulin & Visin, "A guide to convolution
arithmetic for deep learning", arXiv:1603.07285): a convolution with flipped kernels where the
stride is 1 and the weights are constant, which ONNX Runtime runs faster; else a transposed
convolution, with symmetric pads, because the CUDA kernel has no others.
"""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.autodiff.graph import Dim, NoRule, Value
from augcli.autodiff.ops import (
    convolve,
    convolve_transposed,
    fixed,
    over_channels,
    pad,
    reshape,
    size_of,
    transpose,
)
from augcli.autodiff.registry import vjp

Ints = Sequence[int] | None


class Window(NamedTuple):
    """A sliding window: one entry per spatial axis; `extent` is the dilated kernel's."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    before: list[int]
    after: list[int]

    @property
    def extent(self) -> list[int]:
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    @property
    def pads(self) -> list[int]:
        return [*self.before, *self.after]

    @property
    def steps(self) -> dict[str, list[int]]:
        """The attributes of a convolution with this window, but for its pads."""
        return {"strides": self.strides, "dilations": self.dilations, "kernel_shape": self.kernel}


def spatial(x: Value) -> list[int]:
    """The sizes behind batch and channels."""
    return [fixed(d, "a window over the batch") for d in x.dims[2:]]


def window(
    sizes: Sequence[int],
    kernel: Sequence[int],
    *,
    strides: Ints = None,
    dilations: Ints = None,
    pads: Ints = None,
    auto_pad: str = "NOTSET",
    kernel_shape: Ints = None,
    ceil_mode: int = 0,
    **unknown: Any,
) -> Window:
    """The window over an input of these sizes that a node's attributes describe, auto_pad resolved.

    ceil_mode only decides how many windows there are, which is known from the result.
    """
    if unknown:
        raise NoRule(f"its attribute {min(unknown)} is not known")
    ones = [1] * len(sizes)
    strides, dilations = list(strides or ones), list(dilations or ones)
    at = Window(list(kernel), strides, dilations, [0] * len(sizes), [0] * len(sizes))
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        # As many windows as strides fit into the input, rounded up.
        needed = [
            max((-(-n // s) - 1) * s + e - n, 0)
            for n, s, e in zip(sizes, strides, at.extent, strict=True)
        ]
        return _pad(at, needed, auto_pad)
    if pads and auto_pad == "NOTSET":
        return at._replace(before=list(pads[: len(sizes)]), after=list(pads[len(sizes) :]))
    return at


def _pad(at: Window, needed: list[int], auto_pad: str) -> Window:
    """Padding split between both ends; an odd one goes behind for SAME_UPPER."""
    smaller, larger = [p // 2 for p in needed], [p - p // 2 for p in needed]
    if auto_pad == "SAME_UPPER":
        return at._replace(before=smaller, after=larger)
    return at._replace(before=larger, after=smaller)


def input_gradient(g: Value, w: Value, shape: Sequence[Dim], at: Window, group: int) -> Value:
    """The gradient, of a given shape, of a convolution's input; w is (M, C / group, ...)."""
    sizes = [fixed(d, "a window over the batch") for d in shape[2:]]
    outs = spatial(g)
    # Window o begins at o * stride - before. `rest` inputs lie behind the last window; it is
    # negative where that window reaches into the padding.
    rest = [
        n + b - (s * (o - 1) + e)
        for n, b, s, o, e in zip(sizes, at.before, at.strides, outs, at.extent, strict=True)
    ]
    if w.array is not None and all(s == 1 for s in at.strides):
        before = [e - 1 - b for e, b in zip(at.extent, at.before, strict=True)]
        after = [e - 1 + r for e, r in zip(at.extent, rest, strict=True)]
        g = pad(g, [0, 0, *(min(b, 0) for b in before)], [0, 0, *(min(a, 0) for a in after)])
        pads = [max(p, 0) for p in (*before, *after)]
        flipped = g.graph.constant(_flip(w.array, group))
        return convolve(g, flipped, shape, pads=pads, group=group, **at.steps)

    beyond = [b + r for b, r in zip(at.before, rest, strict=True)]
    if all(0 <= p < s for p, s in zip(beyond, at.strides, strict=True)):
        pads = [*at.before, *at.before]
        return convolve_transposed(
            g, w, shape, pads=pads, output_padding=beyond, group=group, **at.steps
        )
    whole = [s * (o - 1) + e for s, o, e in zip(at.strides, outs, at.extent, strict=True)]
    full = convolve_transposed(g, w, (*shape[:2], *whole), group=group, **at.steps)
    return pad(full, [0, 0, *(-b for b in at.before)], [0, 0, *rest])


def _flip(w: npt.NDArray[np.float32], group: int) -> npt.NDArray[np.float32]:
    """Weights (M, C / group, ...) as (C, M / group, ...), spatially reversed."""
    m, c, *kernel = w.shape
    parts = w.reshape(group, m // group, c, *kernel).swapaxes(1, 2)
    flipped = parts.reshape(group * c, m // group, *kernel)
    return np.ascontiguousarray(np.flip(flipped, axis=tuple(range(2, flipped.ndim))))


def weight_gradient(x: Value, g: Value, w: Value, at: Window, group: int) -> Value:
    """The gradient of a convolution's weights: x convolved with g, batch and channels swapped."""
    n, c, *sizes = x.dims
    rank = len(w.dims)
    channels = fixed(c, "a batch of channels") // group
    images = transpose(reshape(x, (n, group, channels, *sizes)), (2, 1, 0, *range(3, rank + 1)))
    images = reshape(images, (channels, size_of((group, n)), *sizes))
    kernels = transpose(g, (1, 0, *range(2, rank)))
    reached = [
        (n + b + a - s * (o - 1) - 1) // d + 1
        for n, b, a, s, o, d in zip(
            spatial(x), at.before, at.after, at.strides, spatial(g), at.dilations, strict=True
        )
    ]
    flipped = {"strides": at.dilations, "dilations": at.strides, "pads": at.pads}
    result = convolve(images, kernels, (channels, g.dims[1], *reached), group=group, **flipped)
    unread = [k - r for k, r in zip(at.kernel, reached, strict=True)]
    return transpose(pad(result, [0] * rank, [0, 0, *unread]), (1, 0, *range(2, rank)))


@vjp("Conv", argument=None)
def conv(
    g: Value,
    y: Value,
    x: Value,
    w: Value,
    b: Value | None = None,
    *,
    argument: int,
    group: int = 1,
    **attributes: Any,
) -> Value:
    if argument == 2 and b is not None:
        return over_channels(g, b)
    at = window(spatial(x), spatial(w), **attributes)
    if argument == 1:
        return weight_gradient(x, g, w, at, group)
    return input_gradient(g, w, x.dims, at, group)


@vjp("ConvTranspose", argument=None)
def conv_transpose(
    g: Value,
    y: Value,
    x: Value,
    w: Value,
    b: Value | None = None,
    *,
    argument: int,
    group: int = 1,
    auto_pad: str = "NOTSET",
    output_padding: Ints = None,
    output_shape: Ints = None,
    **attributes: Any,
) -> Value:
    """It is the transpose of a convolution that takes y to x."""
    if argument == 2 and b is not None:
        return over_channels(g, b)
    at = window(spatial(y), spatial(w), **attributes)
    spans = [s * (n - 1) + e for s, n, e in zip(at.strides, spatial(x), at.extent, strict=True)]
    if output_shape is not None or auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        extra = output_padding or [0] * len(spans)
        needed = [max(n + p - o, 0) for n, p, o in zip(spans, extra, spatial(y), strict=True)]
        at = _pad(at, needed, auto_pad)
    # What output_padding or output_shape appended to y, no window reaches.
    after = [n - b - o for n, b, o in zip(spans, at.before, spatial(y), strict=True)]
    g = pad(g, [0] * len(g.dims), [0, 0, *(min(a, 0) for a in after)])
    at = at._replace(after=[max(a, 0) for a in after])
    if argument == 1:
        return weight_gradient(g, x, w, at, group)
    return convolve(g, w, x.dims, pads=at.pads, group=group, **at.steps)
