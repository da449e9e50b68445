"""The ONNX model behind each of a classifier's saliency methods, made once and then kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

from augcli.arrays.types import Float32, Floats, Shape
from augcli.autodiff import Differentiated, cache_key
from augcli.autodiff.differentiate import Target
from augcli.autodiff.heads import FLOATS
from augcli.autodiff.images import declared_image
from augcli.autodiff.load import files_of, load
from augcli.autodiff.normalise import normalise
from augcli.classifier.cache import Cache
from augcli.classifier.derivative import Derivative
from augcli.classifier.gradcam import cam_model, cell_strength, grad_cam, strength_model
from augcli.classifier.gradient import gradient_maps, gradient_model
from augcli.classifier.preprocess import Layout
from augcli.errors import UserError

Build = Callable[[Derivative], Differentiated]
Finish = Callable[[Mapping[str, Float32], Shape], Float32]


class Method(NamedTuple):
    """How a saliency method's model is built, and how maps (N, h, w) are made of its outputs."""

    build: Build
    finish: Finish
    labelled: bool = True  # whether it needs a label


METHODS: dict[str, Method] = {
    "gradient": Method(gradient_model, gradient_maps),
    "gradcam": Method(cam_model, grad_cam),
    "feature-map": Method(strength_model, cell_strength, labelled=False),
}


class Declared(NamedTuple):
    """What a model file says about itself: the (height, width) of its input, if it is fixed;
    whether it takes bytes; its metadata."""

    size: Shape | None
    raw: bool
    metadata: dict[str, str]


@dataclass(frozen=True)
class SaliencyGraph:
    """A serialised model that returns what a method's maps are made of, and how it is fed.

    `batch` is the number of images that it takes at a time, None for any; `size` is (height, width)
    of its images; `classes` is the number of logits.
    """

    key: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch: int | None
    size: Shape
    layout: Layout
    channels: int
    classes: int
    data: bytes


def declared(model: Path, head: str | None = None) -> Declared:
    """What a model says about its input; raises UserError for no readable ONNX image classifier."""
    loaded = load(model)
    elements = {value.name: value.type.tensor_type.elem_type for value in loaded.graph.input}
    metadata = {entry.key: entry.value for entry in loaded.metadata_props}
    prepared = normalise(loaded, head)
    _, (height, width, _) = declared_image(prepared)
    raw = elements[prepared.graph.input[0].name] in (TensorProto.UINT8, TensorProto.INT8)
    return Declared((height, width) if height and width else None, raw, metadata)


def model_digest(model: Path) -> str:
    """The SHA-256 of a model's files: its own, and those of the weights beside it."""
    digest = hashlib.sha256()
    for path in files_of(model):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def saliency_graph(
    model: Path,
    method: str,
    size: Shape,
    *,
    target: Target,
    head: str | None = None,
    layer: str | None = None,
    cache: Cache | None = None,
) -> SaliencyGraph:
    """The graph for a method at an input size, from the cache or made now; raises UserError.

    Where the model declares another size and does not run at this one, the image is enlarged inside
    the graph: the map has then this size, but costs as much as a full one.
    """
    key = cache_key(model, method=method, size=size, target=target, head=head, layer=layer)
    if cache is not None and (cached := cache.get(key)) is not None:
        return _from_bytes(cached)
    build, derivative = METHODS[method].build, Derivative(model, size, target, head, layer)
    fixed = declared(model, head).size
    try:
        result = build(derivative)
    except UserError:
        if fixed is None or fixed == size:
            raise
        result = build(derivative._replace(model=_with_resize(load(model), size)))
    channels = result.shape[3] if result.layout == "NHWC" else result.shape[1]
    graph = SaliencyGraph(
        key, result.inputs, result.outputs, result.batch, result.size, result.layout, channels,
        result.classes, result.model.SerializeToString(),
    )  # fmt: skip
    if cache is not None:
        cache.put(key, _to_bytes(graph))
    return graph


def _to_bytes(graph: SaliencyGraph) -> bytes:
    facts = {name: value for name, value in asdict(graph).items() if name != "data"}
    return json.dumps(facts).encode() + b"\n" + graph.data


def _from_bytes(content: bytes) -> SaliencyGraph:
    line, _, data = content.partition(b"\n")
    facts = json.loads(line)
    lists = {name: tuple(facts[name]) for name in ("inputs", "outputs", "size")}
    return SaliencyGraph(**{**facts, **lists, "data": data})


def _with_resize(model: ModelProto, size: Shape) -> ModelProto:
    """The model behind a bilinear enlargement of images of `size` to what it declares.

    Two matrix products, whatever the operator set. Raises UserError for a model that takes bytes.
    """
    layout, (*full, _) = declared_image(model)
    image = model.graph.input[0]
    element, small = image.type.tensor_type.elem_type, f"{image.name}//small"
    if element not in FLOATS:
        raise UserError(
            "The model takes bytes of one size; the saliency map cannot be found at another one."
        )
    dtype = onnx.helper.tensor_dtype_to_np_dtype(element)
    matrices = dict(zip(("rows", "columns"), map(interpolation, size, full), strict=True))
    matrices["columns"] = matrices["columns"].T
    for name, matrix in matrices.items():
        tensor = numpy_helper.from_array(np.ascontiguousarray(matrix, dtype), f"{small}//{name}")
        model.graph.initializer.append(tensor)
    make = onnx.helper.make_node
    last = layout == "NHWC"
    planes = f"{small}//planes" if last else small
    large = f"{small}//large" if last else image.name
    nodes = [
        make("MatMul", [f"{small}//rows", planes], [f"{small}//tall"]),
        make("MatMul", [f"{small}//tall", f"{small}//columns"], [large]),
    ]
    if last:
        nodes.insert(0, make("Transpose", [small], [planes], perm=[0, 3, 1, 2]))
        nodes.append(make("Transpose", [large], [image.name], perm=[0, 2, 3, 1]))
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    dims = image.type.tensor_type.shape.dim
    for dim, side in zip(dims[1:3] if last else dims[2:], size, strict=True):
        dim.dim_value = side
    image.name = small
    return model


def interpolation(length: int, new: int) -> Floats:
    """The matrix (new, length) of linear interpolation between pixel centres."""
    at = np.clip((np.arange(new) + 0.5) * length / new - 0.5, 0, length - 1)
    return np.maximum(1.0 - np.abs(at[:, None] - np.arange(length)), 0.0)
