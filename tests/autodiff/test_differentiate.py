"""What can be differentiated, with respect to what, and what comes out."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from augcli.autodiff import cache_key, differentiate
from augcli.autodiff import differentiate as _function
from tests.helpers.finite_differences import in_float64, random, reference_output, run, spread
from tests.helpers.networks import TWO_HEADS, WEIGHTS, classifier, dims, operators, two_heads

IMAGE = spread((3, 3, 9, 8))
LABEL = np.array([4, 0, 2])


def outputs_of(result: Any, **feeds: np.ndarray) -> dict[str, np.ndarray]:
    names = list(result.outputs)
    return dict(zip(names, run(result.model, {"image": IMAGE, **feeds}, names), strict=True))


def gradients(**options: Any) -> np.ndarray:
    """The gradient of every logit, (classes, N, C, H, W)."""
    result = differentiate(two_heads(), result="gradient", **options)
    each = [outputs_of(result, label=np.full(3, k))["gradient"] for k in range(5)]
    return np.stack(each)


def test_weights_mix_the_gradients_of_logits() -> None:
    result = differentiate(two_heads(), result="gradient", target="weights")
    assert result.inputs == ("image", "weights")
    weights = random(3, 5, key=9)
    actual = outputs_of(result, weights=weights)["gradient"]
    expected = np.einsum("nk,knchw->nchw", weights, gradients())
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_predicted_is_the_label_of_the_largest_logit() -> None:
    result = differentiate(two_heads(), result="gradient", target="predicted")
    assert result.inputs == ("image",)
    actual = outputs_of(result)
    best = actual["logits"].argmax(axis=1)
    assert len(set(best)) > 1
    expected = gradients()[best, np.arange(3)]
    np.testing.assert_allclose(actual["gradient"], expected, rtol=1e-5, atol=1e-8)


def test_saliency_is_the_largest_absolute_gradient_over_channels() -> None:
    result = differentiate(two_heads())
    assert (result.inputs, result.outputs) == (("image", "label"), ("logits", "saliency"))
    assert [dims(o) for o in result.model.graph.output] == [["batch", 5], ["batch", 9, 8]]
    saliency = outputs_of(result, label=LABEL)["saliency"]
    expected = np.abs(gradients()[LABEL, np.arange(3)]).max(axis=1)
    np.testing.assert_allclose(saliency, expected, rtol=1e-5, atol=1e-8)


def test_a_label_that_is_no_class_has_no_gradient() -> None:
    actual = outputs_of(differentiate(two_heads()), label=np.array([5, -1, 1]))["saliency"]
    assert actual[:2].max() == 0
    assert actual[2].max() > 0


def test_facts_about_the_result() -> None:
    result = differentiate(two_heads())
    assert result.shape == (None, 3, 9, 8)
    assert (result.batch, result.layout, result.size, result.classes) == (None, "NCHW", (9, 8), 5)
    onnx.checker.check_model(result.model, full_check=True)
    assert [i.name for i in result.model.graph.input] == list(result.inputs)
    assert [o.name for o in result.model.graph.output] == list(result.outputs)


def test_the_batch_can_be_fixed() -> None:
    result = differentiate(two_heads(), batch=3)
    assert (result.batch, result.shape) == (3, (3, 3, 9, 8))
    free = outputs_of(differentiate(two_heads()), label=LABEL)
    fixed = outputs_of(result, label=LABEL)
    np.testing.assert_allclose(fixed["saliency"], free["saliency"], rtol=1e-5)


# Heads and inner tensors


def test_an_early_head_keeps_only_what_it_needs() -> None:
    early = differentiate(two_heads(), output="early_scores", result="gradient")
    late = differentiate(two_heads(), result="gradient")
    assert operators(early.model).count("Conv") == 2  # forward and backward
    assert "Tanh" not in operators(early.model)
    assert len(early.model.graph.node) < len(late.model.graph.node)
    lines = TWO_HEADS.strip().splitlines()
    text = "\n".join(lines[:3] + lines[-3:])
    weights = {k: v for k, v in WEIGHTS.items() if k not in ("w2", "w3")}
    only = differentiate(classifier(text, "early_scores", weights), result="gradient")
    actual, expected = (outputs_of(r, label=LABEL) for r in (early, only))
    np.testing.assert_allclose(actual["gradient"], expected["gradient"], rtol=1e-6)


@pytest.mark.parametrize("name", ["early_features", "swish", "late", "features", "pooled"])
def test_the_gradient_of_an_inner_tensor(name: str) -> None:
    """The rest of the network, run in float64 from that tensor on, decides what is right."""
    result = differentiate(two_heads(), wrt=name, result="gradient")
    assert result.outputs == ("logits", "gradient", "activation")
    actual = outputs_of(result, label=LABEL)
    model = two_heads()
    inner = reference_output(ReferenceEvaluator(model_with_output(model, name)), {"picture": IMAGE})
    np.testing.assert_allclose(actual["activation"], inner, rtol=1e-5, atol=1e-6)
    assert actual["gradient"].shape == inner.shape

    rest = ReferenceEvaluator(in_float64(model_from(model, name, inner.shape)))
    seed = np.eye(5)[LABEL]
    rng = np.random.Generator(np.random.Philox(0))
    for _ in range(3):
        v = rng.standard_normal(inner.shape)
        ends = [reference_output(rest, {name: inner + s * 1e-6 * v}) for s in (1, -1)]
        expected = float((seed * (ends[0] - ends[1])).sum() / 2e-6)
        assert float((actual["gradient"] * v).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def model_with_output(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    del model.graph.output[:]
    model.graph.output.append(helper.make_empty_tensor_value_info(name))
    return model


def model_from(model: onnx.ModelProto, name: str, shape: tuple[int, ...]) -> onnx.ModelProto:
    """The part of the network behind a tensor."""
    whole = two_heads()
    known, nodes = {name}, []
    for node in whole.graph.node:
        if known & set(node.input) and name not in node.output:
            nodes.append(node)
            known.update(node.output)
    info = helper.make_tensor_value_info
    x = info(name, onnx.TensorProto.FLOAT, shape)
    y = helper.make_empty_tensor_value_info("scores")
    needed = [t for t in whole.graph.initializer if any(t.name in n.input for n in nodes)]
    graph = helper.make_graph(nodes, "rest", [x], [y], needed)
    # What else those nodes read, such as the features beside the gate, stays as it was.
    missing = {i for n in nodes for i in n.input} - known - {t.name for t in needed}
    for extra in sorted(missing):
        evaluator = ReferenceEvaluator(model_with_output(two_heads(), extra))
        value = reference_output(evaluator, {"picture": IMAGE})
        graph.initializer.append(onnx.numpy_helper.from_array(value, extra))
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)


def test_the_saliency_of_an_inner_tensor() -> None:
    raw = outputs_of(differentiate(two_heads(), wrt="features", result="gradient"), label=LABEL)
    result = differentiate(two_heads(), wrt="features")
    assert result.outputs == ("logits", "saliency", "activation")
    actual = outputs_of(result, label=LABEL)["saliency"]
    np.testing.assert_allclose(actual, np.abs(raw["gradient"]).max(axis=1), rtol=1e-6)


# Kinks, padding, determinism


def test_derivatives_at_kinks_are_zero() -> None:
    after = np.nextafter(np.float32(6), np.float32(7))
    before = np.nextafter(np.float32(6), np.float32(5))
    values = np.array([0, -0.0, 1e-30, 6, after, before, -1, 3], np.float32)
    expected = {"relu = Relu(picture)": [0, 0, 1, 1, 1, 1, 0, 1]}
    expected["relu = Clip(picture, low, high)"] = [0, 0, 1, 0, 0, 1, 0, 1]
    image = values.reshape(1, 1, 2, 4)
    bounds = {"low": np.float32(0), "high": np.float32(6)}
    for operator, slopes in expected.items():
        text = operator + " scores = Flatten(relu)"
        model = classifier(text, "scores", bounds, picture="float[N, 1, 2, 4]")
        result = differentiate(model, result="gradient", target="weights")
        feeds = {"image": image, "weights": np.ones((1, 8), np.float32)}
        actual = run(result.model, feeds, list(result.outputs))[1]
        assert actual.reshape(-1).tolist() == slopes


@pytest.mark.parametrize("batch", [None, 1])
def test_zeros_around_a_pooled_map_stay_zeros(batch: int | None) -> None:
    """ONNX Runtime fuses such a Pad into the pooling, whose own padding is -inf."""
    text = """
        padded = Pad(picture, amounts)
        top = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(padded)
        flat = Flatten(top)
        scores = Gemm(flat, w)
    """
    weights = {"amounts": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "w": random(12, 4)}
    model = classifier(text, "scores", weights, picture="float[N, 1, 4, 6]")
    image = -1 - np.abs(random(1, 1, 4, 6))
    result = differentiate(model, result="gradient", batch=batch)
    logits, gradient = run(
        result.model, {"image": image, "label": np.array([2])}, ["logits", "gradient"]
    )
    top = np.zeros((3, 4))
    top[1, 1:3] = [image[0, 0, 1:3, 1:3].max(), image[0, 0, 1:3, 3:5].max()]
    np.testing.assert_allclose(logits[0], top.reshape(-1) @ weights["w"], rtol=1e-5)
    expected = np.zeros((4, 6))
    for column, block in ((1, image[0, 0, 1:3, 1:3]), (2, image[0, 0, 1:3, 3:5])):
        row, offset = np.unravel_index(block.argmax(), (2, 2))
        expected[1 + row, 2 * column - 1 + offset] = weights["w"].reshape(3, 4, 4)[1, column, 2]
    np.testing.assert_allclose(gradient[0, 0], expected, rtol=1e-6)


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = (differentiate(two_heads()).model for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )


def test_the_argument_is_not_changed() -> None:
    model = classifier(TWO_HEADS + "soft = Softmax(scores)", "soft", WEIGHTS, opset=13)
    before = model.SerializeToString(deterministic=True)
    differentiate(model, wrt="features")
    assert model.SerializeToString(deterministic=True) == before


def test_the_key_of_a_cache(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(two_heads(), path)
    onnx.save(two_heads(), copy)
    key = cache_key(path, size=(9, 8), target="label")
    assert len(key) == 64
    assert cache_key(str(copy), target="label", size=(9, 8)) == key
    assert cache_key(path, size=(8, 9), target="label") != key
    changed = two_heads()
    changed.graph.node[0].attribute[0].ints[0] = 0
    onnx.save(changed, copy)
    assert cache_key(copy, size=(9, 8), target="label") != key


def test_the_key_follows_weights_in_files(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    onnx.save(two_heads(), path, save_as_external_data=True, location="a.data", size_threshold=0)
    expected = outputs_of(differentiate(two_heads()), label=LABEL)["saliency"]
    np.testing.assert_array_equal(
        outputs_of(differentiate(str(path)), label=LABEL)["saliency"], expected
    )
    key = cache_key(path)
    data = bytearray((tmp_path / "a.data").read_bytes())
    data[3] ^= 1
    (tmp_path / "a.data").write_bytes(data)
    assert cache_key(path) != key


def test_the_example_in_the_documentation() -> None:
    globs: dict[str, Any] = {}
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(_function, "differentiate", globs=globs)
    assert doctest.DocTestRunner().run(example).failed == 0
