"""Quantised models: constants exactly, ranges as clipping, rounding left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from augcli.autodiff import differentiate
from augcli.autodiff import rewrites as _rewrites  # noqa: F401  (fills the table)
from augcli.autodiff.rewrite import rewrite
from tests.helpers.finite_differences import assert_gradient, network, random, run, spread
from tests.helpers.networks import classifier

MICROSOFT = "com.microsoft"
X = spread((2, 2, 6, 5), -1.8, 1.8)


def quantised(
    array: np.ndarray, axis: int | None = None, dtype: Any = np.int8
) -> tuple[Any, Any, Any]:
    """(codes, scale, zero point), one scale for each index of an axis."""
    info = np.iinfo(dtype)
    others = None if axis is None else tuple(i for i in range(array.ndim) if i != axis)
    low = np.minimum(array.min(axis=others, keepdims=True), 0)
    high = np.maximum(array.max(axis=others, keepdims=True), 0)
    scale = ((high - low) / (info.max - info.min)).astype(np.float32)
    zero = np.rint(info.min - low / scale).astype(dtype)
    codes = np.clip(np.rint(array / scale) + zero, info.min, info.max).astype(dtype)
    shape = () if axis is None else (-1,)
    return codes, scale.reshape(shape), zero.reshape(shape)


def float_of(codes: Any, scale: Any, zero: Any) -> np.ndarray:
    return (codes.astype(np.float32) - zero) * scale


def nodes(*specs: tuple[Any, ...]) -> list[onnx.NodeProto]:
    """(operator, inputs, outputs, attributes, domain) each."""
    return [
        helper.make_node(op, i.split(), o.split(), domain=domain, **attributes)
        for op, i, o, attributes, domain in specs
    ]


def rewritten(model: ModelProto) -> ModelProto:
    """The float model, which must have nothing quantised left."""
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    result = rewrite(model)
    names = {n.op_type for n in result.graph.node}
    assert not [n for n in names if "Quant" in n or "Integer" in n or n.startswith(("QL", "QG"))]
    assert not [n for n in result.graph.node if n.domain]
    return result


PAIR = nodes(("QuantizeLinear", "x s z", "q", {}, ""), ("DequantizeLinear", "q s z", "y", {}, ""))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_a_pair_is_clipping_to_the_range(dtype: Any) -> None:
    info = np.iinfo(dtype)
    scale = np.float32(2.4 / (info.max - info.min))
    zero = np.asarray((info.max + info.min) // 2 + 3, dtype)
    model = rewritten(network(PAIR, (2, 6, 5), {"s": scale, "z": zero}, 21))
    assert [n.op_type for n in model.graph.node if n.op_type != "Identity"] == ["Clip"]
    low, high = (info.min - float(zero)) * scale, (info.max - float(zero)) * scale
    np.testing.assert_allclose(run(model, {"x": X})[0], X.clip(low, high), rtol=1e-6)
    assert_gradient(model, X)


def test_a_pair_without_a_zero_point_is_of_unsigned_bytes() -> None:
    pair = nodes(("QuantizeLinear", "x s", "q", {}, ""), ("DequantizeLinear", "q s", "y", {}, ""))
    model = rewritten(network(pair, (2, 6, 5), {"s": np.float32(0.005)}, 17))
    np.testing.assert_allclose(run(model, {"x": X})[0], X.clip(0, 255 * 0.005), rtol=1e-6)


def test_codes_may_be_read_as_they_are() -> None:
    """Not every consumer of codes is a DequantizeLinear of the same scale."""
    specs = nodes(
        ("QuantizeLinear", "x s z", "q", {}, ""),
        ("MaxPool", "q", "p", {"kernel_shape": [2, 2]}, ""),
        ("DequantizeLinear", "p t z", "y", {}, ""),
    )
    weights = {"s": np.float32(0.02), "t": np.float32(0.05), "z": np.uint8(100)}
    model = network(specs, (2, 6, 5), weights, 17)
    expected = run(model, {"x": X})[0]
    actual = run(rewritten(model), {"x": X})[0]
    assert np.abs(actual - expected).max() <= 0.5 * 0.05 + 1e-6


def test_codes_are_padded_with_a_code() -> None:
    specs = nodes(
        ("QuantizeLinear", "x s z", "q", {}, ""),
        ("Transpose", "q", "t", {"perm": [0, 2, 3, 1]}, ""),
        ("Pad", "t pads z", "p", {}, ""),
        ("DequantizeLinear", "p s z", "y", {}, ""),
    )
    pads = np.array([0, 1, 0, 0, 0, 0, 2, 1])
    initializers = {"s": np.float32(0.02), "z": np.uint8(100), "pads": pads}
    model = network(specs, (2, 6, 5), initializers, 17)
    expected = run(model, {"x": X})[0]
    actual = run(rewritten(model), {"x": X})[0]
    assert np.abs(actual - expected).max() <= 0.5 * 0.02 + 1e-6


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_weights_are_dequantised_exactly(axis: int | None) -> None:
    codes, scale, zero = quantised(random(4, 2, 3, 3), axis)
    attributes = {} if axis is None else {"axis": axis}
    specs = nodes(("DequantizeLinear", "w s z", "f", attributes, ""), ("Conv", "x f", "y", {}, ""))
    model = rewritten(network(specs, (2, 6, 5), {"w": codes, "s": scale, "z": zero}, 17))
    shape = [-1 if i == axis else 1 for i in range(4)]
    weights = float_of(codes, scale.reshape(shape), zero.reshape(shape))
    plain = network(nodes(("Conv", "x f", "y", {}, "")), (2, 6, 5), {"f": weights}, 17)
    np.testing.assert_array_equal(run(model, {"x": X})[0], run(plain, {"x": X})[0])


def test_blocks_have_their_own_scales() -> None:
    codes = np.arange(24, dtype=np.int8).reshape(6, 4) - 9
    scale, zero = np.abs(random(3, 4)) + 0.1, np.arange(12, dtype=np.int8).reshape(3, 4)
    specs = nodes(
        ("DequantizeLinear", "w s z", "f", {"axis": 0, "block_size": 2}, ""),
        ("MatMul", "x f", "y", {}, ""),
    )
    model = rewritten(network(specs, (6,), {"w": codes, "s": scale, "z": zero}, 21))
    weights = float_of(codes, np.repeat(scale, 2, 0), np.repeat(zero, 2, 0))
    x = random(2, 6)
    np.testing.assert_allclose(run(model, {"x": x})[0], x @ weights, rtol=1e-5, atol=1e-5)


def test_float_weights_that_a_pair_rounds_are_rounded() -> None:
    weights = random(4, 2, 3, 3)
    _, scale, zero = quantised(weights, 0)
    specs = nodes(
        ("QuantizeLinear", "w s z", "q", {"axis": 0}, ""),
        ("DequantizeLinear", "q s z", "f", {"axis": 0}, ""),
        ("Conv", "x f", "y", {}, ""),
    )
    initializers = {"w": weights, "s": scale, "z": zero}
    model = network(specs, (2, 6, 5), initializers, 17)
    expected = run(model, {"x": X})[0]
    np.testing.assert_allclose(run(rewritten(model), {"x": X})[0], expected, rtol=1e-5, atol=1e-5)


def linear(
    op: str,
    *operands: Any,
    domain: str = "",
    out: tuple[float, int] = (0.05, 128),
    **attributes: Any,
) -> ModelProto:
    """x quantised, an operator on codes, and the result dequantised."""
    constants: dict[str, Any] = {"xs": np.float32(4 / 255), "xz": np.uint8(128)}
    constants |= {"ys": np.float32(out[0]), "yz": np.uint8(out[1])}
    names = ["xq", "xs", "xz"]
    for i, operand in enumerate(operands):
        constants[f"c{i}"] = operand
        names.append(f"c{i}")
    if op == "QLinearConv" and len(operands) == 4:
        names = [*names[:-1], "ys", "yz", names[-1]]
    elif op == "QLinearConcat":
        names = ["ys", "yz", *names, *names]
    else:
        names += ["ys", "yz"]
    specs = nodes(
        ("QuantizeLinear", "x xs xz", "xq", {}, ""),
        (op, " ".join(names), "yq", attributes, domain),
        ("DequantizeLinear", "yq ys yz", "y", {}, ""),
    )
    model = network(specs, (2, 6, 5), constants, 17)
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


W = quantised(random(4, 2, 3, 3), 0)
BIAS = np.array([40, -90, 7, 0], np.int32)
MATRIX = quantised(random(5, 3), None, np.uint8)
OTHER = (np.full((1, 2, 6, 5), 200, np.uint8), np.float32(0.01), np.uint8(90))
OPERATORS = {
    "QLinearConv": linear("QLinearConv", *W, pads=[1, 1, 1, 1], strides=[2, 1]),
    "QLinearConv, bias": linear("QLinearConv", *W, BIAS),
    "QLinearMatMul": linear("QLinearMatMul", *MATRIX),
    "QLinearAdd": linear("QLinearAdd", *OTHER, domain=MICROSOFT),
    "QLinearMul": linear("QLinearMul", *OTHER, domain=MICROSOFT),
    "QLinearConcat": linear("QLinearConcat", domain=MICROSOFT, axis=1),
    "QLinearLeakyRelu": linear("QLinearLeakyRelu", domain=MICROSOFT, alpha=0.2),
    "QLinearSigmoid": linear("QLinearSigmoid", domain=MICROSOFT, out=(1 / 255, 0)),
    "QLinearAveragePool": linear(
        "QLinearAveragePool", domain=MICROSOFT, kernel_shape=[2, 2], out=(0.02, 128)
    ),
    "QLinearGlobalAveragePool": linear(
        "QLinearGlobalAveragePool", domain=MICROSOFT, channels_last=0, out=(0.02, 128)
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_on_codes(name: str) -> None:
    """Within a step or two of ONNX Runtime's integer kernels, which round."""
    model = OPERATORS[name]
    step = float(numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "ys")))
    expected = run(model, {"x": X})[0]
    result = rewritten(model)
    actual = run(result, {"x": X})[0]
    # Rounded inputs are off by half a step of theirs, and outputs by half a step of their own.
    assert np.abs(actual - expected).max() <= 2.5 * step
    assert np.abs(actual - expected).mean() <= 0.6 * step
    assert_gradient(result, X, reference="AveragePool" not in name and "Concat" not in name)


def test_a_dense_layer_on_codes() -> None:
    weights, bias = quantised(random(7, 5), 0), np.array([3, -70, 9, 0, 21, 400, -3], np.int32)
    initializers: dict[str, Any] = {
        "xs": np.float32(4 / 255),
        "xz": np.uint8(128),
        "ys": np.float32(0.1),
        "yz": np.uint8(120),
    }
    initializers |= {"w": weights[0], "ws": weights[1], "wz": weights[2], "b": bias}
    specs = nodes(
        ("QuantizeLinear", "x xs xz", "xq", {}, ""),
        ("QGemm", "xq xs xz w ws wz b ys yz", "yq", {"transB": 1, "alpha": 1.0}, MICROSOFT),
        ("DequantizeLinear", "yq ys yz", "y", {}, ""),
    )
    model = network(specs, (5,), initializers, 17)
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    x = spread((2, 5), -1.9, 1.9)
    expected = run(model, {"x": x})[0]
    np.testing.assert_allclose(run(rewritten(model), {"x": x})[0], expected, atol=0.15)


@pytest.mark.parametrize("zero_of_weights", [0, 3])
def test_dynamic_quantisation_is_the_float_convolution(zero_of_weights: int) -> None:
    codes = (random(4, 2, 3, 3) * 40).astype(np.int8)
    specs = nodes(
        ("DynamicQuantizeLinear", "x", "xq xs xz", {}, ""),
        ("ConvInteger", "xq w xz wz", "c", {"pads": [1, 1, 1, 1]}, ""),
        ("Cast", "c", "f", {"to": 1}, ""),
        ("Mul", "xs ws", "s", {}, ""),
        ("Mul", "f s", "y", {}, ""),
    )
    initializers = {
        "w": codes.view(np.uint8) ^ 128,
        "wz": np.uint8(128 + zero_of_weights),
        "ws": np.float32(0.03),
    }
    model = rewritten(network(specs, (2, 6, 5), initializers, 17))
    weights = (codes.astype(np.float32) - zero_of_weights) * np.float32(0.03)
    conv = nodes(("Conv", "x f", "y", {"pads": [1, 1, 1, 1]}, ""))
    plain = network(conv, (2, 6, 5), {"f": weights}, 17)
    np.testing.assert_allclose(
        run(model, {"x": X})[0], run(plain, {"x": X})[0], rtol=1e-4, atol=1e-5
    )


def test_dynamic_quantisation_of_a_product() -> None:
    codes = (random(5, 3) * 40).astype(np.int8)
    specs = nodes(
        ("DynamicQuantizeLinear", "x", "xq xs xz", {}, ""),
        ("MatMulInteger", "xq w xz wz", "c", {}, ""),
        ("Cast", "c", "f", {"to": 1}, ""),
        ("Mul", "f xs", "y", {}, ""),
    )
    zero = np.array([1, -2, 3], np.int8)
    model = rewritten(network(specs, (6, 5), {"w": codes, "wz": zero}, 17))
    x = random(2, 6, 5)
    expected = x @ (codes.astype(np.float32) - zero)
    np.testing.assert_allclose(run(model, {"x": x})[0], expected, rtol=1e-4, atol=1e-4)


def test_static_codes_into_an_integer_product() -> None:
    codes = (random(5, 3) * 40).astype(np.int8)
    specs = nodes(
        ("QuantizeLinear", "x xs xz", "xq", {}, ""),
        ("MatMulInteger", "xq w xz", "c", {}, ""),
        ("Cast", "c", "f", {"to": 1}, ""),
        ("Mul", "f xs", "y", {}, ""),
    )
    initializers = {"w": codes, "xs": np.float32(0.05), "xz": np.uint8(128)}
    model = rewritten(network(specs, (6, 5), initializers, 17))
    x = random(2, 6, 5)
    np.testing.assert_allclose(
        run(model, {"x": x})[0], x @ codes.astype(np.float32), rtol=1e-4, atol=1e-3
    )


def test_products_that_quantise_their_input() -> None:
    codes, scale, zero = quantised(random(5, 3), None, np.uint8)
    initializers = {"w": codes, "s": scale, "z": zero, "b": random(3)}
    specs = nodes(("DynamicQuantizeMatMul", "x w s z b", "y", {}, MICROSOFT))
    model = rewritten(network(specs, (6, 5), initializers, 17))
    x = random(2, 6, 5)
    expected = x @ float_of(codes, scale, zero) + initializers["b"]
    np.testing.assert_allclose(run(model, {"x": x})[0], expected, rtol=1e-4, atol=1e-4)


def test_the_last_quantiser_is_taken_off() -> None:
    """At the ends of its range a logit would have no gradient."""
    text = """
        pooled = GlobalAveragePool(picture)
        flat = Flatten(pooled)
        product = MatMul(flat, w)
        q = QuantizeLinear(product, s, z)
        narrow = DequantizeLinear(q, s, z)
        scores = Add(narrow, b)
    """
    weights: dict[str, Any] = {
        "w": random(3, 5),
        "b": random(5, key=1),
        "s": np.float32(1e-3),
        "z": np.uint8(128),
    }
    result = differentiate(classifier(text, "scores", weights), result="gradient")
    image = random(2, 3, 9, 8, key=2) + 2
    label = np.array([1, 3])
    logits, gradient = run(result.model, {"image": image, "label": label}, ["logits", "gradient"])
    expected = image.mean(axis=(2, 3)) @ weights["w"] + weights["b"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4)
    slope = weights["w"][:, label].T[:, :, None, None] / 72
    np.testing.assert_allclose(gradient, np.broadcast_to(slope, image.shape), rtol=1e-4)
