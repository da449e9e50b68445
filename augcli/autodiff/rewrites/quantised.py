"""Quantised models as float models of the same function, up to rounding.

A quantised tensor becomes a float tensor of its codes: not rounded, so that a gradient passes, but
clipped to the range of its type, which is often all that is left of a ReLU6. Its real values are
kept beside it, so that QuantizeLinear followed by DequantizeLinear is one Clip. Constants are
dequantised exactly.
"""

# A rewrite has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import Any

import numpy as np

from augcli.autodiff.graph import Array, NoRule, Value
from augcli.autodiff.ops import clip
from augcli.autodiff.rewrite import MICROSOFT, plain, rewrite_of

_LIMITS = {
    "int4": (-8.0, 7.0),
    "uint4": (0.0, 15.0),
    "int2": (-2.0, 1.0),
    "uint2": (0.0, 3.0),
    "float8_e4m3fn": (-448.0, 448.0),
    "float8_e4m3fnuz": (-240.0, 240.0),
    "float8_e5m2": (-57344.0, 57344.0),
    "float8_e5m2fnuz": (-57344.0, 57344.0),
}


class Codes(Value):
    """The codes of a tensor that was computed, its real values, and how they were quantised."""

    __slots__ = ("real", "scale", "zero")

    def __init__(self, codes: Value, real: Value, scale: Array, zero: Array) -> None:
        super().__init__(codes.graph, codes.name, codes.shape, codes.dtype)
        self.real, self.scale, self.zero = real, scale, zero


def real(x: Value, scale: Value, zero: Value | None = None, axis: int = 1, block: int = 0) -> Value:
    """(x - zero) * scale. Raises NoRule where the axis is not known."""
    s, z = scale.array, np.zeros((), np.float32) if zero is None else zero.array
    if s is None or z is None:
        return (x_minus(x, zero) if zero is not None else as_float(x)) * scale
    if isinstance(x, Codes) and _equal(x.scale, s) and _equal(x.zero, z):
        return x.real
    s, z = _fitted(s, x, axis, block), _fitted(z, x, axis, block)
    if x.array is not None:
        return x.graph.constant((x.array.astype(np.float32) - z) * s)
    return (as_float(x) - z) * s if z.any() else as_float(x) * s


def codes(
    x: Value, scale: Value, zero: Value | None = None, axis: int = 1, block: int = 0
) -> Value:
    """x / scale + zero, clipped to the range of zero's type, by default uint8's.

    Constants are rounded too. Raises NoRule where the axis is not known.
    """
    s, z = scale.array, np.zeros((), np.uint8) if zero is None else zero.array
    if s is None or z is None:
        return x / scale if zero is None else x / scale + as_float(zero)
    low, high = limits(z.dtype)
    s, z = _fitted(s, x, axis, block), _fitted(z, x, axis, block)
    if x.array is not None:
        rounded = np.rint(x.array / s) + z
        return x.graph.constant(np.clip(rounded, low, high).astype(np.float32))
    if s.size > 1 or z.size > 1:
        return clip(x / s + z, low, high)
    clipped = clip(x, float((low - z) * s), float((high - z) * s))
    return Codes(clipped / s + z if z.any() else clipped / s, clipped, s, z)


def limits(dtype: Any) -> tuple[float, float]:
    """The range of a quantised type."""
    name = np.dtype(dtype).name
    if name in _LIMITS:
        return _LIMITS[name]
    info = np.iinfo(dtype)
    return float(info.min), float(info.max)


def as_float(x: Value) -> Value:
    """x as float32: computed codes are already, whatever type the model declares for them."""
    if x.array is None:
        return Value(x.graph, x.name, x.shape, np.float32)
    return x.graph.constant(x.array.astype(np.float32))


def x_minus(x: Value, zero: Value | None, per: str = "") -> Value:
    """x - zero in float32, where zero may have an entry for each row or output channel of x."""
    x = as_float(x)
    if zero is None or (zero.array is not None and not zero.array.any()):
        return x
    offset = as_float(zero)
    if offset.array is not None:
        array = offset.array
        if array.size == 1:
            array = array.reshape(())
        elif per == "channel":
            array = array.reshape(-1, 1, *(1,) * (len(x.dims) - 2))
        elif per == "row" and array.ndim == 1:
            array = array.reshape(-1, 1)
        if x.array is not None:
            return x.graph.constant(x.array - array)
        offset = x.graph.constant(array)
    return x - offset


def accumulated(bias: Value | None, *scales: Value, factor: float = 1.0) -> Value | None:
    """An int32 bias in real values: its scale is the product of those of image and weights."""
    if bias is None:
        return None
    step = np.asarray(factor, np.float64)
    for scale in scales:
        if scale.array is None or bias.array is None:
            raise NoRule("its bias is not constant")
        step = step * scale.array.astype(np.float64).reshape(-1)
    return bias.graph.constant((constant(bias) * step).astype(np.float32))


def constant(x: Value) -> Array:
    """The elements of a constant."""
    if x.array is None:
        raise NoRule("an input that should be constant is not")
    return x.array


def _equal(a: Array, b: Array) -> bool:
    return np.array_equal(a.reshape(-1), b.reshape(-1).astype(np.float32))


def _fitted(a: Array, x: Value, axis: int, block: int) -> Array:
    """A scale or zero point as float32, shaped to be broadcast along an axis of x."""
    a = a.astype(np.float32)
    if a.size == 1:
        return a.reshape(())
    if block and x.array is not None:
        return np.repeat(a, block, axis)[tuple(map(slice, x.array.shape))]
    if block or x.shape is None:
        raise NoRule("its number of axes is not known")
    rank = len(x.shape)
    return a.reshape([-1 if i == axis % rank else 1 for i in range(rank)])


@rewrite_of("QuantizeLinear")
@rewrite_of("QuantizeLinear", MICROSOFT)
def quantize_linear(
    x: Value,
    scale: Value,
    zero: Value | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    saturate: int = 1,
    output_dtype: int = 0,
    precision: int = 0,
) -> Value:
    if zero is None and output_dtype:
        raise NoRule("its range is not given by a zero point")
    return codes(x, scale, zero, axis, block_size)


@rewrite_of("DequantizeLinear")
@rewrite_of("DequantizeLinear", MICROSOFT)
def dequantize_linear(
    x: Value,
    scale: Value,
    zero: Value | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Value:
    return real(x, scale, zero, axis, block_size)


@rewrite_of("Pad")
def pad(
    x: Value,
    pads: Value,
    fill: Value | None = None,
    axes: Value | None = None,
    *,
    mode: str = "constant",
) -> Value:
    """Codes are padded with a code, which must be as float as they are."""
    if fill is None or fill.dtype not in (np.int8, np.uint8) or x.array is not None:
        raise NoRule("it pads no codes")
    rest = [axes] if axes is not None else []
    return plain(x, "Pad", as_float(x), pads, as_float(fill), *rest, mode=mode)


@rewrite_of("DynamicQuantizeLinear")
def dynamic_quantize_linear(x: Value) -> tuple[Value, Value, Value]:
    """The range is the tensor's own, so nothing is cut off: codes are the values themselves."""
    return x, x.graph.constant(1.0, np.float32), x.graph.constant(0.0, np.float32)


@rewrite_of("ConvInteger")
def conv_integer(
    x: Value, w: Value, x_zero: Value | None = None, w_zero: Value | None = None, **window: Any
) -> Value:
    return plain(x, "Conv", x_minus(x, x_zero), x_minus(w, w_zero, "channel"), **window)


@rewrite_of("MatMulInteger")
def matmul_integer(
    a: Value, b: Value, a_zero: Value | None = None, b_zero: Value | None = None
) -> Value:
    return plain(a, "MatMul", x_minus(a, a_zero, "row"), x_minus(b, b_zero))


@rewrite_of("QLinearConv")
def qlinear_conv(
    x: Value,
    x_scale: Value,
    x_zero: Value,
    w: Value,
    w_scale: Value,
    w_zero: Value,
    y_scale: Value,
    y_zero: Value,
    b: Value | None = None,
    **window: Any,
) -> Value:
    weights, bias = real(w, w_scale, w_zero, axis=0), accumulated(b, x_scale, w_scale)
    y = plain(x, "Conv", real(x, x_scale, x_zero), weights, bias, **window)
    return codes(y, y_scale, y_zero)


@rewrite_of("QLinearMatMul")
def qlinear_matmul(
    a: Value,
    a_scale: Value,
    a_zero: Value,
    b: Value,
    b_scale: Value,
    b_zero: Value,
    y_scale: Value,
    y_zero: Value,
) -> Value:
    right = real(b, b_scale, b_zero, axis=-1)
    return codes(plain(a, "MatMul", real(a, a_scale, a_zero), right), y_scale, y_zero)
