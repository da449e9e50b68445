"""An early head for a plain exported classifier: a linear classifier on one of its tensors.

KeepAugment (Gong et al., CVPR 2021, https://arxiv.org/abs/2011.11778) approximates its saliency by
the gradient of a classifier after an early block, average pooled: only what lies before it is run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto, helper, numpy_helper

from augcli.arrays.types import Floats, Mask, UInt8
from augcli.autodiff.images import channel_axis
from augcli.autodiff.load import read
from augcli.classifier.build import build_spec
from augcli.classifier.preprocess import Preprocessing, resize_to
from augcli.classifier.runner import runner_of
from augcli.classifier.settings import METADATA, ModelSettings
from augcli.errors import UserError

Int64 = npt.NDArray[np.int64]

HELD_OUT = 5  # one image of so many, of each class

_DECAY = 1e-3
_STEPS = 500
_MEMORY = 10
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class HeadFit:
    """What a head was fitted to: images and features, and `accuracy`, that of a head fitted to all
    but every fifth image of a class on these; None where no class has five."""

    images: int
    features: int
    accuracy: float | None


def add_head(
    model: Path,
    classes: Sequence[str],
    labels: Int64,
    load: Callable[[int], UInt8 | None],
    *,
    at: str,
    name: str,
    options: ModelSettings,
    threads: int = 1,
    on_image: Callable[[], None] = lambda: None,
) -> tuple[HeadFit, bytes]:
    """What was fitted, and a file of the model, checked, with one more output, `name`: logits of
    `classes` from tensor `at`, average pooled.

    labels: the class of each image (N,). load(i): image i as uint8 RGB (H, W, 3), None where there
    is none; it is called from several threads. Raises UserError for whatever does not fit.
    """
    spec = build_spec(
        model, classes, [("feature-map", None)],
        options=ModelSettings(layer=at).over(options), predicted=True, device="cpu",
    )  # fmt: skip
    size = spec.preprocessing.size
    runner = runner_of(spec, "feature-map", None)

    def pooled(index: int) -> tuple[Floats, int] | None:
        image = load(index)
        on_image()
        if image is None:
            return None
        activation = runner.outputs([resize_to(image, size)], None)["activation"]
        if activation.ndim != 4:
            shape = " x ".join(map(str, activation.shape[1:]))
            raise UserError(f"--at {at} is no feature map but {shape}; see `augcli model inspect`.")
        axis = channel_axis(activation.shape[1:], size)
        spatial = (2, 3) if axis == 0 else (1, 2)
        return activation[0:1].mean(axis=spatial, dtype=np.float64)[0], axis

    with ThreadPoolExecutor(threads) as pool:
        pairs = list(pool.map(pooled, range(len(labels))))
    usable = [index for index, one in enumerate(pairs) if one is not None]
    if not usable:
        raise UserError("No image of SOURCE can be read; there is nothing to fit a head to.")
    rows = [one for one in pairs if one is not None]
    features, known = np.stack([row for row, _ in rows]), labels[usable]
    head = fit_linear(features, known, len(classes))
    extended = with_head(
        read(model), head, at=at, name=name, channels_last=rows[0][1] == 2,
        classes=classes, preprocessing=spec.preprocessing,
    )  # fmt: skip
    data = _serialise(extended)
    first_image = next(image for i in usable if (image := load(i)) is not None)
    _check(data, first_image, head.logits(features[:1]), model)
    accuracy = held_out_accuracy(features, known, len(classes))
    return HeadFit(len(usable), features.shape[1], accuracy), data


def _check(data: bytes, image: UInt8, expected: Floats, model: Path) -> None:
    """Raise UserError for a model whose head does not compute what was fitted.

    That is so where the tensor holds other numbers when the model is run by itself, such as the
    codes of a quantised one.
    """
    with tempfile.TemporaryDirectory(prefix="augcli-") as folder:
        path = Path(folder) / model.name
        path.write_bytes(data)
        spec = build_spec(path, [], [("gradient", None)], predicted=True, device="cpu")
        runner = runner_of(spec, "gradient", None)
        logits = runner.outputs([resize_to(image, spec.preprocessing.size)], None)["logits"]
    if not np.allclose(logits, expected, rtol=1e-2, atol=1e-2 * np.abs(expected).max()):
        raise UserError(f"The tensor does not hold the features of {model.name}; choose another.")


@dataclass(frozen=True)
class LinearHead:
    """Logits are ``features @ weights + bias``: weights (features, classes), bias (classes,)."""

    weights: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Logits (N, classes) of features (N, F)."""
        return features @ self.weights + self.bias

    def predict(self, features: Floats) -> Int64:
        """The class of each row of features (N, F)."""
        return np.argmax(self.logits(features), axis=1)


def fit_linear(features: Floats, labels: Int64, classes: int) -> LinearHead:
    """Multinomial logistic regression of labels (N,) on features (N, F), which is deterministic.

    Features are brought to mean 0 and variance 1 first. The mean negative log likelihood plus
    0.0005 times the squared weights is minimised by L-BFGS (Liu and Nocedal, Mathematical
    Programming 1989, https://doi.org/10.1007/BF01589116) with backtracking.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread == 0.0] = 1.0
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    one_hot = np.eye(classes)[labels]
    decay = np.full((scaled.shape[1], 1), _DECAY)
    decay[-1] = 0.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, classes)
        logits = scaled @ weights
        logits -= logits.max(axis=1, keepdims=True)
        normal = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        value = float(np.mean(normal[:, 0] - (one_hot * logits).sum(axis=1)))
        slope = scaled.T @ (np.exp(logits - normal) - one_hot) / len(scaled) + decay * weights
        return value + 0.5 * float((decay * weights**2).sum()), slope.ravel()

    weights = minimise(loss, np.zeros(scaled.shape[1] * classes)).reshape(-1, classes)
    weights[:-1] /= spread[:, None]
    return LinearHead(weights[:-1], weights[-1] - mean @ weights[:-1])


def minimise(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """The minimum of a smooth convex function, from its value and gradient, by L-BFGS."""
    at = start
    value, slope = loss(at)
    steps: list[Floats] = []
    changes: list[Floats] = []
    for _ in range(_STEPS):
        if np.abs(slope).max() < _TOLERANCE:
            break
        direction = -_scaled_by_curvature(slope, steps, changes)
        descent, length = float(slope @ direction), 1.0
        while True:
            following, (new_value, new_slope) = (
                at + length * direction,
                loss(at + length * direction),
            )
            if new_value <= value + 1e-4 * length * descent:
                break
            length /= 2
            if length < 1e-10:
                return at
        step, change = following - at, new_slope - slope
        if step @ change > 1e-12 * (change @ change):
            steps, changes = [*steps, step][-_MEMORY:], [*changes, change][-_MEMORY:]
        at, value, slope = following, new_value, new_slope
    return at


def _scaled_by_curvature(
    slope: Floats, steps: Sequence[Floats], changes: Sequence[Floats]
) -> Floats:
    """The slope times what L-BFGS knows of the inverse Hessian (its two-loop recursion)."""
    direction, shares = slope.copy(), []
    for step, change in zip(steps[::-1], changes[::-1], strict=True):
        share = (step @ direction) / (step @ change)
        direction -= share * change
        shares.append(share)
    if steps:
        direction *= (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for step, change, share in zip(steps, changes, shares[::-1], strict=True):
        direction += (share - (change @ direction) / (step @ change)) * step
    return direction


def held_out(labels: Int64) -> Mask:
    """Which images are kept from the fit to measure its accuracy: every fifth of each class, in
    the order of the data set, but never the first."""
    is_held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        is_held_out[np.flatnonzero(labels == label)[HELD_OUT - 1 :: HELD_OUT]] = True
    return is_held_out


def held_out_accuracy(features: Floats, labels: Int64, classes: int) -> float | None:
    """The share of the held-out images that a head fitted to the others gets right.

    None where no class has five images.
    """
    apart = held_out(labels)
    if not apart.any():
        return None
    head = fit_linear(features[~apart], labels[~apart], classes)
    return float(np.mean(head.predict(features[apart]) == labels[apart]))


def with_head(
    model: ModelProto,
    head: LinearHead,
    *,
    at: str,
    name: str,
    channels_last: bool,
    classes: Sequence[str],
    preprocessing: Preprocessing,
) -> ModelProto:
    """A copy of a model with one more output, `name`: tensor `at`, average pooled, through `head`.

    Its metadata says how it is to be fed, and that this head and its classes are meant. Raises
    UserError where the model has a tensor `name` already.
    """
    extended = ModelProto()
    extended.CopyFrom(model)
    graph = extended.graph
    tensors = {tensor for node in graph.node for tensor in node.output}
    if name in tensors or any(known.name == name for known in (*graph.input, *graph.output)):
        raise UserError(f"The model has a tensor '{name}' already; give another --name.")
    constants = {
        "weights": head.weights.astype(np.float32),
        "bias": head.bias.astype(np.float32),
    }
    for suffix, array in constants.items():
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), f"{name}//{suffix}")
        graph.node.append(helper.make_node("Constant", [], [tensor.name], value=tensor))
    steps: list[tuple[str, dict[str, Any]]] = [("Cast", {"to": TensorProto.FLOAT})]
    if channels_last:
        steps.append(("Transpose", {"perm": [0, 3, 1, 2]}))
    steps += [("GlobalAveragePool", {}), ("Flatten", {"axis": 1})]
    before = at
    for operator, attributes in steps:
        after = f"{name}//{operator}"
        graph.node.append(helper.make_node(operator, [before], [after], **attributes))
        before = after
    inputs = [before, f"{name}//weights", f"{name}//bias"]
    graph.node.append(helper.make_node("Gemm", inputs, [name]))
    graph.output.append(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, len(classes)])
    )
    settings = {**asdict(preprocessing), "head": name, "classes": list(classes)}
    properties = {entry.key: entry.value for entry in extended.metadata_props} | {
        METADATA: json.dumps(settings)
    }
    helper.set_model_props(extended, properties)
    return extended


def _serialise(model: ModelProto) -> bytes:
    try:
        return model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise UserError(
            "The model with its head is larger than 2 GB; it is not written."
        ) from error
