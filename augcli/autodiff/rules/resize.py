"""Resize: linear and separable, so its transpose is one constant matrix for each axis.

The matrices are found by running the node itself on unit vectors. That covers every mode,
coordinate transformation, antialiasing and rounding, and agrees with the forward pass by
construction.
"""

# A rule has its operator's signature, whether it needs all of it or not.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from augcli.autodiff.graph import Array, NoRule, Value
from augcli.autodiff.ops import along, fixed
from augcli.autodiff.registry import vjp
from augcli.autodiff.runtime import session

Images = npt.NDArray[np.float32]
_VALUES_AT_ONCE = 1 << 22


@vjp("Resize")
def resize(
    g: Value,
    y: Value,
    x: Value,
    roi: Value | None = None,
    scales: Value | None = None,
    sizes: Value | None = None,
    *,
    axes: Sequence[int] | None = None,
    **attributes: Any,
) -> Value:
    rank = len(x.dims)
    resized_axes = [a % rank for a in (range(rank) if axes is None else axes)]
    factors = np.ones(rank)
    if scales is not None and scales.dims != (0,):
        if scales.array is None:
            raise NoRule("its scales follow the batch")
        factors[resized_axes] = scales.array
    resized = [a for a in range(rank) if x.dims[a] != y.dims[a] or factors[a] != 1]
    before = [fixed(d, "a resized batch") if a in resized else 1 for a, d in enumerate(x.dims)]
    after = [fixed(d, "a resized batch") if a in resized else 1 for a, d in enumerate(y.dims)]
    if 0 in resized:
        raise NoRule("it resizes the batch")

    def forward(images: Images) -> Images:
        parameters: dict[str, Array | None] = {
            "roi": None if roi is None else roi.array,
            "scales": None if scales is None else scales.array,
            "sizes": None if sizes is None else np.array([len(images), *after[1:]])[resized_axes],
        }
        return _run(
            g.graph.opset, images, parameters, attributes | ({"axes": resized_axes} if axes else {})
        )

    for axis in resized:
        g = along(g, axis, _matrix(forward, before, axis).T)
    return g


def _matrix(forward: Callable[[Images], Images], shape: list[int], axis: int) -> Images:
    """The matrix (out, in) of one axis: unit vectors along it, constant along the others."""
    size = shape[axis]
    step = max(1, _VALUES_AT_ONCE // int(np.prod(shape)))
    columns = []
    for start in range(0, size, step):
        units = np.eye(size, dtype=np.float32)[start : start + step]
        along_axis = [len(units), *(size if a == axis else 1 for a in range(1, len(shape)))]
        images = np.broadcast_to(units.reshape(along_axis), [len(units), *shape[1:]])
        result = forward(np.ascontiguousarray(images))
        # Outside of a region of interest are zeros: take the line of the largest response.
        others = tuple(a for a in range(1, result.ndim) if a != axis)
        low, high = result.min(axis=others), result.max(axis=others)
        columns.append(np.where(high >= -low, high, low))
    return np.concatenate(columns).T


def _run(
    opset: int, images: Images, parameters: dict[str, Array | None], attributes: dict[str, Any]
) -> Images:
    """Resize once, with zeros outside of the region of interest."""
    attributes = {**attributes, "extrapolation_value": 0.0}
    names = ["x", *(name if array is not None else "" for name, array in parameters.items())]
    node = onnx.helper.make_node("Resize", names, ["y"], **attributes)
    info = onnx.helper.make_tensor_value_info
    x, y = info("x", TensorProto.FLOAT, images.shape), info("y", TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(a, n) for n, a in parameters.items() if a is not None]
    graph = onnx.helper.make_graph([node], "resize", [x], [y], weights)
    imports = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=8)
    result: Images = session(model).run(None, {"x": images})[0]
    return result
