"""Many images at a time, or one: how a model takes its batch is tested, not read from its file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from augcli.autodiff.fold import fold, set_input_shape
from augcli.autodiff.graph import Batch, Graph, Value
from augcli.autodiff.images import ImageShape
from augcli.autodiff.probe import probe
from augcli.autodiff.reverse import dependents
from augcli.autodiff.rewrite import dims, integers, join_tensors, plain
from augcli.errors import UserError

_BATCHES = (2, 3)

Logits = npt.NDArray[np.float32]


def forward(
    model: ModelProto, image: ImageShape, batch: int | None = None, *, transposed: bool = True
) -> tuple[Graph, int | None]:
    """The folded, probed forward graph of a normalised model for images of one shape, and its
    batch.

    The batch is None where the model takes any number of images and treats each for itself; else it
    is the one that the model was exported with. `batch` fixes it. `transposed` as in `fold`. Raises
    UserError if the model cannot run on such images.
    """
    declared = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    if batch is None and (graph := _of_any_batch(model, image, transposed)) is not None:
        return graph, None
    fixed = batch or declared or 1
    set_input_shape(model, (fixed, *image))
    folded, graph, (logits,) = _probe(model, (fixed,), transposed)
    if batch is not None:
        return graph, batch
    free = _of_any_batch(_free_batch(folded, graph, fixed), image, transposed, expected=logits)
    return (graph, fixed) if free is None else (free, None)


def _of_any_batch(
    model: ModelProto, image: ImageShape, transposed: bool, expected: Logits | None = None
) -> Graph | None:
    """The graph with a symbolic batch, or None if images' logits depend on each other."""
    set_input_shape(model, ("batch", *image))
    try:
        _, graph, (few, more) = _probe(model, _BATCHES, transposed)
    except UserError:
        return None
    shape = graph.value(model.graph.output[0].name).shape or ()
    if shape[:1] != (Batch(1, 0),) or not _agree(few, more):
        return None
    return graph if expected is None or _agree(expected, more) else None


def _probe(
    model: ModelProto, batches: Sequence[int], transposed: bool
) -> tuple[ModelProto, Graph, list[Logits]]:
    """The folded model, its probed graph, and the logits of each run.

    A branch whose condition is found to depend on shapes alone, as exporters write for squeezes and
    tests for emptiness, is taken by folding once more.
    """
    ends = [*model.graph.input], [*model.graph.output]
    left: set[str] = set()
    while True:
        folded = fold(model, transposed=transposed)
        copy = ModelProto()
        copy.CopyFrom(folded)
        graph, logits = probe(copy, batches)
        branches = (node for node in graph.nodes if node.op_type == "If")
        decided = {node.output[0] for node in branches if node.input[0] in graph.constants}
        if decided == left:
            return folded, graph, logits
        left, model = decided, graph.model(*ends)


def _agree(some: Logits, more: Logits) -> bool:
    """Whether two runs, over the same images as far as both go, gave the same logits."""
    count = min(len(some), len(more))
    tolerance = 1e-3 * float(np.abs(more[np.isfinite(more)]).max(initial=1e-6))
    return some.shape[1:] == more.shape[1:] and np.allclose(
        some[:count], more[:count], rtol=0, atol=tolerance, equal_nan=True
    )


def _free_batch(model: ModelProto, probed: Graph, batch: int) -> ModelProto:
    """A model that was folded for one batch size, with that size taken out of its constants.

    Where the image flows through a Reshape to a constant shape, the first dimension holds the
    batch, or the batch times windows or heads; where it is joined to a constant of one image, such
    as a class token, that is repeated. Both are guesses, so the caller checks the result.
    """
    graph = Graph.of(model)
    reached = dependents(graph, model.graph.input[0].name)
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        shape = probed.shapes.get(node.output[0], ())
        if node.op_type == "Reshape" and node.input[0] in reached and shape:
            node.input[1] = graph.constant([-1, *map(int, shape[1:])], np.int64).name  # type: ignore[arg-type]
        images = [name for name in node.input if name in reached]
        if node.op_type == "Concat" and images and node.attribute[0].i % len(shape) != 0:
            for place, name in enumerate(node.input):
                constant = probed.constants.get(name)
                if constant is not None and constant.shape[0] == batch == 1:
                    token = _repeat(graph.value(name), graph.value(images[0]), constant.ndim)
                    node.input[place] = token.name
        graph.nodes.append(node)
    return graph.model(model.graph.input, model.graph.output)


def _repeat(token: Value, images: Value, rank: int) -> Value:
    """A constant of one image, once for every image of the batch."""
    ones = integers(token, *(1,) * (rank - 1))
    return plain(token, "Expand", token, join_tensors(token, dims(images, 0, 1), ones))
