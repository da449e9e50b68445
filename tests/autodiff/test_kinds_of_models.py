"""Layouts, precisions, endings, names and batches that models come with."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from augcli.autodiff import differentiate
from tests.helpers.finite_differences import random, run, spread
from tests.helpers.networks import TWO_HEADS, WEIGHTS, classifier, operators, two_heads

IMAGE = spread((3, 3, 9, 8))
LABEL = np.array([4, 0, 2])


def outputs_of(result: Any, **feeds: np.ndarray) -> dict[str, np.ndarray]:
    names = list(result.outputs)
    return dict(zip(names, run(result.model, {"image": IMAGE, **feeds}, names), strict=True))


def test_channels_last_as_converted_tensorflow_models_have_them() -> None:
    text = "moved = Transpose<perm = [0, 3, 1, 2]>(picture)" + TWO_HEADS.replace(
        "Conv<pads = [1, 1, 1, 1]>(picture", "Conv<pads = [1, 1, 1, 1]>(moved"
    )
    last = IMAGE.transpose(0, 2, 3, 1).copy()
    expected = outputs_of(differentiate(two_heads()), label=LABEL)
    for declared in ("float[N, 9, 8, 3]", "float[N, H, W, C]"):
        model = classifier(text, "scores early_scores", WEIGHTS, picture=declared)
        result = differentiate(model, size=(9, 8))
        assert (result.layout, result.shape, result.size) == ("NHWC", (None, 9, 8, 3), (9, 8))
        actual = run(result.model, {"image": last, "label": LABEL}, list(result.outputs))
        np.testing.assert_allclose(actual[1], expected["saliency"], rtol=1e-5, atol=1e-8)


def test_channels_last_of_images_as_low_as_channels_are_few() -> None:
    text = "moved = Transpose<perm = [0, 3, 1, 2]>(picture) scores = ReduceMax<axes=[2, 3], "
    model = classifier(text + "keepdims = 0>(moved)", "scores", {}, picture="float[N, 4, 8, 3]")
    result = differentiate(model)
    assert (result.layout, result.shape, result.size) == ("NHWC", (None, 4, 8, 3), (4, 8))


def test_bytes_in_are_floats_in() -> None:
    text = "cast = Cast<to = 1>(picture) scaled = Mul(cast, byte)" + TWO_HEADS.replace(
        "Conv<pads = [1, 1, 1, 1]>(picture", "Conv<pads = [1, 1, 1, 1]>(scaled"
    )
    weights = {**WEIGHTS, "byte": np.float32(1 / 255)}
    model = classifier(text, "scores", weights, picture="uint8[N, 3, 9, 8]")
    result = differentiate(model, result="gradient")
    plain = differentiate(two_heads(), result="gradient")
    actual = run(result.model, {"image": IMAGE * 255, "label": LABEL}, list(result.outputs))
    expected = outputs_of(plain, label=LABEL)
    np.testing.assert_allclose(actual[1] * 255, expected["gradient"], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("float_type", ["float16", "double", "bfloat16"])
def test_other_precisions_are_computed_in_float32(float_type: str) -> None:
    model = two_heads(picture=f"{float_type}[N, 3, 9, 8]")
    dtype = getattr(onnx.TensorProto, "DOUBLE" if float_type == "double" else float_type.upper())
    to = helper.tensor_dtype_to_np_dtype(dtype)
    stored = {}
    for tensor in model.graph.initializer:
        stored[tensor.name] = WEIGHTS[tensor.name].astype(to).astype(np.float32)
        array = WEIGHTS[tensor.name].astype(to)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    for output in model.graph.output:
        output.type.tensor_type.elem_type = dtype
    result = differentiate(model)
    assert {i.type.tensor_type.elem_type for i in result.model.graph.input} == {1, 7}
    exact = differentiate(classifier(TWO_HEADS, "scores", stored))
    actual, expected = (outputs_of(r, label=LABEL) for r in (result, exact))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


@pytest.mark.parametrize("end", ["Softmax", "LogSoftmax", "Softmax<axis = 1>"])
@pytest.mark.parametrize("view", ["", "Reshape", "Flatten", "Identity"])
def test_a_final_softmax_is_taken_off(end: str, view: str) -> None:
    text = TWO_HEADS + f"soft = {end}(scores)"
    weights = {**WEIGHTS, "shape": np.array([0, 5])}
    if view:
        text += f" viewed = {view}(soft{', shape' if view == 'Reshape' else ''})"
    model = classifier(text, "viewed" if view else "soft", weights)
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_allclose(actual["logits"], expected["logits"], rtol=1e-6)
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_a_logarithm_of_softmax_is_taken_off_whole() -> None:
    model = classifier(TWO_HEADS + "soft = Softmax(scores) logs = Log(soft)", "logs", WEIGHTS)
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_softmax_inside_a_model_stays() -> None:
    weights = {**WEIGHTS, "w5": random(5, 5, key=7)}
    model = classifier(TWO_HEADS + "soft = Softmax(scores) end = MatMul(soft, w5)", "end", weights)
    assert operators(differentiate(model).model).count("Softmax") == 1


def test_logits_with_axes_of_one_behind() -> None:
    text = TWO_HEADS.replace("scores = Gemm<transB = 1>(flat, w3)", "scores = Conv(pooled, w5)")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("early"))
    text = "early_features = Conv<pads = [1, 1, 1, 1]>(picture, w1, b1)\n" + text
    weights = {k: v for k, v in WEIGHTS.items() if k not in ("w3", "w4")}
    weights["w5"] = WEIGHTS["w3"].reshape(5, 8, 1, 1)
    model = classifier(text.replace("flat = Flatten(pooled)", ""), "scores", weights)
    result = differentiate(model)
    assert result.classes == 5
    actual, expected = (outputs_of(r, label=LABEL) for r in (result, differentiate(two_heads())))
    assert actual["logits"].shape == (3, 5)
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-4, atol=1e-7)


def test_names_that_the_result_promises_may_be_taken() -> None:
    text = TWO_HEADS
    for old, new in (
        ("gate", "label"),
        ("swish", "image"),
        ("flat", "saliency"),
        ("late", "logits"),
    ):
        text = re.sub(rf"\b{old}\b", new, text)
    model = classifier(text, "scores", WEIGHTS)
    assert {"label", "image", "saliency", "logits"} <= {
        o for n in model.graph.node for o in n.output
    }
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    for name in ("logits", "saliency"):
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-6)
    inner = outputs_of(differentiate(model, wrt="logits"), label=LABEL)
    np.testing.assert_allclose(inner["logits"], expected["logits"], rtol=1e-6)
    assert inner["activation"].shape == (3, 8, 4, 3)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize(("opset", "scale"), [(7, 1.6), (9, 2.3), (10, 1.6), (10, 0.6)])
def test_old_operator_sets_sample_where_they_did(opset: int, scale: float, mode: str) -> None:
    scales = np.array([1, 1, scale, scale], np.float32)
    text = f'up = Resize<mode = "{mode}">(picture, scales) scores = Flatten(up)'
    weights = {"scales": scales}
    if opset < 10:
        text = text.replace("Resize", "Upsample")
    if opset == 7:
        text = text.replace(">(picture, scales)", f", scales = {scales.tolist()}>(picture)")
        weights = {}
    model = classifier(text, "scores", weights, opset=opset)
    result = differentiate(model, target="weights", result="gradient")
    expected = run(model, {"picture": IMAGE})[0]
    weights = {"weights": random(*expected.shape)}
    actual = outputs_of(result, **weights)
    np.testing.assert_allclose(actual["logits"], expected, rtol=1e-5, atol=1e-6)
    # It is linear: the gradient times the image is the weights times the logits.
    total = (actual["gradient"] * IMAGE).sum()
    assert total == pytest.approx((weights["weights"] * expected).sum(), rel=1e-3)


def test_the_first_group_normalisation_is_valid() -> None:
    text = TWO_HEADS.replace(
        "Tanh(late)", "GroupNormalization<num_groups = 2>(late, scale, shift) unused = Tanh(late)"
    )
    weights = {**WEIGHTS, "scale": random(2), "shift": random(2, key=1)}
    model = classifier(text, "scores", weights, opset=18)
    actual = outputs_of(differentiate(model), label=LABEL)["logits"]
    np.testing.assert_allclose(actual, run(model, {"picture": IMAGE})[0], rtol=1e-4, atol=1e-5)


def test_outputs_may_leave_out_their_shapes() -> None:
    model = two_heads()
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_array_equal(actual["saliency"], expected["saliency"])


def test_initialisers_may_be_declared_as_inputs() -> None:
    model = two_heads()
    for tensor in model.graph.initializer:
        info = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        model.graph.input.append(info)
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_array_equal(actual["saliency"], expected["saliency"])


def test_nodes_may_stand_in_any_order() -> None:
    """As converters to half precision leave them; ONNX Runtime sorts nodes itself."""
    model = two_heads()
    nodes = [
        model.graph.node[i] for i in np.random.default_rng(0).permutation(len(operators(model)))
    ]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_local_functions_are_inlined() -> None:
    text = TWO_HEADS.replace("gate = Sigmoid(early_features)", "").replace(
        "swish = Mul(early_features, gate)", "swish = local.Swish(early_features)"
    )
    model = classifier(text, "scores", WEIGHTS, domains={"local": 1})
    head = '<opset_import: ["" : 17], domain: "local"> Swish (x) => (y)'
    body = head + " { s = Sigmoid(x) y = Mul(x, s) }"
    model.functions.append(onnx.parser.parse_function(body))
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_places_of_an_affine_grid() -> None:
    """A network that turns its image upside down before it looks at it."""
    text = """
        pooled = GlobalAveragePool(picture)
        none = Mul(pooled, zero)
        turned = Reshape(none, flat)
        six = Concat<axis = 1>(turned, turned)
        angles = Reshape(six, two_by_three)
        theta = Add(angles, rotation)
        grid = AffineGrid(theta, size)
        seen = GridSample(picture, grid)
        weighed = Mul(seen, w)
        scores = ReduceSum<keepdims = 0>(weighed, ends)
    """
    weights: dict[str, Any] = {
        "zero": np.float32(0), "flat": np.array([-1, 3]), "two_by_three": np.array([-1, 2, 3]),
        "rotation": np.array([[-1, 0, 0], [0, -1, 0]], np.float32), "size": np.array([1, 3, 8, 8]),
        "w": random(3, 8, 8), "ends": np.array([2, 3]),
    }  # fmt: skip
    model = classifier(text, "scores", weights, picture="float[1, 3, 8, 8]", opset=20)
    result = differentiate(model, result="gradient")
    image = spread((1, 3, 8, 8))
    actual = run(result.model, {"image": image, "label": np.array([1])}, ["gradient"])[0]
    np.testing.assert_allclose(actual[0, 1], weights["w"][1, ::-1, ::-1], rtol=1e-4, atol=1e-5)
    assert np.abs(actual[0, [0, 2]]).max() < 1e-6


def test_a_branch_that_is_constant_is_taken() -> None:
    then = "then_branch = a () => (float[N, K] p) { p = Gemm<transB = 1>(flat, w3) }"
    other = "else_branch = b () => (float[N, K] q) { q = Gemm<transB = 1>(early_flat, w4) }"
    text = TWO_HEADS.replace("scores = Gemm<transB = 1>(flat, w3)", "")
    model = classifier(
        text + f"scores = If(yes) <{then}, {other}>", "scores", {**WEIGHTS, "yes": np.array(True)}
    )
    actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_a_branch_that_shapes_decide_is_taken() -> None:
    """As exporters write a squeeze: the batch is not known, but it is not empty."""
    inner = "then_branch = c () => (float[N, K] r) { r = Identity(early_scores) }"
    inner += ", else_branch = d () => (float[N, K] s) { s = Gemm<transB = 1>(flat, w3) }"
    then = "then_branch = a () => (float[N, K] p) { p = Identity(early_scores) }"
    other = f"else_branch = b () => (float[N, K] q) {{ q = If(empty) <{inner}> }}"
    text = (
        TWO_HEADS.replace("scores = Gemm<transB = 1>(flat, w3)", "", 1)
        + f"""
        dims = Shape(picture) count = ReduceProd<keepdims = 0>(dims) empty = Equal(count, none)
        scores = If(empty) <{then}, {other}>
    """
    )
    for picture in ("float[N, 3, 9, 8]", "float[1, 3, 9, 8]"):
        weights = {**WEIGHTS, "none": np.int64(0)}
        model = classifier(text, "scores early_scores", weights, picture=picture)
        actual, expected = (outputs_of(differentiate(m), label=LABEL) for m in (model, two_heads()))
        np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


# Batches


def test_a_fixed_batch_is_freed_where_the_reshapes_allow() -> None:
    text = TWO_HEADS.replace("flat = Flatten(pooled)", "flat = Reshape(pooled, shape)")
    weights = {**WEIGHTS, "shape": np.array([1, 8])}
    model = classifier(text, "scores", weights, picture="float[1, 3, 9, 8]")
    result = differentiate(model)
    assert result.batch is None
    actual, expected = (outputs_of(r, label=LABEL) for r in (result, differentiate(two_heads())))
    np.testing.assert_allclose(actual["saliency"], expected["saliency"], rtol=1e-6)


def test_a_class_token_of_one_image_is_repeated() -> None:
    text = """
        patches = Conv<strides = [3, 4]>(picture, w)
        rows = Reshape(patches, shape)
        tokens = Transpose<perm = [0, 2, 1]>(rows)
        all = Concat<axis = 1>(token, tokens)
        key = MatMul(all, k)
        turned = Transpose<perm = [0, 2, 1]>(key)
        match = MatMul(all, turned)
        seen = Softmax(match)
        mixed = MatMul(seen, all)
        first = Gather<axis = 1>(mixed, zero)
        scores = MatMul(first, head)
    """
    weights = {
        "w": random(4, 3, 3, 4), "shape": np.array([1, 4, -1]), "token": random(1, 1, 4, key=3),
        "k": random(4, 4, key=4), "zero": np.int64(0), "head": random(4, 5, key=5),
    }  # fmt: skip
    result = differentiate(classifier(text, "scores", weights, picture="float[1, 3, 9, 8]"))
    assert result.batch is None
    actual = outputs_of(result, label=LABEL)
    alone = differentiate(classifier(text, "scores", weights, picture="float[1, 3, 9, 8]"), batch=1)
    for i in range(3):
        each = run(alone.model, {"image": IMAGE[i : i + 1], "label": LABEL[i : i + 1]})
        np.testing.assert_allclose(actual["saliency"][i], each[1][0], rtol=1e-4, atol=1e-7)


def test_a_model_that_mixes_its_batch_takes_one_image_at_a_time() -> None:
    text = TWO_HEADS.replace(
        "swish = Mul(early_features, gate)",
        "mean = ReduceMean<axes = [0], keepdims = 1>(early_features) swish = Mul(mean, gate)",
    )
    result = differentiate(classifier(text, "scores", WEIGHTS))
    assert (result.batch, result.shape[0]) == (1, 1)
    one = run(result.model, {"image": IMAGE[:1], "label": LABEL[:1]}, list(result.outputs))
    expected = outputs_of(differentiate(two_heads()), label=LABEL)
    np.testing.assert_allclose(one[1][0], expected["saliency"][0], rtol=1e-4, atol=1e-7)


def test_other_sizes_than_the_declared_one() -> None:
    result = differentiate(two_heads(), size=(16, 12))
    assert (result.size, result.shape) == ((16, 12), (None, 3, 16, 12))
    open_ended = differentiate(two_heads(picture="float[N, 3, H, W]"), size=(16, 12))
    feeds = {"image": spread((2, 3, 16, 12)), "label": np.array([1, 3])}
    actual, expected = (run(r.model, feeds)[1] for r in (result, open_ended))
    np.testing.assert_array_equal(actual, expected)
