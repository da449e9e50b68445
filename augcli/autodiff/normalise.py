"""One kind of model from many: float32, operator set 17 or newer, no quantisers, logits first."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, version_converter

from augcli.autodiff import rewrites as _rewrites  # noqa: F401  (fills the table)
from augcli.autodiff.fold import evaluate_constants
from augcli.autodiff.graph import Graph
from augcli.autodiff.heads import FLOATS, first_float_output, logits_behind
from augcli.autodiff.precision import to_float32
from augcli.autodiff.registry import attributes_of
from augcli.autodiff.reverse import label, operator, refuse
from augcli.autodiff.rewrite import rewrite
from augcli.autodiff.runtime import ort_message
from augcli.errors import UserError
from augcli.text import did_you_mean, shorten

OPSET = 17
_DOMAINS = ("", "ai.onnx.ml", "com.microsoft")
_NOT_CONVERTED = (version_converter.ConvertError, RuntimeError, ValueError, IndexError)


def normalise(model: ModelProto, output: str | None = None, wrt: str | None = None) -> ModelProto:
    """The part of a loaded model that its logits need, in the operators that the rules know.

    output: the graph output or tensor to take logits from; by default the first graph output of
    floats. A final Softmax or LogSoftmax is dropped. wrt: a tensor to keep. The result has one
    input, the image; its first output is the logits, its second is `wrt` if that is given.
    Raises UserError for an unknown name, a model with several inputs, or one that cannot be
    converted.
    """
    graph = Graph.of(model)
    known = {i.name for i in model.graph.input}.union(*(n.output for n in graph.nodes)) - {""}
    for name in (output, wrt):
        if name is not None and name not in known:
            hint = did_you_mean(name, sorted(known))
            raise UserError(
                f"The model has no tensor named '{shorten(name)}'{hint}; `augcli model inspect"
                " MODEL` lists them."
            )
    logits = logits_behind(graph, output or first_float_output(model.graph))
    outputs = [logits] if wrt in (None, logits) else [logits, str(wrt)]
    graph.prune(outputs)
    for node in graph.nodes:
        del node.metadata_props[:]
        node.doc_string = ""
    image = _image(model.graph, graph)
    make = onnx.helper.make_empty_tensor_value_info
    model = graph.model([image], [make(name) for name in outputs])
    _refuse_foreign(model)
    to_float32(model)
    return _with_padding_apart(rewrite(_upgrade(model)))


def _refuse_foreign(model: ModelProto) -> None:
    """Raise UserError that names every operator that is neither ONNX's nor ONNX Runtime's."""
    foreign: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.domain not in _DOMAINS:
            foreign.setdefault(operator(node), []).append(label(node))
    refuse(foreign)


def _image(declared: GraphProto, graph: Graph) -> ValueInfoProto:
    """The one input that the kept nodes read, as float32."""
    read = {name for node in graph.nodes for name in node.input}
    inputs = [i for i in declared.input if i.name in read]
    if len(inputs) != 1:
        names = ", ".join(repr(i.name) for i in inputs) or "none"
        raise UserError(f"An image classifier has one input, but this model reads {names}.")
    image: ValueInfoProto = inputs[0]
    tensor = image.type.tensor_type
    if len(tensor.shape.dim) != 4:
        raise UserError(
            f"The model's input {image.name!r} takes no batch of images: it needs four dimensions."
        )
    if tensor.elem_type in (TensorProto.UINT8, TensorProto.INT8, *FLOATS):
        tensor.elem_type = TensorProto.FLOAT
    return image


def _upgrade(model: ModelProto) -> ModelProto:
    """The model in operator set 17 or newer.

    What the converter does not know may be gone once constants are folded, such as batch
    normalisation in training mode that standardises weights.
    """
    version = next(o.version for o in model.opset_import if o.domain == "")
    if version >= OPSET:
        return model
    try:
        return _convert(model, version)
    except _NOT_CONVERTED as error:
        reason = ort_message(error)
    try:
        return _convert(evaluate_constants(model), version)
    except (UserError, *_NOT_CONVERTED) as error:
        raise UserError(
            f"The model's operator set {version} cannot be converted to {OPSET}; "
            f"export it with a newer one ({reason})."
        ) from error


def _convert(model: ModelProto, version: int) -> ModelProto:
    """By ONNX's converter, which forgets where Resize sampled before operator set 11.

    Upwards it took the pixel before, downwards ONNX Runtime took the one behind.
    """
    converted = version_converter.convert_version(model, OPSET)
    if version > 10:
        return converted
    constants = Graph.of(converted).constants
    for node in converted.graph.node:
        if node.op_type == "Resize":
            scales = constants.get(node.input[2], np.ones(1))
            modes = {
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "ceil" if scales.min() < 1 else "floor",
            }
            node.attribute.extend(onnx.helper.make_attribute(*mode) for mode in modes.items())
    return converted


def _with_padding_apart(model: ModelProto) -> ModelProto:
    """The model with paddings that ONNX Runtime does not fuse into max pooling.

    It takes zeros that a Pad puts around a MaxPool's input for the pooling's own padding, which is
    -inf, and whose indices count differently. A value that is not quite zero prevents it.
    """
    graph = Graph.of(model)
    readers: dict[str, set[str]] = {}
    for node in graph.nodes:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    for node in graph.nodes:
        if node.op_type != "Pad" or readers.get(node.output[0], set()) <= {"Conv"}:
            continue
        fill = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
        mode = attributes_of(node).get("mode", "constant")
        if mode == "constant" and (fill is None or (fill.dtype == np.float32 and not fill.any())):
            rest = list(node.input[3:])
            inputs = [*node.input[:2], graph.constant(1e-37, np.float32).name, *rest]
            del node.input[:]
            node.input.extend(inputs)
    return graph.model(model.graph.input, model.graph.output)
