"""Models that cannot be differentiated cost one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper

from augcli.autodiff import cache_key, differentiate
from augcli.errors import UserError
from tests.helpers.finite_differences import random
from tests.helpers.networks import TWO_HEADS, WEIGHTS, classifier, two_heads


def refusal(model: ModelProto | Path, **options: Any) -> str:
    """The message of the UserError, which is one line."""
    with pytest.raises(UserError) as caught:
        differentiate(model, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


def test_missing_rules_are_named_together() -> None:
    text = """
        grid = Constant<value = float[1, 4, 4, 2] {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
            0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
            0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}>()
        sampled = GridSample<mode = "bicubic">(picture, grid)
        square = Det(sampled)
        twice = Mul(square, square)
        first = Slice(picture, zero, four, rows)
        second = Det(first)
        scores = Add(twice, second)
    """
    weights = {"zero": np.array([0, 0]), "four": np.array([4, 4]), "rows": np.array([2, 3])}
    model = classifier(text, "scores", weights, picture="float[1, 3, 8, 8]")
    for node in model.graph.node:
        node.name = f"node_{node.output[0]}"
    message = refusal(model)
    assert message.startswith(
        "No gradient rule for Det (node_square, node_second); GridSample (node_s"
    )


def test_an_attribute_that_a_rule_does_not_know_is_a_missing_rule() -> None:
    text = "moved = GatherND<batch_dims = 1>(picture, at) scores = Mul(moved, moved)"
    at = np.zeros((1, 5, 3), np.int64)
    model = classifier(text, "scores", {"at": at}, picture="float[1, 3, 8, 8]")
    assert "GatherND: its batch_dims are not 0" in refusal(model)


def test_operators_from_elsewhere_are_named() -> None:
    text = TWO_HEADS.replace("Tanh(late)", "other.Tanh(late)").replace("Sigmoid(", "more.Gate(")
    model = classifier(text, "scores", WEIGHTS, domains={"other": 1, "more": 3})
    message = refusal(model)
    assert "more.Gate (making gate)" in message
    assert "other.Tanh (making features)" in message


def test_lists_of_tensors_are_named_too() -> None:
    text = """
        parts = SplitToSequence<axis = 1>(picture, ones)
        part = SequenceAt(parts, zero)
        flat = Flatten(part)
        whole = ReduceMean<axes = [1], keepdims = 0>(picture)
        other = Flatten(whole)
        scores = Add(flat, other)
    """
    model = classifier(text, "scores", {"ones": np.array([1, 1, 1]), "zero": np.int64(0)})
    actual = refusal(model)
    assert "SequenceAt (making part); SplitToSequence (making parts);" in actual
    text = text.replace("Add(flat, other)", "Identity(other)") + "count = SequenceLength(parts)"
    model = classifier(text, "scores", {"ones": np.array([1, 1, 1]), "zero": np.int64(0)})
    assert differentiate(model).classes == 72


def test_an_operator_behind_the_tensor_or_the_head_is_ignored() -> None:
    text = TWO_HEADS.replace("swish = Mul", "odd = other.Odd(early_features) swish = Mul")
    model = classifier(text, "scores odd", WEIGHTS, domains={"other": 1})
    assert differentiate(model).classes == 5
    text = TWO_HEADS.replace("Tanh(late)", "other.Odd(late)")
    model = classifier(text, "scores early_scores", WEIGHTS, domains={"other": 1})
    assert differentiate(model, output="early_scores").classes == 5
    assert "other.Odd (making features)" in refusal(model)


def test_unknown_names_get_the_closest_one() -> None:
    assert refusal(two_heads(), output="score").endswith(
        "no tensor named 'score' (did you mean 'scores'?); `augcli model inspect MODEL` lists them."
    )
    assert "did you mean 'features'?" in refusal(two_heads(), wrt="featurs")
    assert refusal(two_heads(), wrt="zzzzzz").startswith(
        "The model has no tensor named 'zzzzzz'; `augcli model inspect"
    )


def test_a_tensor_that_the_head_does_not_use() -> None:
    message = refusal(two_heads(), wrt="features", output="early_scores")
    assert message.startswith("Tensor 'early_scores' does not depend on 'features'")


def test_a_saliency_map_needs_four_axes() -> None:
    assert "has no saliency map" in refusal(two_heads(), wrt="flat")
    assert differentiate(two_heads(), wrt="flat", result="gradient").outputs[2] == "activation"


def test_an_inner_tensor_must_hold_floats() -> None:
    text = "s = Shape(picture) n = Cast<to = 1>(s) m = ReduceMax(n) scaled = Mul(picture, m)"
    text += TWO_HEADS.replace("(picture", "(scaled")
    model = classifier(text, "scores", WEIGHTS)
    assert "does not depend on 's'" in refusal(model, wrt="s")


def test_sizes() -> None:
    any_size = two_heads(picture="float[N, 3, H, W]")
    assert "any size" in refusal(any_size)
    assert "cannot take images of 0 x 8 pixels" in refusal(any_size, size=(0, 8))
    assert "cannot take images of -4 x 8 pixels" in refusal(any_size, size=(-4, 8))
    assert "pixels" in refusal(any_size, size=(1 << 20, 1 << 20))
    text = TWO_HEADS.replace("flat = Flatten(pooled)", "flat = Flatten(features)")
    weights = {**WEIGHTS, "w3": random(5, 96)}
    fixed = classifier(text, "scores", weights)
    assert differentiate(fixed).classes == 5
    message = refusal(fixed, size=(20, 20))
    assert message.startswith("ONNX Runtime cannot run the model on 1x3x20x20 values: ")
    assert "ONNXRuntimeError" not in message


def test_outputs_that_hold_no_logits() -> None:
    model = classifier(TWO_HEADS, "features", WEIGHTS)
    assert "(N, 8, 4, 3) holds no logits" in refusal(model)
    text = TWO_HEADS + "best = ArgMax(scores)"
    model = classifier(text, "best", WEIGHTS)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    assert "no output of floats" in refusal(model)
    assert differentiate(model, output="scores").classes == 5


def test_a_constant_output() -> None:
    model = classifier(TWO_HEADS + "end = Add(b1, b1)", "end", WEIGHTS)
    assert "reads none" in refusal(model)
    model = classifier(
        "f = Floor(picture) scores = ReduceSum<keepdims = 0>(f, axes)",
        "scores",
        {"axes": np.array([2, 3])},
    )
    assert "does not depend on 'picture' differentiably" in refusal(model)


def test_several_inputs() -> None:
    model = two_heads()
    model.graph.input.append(helper.make_tensor_value_info("mask", 1, ["N", 6, 9, 8]))
    model.graph.node[1].input[0] = "mask"
    assert "reads 'picture', 'mask'" in refusal(model)


@pytest.mark.parametrize("picture", ["float[N, 3]", "float[N, 3, 9, 8, 1]", "float[9, 8, 3]"])
def test_inputs_that_are_no_images(picture: str) -> None:
    assert "it needs four dimensions" in refusal(two_heads(picture=picture))


def test_operator_sets_that_cannot_be_converted() -> None:
    text = 'up = Upsample<mode = "linear">(picture, scales) scores = Flatten(up)'
    model = classifier(text, "scores", {"scales": np.array([1, 1, 2, 2], np.float32)}, opset=9)
    model.graph.node.append(helper.make_node("Scan", ["picture"], ["never"]))
    assert "is not valid" in refusal(model)


def test_dropped_training_modes() -> None:
    text = (
        "y, m, v = BatchNormalization<training_mode = 1>(picture, a, b, a, b) scores = Flatten(y)"
    )
    ones = np.ones(3, np.float32)
    model = classifier(text, "scores", {"a": ones, "b": ones})
    assert "BatchNormalization: it is in training mode" in refusal(model)


# Files


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert "Cannot read the model" in refusal(path)
    assert "Cannot read the model" in refusal(tmp_path)
    for content in (b"", b"\0" * 64, b"GIF89a....", b"\x08\x08\x12", bytes(range(256)) * 9):
        path.write_bytes(content)
        assert "model.onnx" in refusal(path)
    path.write_bytes(two_heads().SerializeToString()[:-200])
    assert "model.onnx" in refusal(path)


@pytest.mark.parametrize(
    "place", ["../outside.data", "/etc/hostname", "link.data", "", "sub/../../outside.data"]
)
def test_weights_outside_of_the_folder(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "sub").mkdir()
    onnx.save(
        two_heads(),
        folder / "m.onnx",
        save_as_external_data=True,
        location="w.data",
        size_threshold=0,
    )
    (folder / "w.data").rename(tmp_path / "outside.data")
    (folder / "link.data").symlink_to(tmp_path / "outside.data")
    model = onnx.load(folder / "m.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    assert "no file in the model's own folder" in refusal(folder / "m.onnx")
    with pytest.raises(UserError, match="own folder"):
        cache_key(folder / "m.onnx")


def test_weights_that_are_missing_or_short(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(two_heads(), path, save_as_external_data=True, location="w.data", size_threshold=0)
    data = (tmp_path / "w.data").read_bytes()
    (tmp_path / "w.data").write_bytes(data[:100])
    assert "m.onnx" in refusal(path)
    (tmp_path / "w.data").unlink()
    assert "w.data" in refusal(path)
    assert "give the path" in refusal(onnx.load(path, load_external_data=False))


def broken(change: Any) -> ModelProto:
    model = two_heads()
    change(model.graph)
    return model


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.node.pop(0),
        lambda g: g.node.append(g.node[0]),
        lambda g: g.node[0].input.__setitem__(0, "features"),
        lambda g: g.initializer[0].dims.append(2),
        lambda g: g.initializer[0].dims.__setitem__(0, -6),
        lambda g: g.initializer[0].__setattr__("data_type", 77),
        lambda g: g.initializer[0].__setattr__("raw_data", b"abc"),
        lambda g: g.node[3].attribute[0].ints.append(2),
        lambda g: g.node[3].attribute[0].ints.__setitem__(0, 0),
        lambda g: g.node[0].attribute[0].ints.__setitem__(0, 2**40),
        lambda g: g.node[0].__setattr__("op_type", "Nonsense"),
        lambda g: g.node[7].__setattr__("op_type", "Loop"),
        lambda g: g.node[2].__setattr__("op_type", "Constant"),
        lambda g: g.output[0].__setattr__("name", "nowhere"),
        lambda g: g.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", -3),
        lambda g: g.input[0].type.tensor_type.shape.dim[2].__setattr__("dim_value", 2**40),
    ],
)
def test_models_that_are_broken(change: Any) -> None:
    refusal(broken(change))


def test_functions_that_call_themselves() -> None:
    text = TWO_HEADS.replace("Tanh(late)", "local.Again(late)")
    model = classifier(text, "scores", WEIGHTS, domains={"local": 1})
    head = '<opset_import: ["" : 17, "local" : 1], domain: "local"> Again (x) => (y)'
    model.functions.append(onnx.parser.parse_function(head + " { y = local.Again(x) }"))
    refusal(model)
