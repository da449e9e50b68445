"""The graph behind `gradient`: golden gradients, low resolution, heads, and the graph cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from augcli.autodiff import differentiate
from augcli.classifier import graphs
from augcli.classifier.cache import Cache
from augcli.classifier.graphs import (
    SaliencyGraph,
    declared,
    interpolation,
    saliency_graph,
)
from augcli.classifier.sessions import open_session
from augcli.errors import UserError
from tests.helpers.onnx_models import (
    GOLDEN,
    channel_means,
    model,
    real,
    saved,
    weighted_sums,
)

Array = npt.NDArray[Any]


def run(graph: SaliencyGraph, images: Array, weights: Array | None = None) -> dict[str, Array]:
    session = open_session(graph.data, "cpu")
    feeds = {"image": images.astype(np.float32)}
    if "weights" in graph.inputs:
        assert weights is not None
        feeds["weights"] = weights.astype(np.float32)
    return dict(zip(graph.outputs, session.run(list(graph.outputs), feeds), strict=True))


def one_by_one(graph: SaliencyGraph, images: Array, weights: Array) -> Array:
    """Maps (N, h, w), of images that are fed alone."""
    pairs = zip(images, weights, strict=True)
    return np.concatenate([run(graph, i[None], w[None])["saliency"] for i, w in pairs])


@pytest.mark.parametrize(
    ("case", "head", "suffix"),
    [
        ("mobilenet_v2_relu6_op13", None, ""),
        ("squeezenet_ceilpool_op13", None, ""),
        ("softmax_output_op17", None, ""),
        ("fixed_batch1_op17", None, ""),
        ("fp16_op17", None, ""),
        ("vit_dynamo18", None, ""),
        ("aux_head_op17", 0, "__{}"),
        ("aux_head_op17", 1, "__{}"),
        ("dynamic_hw_op17", None, "__b"),
    ],
)
def test_golden_gradients(case: str, head: int | None, suffix: str) -> None:
    path = GOLDEN / case / "model.onnx"
    with np.load(GOLDEN / case / "case.npz") as file:
        golden = dict(file)
    name = None if head is None else onnx.load(path).graph.output[head].name
    end = suffix.format(name)
    inputs, labels = (
        golden[name + end if name + end in golden else name] for name in ("input", "labels")
    )
    graph = saliency_graph(path, "gradient", inputs.shape[2:], target="weights", head=name)
    assert (graph.classes, graph.channels, graph.layout) == (10, 3, "NCHW")
    actual = one_by_one(graph, inputs, np.eye(10)[labels])
    expected = np.abs(golden[f"input_gradient{end}"]).max(axis=1)
    assert np.abs(actual - expected).max() <= golden["tolerance"] * np.abs(expected).max()


def test_weights_mix_the_logits(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((4, 3, 5, 6)).astype(np.float32)
    path = saved(weighted_sums(weights), tmp_path)
    graph = saliency_graph(path, "gradient", (5, 6), target="weights")
    shares = np.array([[0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0]], np.float32)
    actual = run(graph, np.zeros((2, 3, 5, 6)), shares)["saliency"]
    mixed = np.abs(np.einsum("nk,kcij->ncij", shares, weights)).max(axis=1)
    np.testing.assert_allclose(actual, mixed, rtol=1e-6)


def test_predicted_is_the_greatest_logit(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).standard_normal((4, 3, 5, 5)).astype(np.float32)
    path = saved(weighted_sums(weights), tmp_path)
    graph = saliency_graph(path, "gradient", (5, 5), target="predicted")
    assert graph.inputs == ("image",)
    images = weights[[2, 0]] * 3
    np.testing.assert_allclose(
        run(graph, images)["saliency"], np.abs(weights[[2, 0]]).max(axis=1), rtol=1e-6
    )


def test_low_resolution_of_a_model_that_takes_any(tmp_path: Path) -> None:
    graph = saliency_graph(saved(channel_means(), tmp_path), "gradient", (4, 6), target="weights")
    actual = run(graph, np.zeros((1, 3, 4, 6)), np.array([[0, 1, 0]]))["saliency"]
    np.testing.assert_allclose(actual, np.full((1, 4, 6), 1 / 24), rtol=1e-6)


def test_a_declared_size_may_be_only_declared(tmp_path: Path) -> None:
    path = saved(channel_means((1, 3, 8, 12)), tmp_path)
    assert declared(path).size == (8, 12)
    graph = saliency_graph(path, "gradient", (4, 6), target="weights")
    actual = run(graph, np.zeros((1, 3, 4, 6)), np.array([[0, 1, 0]]))["saliency"]
    np.testing.assert_allclose(actual, np.full((1, 4, 6), 1 / 24), rtol=1e-6)


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_low_resolution_of_a_model_of_one_size_resizes_inside(tmp_path: Path, element: int) -> None:
    weights = np.random.default_rng(2).standard_normal((3, 3, 9, 10)).astype(np.float32)
    network = weighted_sums(weights)
    if element == TensorProto.FLOAT16:
        network = onnx.load(GOLDEN / "vit_dynamo18/model.onnx")
        path, shape, size, classes = saved(network, tmp_path), (32, 32), (16, 20), 10
        whole = differentiate(path, size=shape, target="weights", result="gradient")
    else:
        path, shape, size, classes = saved(network, tmp_path), (9, 10), (4, 5), 3
        whole = differentiate(path, size=shape, target="weights", result="gradient")
    graph = saliency_graph(path, "gradient", size, target="weights")
    assert graph.size == size
    small = np.random.default_rng(3).standard_normal((2, 3, *size)).astype(np.float32)
    share = np.eye(classes, dtype=np.float32)[[1, 2]]
    rows, columns = map(interpolation, size, shape)
    session = open_session(whole.model.SerializeToString(), "cpu")
    large = (rows @ small @ columns.T).astype(np.float32)
    _, gradient = session.run(None, {"image": large, "weights": share})
    expected = np.abs(rows.T @ gradient @ columns).max(axis=1)
    actual = run(graph, small, share)["saliency"]
    assert actual.shape == (2, *size)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_channels_last_resizes_inside_too(tmp_path: Path) -> None:
    weights = np.random.default_rng(4).standard_normal((8 * 6 * 3, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    network = model(nodes, {"weights": weights}, ["N", 8, 6, 3], {"logits": ["N", 2]})
    path = saved(network, tmp_path)
    assert declared(path).size == (8, 6)
    graph = saliency_graph(path, "gradient", (4, 3), target="weights")
    assert (graph.layout, graph.channels, graph.size) == ("NHWC", 3, (4, 3))
    actual = run(graph, np.zeros((1, 4, 3, 3)), np.array([[0, 1]]))["saliency"]
    rows, columns = interpolation(4, 8), interpolation(3, 6)
    image = weights[:, 1].reshape(8, 6, 3)
    expected = np.abs(np.einsum("hr,hwc,ws->rsc", rows, image, columns)).max(axis=2)
    np.testing.assert_allclose(actual[0], expected, rtol=1e-5)


def test_interpolation_is_between_pixel_centres() -> None:
    expected = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(interpolation(2, 4), expected, atol=1e-12)
    np.testing.assert_allclose(interpolation(3, 7).sum(axis=1), np.ones(7))
    np.testing.assert_array_equal(interpolation(5, 5), np.eye(5))


def test_a_size_that_neither_runs_nor_is_declared(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    weights = {"weights": np.ones((48, 2), np.float32)}
    network = model(nodes, weights, ["N", 3, "H", "W"], {"logits": ["N", 2]})
    with pytest.raises(UserError, match="ONNX Runtime cannot"):
        saliency_graph(saved(network, tmp_path), "gradient", (5, 5), target="weights")


def test_a_graph_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(channel_means(), tmp_path)
    cache = Cache(tmp_path / "cache")
    first = saliency_graph(path, "gradient", (4, 6), target="weights", cache=cache)

    def never(*_: object) -> NoReturn:
        raise AssertionError("differentiated again")

    monkeypatch.setitem(
        graphs.METHODS, "gradient", graphs.METHODS["gradient"]._replace(build=never)
    )
    again = saliency_graph(path, "gradient", (4, 6), target="weights", cache=cache)
    assert again == first
    for change in ({"size": (6, 4)}, {"target": "predicted"}, {"head": "mean"}):
        options: dict[str, Any] = {"size": (4, 6), "target": "weights", "cache": cache, **change}
        with pytest.raises(AssertionError, match="differentiated again"):
            saliency_graph(path, "gradient", **options)
    onnx.save(channel_means((1, 3, "H", "W")), path)
    with pytest.raises(AssertionError, match="differentiated again"):
        saliency_graph(path, "gradient", (4, 6), target="weights", cache=cache)


def test_an_unknown_head_is_named(tmp_path: Path) -> None:
    path = saved(channel_means(), tmp_path)
    with pytest.raises(UserError, match=r"no tensor named 'logit' .did you mean 'logits'"):
        saliency_graph(path, "gradient", (4, 6), target="weights", head="logit")


@pytest.mark.slow
def test_real_model() -> None:
    """Central differences at the greatest pixel agree with the map."""
    path = real("mobilenetv2_fp32")
    graph = saliency_graph(path, "gradient", (64, 64), target="weights")
    assert (graph.size, graph.classes, graph.batch) == ((64, 64), 1000, None)
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, 3, 64, 64)).astype(np.float32)
    share = np.eye(1000, dtype=np.float32)[[207]]
    session = open_session(graph.data, "cpu")
    _, actual = session.run(["logits", "saliency"], {"image": image, "weights": share})
    row, column = np.unravel_index(actual[0].argmax(), (64, 64))
    slopes = []
    for channel in range(3):
        logits = []
        for step in (-0.001, 0.001):
            image_moved = image.copy()
            image_moved[0, channel, row, column] += step
            logits.append(
                session.run(["logits"], {"image": image_moved, "weights": share})[0][0, 207]
            )
        slopes.append(abs(logits[1] - logits[0]) / 0.002)
    assert max(slopes) == pytest.approx(actual.max(), rel=0.05)
