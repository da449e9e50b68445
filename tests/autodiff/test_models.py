"""Pretrained classifiers, where a checkout of them lies beside the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from augcli.autodiff import differentiate
from augcli.autodiff.fold import fold, set_input_shape
from augcli.autodiff.inspect import inspect
from augcli.autodiff.load import load
from augcli.autodiff.normalise import normalise
from tests.helpers.finite_differences import in_float64, reference_output, run

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
NAMES = {
    "mobilenetv2_fp32": 1.0,
    "mobilenetv2_int8_qdq": 1.0,
    "squeezenet1_0_fp32": 60.0,
    "squeezenet1_0_fp16_opset7": 60.0,
}
pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="no pretrained models beside the repository"
)


def images(name: str, side: int, count: int = 2) -> np.ndarray:
    """Noise in the model's own range, on patches of colour; no two pixels alike."""
    rng = np.random.Generator(np.random.Philox(3))
    patches = np.kron(rng.standard_normal((count, 3, side // 8, side // 8)), np.ones((8, 8)))
    noise = rng.standard_normal((count, 3, side, side))
    return (NAMES[name] * (patches + 0.3 * noise)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_differences_in_float64(name: str) -> None:
    path, side = MODELS / f"{name}.onnx", 64
    result = differentiate(path, size=(side, side), result="gradient")
    assert (result.batch, result.classes, result.shape) == (None, 1000, (None, 3, side, side))
    x = images(name, side)
    label = np.array([7, 981])
    logits, gradient = run(result.model, {"image": x, "label": label}, list(result.outputs))

    forward = normalise(load(path))
    set_input_shape(forward, (2, 3, side, side))
    evaluator = ReferenceEvaluator(in_float64(fold(forward)))

    def chosen(at: np.ndarray) -> np.ndarray:
        return reference_output(evaluator, {forward.graph.input[0].name: at}).reshape(2, -1)[
            [0, 1], label
        ]

    np.testing.assert_allclose(logits[[0, 1], label], chosen(x.astype(np.float64)), rtol=1e-4)
    rng = np.random.Generator(np.random.Philox(4))
    for _ in range(2):
        v = rng.standard_normal(x.shape) * NAMES[name]
        expected = (chosen(x + 1e-7 * v) - chosen(x - 1e-7 * v)) / 2e-7
        actual = (gradient.astype(np.float64) * v).sum(axis=(1, 2, 3))
        size = np.sqrt((gradient.astype(np.float64) ** 2).sum(axis=(1, 2, 3))) * NAMES[name]
        assert (np.abs(actual - expected) <= 1e-3 * size).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tolerance"), [("mobilenetv2_fp32", 1e-5), ("squeezenet1_0_fp32", 1e-5)]
)
def test_logits_are_the_model_s_own(name: str, tolerance: float) -> None:
    model = onnx.load(MODELS / f"{name}.onnx")
    x = images(name, 224)
    expected = run(model, {model.graph.input[0].name: x})[0]
    actual = run(
        differentiate(MODELS / f"{name}.onnx", size=(224, 224)).model,
        {"image": x, "label": np.zeros(2, np.int64)},
    )[0]
    assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.slow
def test_logits_without_rounding_are_close_to_those_of_bytes() -> None:
    model = onnx.load(MODELS / "mobilenetv2_int8_qdq.onnx")
    x, label = images("mobilenetv2_int8_qdq", 224), np.zeros(2, np.int64)
    expected = run(model, {"input": x})[0]
    actual = run(differentiate(model).model, {"image": x, "label": label})[0]
    for a, b in zip(actual, expected, strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.95


@pytest.mark.slow
def test_half_precision_is_the_same_network() -> None:
    x, label = images("squeezenet1_0_fp32", 224), np.array([3, 500])
    actual, expected = (
        run(
            differentiate(MODELS / f"{name}.onnx", size=(224, 224)).model,
            {"image": x, "label": label},
        )
        for name in ("squeezenet1_0_fp16_opset7", "squeezenet1_0_fp32")
    )
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


@pytest.mark.slow
def test_bytes_lose_little_of_the_gradient() -> None:
    x, label = images("mobilenetv2_fp32", 224), np.array([3, 500])
    exact, bytes_only = (
        run(
            differentiate(MODELS / f"{name}.onnx", size=(224, 224), result="gradient").model,
            {"image": x, "label": label},
        )[1]
        for name in ("mobilenetv2_fp32", "mobilenetv2_int8_qdq")
    )
    cosine = (exact * bytes_only).sum() / np.linalg.norm(exact) / np.linalg.norm(bytes_only)
    assert cosine > 0.5


@pytest.mark.slow
def test_the_last_feature_map() -> None:
    facts = inspect(MODELS / "mobilenetv2_fp32.onnx", size=(96, 96))
    assert facts.features[-1].shape == "(N, 1280, 3, 3)"
    result = differentiate(
        MODELS / "mobilenetv2_fp32.onnx",
        size=(96, 96),
        wrt=facts.features[-1].name,
        result="gradient",
    )
    x, label = images("mobilenetv2_fp32", 96), np.array([3, 500])
    names = list(result.outputs)
    actual = dict(zip(names, run(result.model, {"image": x, "label": label}, names), strict=True))
    # Behind it are only an average and a linear layer: the gradient is the same at every place.
    gradient = actual["gradient"]
    np.testing.assert_allclose(
        gradient, np.broadcast_to(gradient[:, :, :1, :1], gradient.shape), rtol=1e-5
    )
    explained = (gradient * actual["activation"]).sum(axis=(1, 2, 3))
    shifted = differentiate(
        MODELS / "mobilenetv2_fp32.onnx",
        size=(96, 96),
        wrt=facts.features[-1].name,
        target="predicted",
        result="gradient",
    )
    assert shifted.inputs == ("image",)
    assert np.abs(explained).min() > 0
