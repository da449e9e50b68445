"""Where a classifier's logits are."""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto

from augcli.autodiff.graph import Batch, Graph, Value, shape_text
from augcli.autodiff.ops import reshape
from augcli.autodiff.registry import is_standard
from augcli.errors import UserError

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)

_VIEWS = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
_SOFTMAX = {"Softmax", "LogSoftmax"}


def first_float_output(declared: GraphProto) -> str:
    """The first graph output of floats, or of an undeclared type."""
    for output in declared.output:
        if output.type.tensor_type.elem_type in (TensorProto.UNDEFINED, *FLOATS):
            return str(output.name)
    raise UserError("The model has no output of floats; name the tensor that holds its logits.")


def logits_behind(graph: Graph, output: str) -> str:
    """The tensor that holds the logits behind an output.

    A final Softmax or LogSoftmax is taken out of the graph. So is a final quantiser, at whose ends
    of range the gradient would vanish. Nodes that only reshape may stand before and behind them,
    and a bias behind the quantiser.
    """
    producers = {name: node for node in graph.nodes for name in node.output}
    name = logits = output
    reader: tuple[NodeProto, int] | None = None  # the last node that stays, and its input `name`
    biased = False
    while (node := producers.get(name)) is not None and is_standard(node) and node.input:
        place = 0
        if node.op_type in _VIEWS:
            reader = node, 0
        elif node.op_type == "Add" and (term := _computed_term(graph, producers, node)) is not None:
            biased, place = True, term
            reader = node, place
        elif node.op_type not in ("Log", "QuantizeLinear", "DequantizeLinear", *_SOFTMAX):
            break
        if biased and node.op_type in ("Log", *_SOFTMAX):
            break
        name = node.input[place]
        if node.op_type in ("QuantizeLinear", *_SOFTMAX):
            if reader is None:
                logits = name
            else:
                reader[0].input[reader[1]] = name
        if node.op_type in _SOFTMAX:
            break
    return logits


def binary_logit(graph: Graph, output: str) -> str:
    """The tensor behind a final Sigmoid of one value an image, the logit of a binary classifier;
    else the output itself."""
    producers = {name: node for node in graph.nodes for name in node.output}
    wide = [d for d in (graph.shapes.get(output) or ())[1:] if d != 1]
    name = output
    while (
        not wide and (node := producers.get(name)) is not None and is_standard(node) and node.input
    ):
        name = node.input[0]
        if node.op_type == "Sigmoid":
            return name
        if node.op_type not in _VIEWS:
            break
    return output


def _computed_term(graph: Graph, producers: dict[str, NodeProto], node: NodeProto) -> int | None:
    """Which input of an Add is computed, if the other one is a constant, perhaps quantised."""

    def constant(name: str) -> bool:
        producer = producers.get(name)
        quantised = producer is not None and producer.op_type == "DequantizeLinear"
        return (
            producer.input[0] if producer is not None and quantised else name
        ) in graph.constants

    computed = [i for i, name in enumerate(node.input) if not constant(name)]
    return computed[0] if len(computed) == 1 else None


def logits_of(graph: Graph, name: str) -> Value:
    """The logits as (N, classes), whatever axes of size 1 the model leaves around them."""
    value = graph.value(name)
    shape = value.shape or ()
    wide = [d for d in shape[1:] if d != 1]
    several = len(shape) < 2 or len(wide) > 1 or any(isinstance(d, Batch) for d in wide)
    if several or value.dtype is not np.float32:
        raise UserError(
            f"Tensor {name!r} of shape {shape_text(shape)} holds no logits, which are (N, classes)."
        )
    return reshape(value, (shape[0], wide[0] if wide else 1))
