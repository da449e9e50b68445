"""Grad-CAM and the strength of feature-map cells, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from augcli.autodiff.images import channel_axis
from augcli.classifier.gradcam import cell_strength, grad_cam
from augcli.classifier.graphs import METHODS, saliency_graph
from augcli.classifier.sessions import open_session
from augcli.errors import UserError
from tests.helpers.onnx_models import (
    GOLDEN,
    Float32,
    channel_means,
    mixed_then_pooled,
    real,
    saved,
)

MIX = np.array([[1, 0, 0], [0, 1, -1], [-1, 2, 0], [0, 0, 3]], np.float32)
HEAD = np.array([[1, -2, 0, 1], [0, 1, 1, -3]], np.float32)


def maps(
    path: Path, method: str, images: npt.NDArray[Any], label: int = 0, **options: Any
) -> Float32:
    graph = saliency_graph(path, method, images.shape[2:], target="weights", **options)
    feeds = {"image": images.astype(np.float32)}
    if "weights" in graph.inputs:
        feeds["weights"] = np.eye(graph.classes, dtype=np.float32)[[label] * len(images)]
    network = open_session(graph.data, "cpu").run(list(graph.outputs), feeds)
    return METHODS[method].finish(dict(zip(graph.outputs, network, strict=True)), graph.size)


def features(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.maximum(np.einsum("fc,nchw->nfhw", MIX, images[:, :, ::2, ::2]), 0)


@pytest.mark.parametrize("label", [0, 1])
def test_grad_cam_of_a_pooled_linear_head(tmp_path: Path, label: int) -> None:
    """The gradient of a feature is its head weight over the number of cells."""
    images = np.random.default_rng(0).standard_normal((2, 3, 10, 6))
    expected = np.einsum("f,nfhw->nhw", HEAD[label] / 15, features(images)).clip(0)
    actual = maps(saved(mixed_then_pooled(MIX, HEAD), tmp_path), "gradcam", images, label)
    assert actual.shape == (2, 5, 3)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


def test_grad_cam_at_a_named_layer(tmp_path: Path) -> None:
    """Before the ReLU, gradients differ from cell to cell, and their mean is taken."""
    images = np.random.default_rng(1).standard_normal((1, 3, 8, 8))
    mixed = np.einsum("fc,nchw->nfhw", MIX, images[:, :, ::2, ::2])
    weights = HEAD[1] * (mixed > 0).mean(axis=(2, 3)) / 16
    expected = np.einsum("nf,nfhw->nhw", weights, mixed).clip(0)
    path = saved(mixed_then_pooled(MIX, HEAD), tmp_path)
    actual = maps(path, "gradcam", images, 1, layer="mixed")
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


def test_strength_is_the_length_of_a_cells_features(tmp_path: Path) -> None:
    images = np.random.default_rng(2).standard_normal((2, 3, 10, 6))
    path = saved(mixed_then_pooled(MIX, HEAD), tmp_path)
    actual = maps(path, "feature-map", images)
    np.testing.assert_allclose(
        actual, np.linalg.norm(features(images), axis=1), rtol=1e-5, atol=1e-7
    )


def test_strength_needs_no_label_and_runs_no_head(tmp_path: Path) -> None:
    path = saved(mixed_then_pooled(MIX, HEAD), tmp_path)
    graph = saliency_graph(path, "feature-map", (8, 8), target="predicted")
    assert graph.inputs == ("image",) and graph.outputs == ("activation",)
    network = onnx.load_from_string(graph.data)
    assert not {"Gemm", "GlobalAveragePool"} & {node.op_type for node in network.graph.node}


def test_channels_last_feature_maps() -> None:
    activation = np.random.default_rng(3).random((2, 12, 5, 9)).astype(np.float32)
    gradient = np.random.default_rng(4).standard_normal(activation.shape).astype(np.float32)
    first = {"activation": activation, "gradient": gradient}
    last = {name: array.transpose(0, 2, 3, 1) for name, array in first.items()}
    np.testing.assert_array_equal(grad_cam(first, (50, 90)), grad_cam(last, (50, 90)))
    np.testing.assert_array_equal(cell_strength(first, (50, 90)), cell_strength(last, (50, 90)))
    assert grad_cam(first, (50, 90)).shape == (2, 5, 9)


@pytest.mark.parametrize(
    ("shape", "size", "axis"),
    [
        ((1280, 7, 7), (224, 224), 0),
        ((7, 7, 1280), (224, 224), 2),
        ((16, 24, 12), (96, 48), 0),
        ((24, 12, 16), (96, 48), 2),
        ((7, 7, 7), (224, 224), 0),
        ((3, 2, 2), (64, 64), 0),
    ],
)
def test_channel_axis(shape: tuple[int, ...], size: tuple[int, int], axis: int) -> None:
    assert channel_axis(shape, size) == axis


def test_no_feature_map(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    from tests.helpers.onnx_models import model

    weights = {"weights": np.ones((48, 2), np.float32)}
    network = model(nodes, weights, ["N", 3, 4, 4], {"logits": ["N", 2]})
    with pytest.raises(UserError, match=r"no feature map of more than one cell.*gradient"):
        saliency_graph(saved(network, tmp_path), "gradcam", (4, 4), target="weights")


def test_a_layer_without_cells() -> None:
    flat = {"activation": np.ones((1, 8), np.float32), "gradient": np.ones((1, 8), np.float32)}
    with pytest.raises(UserError, match="needs a layer with channels, rows and columns, not 8"):
        grad_cam(flat, (4, 4))


def test_an_unknown_layer(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tensor named 'meen' .did you mean 'mean'"):
        saliency_graph(
            saved(channel_means(), tmp_path), "gradcam", (4, 4), target="weights", layer="meen"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape"), [("mobilenetv2_fp32", (3, 3)), ("squeezenet1_0_fp32", (5, 5))]
)
def test_real_models_last_feature_map(name: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).standard_normal((1, 3, 96, 96))
    actual = maps(real(name), "feature-map", image)
    assert actual.shape == (1, *shape)
    assert (actual > 0).any()


def test_golden_model_has_a_map_of_its_last_convolution() -> None:
    with np.load(GOLDEN / "resnet_basic_op17/case.npz") as file:
        images = file["input"]
    actual = maps(GOLDEN / "resnet_basic_op17/model.onnx", "gradcam", images, 3)
    assert actual.ndim == 3 and min(actual.shape[1:]) > 1
    assert actual.min() >= 0 and np.isfinite(actual).all()
