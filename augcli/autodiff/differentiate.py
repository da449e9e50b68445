"""From an ONNX classifier to an ONNX classifier that also returns its gradient."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

import augcli
from augcli.autodiff.batch import forward
from augcli.autodiff.fold import fold
from augcli.autodiff.graph import Graph, Value, shape_text
from augcli.autodiff.heads import binary_logit, logits_of
from augcli.autodiff.images import Layout, image_shape
from augcli.autodiff.load import files_of, load
from augcli.autodiff.normalise import normalise
from augcli.autodiff.ops import argmax, cast, equal, fixed, max_over, reshape
from augcli.autodiff.reverse import reverse
from augcli.autodiff.runtime import user_errors
from augcli.errors import UserError

Target = Literal["label", "weights", "predicted"]
Result = Literal["saliency", "gradient"]


@dataclass(frozen=True)
class Differentiated:
    """A model with its gradient, and what a caller must know to feed it.

    model: takes `inputs` and returns `outputs`; all tensors are float32 but "label", int64.
    inputs: "image" of `shape`; then "label" (N,) or "weights" (N, classes), unless the target is
    "predicted". outputs: "logits" (N, classes); "saliency" or "gradient"; "activation", the tensor
    itself, if one was named. shape: the image tensor's, None for a free batch size; `layout` says
    where its channels are. batch: how many images the model takes at a time; None for any.
    size: (height, width) in pixels. classes: the number of logits.
    """

    model: ModelProto
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shape: tuple[int | None, int, int, int]
    layout: Layout
    batch: int | None
    size: tuple[int, int]
    classes: int


@user_errors()
def differentiate(
    model: ModelProto | Path | str,
    *,
    size: tuple[int, int] | None = None,
    target: Target = "label",
    result: Result = "saliency",
    wrt: str | None = None,
    output: str | None = None,
    batch: int | None = None,
) -> Differentiated:
    """Differentiate an image classifier with respect to its input or one of its tensors.

    For image n the backward pass starts from one logit (`target` "label": that of label[n];
    "predicted": the largest, or the absolute value of the only one) or a mixture of them
    ("weights": the sum over classes c of weights[n, c] * logit[n, c]). If the model ends in
    Softmax, LogSoftmax or a Sigmoid of one value, logits are what goes into it. A label outside
    0..classes-1 gives a gradient of zeros.

    `result` "gradient" is the plain derivative, of the shape of the tensor; "saliency" is its
    absolute value, maximum over channels, (N, height, width) (Simonyan et al., ICLR Workshop 2014,
    arXiv:1312.6034). `wrt` names the tensor, whose channels are axis 1; by default it is the image
    as the model takes it, after whatever normalisation the caller does. `output` names the output
    or tensor to take logits from, such as an auxiliary classifier, by default the first output;
    only what it needs is kept. `size` is (height, width) and may be left out if the model declares
    one. `batch` fixes the number of images; by default it is free if the model treats images
    independently at any number of them, else it is the one that the model was exported with.

    Float16, bfloat16, float64 and quantised models are computed in float32; what a quantiser cuts
    off is cut off. ReLU and clipping have derivative 0 at their kinks. Every operator of the result
    runs on ONNX Runtime's CPU provider, and on its CUDA provider if those of the model do.

    Raises UserError for a model that is unreadable, invalid or no image classifier, a name it does
    not have, a size it cannot take, or operators without a gradient rule, all of which are named.

    >>> import numpy as np, onnx, onnxruntime
    >>> from augcli.autodiff import differentiate
    >>> make = onnx.helper
    >>> nodes = [make.make_node("GlobalAveragePool", ["x"], ["mean"]),
    ...          make.make_node("Flatten", ["mean"], ["y"])]
    >>> x = make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, 4, 4])
    >>> y = make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3])
    >>> model = make.make_model(make.make_graph(nodes, "means", [x], [y]), ir_version=8,
    ...                         opset_imports=[make.make_opsetid("", 17)])
    >>> result = differentiate(model)
    >>> session = onnxruntime.InferenceSession(result.model.SerializeToString(),
    ...                                        providers=["CPUExecutionProvider"])
    >>> feeds = {"image": np.zeros((2, 3, 4, 4), np.float32), "label": np.array([0, 2])}
    >>> logits, saliency = session.run(result.outputs, feeds)
    >>> saliency.shape, float(saliency[0, 0, 0])
    ((2, 4, 4), 0.0625)
    """
    prepared = normalise(load(model), output, wrt)
    image, raw = prepared.graph.input[0].name, prepared.graph.output[0].name
    shape, layout = image_shape(prepared, size)
    graph, batch = forward(prepared, shape, batch)

    raw = binary_logit(graph, raw)
    logits = logits_of(graph, raw)
    seed, fed = _seed(graph, logits, target)
    gradient = reverse(graph, raw, reshape(seed, graph.value(raw)), wrt or image)
    if result == "saliency":
        channels = 3 if layout == "NHWC" and wrt in (None, image) else 1
        gradient = _saliency(gradient, wrt or image, channels)

    inputs = {"image": graph.value(image), **fed}
    outputs = {"logits": logits, result: gradient}
    if wrt is not None:
        outputs["activation"] = graph.value(wrt)
    return Differentiated(
        model=_finish(graph, inputs, outputs),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        shape=(batch, *shape),
        layout=layout,
        batch=batch,
        size=shape[:2] if layout == "NHWC" else shape[1:],
        classes=fixed(logits.dims[1], "a batch of classes"),
    )


def cache_key(model: Path | str, **options: object) -> str:
    """A key for what `differentiate(model, **options)` returns: 64 hexadecimal digits.

    It changes with the bytes of the model and of the weights beside it, the options, and the
    versions of augcli, onnx and ONNX Runtime. Raises UserError if the model cannot be read.
    """
    from augcli.ort import onnxruntime

    versions = (augcli.__version__, onnx.__version__, onnxruntime.__version__)
    digest = hashlib.sha256(repr((versions, sorted(options.items()))).encode())
    for path in files_of(model):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _seed(graph: Graph, logits: Value, target: Target) -> tuple[Value, dict[str, Value]]:
    """The cotangent of the logits, and the inputs that it is made from."""
    count, classes = logits.dims
    if target == "weights":
        weights = graph.input("weights", logits.dims, np.float32)
        return weights, {"weights": weights}
    if target == "predicted" and classes == 1:
        return 2.0 * cast(logits > 0.0, np.float32) - 1.0, {}
    if target == "predicted":
        class_ids, feeds = argmax(logits, 1), {}
    else:
        label = graph.input("label", (count,), np.int64)
        class_ids, feeds = reshape(label, (count, 1)), {"label": label}
    return cast(
        equal(class_ids, np.arange(fixed(classes, "a batch of classes"))), np.float32
    ), feeds


def _saliency(gradient: Value, name: str, channels: int) -> Value:
    if len(gradient.dims) != 4:
        raise UserError(
            f"Tensor {name!r} of shape {shape_text(gradient.dims)} has no saliency map, "
            "which needs channels, height and width; ask for its gradient."
        )
    rest = [d for axis, d in enumerate(gradient.dims) if axis != channels]
    return reshape(max_over(abs(gradient), [channels]), rest)


def _finish(graph: Graph, inputs: dict[str, Value], outputs: dict[str, Value]) -> ModelProto:
    """The graph as a model with these names for its ends, its constants folded once more."""
    ends = {value.name: name for name, value in inputs.items()}
    for name, value in outputs.items():
        end = graph.fresh(f"{name}//end")
        graph.nodes.append(onnx.helper.make_node("Identity", [value.name], [end]))
        ends[end] = name
    for end, name in ends.items():
        graph.rename(end, name)
    graph.prune(outputs)
    infos = [[_info(n, v) for n, v in table.items()] for table in (inputs, outputs)]
    model = graph.model(*infos)
    model.graph.value_info.extend(_lost_shapes(graph, outputs))
    return fold(model)


def _lost_shapes(graph: Graph, outputs: dict[str, Value]) -> Iterator[ValueInfoProto]:
    """The shapes with a batch that ONNX Runtime cannot infer, nor for all that follows.

    Tensors of unknown shapes do not share memory, and the search for one that does takes a time
    that grows with the square of their number.
    """
    for node in graph.nodes:
        name = node.output[0]
        shape = graph.shapes.get(name, ())
        if node.op_type in ("Reshape", "Expand") and name not in outputs:
            batches = [d for d in shape if not isinstance(d, int)]
            if batches and all(d == (1, 0) for d in batches) and graph.dtypes[name] is np.float32:
                yield _info(name, graph.value(name))


def _info(name: str, value: Value) -> ValueInfoProto:
    shape = [d if isinstance(d, int) else "batch" for d in value.dims]
    dtype = TensorProto.INT64 if value.dtype is np.int64 else TensorProto.FLOAT
    return onnx.helper.make_tensor_value_info(name, dtype, shape)
