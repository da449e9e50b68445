"""Small ONNX classifiers whose saliency can be worked out by hand, and where the real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from augcli.classifier.settings import ModelSettings
from augcli.enums import OF_A_CLASSIFIER
from tests.conftest import ROOT, SAMPLE_DATA

GOLDEN = ROOT / "tests/onnx_gradients"
SAMPLE = SAMPLE_DATA / "classifier.onnx"
REAL = ROOT.parent / "shared/models"

CLASSES = ("cat", "coffee", "flower", "rocket", "temple")
PLAIN = ModelSettings(scale=1)
ALL = [(method, size) for method in OF_A_CLASSIFIER for size in (None, 48)]

Float32 = npt.NDArray[np.float32]
Shape = Sequence[int | str]


def real(name: str) -> Path:
    """A pretrained classifier; the test is skipped where there is none."""
    path = REAL / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    return path


def model(
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, npt.NDArray[Any]],
    image: Shape,
    outputs: dict[str, Shape],
    element: int = TensorProto.FLOAT,
) -> ModelProto:
    """A model with input "image"."""
    value_info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [value_info("image", element, image)],
        [value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def channel_means(image: Shape = ("N", 3, "H", "W")) -> ModelProto:
    """Logit k is the mean of channel k: its gradient is 1 / pixels in that channel, 0 elsewhere."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    return model(nodes, {}, image, {"logits": ["N", 3]})


def weighted_sums(weights: Float32) -> ModelProto:
    """Logit k is the sum of weights (K, 3, H, W) times the image: its gradient is weights[k]."""
    classes, *sides = weights.shape
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"], transB=1),
    ]
    flat = weights.reshape(classes, -1)
    return model(nodes, {"weights": flat}, ["N", *sides], {"logits": ["N", classes]})


def mixed_then_pooled(mix: Float32, head: Float32) -> ModelProto:
    """Features relu(mix @ channels) at half the resolution, pooled, and logits head @ features.

    mix is (F, 3), head (K, F).
    """
    nodes = [
        helper.make_node("Conv", ["image", "mix"], ["mixed"], strides=[2, 2]),
        helper.make_node("Relu", ["mixed"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head"], ["logits"], transB=1),
    ]
    weights = {"mix": mix[:, :, None, None], "head": head}
    return model(nodes, weights, ["N", 3, "H", "W"], {"logits": ["N", len(head)]})


def saved(network: ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """The path of the model, written."""
    path = folder / name
    onnx.save(network, path)
    return path


def noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A random image."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
