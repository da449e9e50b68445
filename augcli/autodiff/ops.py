"""What rules are written with, besides arithmetic: one function for each operator that a backward
graph needs.

Every operator here has a CUDA kernel in ONNX Runtime for float32 (docs/OperatorKernels.md), in the
form in which it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from augcli.autodiff.graph import Array, Batch, Dim, NoRule, Operand, Shape, Value, broadcast


def exp(x: Value) -> Value:
    return x.graph.elementwise("Exp", x)


def log(x: Value) -> Value:
    return x.graph.elementwise("Log", x)


def sqrt(x: Value) -> Value:
    return x.graph.elementwise("Sqrt", x)


def erf(x: Value) -> Value:
    return x.graph.elementwise("Erf", x)


def tanh(x: Value) -> Value:
    return x.graph.elementwise("Tanh", x)


def sigmoid(x: Value) -> Value:
    return x.graph.elementwise("Sigmoid", x)


def sin(x: Value) -> Value:
    return x.graph.elementwise("Sin", x)


def cos(x: Value) -> Value:
    return x.graph.elementwise("Cos", x)


def softplus(x: Value) -> Value:
    return x.graph.elementwise("Softplus", x)


def softmax(x: Value, axis: int = -1) -> Value:
    return x.graph.op("Softmax", x, shape=x.shape, axis=axis)


def rsqrt(x: Value) -> Value:
    return x.graph.elementwise("Reciprocal", sqrt(x))


def equal(a: Value, b: Operand) -> Value:
    return a.graph.elementwise("Equal", a, b, dtype=np.bool_)


def cast(x: Value, dtype: Any) -> Value:
    """x as another type of NumPy's."""
    to = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return x.graph.op("Cast", x, shape=x.shape, dtype=dtype, to=to)


def where(condition: Value, a: Operand, b: Operand) -> Value:
    """a where the condition holds, else b; at least one of them is a tensor."""
    graph = condition.graph
    dtype = next(o.dtype for o in (a, b) if isinstance(o, Value))
    values = [o if isinstance(o, Value) else graph.constant(o, dtype) for o in (a, b)]
    shape = broadcast(condition.shape, *(v.shape for v in values))
    return graph.op("Where", condition, *values, shape=shape, dtype=dtype)


_STEEP = 2.0**100


def above(x: Value, bound: float) -> Value:
    """1 where x > bound, else 0 (between them where x exceeds 0 by less than 1e-30).

    HardSigmoid, max(0, min(1, alpha * x + beta)), with a slope so steep that the next float above
    the bound gives 1, and, because it is a power of two, so exact that the bound itself gives 0.
    It is one vectorised pass; Greater, Cast and Where are several. |bound| must be below 2 ** 26.
    """
    return x.graph.op("HardSigmoid", x, shape=x.shape, alpha=_STEEP, beta=-_STEEP * bound)


def below(x: Value, bound: float) -> Value:
    """1 where x < bound, else 0; see `above`."""
    return x.graph.op("HardSigmoid", x, shape=x.shape, alpha=-_STEEP, beta=_STEEP * bound)


def clip(x: Value, low: Operand, high: Operand) -> Value:
    """x held between two scalars."""
    bounds = [b if isinstance(b, Value) else x.graph.constant(b, x.dtype) for b in (low, high)]
    return x.graph.op("Clip", x, *bounds, shape=x.shape)


def sign(x: Value) -> Value:
    """-1, 0 or 1."""
    return x.graph.elementwise("Sign", x)


def total(values: Sequence[Value]) -> Value:
    """The sum of several tensors of one shape."""
    if len(values) == 1:
        return values[0]
    return values[0].graph.op("Sum", *values, shape=values[0].shape)


# Reductions. Axes may be negative; None means all of them.


def axes_of(x: Value, axes: Sequence[int] | None) -> list[int]:
    """Axes as a sorted list of numbers from 0."""
    rank = len(x.dims)
    return list(range(rank)) if axes is None else sorted(a % rank for a in axes)


def _reduce(op_type: str, x: Value, axes: Sequence[int] | None, since: int) -> Value:
    reduced = axes_of(x, axes)
    if not reduced:
        return x
    shape = tuple(1 if a in reduced else d for a, d in enumerate(x.dims))
    if x.graph.opset >= since:
        return x.graph.op(op_type, x, x.graph.constant(reduced, np.int64), shape=shape, keepdims=1)
    return x.graph.op(op_type, x, shape=shape, axes=reduced, keepdims=1)


def sum_over(x: Value, axes: Sequence[int] | None = None) -> Value:
    """The sum over axes, which stay as ones."""
    return _reduce("ReduceSum", x, axes, since=13)


def max_over(x: Value, axes: Sequence[int] | None = None) -> Value:
    """The maximum over axes, which stay as ones."""
    return _reduce("ReduceMax", x, axes, since=18)


def mean_over(x: Value, axes: Sequence[int] | None = None) -> Value:
    """The mean over axes, which stay as ones."""
    return _reduce("ReduceMean", x, axes, since=18)


def count_over(x: Value, axes: Sequence[int] | None = None) -> int:
    """How many elements a reduction over these axes takes together."""
    return math.prod(fixed(x.dims[a], "a mean over the batch") for a in axes_of(x, axes))


def argmax(x: Value, axis: int) -> Value:
    """The first index of the maximum along an axis, which stays as one."""
    shape = tuple(1 if a == axis % len(x.dims) else d for a, d in enumerate(x.dims))
    return x.graph.op("ArgMax", x, shape=shape, dtype=np.int64, axis=axis, keepdims=1)


# Shapes.


def fixed(dim: Dim, what: str) -> int:
    """A dimension that must not follow the batch."""
    if isinstance(dim, Batch):
        raise NoRule(f"{what} cannot be differentiated image by image")
    return dim


def size_of(shape: Sequence[Dim]) -> Dim:
    """The number of elements of a shape with at most one batch dimension."""
    count = math.prod(d for d in shape if isinstance(d, int))
    batch = [d for d in shape if isinstance(d, Batch)]
    if not batch:
        return count
    if len(batch) > 1:
        raise NoRule("two of its dimensions follow the batch")
    return Batch(batch[0].per_image * count, batch[0].extra * count)


def shape_of(x: Value) -> Value:
    """The shape as an int64 tensor: a constant where it does not follow the batch."""
    if all(isinstance(d, int) for d in x.dims):
        return x.graph.constant(np.array(x.dims), np.int64)
    return x.graph.op("Shape", x, shape=(len(x.dims),), dtype=np.int64)


def reshape(x: Value, to: Value | Sequence[Dim]) -> Value:
    """x with another shape, or with the shape of another tensor."""
    shape = tuple(to.dims if isinstance(to, Value) else to)
    if shape == x.shape:
        return x
    if sum(isinstance(d, Batch) for d in shape) <= 1 and 0 not in shape:
        target = x.graph.constant([d if isinstance(d, int) else -1 for d in shape], np.int64)
    elif isinstance(to, Value):
        target = shape_of(to)
    else:
        raise NoRule("two of its dimensions follow the batch")
    return x.graph.op("Reshape", x, target, shape=shape)


def transpose(x: Value, perm: Sequence[int]) -> Value:
    """x with its axes in another order."""
    if list(perm) == list(range(len(perm))):
        return x
    shape = None if x.shape is None else tuple(x.shape[p] for p in perm)
    return x.graph.op("Transpose", x, shape=shape, perm=list(perm))


def swap_last(x: Value) -> Value:
    """A stack of matrices, transposed."""
    rank = len(x.dims)
    return transpose(x, [*range(rank - 2), rank - 1, rank - 2])


def expand(x: Value, like: Value) -> Value:
    """x broadcast to the shape of another tensor."""
    if x.dims == like.dims:
        return x
    source = (1,) * (len(like.dims) - len(x.dims)) + x.dims
    grown = [1 if s == d else d for s, d in zip(source, like.dims, strict=True)]
    if any(isinstance(d, Batch) for d in grown):
        target = shape_of(like)
    else:
        target = x.graph.constant(np.array(grown), np.int64)
    return x.graph.op("Expand", x, target, shape=like.dims)


def unbroadcast(g: Value, x: Value) -> Value:
    """Sum g over the axes along which x was broadcast to the shape of g."""
    if g.dims == x.dims:
        return g
    lead = len(g.dims) - len(x.dims)
    axes = [a for a, d in enumerate(g.dims) if a < lead or (x.dims[a - lead] == 1 and d != 1)]
    return reshape(sum_over(g, axes), x)


def over_channels(g: Value, parameter: Value) -> Value:
    """Sum g (N, C, ...) to a vector over channels."""
    return reshape(sum_over(g, [a for a in axes_of(g, None) if a != 1]), parameter)


def zeros_like(x: Value) -> Value:
    """Zeros of the shape of x."""
    value = onnx.numpy_helper.from_array(np.zeros(1, x.dtype))
    return x.graph.op("ConstantOfShape", shape_of(x), shape=x.dims, dtype=x.dtype, value=value)


# Parts of an axis.


def pad(x: Value, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Value:
    """Pad every axis with a value; negative amounts crop."""
    if not any(before) and not any(after):
        return x
    shape = tuple(
        d + b + a if isinstance(d, int) else d
        for d, b, a in zip(x.dims, before, after, strict=True)
    )
    if all(b <= 0 for b in before) and all(a <= 0 for a in after):
        return _crop(x, before, after, shape)
    amounts = x.graph.constant([*before, *after], np.int64)
    fill = x.graph.constant(value, x.dtype) if value else None
    return x.graph.op("Pad", x, amounts, *([fill] if fill else []), shape=shape)


def _crop(x: Value, before: Sequence[int], after: Sequence[int], shape: Shape) -> Value:
    axes = [a for a, (b, e) in enumerate(zip(before, after, strict=True)) if b or e]
    stops = [int(shape[a]) - before[a] for a in axes]  # type: ignore[arg-type]
    bounds = ([-before[a] for a in axes], stops, axes)
    return x.graph.op("Slice", x, *(x.graph.constant(b, np.int64) for b in bounds), shape=shape)


def pad_axis(x: Value, axis: int, before: int, after: int) -> Value:
    """Pad one axis with zeros; negative amounts crop."""
    amounts = np.zeros((2, len(x.dims)), int)
    amounts[:, axis] = before, after
    return pad(x, amounts[0].tolist(), amounts[1].tolist())


def concat(values: Sequence[Value], axis: int) -> Value:
    """Join tensors along an axis."""
    if len(values) == 1:
        return values[0]
    dims = [v.dims[axis] for v in values]
    joined = sum(fixed(d, "a concatenation along the batch") for d in dims)
    shape = tuple(joined if a == axis else d for a, d in enumerate(values[0].dims))
    return values[0].graph.op("Concat", *values, shape=shape, axis=axis)


def take(x: Value, axis: int, indices: Array) -> Value:
    """The elements of an axis at constant indices, a vector."""
    shape = tuple(len(indices) if a == axis else d for a, d in enumerate(x.dims))
    return x.graph.op("Gather", x, x.graph.constant(indices, np.int64), shape=shape, axis=axis)


def untake(g: Value, axis: int, indices: Array, size: int) -> Value:
    """The gradient of `take`: g added up at its indices in an axis of that size."""
    count = len(indices)
    if count and np.array_equal(indices, np.arange(indices[0], indices[0] + count)):
        return pad_axis(g, axis, int(indices[0]), size - int(indices[0]) - count)
    if len(np.unique(indices)) < count:
        return along(g, axis, np.eye(size, dtype=np.float32)[indices].T)
    places = np.full(size, count)
    places[indices] = np.arange(count)
    return take(pad_axis(g, axis, 0, int(count < size)), axis, places)


def along(x: Value, axis: int, matrix: Array) -> Value:
    """Apply a constant matrix (out, in) to one axis."""
    last = len(x.dims) - 1
    weights = matrix.astype(np.float32)
    if axis == last:
        return x @ x.graph.constant(np.ascontiguousarray(weights.T))
    if axis == last - 1:
        return x.graph.constant(weights) @ x
    order = [a for a in range(last + 1) if a != axis] + [axis]
    y = transpose(x, order) @ x.graph.constant(np.ascontiguousarray(weights.T))
    return transpose(y, np.argsort(order).tolist())


def scatter_add(like: Value, indices: Value, updates: Value, axis: int) -> Value:
    """Zeros of the shape of `like`, with updates added where the indices along an axis say."""
    inputs = (zeros_like(like), indices, updates)
    return like.graph.op("ScatterElements", *inputs, shape=like.dims, axis=axis, reduction="add")


# Products.


def gemm(a: Value, b: Value, *, alpha: float, transA: int, transB: int) -> Value:
    """alpha * a @ b of two matrices, each transposed first where transA or transB is set."""
    shape = (a.dims[1 if transA else 0], b.dims[0 if transB else 1])
    return a.graph.op("Gemm", a, b, shape=shape, alpha=alpha, transA=transA, transB=transB)


def convolve(x: Value, w: Value, shape: Sequence[Dim], **attributes: Any) -> Value:
    """Conv (N, C, ...) with weights (M, C / group, ...); the shape of the result is given."""
    return x.graph.op("Conv", x, w, shape=tuple(shape), **attributes)


def convolve_transposed(x: Value, w: Value, shape: Sequence[Dim], **attributes: Any) -> Value:
    """ConvTranspose; its pads must be symmetric to run on CUDA."""
    return x.graph.op("ConvTranspose", x, w, shape=tuple(shape), **attributes)
