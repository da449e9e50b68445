"""Constant folding by ONNX Runtime's basic optimiser, saved and read back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import ModelProto

from augcli.autodiff.graph import Graph
from augcli.autodiff.nodes import names_read, tidy
from augcli.autodiff.runtime import refusals, session


def fold(model: ModelProto, *, transposed: bool = True) -> ModelProto:
    """The model with constants folded, batch normalisation fused into convolutions, no-ops gone.

    transposed: move transpositions to where they cancel, which renames the tensors between them.
    Raises UserError if ONNX Runtime refuses the model.
    """
    with tempfile.TemporaryDirectory(prefix="augcli-") as folder:
        path = Path(folder) / "folded.onnx"
        session(model, save=path, without=() if transposed else ("TransposeOptimizer",))
        folded = onnx.load_model(path)
    tidy(folded)
    return folded


def evaluate_constants(model: ModelProto) -> ModelProto:
    """The model without the nodes that read constants alone.

    Constant folding leaves some; here all of them are run once. Raises UserError if they cannot be.
    """
    graph = Graph.of(model)
    known = set(graph.constants)
    fixed, rest = [], []
    for node in graph.nodes:
        if names_read(node) <= known:
            known.update(node.output)
            fixed.append(node)
        else:
            rest.append(node)
    read = {name for node in rest for name in names_read(node)}
    read.update(o.name for o in model.graph.output)
    names = sorted(read & {name for node in fixed for name in node.output})
    if not names:
        return model
    graph.nodes = fixed
    empty = onnx.helper.make_empty_tensor_value_info
    part = graph.model([], map(empty, names))
    runner = session(part)
    with refusals(part):
        values = runner.run(names, {})
    graph.nodes = rest
    graph.constants.update(zip(names, values, strict=True))
    graph.prune(o.name for o in model.graph.output)
    return graph.model(model.graph.input, model.graph.output)


def set_input_shape(model: ModelProto, shape: Sequence[int | str]) -> None:
    """Give the one input this shape, and forget what followed from the old one.

    Names are symbolic dimensions.
    """
    make, empty = onnx.helper.make_tensor_value_info, onnx.helper.make_empty_tensor_value_info
    image, outputs = model.graph.input[0].name, [o.name for o in model.graph.output]
    del model.graph.input[:], model.graph.output[:], model.graph.value_info[:]
    model.graph.input.append(make(image, onnx.TensorProto.FLOAT, shape))
    model.graph.output.extend(empty(name) for name in outputs)
