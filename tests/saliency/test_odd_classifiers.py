"""Classifiers of one output, of no numbers, of channels last, and of integer arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, helper

from augcli.autodiff import differentiate
from augcli.autodiff.inspect import inspect
from augcli.classifier.build import build_spec, map_classes
from augcli.errors import UserError
from augcli.saliency.classifier import classifier_maps
from tests.helpers.onnx_models import PLAIN, REAL, model, noise, saved

RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((3, 1)).astype(np.float32)


def binary(end: str = "Sigmoid") -> ModelProto:
    nodes = [
        helper.make_node("Relu", ["image"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logit"]),
        helper.make_node(end, ["logit"], ["score"]),
    ]
    return model(nodes, {"w": 100 * WEIGHTS}, ["N", 3, 8, 8], {"score": ["N", 1]})


def test_one_output_serves_two_classes(tmp_path: Path) -> None:
    """The maps of Grad-CAM are those of the logit and of its negative; a saturated Sigmoid, whose
    own gradient is zero, makes no difference."""
    path, image = saved(binary(), tmp_path), noise(8, 8)
    spec = build_spec(
        path, ("no", "yes"), [("gradcam", None), ("gradient", None)], options=PLAIN, device="cpu"
    )
    assert (spec.outputs, spec.class_map) == (1, (-1, 0))
    no, yes = classifier_maps(spec, "gradcam", [image] * 2, [((0,), (1.0,)), ((1,), (1.0,))])
    cam = 100 / 64 * (image @ WEIGHTS[:, 0])
    np.testing.assert_allclose(yes, cam.clip(0), atol=1e-3 * np.abs(cam).max())
    np.testing.assert_allclose(no, (-cam).clip(0), atol=1e-3 * np.abs(cam).max())
    steep = classifier_maps(spec, "gradient", [image] * 2, [((0,), (1.0,)), ((1,), (1.0,))])
    np.testing.assert_array_equal(steep[0], steep[1])
    assert steep[0].max() == pytest.approx(100 / 64 * np.abs(WEIGHTS).max(), rel=1e-3)


def test_the_classes_of_one_output() -> None:
    assert map_classes(("a", "b"), 1, None, "") == (-1, 0)
    assert map_classes(("a", "b"), 1, ("b", "a"), "") == (0, -1)
    assert map_classes(("a",), 1, None, "") == (0,)
    with pytest.raises(UserError, match="3 classes and the classifier 1 output;"):
        map_classes(("a", "b", "c"), 1, None, "")


def test_maps_that_are_no_numbers_are_warned_of_once(tmp_path: Path) -> None:
    network = binary("Identity")
    network.graph.initializer[0].raw_data = np.full((3, 1), np.nan, np.float32).tobytes()
    warnings: list[str] = []
    maps = [("gradient", None), ("gradient", 4)]
    path = saved(network, tmp_path)
    build_spec(path, ("no", "yes"), maps, options=PLAIN, device="cpu", warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith(f"the maps of all images are flat: the gradient of {path} is not")
    warnings.clear()
    path = saved(binary("Identity"), tmp_path)
    build_spec(path, ("no", "yes"), maps, options=PLAIN, device="cpu", warn=warnings.append)
    assert warnings == []


def test_features_have_several_cells_both_ways() -> None:
    """Where channels come last, (1, 11) are one cell and eleven channels."""
    nodes = [
        helper.make_node("Relu", ["image"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Conv", ["pooled", "w"], ["scores"]),
        helper.make_node("Transpose", ["scores"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Tanh", ["last"], ["bounded"]),
        helper.make_node("Flatten", ["bounded"], ["logits"]),
    ]
    weights = RNG.standard_normal((11, 3, 1, 1)).astype(np.float32)
    network = model(nodes, {"w": weights}, ["N", 3, 8, 8], {"logits": ["N", 11]})
    assert [(f.name, f.shape) for f in inspect(network).features] == [("features", "(N, 3, 8, 8)")]


def test_features_of_keras() -> None:
    path = REAL.parent / "cases/onnx/MobileNetV3Small.keras.onnx"
    if not path.is_file():
        pytest.skip("it is not here")
    last = inspect(path).features[-1]
    assert last.name == "MobileNetV3Small_1/activation_22_1/mul:0"
    assert last.shape == "(N, 3, 3, 576)"


def test_integers_that_are_added_to_integers() -> None:
    """Logits are those of ONNX Runtime up to the rounding that a float model leaves out."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["image"], ["q", "s", "z"]),
        helper.make_node("ConvInteger", ["q", "w", "z", "wz"], ["ci"], kernel_shape=[3, 3]),
        helper.make_node("Mul", ["s", "ws"], ["step"]),
        helper.make_node("Div", ["b", "step"], ["steps"]),
        helper.make_node("Floor", ["steps"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["bias"], to=6),
        helper.make_node("Add", ["ci", "bias"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["floats"], to=1),
        helper.make_node("Mul", ["floats", "step"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    weights = {
        "w": RNG.integers(0, 256, (5, 3, 3, 3), np.uint8), "wz": np.uint8(128),
        "ws": np.float32(0.01), "b": RNG.standard_normal((1, 5, 1, 1)).astype(np.float32),
    }  # fmt: skip
    initializers = {name: np.asarray(value) for name, value in weights.items()}
    network = model(nodes, initializers, ["N", 3, 8, 8], {"logits": ["N", 5]})
    image = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    cpu = ["CPUExecutionProvider"]
    reference = onnxruntime.InferenceSession(network.SerializeToString(), providers=cpu)
    actual = onnxruntime.InferenceSession(
        differentiate(network, target="predicted").model.SerializeToString(), providers=cpu
    )
    expected, feeds = reference.run(None, {"image": image})[0], {"image": image}
    np.testing.assert_allclose(actual.run(["logits"], feeds)[0], expected, atol=0.03)
