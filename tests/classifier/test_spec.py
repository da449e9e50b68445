"""What a classifier is asked with: its classes, its identity, its device, refusals."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from augcli.classifier import build as classifier_module
from augcli.classifier import runner as runner_module
from augcli.classifier.build import build_spec, map_classes
from augcli.classifier.preprocess import Preprocessing
from augcli.classifier.settings import ModelSettings
from augcli.classifier.spec import ClassifierSpec
from augcli.errors import UserError
from augcli.saliency.classifier import classifier_maps, images_at_once
from tests.helpers.onnx_models import (
    ALL,
    CLASSES,
    PLAIN,
    SAMPLE,
    channel_means,
    mixed_then_pooled,
    model,
    noise,
    saved,
    weighted_sums,
)


def test_spec_of_the_sample(sample: ClassifierSpec) -> None:
    assert sample.preprocessing == Preprocessing((96, 96), (0.5,), (0.25,), 255.0, "rgb")
    assert (sample.outputs, sample.class_map, sample.target) == (5, (0, 1, 2, 3, 4), "weights")
    assert SAMPLE.stat().st_size < 300_000
    assert sample.device == "cpu" and images_at_once(sample) == 1
    assert images_at_once(replace(sample, device="cuda")) == sample.batch > 1
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_class_names_beside_the_model(tmp_path: Path) -> None:
    path = saved(channel_means(), tmp_path)
    (tmp_path / "model.toml").write_text("size = 8\nscale = 1\nclasses = ['c', 'a', 'b']\n")
    spec = build_spec(path, ("a", "b"), [("gradient", None)])
    assert spec.class_map == (1, 2)
    with pytest.raises(UserError, match=r"Class 'bb' of .* is not in the class list of .*'b'\?"):
        build_spec(path, ("a", "bb"), [("gradient", None)])


@pytest.mark.parametrize(
    ("classes", "names", "message"),
    [
        ("ab", None, "has 2 classes and the classifier 3 outputs; .*--class-list.*predicted"),
        ("ab", "ab", r"2 names in the list, but 3 outputs"),
        ("ad", "abc", "Class 'd' of the data set is not in the list"),
        ("ab", "aba", "Class 'a' of the data set occurs 2 times in the list"),
    ],
)
def test_classes_that_do_not_fit(classes: str, names: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        map_classes(tuple(classes), 3, None if names is None else tuple(names), "the list")


def test_classes_by_order_and_by_name() -> None:
    assert map_classes(("x", "y", "z"), 3, None, "") == (0, 1, 2)
    assert map_classes(("c", "a"), 3, ("a", "b", "c"), "") == (2, 0)


def test_predicted_needs_no_classes(tmp_path: Path) -> None:
    weights = np.random.default_rng(3).standard_normal((4, 3, 6, 6)).astype(np.float32)
    path = saved(weighted_sums(weights), tmp_path)
    spec = build_spec(
        path, ("any",), [("gradient", None)], options=ModelSettings(scale=1, mean=(128,)),
        predicted=True,
    )  # fmt: skip
    assert spec.class_map is None
    image = np.where(weights[2].transpose(1, 2, 0) > 0, 255, 0).astype(np.uint8)
    (actual,) = classifier_maps(spec, "gradient", [image], [((0,), (1.0,))])
    expected = np.abs(weights[2]).max(axis=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * expected.max())


def test_identity_is_what_maps_depend_on(sample: ClassifierSpec) -> None:
    identity = sample.identity()
    assert json.loads(json.dumps(identity))["class_map"] == [0, 1, 2, 3, 4]
    how = replace(sample, device="cuda", batch=3, cache="elsewhere", model="moved.onnx")
    assert how.identity() == identity
    for what in (
        {"digest": "0"}, {"head": "x"}, {"layer": "x"}, {"class_map": (1, 0, 2, 3, 4)},
        {"class_map": None}, {"preprocessing": Preprocessing((96, 96))},
    ):  # fmt: skip
        assert replace(sample, **what).identity() != identity


def test_digest_is_of_the_weights_beside_the_model_too(tmp_path: Path) -> None:
    weights = np.ones((3, 3, 16, 16), np.float32)
    network = weighted_sums(weights)
    path = tmp_path / "model.onnx"
    onnx.save_model(network, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    digests = set()
    for value in (0, 1):
        data = bytearray((tmp_path / "w.bin").read_bytes())
        data[0] = value
        (tmp_path / "w.bin").write_bytes(data)
        spec = build_spec(path, "abc", [("gradient", None)], options=PLAIN)
        digests.add(spec.digest)
    assert len(digests) == 2


def test_a_model_that_changes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(channel_means(), tmp_path)
    options = ModelSettings(size=(8, 8), scale=1)
    spec = build_spec(path, "abc", [("gradient", None)], options=options)
    onnx.save(channel_means((1, 3, 8, 8)), path)
    label = ((1,), (1.0,))
    assert classifier_maps(spec, "gradient", [noise(8, 8)], [label])[0].any()
    monkeypatch.setattr(runner_module, "_runners", {})  # as in a process that starts now
    with pytest.raises(UserError, match=r"model\.onnx has changed"):
        classifier_maps(spec, "gradient", [noise(8, 8)], [label])


def test_a_head_of_its_own_classes(tmp_path: Path) -> None:
    network = mixed_then_pooled(np.ones((2, 3), np.float32), np.eye(2, dtype=np.float32))
    network.graph.node.append(helper.make_node("Gemm", ["flat", "wide"], ["other"], transB=1))
    network.graph.initializer.append(
        onnx.numpy_helper.from_array(np.ones((5, 2), np.float32), "wide")
    )
    network.graph.output.append(helper.make_tensor_value_info("other", 1, ["N", 5]))
    path = saved(network, tmp_path)
    for head, outputs in ((None, 2), ("other", 5)):
        options = ModelSettings(size=(8, 8), scale=1, head=head)
        spec = build_spec(path, "ab", [("gradient", None)], options=options, predicted=True)
        assert (spec.head, spec.outputs) == (head, outputs)


def test_every_mistake_is_an_error_before_any_work(tmp_path: Path) -> None:
    path = saved(channel_means(), tmp_path)
    (tmp_path / "text.onnx").write_text("no model")
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    (tmp_path / "wide").write_bytes("a\nb\nc\n".encode("utf-16"))
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "long").write_bytes(b"")
    os.truncate(tmp_path / "long", 1 << 33)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "marked").write_bytes("\ufeffc\r\nb\r\na\r\n".encode())
    sized = ModelSettings(size=(8, 8), scale=1)
    maps: list[tuple[str, int | None]] = [("gradient", None)]

    def build(file: str = "model.onnx", classes: str = "abc", **options: Any) -> ClassifierSpec:
        options = {"options": sized, **options}
        return build_spec(tmp_path / file, classes, options.pop("wanted", maps), **options)

    assert build().class_map == (0, 1, 2)
    assert build(class_list=tmp_path / "marked").class_map == (2, 1, 0)
    for message, options in (
        ("Cannot read the model .*absent.onnx", {"file": "absent.onnx"}),
        ("text.onnx is not", {"file": "text.onnx"}),
        ("has no saliency 'gradients'; choose gradient, ", {"wanted": [("gradients", None)]}),
        ("--model-size", {"options": PLAIN}),
        ("Nothing says how", {"options": ModelSettings(size=(8, 8))}),
        ("2 classes and the classifier 3 outputs", {"classes": "ab"}),
        ("no tensor named 'x'", {"options": sized.model_copy(update={"head": "x"})}),
        ("no tensor named 'x'", {"options": sized.model_copy(update={"layer": "x"}),
                                 "wanted": [("gradcam", None)]}),
        ("--class-list .*absent cannot be read: No such", {"class_list": tmp_path / "absent"}),
        ("--class-list .*latin is no text in UTF-8", {"class_list": tmp_path / "latin"}),
        ("--class-list .*wide is no text .*: it is in UTF-16", {"class_list": tmp_path / "wide"}),
        ("endless is not a regular file", {"class_list": tmp_path / "endless"}),
        ("pipe is not a regular file", {"class_list": tmp_path / "pipe"}),
        ("long is larger than 64 MiB", {"class_list": tmp_path / "long"}),
        ("saliency cache .* cannot be written", {"cache": path / "inner"}),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            build(**options)
    assert path.is_file()


def test_a_model_without_a_rule_names_it(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Det", ["square"], ["logits"]),
        helper.make_node("Reshape", ["flat", "shape"], ["square"]),
    ]
    network = model(
        [nodes[0], nodes[2], nodes[1]], {"shape": np.array([-1, 1, 4, 4])}, ["N", 1, 4, 4],
        {"logits": ["N", 1]},
    )  # fmt: skip
    with pytest.raises(UserError, match="No gradient rule for Det"):
        build_spec(saved(network, tmp_path), "a", [("gradient", None)], options=PLAIN)


def test_device_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []

    def resolve(device: str, models: list[bytes], warn: Any) -> str:
        calls.append((device, len(models)))
        warn("once")
        return "cpu"

    monkeypatch.setattr(classifier_module, "resolve_device", resolve)
    warnings: list[str] = []
    build_spec(SAMPLE, CLASSES, ALL[:2], device="auto", warn=warnings.append)
    assert (calls, warnings) == ([("auto", 2)], ["once"])
