"""Facts about a model before it is differentiated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from augcli.autodiff.batch import forward
from augcli.autodiff.graph import Graph, shape_text
from augcli.autodiff.heads import FLOATS, logits_of
from augcli.autodiff.images import Layout, channel_axis, declared_image, image_shape
from augcli.autodiff.load import load
from augcli.autodiff.nodes import names_read
from augcli.autodiff.normalise import normalise
from augcli.autodiff.ops import fixed
from augcli.autodiff.reverse import differentiable, missing_rules, operator, path
from augcli.autodiff.runtime import user_errors
from augcli.errors import UserError


@dataclass(frozen=True)
class Tensor:
    """A tensor that can be named; its shape as text, with N for the batch and ? for any size."""

    name: str
    dtype: str
    shape: str


@dataclass(frozen=True)
class Inspection:
    """Facts about a model.

    inputs, outputs: as the file declares them. opset: the ONNX operator set that it was written in.
    layout, size: of its images, (height, width); None where the model takes any. batch: how many
    images it takes at a time; None for any. classes: the number of logits of the inspected output.
    heads: outputs that hold logits, to be named as `output`. features: tensors of the layers that
    everything flows through, the last of each resolution, to be named as `wrt`. operators: how
    often each occurs in the model. missing: those without a gradient rule, each with
    its nodes; empty if the model can be differentiated.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    opset: int
    layout: Layout
    size: tuple[int, int] | None
    batch: int | None
    classes: int
    heads: tuple[Tensor, ...]
    features: tuple[Tensor, ...]
    operators: dict[str, int]
    missing: dict[str, list[str]]


@user_errors()
def inspect(
    model: ModelProto | Path | str,
    *,
    size: tuple[int, int] | None = None,
    output: str | None = None,
) -> Inspection:
    """Look at a model without differentiating it.

    size: (height, width) of the images to run it on; by default what it declares, or 224 x 224.
    output: the output to look behind, by default the first one of floats. Raises UserError like
    `differentiate`, but for missing rules, which are reported.
    """
    loaded = load(model)
    facts: dict[str, Any] = {
        "inputs": tuple(map(_declared, loaded.graph.input)),
        "outputs": tuple(map(_declared, loaded.graph.output)),
        "opset": next(o.version for o in loaded.opset_import if o.domain == ""),
        "operators": dict(sorted(Counter(map(operator, loaded.graph.node)).items())),
    }
    names = {name for node in loaded.graph.node for name in node.output}
    floats = [o.name for o in loaded.graph.output if o.type.tensor_type.elem_type in FLOATS]

    prepared = normalise(loaded, output)
    layout, (height, width, _) = declared_image(prepared)
    size = size or (height or 224, width or 224)
    head, image = prepared.graph.output[0].name, prepared.graph.input[0].name
    # A rewritten tensor has another name; an Identity connects it with the original one.
    also = {n.input[0]: n.output[0] for n in prepared.graph.node if n.op_type == "Identity"}
    graph, batch = forward(prepared, image_shape(prepared, size)[0])
    active = differentiable(graph, image)
    nodes = path(graph, active, image, head)
    logits = logits_of(graph, head)

    heads = [Tensor(output or floats[0], "float", shape_text(logits.dims))]
    others = (name for name in floats if name != heads[0].name)
    tensors = _features(graph, nodes, active, image, size)
    if any(name not in names and also.get(name) not in names for name in tensors):
        again = normalise(load(model), output)
        written, _ = forward(again, image_shape(again, size)[0], transposed=False)
        reached = differentiable(written, image)
        tensors = _features(written, path(written, reached, image, head), reached, image, size)
    else:
        written = graph
    features = []
    for name in tensors:
        original = name if name in names else also.get(name)
        if original is not None and original in names:
            features.append(Tensor(original, "float", shape_text(written.shapes[name])))
    return Inspection(
        layout=layout,
        size=(height, width) if height and width else None,
        batch=batch,
        classes=fixed(logits.dims[1], "a batch of classes"),
        heads=(*heads, *filter(None, (_head(load(model), name, size) for name in others))),
        features=tuple(features),
        missing=missing_rules(nodes, active),
        **facts,
    )


def _declared(info: ValueInfoProto) -> Tensor:
    tensor = info.type.tensor_type
    dims = (d.dim_value or d.dim_param or "?" for d in tensor.shape.dim)
    return Tensor(
        info.name,
        TensorProto.DataType.Name(tensor.elem_type).lower(),
        f"({', '.join(map(str, dims))})",
    )


def _head(loaded: ModelProto, name: str, size: tuple[int, int]) -> Tensor | None:
    """The output as a head, if its shape is that of logits and it depends on the image alone."""
    try:
        prepared = normalise(loaded, name)
        graph, _ = forward(prepared, image_shape(prepared, size)[0])
        logits = logits_of(graph, prepared.graph.output[0].name)
    except UserError:
        return None
    return Tensor(name, "float", shape_text(logits.dims))


def _features(
    graph: Graph, nodes: list[NodeProto], active: set[str], image: str, size: tuple[int, int]
) -> list[str]:
    """For each resolution the last tensor that all that follows depends on alone, of more than one
    cell in height and in width."""
    last_read = {name: i for i, node in enumerate(nodes) for name in names_read(node) & active}
    live = {image}
    by_cells: dict[tuple[int, ...], str] = {}
    for i, node in enumerate(nodes):
        live = {name for name in live.union(node.output) if last_read.get(name, -1) > i}
        shape = graph.shapes.get(next(iter(live), ""), ())
        if len(live) != 1 or image in live or len(shape) != 4:
            continue
        sides = tuple(side for side in shape[1:] if isinstance(side, int))
        if len(sides) != 3 or 0 in sides:
            continue
        cells = sides[1:] if channel_axis(sides, size) == 0 else sides[:2]
        if min(cells) > 1:
            by_cells[cells] = next(iter(live))
    return list(by_cells.values())
