"""Half and double precision to float32."""

from __future__ import annotations

import math

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from augcli.autodiff.graph import Graph
from augcli.autodiff.nodes import subgraphs
from augcli.autodiff.reverse import dependents

_HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
_TYPES_OF = {"to", "dtype", "output_dtype", "softmax_precision", "precision", "stash_type"}


def to_float32(model: ModelProto) -> None:
    """Make every float16, bfloat16 and float64 tensor float32, in place.

    Arithmetic on shapes may be in float64: it stays so unless the image passes through float64.
    """
    graph = Graph.of(model)
    reached = dependents(graph, model.graph.input[0].name)
    double = any(_may_be_double(node) and reached.intersection(node.input) for node in graph.nodes)
    infos = map(graph.constants.info, graph.constants)
    double = double or any(t is np.float64 and math.prod(shape) > 1 for shape, t in infos)
    _convert(model.graph, (*_HALF, TensorProto.DOUBLE) if double else _HALF)


def _may_be_double(node: NodeProto) -> bool:
    to = (a.i for a in node.attribute if a.name == "to")
    return node.op_type == "CastLike" or (node.op_type == "Cast" and TensorProto.DOUBLE in to)


def _convert(graph: GraphProto, types: tuple[int, ...]) -> None:
    for tensor in graph.initializer:
        _convert_tensor(tensor, types)
    for info in (*graph.input, *graph.output, *graph.value_info):
        if info.type.tensor_type.elem_type in types:
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _convert_tensor(attribute.t, types)
            if attribute.name in _TYPES_OF and attribute.i in types:
                attribute.i = TensorProto.FLOAT
        for body in subgraphs(node):
            _convert(body, types)


def _convert_tensor(tensor: TensorProto, types: tuple[int, ...]) -> None:
    if tensor.data_type in types:
        with np.errstate(over="ignore"):
            array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
