"""Exact shapes, by running the model: shape inference alone fails on ViT, Swin and ShuffleNet.

The folded forward graph runs at two batch sizes. What differs between them follows the batch;
everything that the image's elements do not reach and that does not differ is a constant, and
becomes one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto

from augcli.autodiff.graph import Batch, Dim, Graph, Shape
from augcli.autodiff.registry import is_standard
from augcli.autodiff.reverse import dependents
from augcli.autodiff.runtime import refusals, session
from augcli.errors import UserError

# What makes sequences and optionals, which have no shape.
_NO_TENSORS = {
    "Optional",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceMap",
    "SplitToSequence",
}
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
    **{
        f"tensor({t})": getattr(np, t)
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
}


def probe(model: ModelProto, batches: Sequence[int]) -> tuple[Graph, list[npt.NDArray[np.float32]]]:
    """The graph of a folded model with shapes, dtypes and constants, and the logits of each run.

    The model is used up. batches: one or two batch sizes. The same random images are used in both:
    logits of the second run begin with those of the first if the model treats images independently.
    Raises UserError if ONNX Runtime cannot run the model.
    """
    graph = Graph.of(model)
    image = model.graph.input[0]
    size = [d.dim_value for d in image.type.tensor_type.shape.dim][1:]
    reached = dependents(graph, image.name)
    names: list[str] = []
    untyped: list[str] = []
    for node in graph.nodes:
        lists = is_standard(node) and node.op_type in _NO_TENSORS
        (untyped if lists else names).extend(filter(None, node.output))
    shapes = {name: graph.fresh(f"{name}//shape") for name in names}
    logits_name, *others = [o.name for o in model.graph.output]
    _add_outputs(model, shapes)
    runner = session(model)
    types = {o.name: _TYPES.get(o.type) for o in runner.get_outputs()}
    tensors = [name for name in names if types[name] is not None]
    graph.dtypes.update({name: types[name] for name in tensors})
    untyped.extend(name for name in names if types[name] is None)
    # A gradient might flow through a value that is no tensor: that must be refused, not ignored.
    graph.dtypes.update(dict.fromkeys([image.name, *untyped], np.float32))

    fetched = [shapes[name] if name in reached else name for name in tensors]
    rng = np.random.Generator(np.random.Philox(0))
    images = rng.standard_normal((max(batches), *size), np.float32)
    logits, runs = [], []
    for batch in batches:
        with refusals(model):
            results = runner.run([logits_name, *fetched], {image.name: images[:batch]})
        logits.append(np.asarray(results[0]))
        runs.append(dict(zip(tensors, results[1:], strict=True)))

    graph.shapes[image.name] = _shape([(b, *size) for b in batches], batches)
    for name in tensors:
        values = [run[name] for run in runs]
        sizes = [tuple(v.tolist()) if name in reached else v.shape for v in values]
        graph.shapes[name] = _shape(sizes, batches)
        if name not in reached and all(np.array_equal(values[0], v) for v in values[1:]):
            graph.constants[name] = values[0]
    _simplify(graph)
    graph.prune([logits_name, *others])
    return graph, logits


def _add_outputs(model: ModelProto, shapes: dict[str, str]) -> None:
    """Make every tensor an output, and its shape under the name given for it."""
    declared = {o.name for o in model.graph.output}
    empty = onnx.helper.make_empty_tensor_value_info
    model.graph.output.extend(empty(name) for name in shapes if name not in declared)
    for name, shape in shapes.items():
        model.graph.node.append(onnx.helper.make_node("Shape", [name], [shape]))
        info = onnx.helper.make_tensor_value_info(shape, onnx.TensorProto.INT64, None)
        model.graph.output.append(info)


def _shape(sizes: list[tuple[int, ...]], batches: Sequence[int]) -> Shape:
    if len({len(s) for s in sizes}) > 1:
        raise UserError(
            "The model's tensors change their number of dimensions with the batch size."
        )
    return tuple(_dim(dims, batches) for dims in zip(*sizes, strict=True))


def _dim(dims: tuple[int, ...], batches: Sequence[int]) -> Dim:
    if len(set(dims)) == 1:
        return dims[0]
    each, rest = divmod(dims[1] - dims[0], batches[1] - batches[0])
    if rest:
        raise UserError("The model's tensors do not grow evenly with the batch size.")
    return Batch(each, dims[0] - each * batches[0])


def _simplify(graph: Graph) -> None:
    """Drop the nodes that make constants, and the shape arithmetic behind reshapes."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        if all(name in graph.constants for name in node.output if name):
            continue
        if node.op_type == "Reshape" and node.input[1] not in graph.constants:
            shape = graph.shapes.get(node.output[0], ())
            if sum(isinstance(d, Batch) for d in shape) == 1 and 0 not in shape:
                target = [d if isinstance(d, int) else -1 for d in shape]
                node.input[1] = graph.constant(target, np.int64).name
        nodes.append(node)
    graph.nodes = nodes
