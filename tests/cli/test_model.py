"""augcli model: what inspect tells, and heads that fit-head fits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import typer
from typer.testing import CliRunner, Result

from augcli.classifier.build import build_spec
from augcli.classifier.cost import multiply_adds
from augcli.classifier.head import (
    HELD_OUT,
    fit_linear,
    held_out,
    held_out_accuracy,
    minimise,
)
from augcli.classifier.preprocess import resize_to
from augcli.cli.model import model_app
from augcli.errors import UserError
from augcli.image.codec import decode
from augcli.saliency.classifier import classifier_maps
from tests.conftest import SAMPLE_DATA, tree
from tests.helpers.onnx_models import GOLDEN, SAMPLE, channel_means, model, real, saved

Run = Callable[..., Result]


@pytest.fixture
def augcli_model(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`augcli model ...`, in this process; a UserError is raised."""
    monkeypatch.delenv("AUGCLI_MODEL", raising=False)
    app = typer.Typer()
    app.add_typer(model_app)

    def run(*arguments: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["model", *map(str, arguments)])
        if isinstance(result.exception, UserError):
            raise result.exception
        assert result.exit_code == exit_code, result.output
        return result

    return run


def values_of(result: Result) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(result.stdout)
    return values


def test_inspect_tells_all_of_the_sample(augcli_model: Run) -> None:
    actual = values_of(augcli_model("inspect", SAMPLE, "--json"))
    assert actual["inputs"] == [{"name": "image", "dtype": "float", "shape": "(N, 3, H, W)"}]
    assert actual["outputs"] == [{"name": "logits", "dtype": "float", "shape": "(N, 5)"}]
    assert (actual["layout"], actual["batch"], actual["classes"]) == ("NCHW", None, 5)
    assert (actual["size"], actual["declared_size"]) == ([96, 96], None)
    assert actual["class_names"] == ["cat", "coffee", "flower", "rocket", "temple"]
    assert actual["preprocessing"] == {
        "size": [96, 96], "mean": [0.5], "std": [0.25], "scale": 255.0, "order": "rgb",
    }  # fmt: skip
    assert [head["name"] for head in actual["heads"]] == ["logits"]
    assert actual["feature_maps"][-1] == {
        "name": "relu4", "dtype": "float", "shape": "(N, 64, 12, 12)",
    }  # fmt: skip
    assert actual["operators"]["Conv"] == 5
    assert actual["missing_rules"] == {} and actual["refusal"] is None
    weights = onnx.load(SAMPLE).graph.initializer
    assert actual["parameters"] == sum(int(np.prod(tensor.dims)) for tensor in weights)
    sides, widths = (48, 24, 24, 12, 12), (3, 16, 24, 32, 48, 64)
    expected = sum(s * s * 9 * a * b for s, a, b in zip(sides, widths, widths[1:], strict=False))
    assert actual["forward"]["multiply_adds"] == pytest.approx((expected + 320) / 1e6)
    assert actual["saliency"]["multiply_adds"] == pytest.approx(2 * expected / 1e6, rel=0.05)
    assert actual["saliency"]["milliseconds"] > 0


def test_inspect_for_people(augcli_model: Run) -> None:
    text = augcli_model("inspect", SAMPLE).stdout
    for line in (
        "input    image: float (N, 3, H, W)",
        "images   96 x 96 (as set), NCHW, any number at a time",
        "pixels   (pixel / 255 - [0.5]) / [0.25], rgb",
        "classes  cat, coffee, flower, rocket, temple",
        "head     logits: (N, 5)",
        "feature  relu4: (N, 64, 12, 12)",
        "nodes    Conv 5, Flatten 1, Gemm 1, GlobalAveragePool 1, Relu 5",
        "cost     52,781 parameters; on one core of this machine:",
    ):
        assert line in text.splitlines(), line


def test_inspect_says_what_is_not_known(augcli_model: Run, tmp_path: Path) -> None:
    path = saved(channel_means(), tmp_path)
    text = augcli_model("inspect", path).stdout
    assert "224 x 224 (the model takes any; an example)" in text
    assert "pixels   Nothing says how the model" in text
    sized = values_of(augcli_model("inspect", path, "--model-size", "6x4", "--scale", 1, "--json"))
    assert sized["size"] == [4, 6]
    assert sized["preprocessing"]["scale"] == 1.0


def test_inspect_names_missing_rules(augcli_model: Run, tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("Flatten", ["image"], ["flat"]),
        onnx.helper.make_node("Reshape", ["flat", "shape"], ["square"]),
        onnx.helper.make_node("Det", ["square"], ["logits"], name="volume"),
    ]
    weights = {"shape": np.array([-1, 1, 4, 4])}
    path = saved(model(nodes, weights, ["N", 1, 4, 4], {"logits": ["N", 1]}), tmp_path)
    actual = values_of(augcli_model("inspect", path, "--json"))
    assert actual["missing_rules"] == {"Det": ["volume"]}
    assert actual["saliency"] is None
    assert "no rule  Det: volume" in augcli_model("inspect", path).stdout.splitlines()


def test_inspect_heads_of_a_model_with_two(augcli_model: Run) -> None:
    path = GOLDEN / "aux_head_op17/model.onnx"
    actual = values_of(augcli_model("inspect", path, "--json"))
    assert {head["name"] for head in actual["heads"]} == {"logits", "aux_logits"}
    aux = values_of(augcli_model("inspect", path, "--head", "aux_logits", "--json"))
    assert aux["saliency"]["multiply_adds"] < actual["saliency"]["multiply_adds"]


def test_inspect_real_models(augcli_model: Run) -> None:
    actual = values_of(augcli_model("inspect", real("mobilenetv2_fp32"), "--json"))
    assert actual["classes"] == 1000 and actual["missing_rules"] == {}
    assert actual["forward"]["multiply_adds"] == pytest.approx(301, abs=1)
    assert actual["parameters"] == pytest.approx(3.49e6, rel=0.01)


def test_inspect_refuses_what_is_no_model(augcli_model: Run, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("x")
    with pytest.raises(UserError, match=r"x\.onnx is not"):
        augcli_model("inspect", tmp_path / "x.onnx")


def test_multiply_adds_of_each_operator() -> None:
    def event(name: str, output: list[int], *inputs: list[int]) -> dict[str, Any]:
        shapes = [{"float": shape} for shape in inputs]
        arguments = {
            "op_name": name,
            "input_type_shape": shapes,
            "output_type_shape": [{"float": output}],
        }
        return {"cat": "Node", "args": arguments}

    assert multiply_adds([event("Conv", [1, 8, 5, 5], [1, 4, 5, 5], [8, 2, 3, 3])]) == 3600
    assert multiply_adds([event("ConvTranspose", [1, 6, 9, 9], [1, 4, 4, 4], [4, 6, 2, 2])]) == 1536
    assert multiply_adds([event("MatMul", [2, 7, 3], [2, 7, 5], [5, 3])]) == 210
    assert multiply_adds([event("Gemm", [2, 3], [2, 5], [3, 5])]) == 30
    assert multiply_adds([event("Relu", [9], [9]), {"cat": "Session", "args": {}}]) == 0


def test_minimise_finds_the_minimum() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((12, 12)) + 3 * np.eye(12)
    curvature, target = root @ root.T, rng.standard_normal(12)

    def loss(x: Any) -> tuple[float, Any]:
        off = x - target
        return float(0.5 * off @ curvature @ off), curvature @ off

    np.testing.assert_allclose(minimise(loss, np.zeros(12)), target, atol=1e-5)


def test_fit_is_the_logistic_optimum() -> None:
    """Where the mean residual of each scaled feature balances the decay."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 5)) * [1, 10, 0.1, 3, 1] + 4
    features[:, 4] = 7  # tells nothing
    labels = (features[:, 0] > 4).astype(int) + 2 * (features[:, 1] > 4) * (rng.random(300) < 0.7)
    head = fit_linear(features, labels, 4)
    logits = head.logits(features)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    residual = shares - np.eye(4)[labels]
    scaled = (features - features.mean(axis=0))[:, :4] / features.std(axis=0)[:4]
    pull = scaled.T @ residual / 300 + 1e-3 * head.weights[:4] * features.std(axis=0)[:4, None]
    assert np.abs(pull).max() < 1e-5
    assert np.abs(residual.mean(axis=0)).max() < 1e-5
    assert not head.weights[4].any()
    assert np.mean(head.predict(features) == labels) > 0.75
    again = fit_linear(features, labels, 4)
    np.testing.assert_array_equal(again.weights, head.weights)


def test_held_out_are_every_fifth_of_a_class() -> None:
    labels = np.array([0] * 11 + [1] * 4 + [2] * 5)
    chosen = held_out(labels)
    assert np.flatnonzero(chosen).tolist() == [4, 9, 19]
    assert HELD_OUT == 5
    rng = np.random.default_rng(0)
    noise, alike = rng.standard_normal((2000, 3)), rng.integers(0, 4, 2000)
    accuracy = held_out_accuracy(noise, alike, 4)
    assert accuracy is not None and 0.15 < accuracy < 0.35  # chance: it was not fitted to these
    assert held_out_accuracy(noise[:4], np.array([0, 1, 2, 3]), 4) is None


def test_a_fitted_head_is_a_linear_one_on_pooled_features(
    augcli_model: Run, tmp_path: Path
) -> None:
    out = tmp_path / "early.onnx"
    actual = values_of(
        augcli_model("fit-head", SAMPLE, SAMPLE_DATA, "--at", "relu2", "-o", out, "--json")
    )
    assert actual == {
        "model": str(out), "head": "early", "images": 30, "features": 32, "accuracy": 1.0,
        "skipped": 0,
    }  # fmt: skip
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    before = onnxruntime.InferenceSession(SAMPLE, providers=["CPUExecutionProvider"])
    right = 0
    for label, name in enumerate(("cat/eye.jpg", "coffee/saucer.jpg", "flower/two.jpg")):
        image = resize_to(decode((SAMPLE_DATA / name).read_bytes()), (96, 96))
        tensor = ((image / 255 - 0.5) / 0.25).astype(np.float32).transpose(2, 0, 1)[None]
        logits, early = session.run(["logits", "early"], {"image": tensor})
        np.testing.assert_array_equal(logits, before.run(None, {"image": tensor})[0])
        right += int(early.argmax()) == label
    assert right == 3
    network = onnx.load(out)
    onnx.checker.check_model(network)
    metadata = {entry.key: entry.value for entry in network.metadata_props}
    assert json.loads(metadata["augcli"]) == {
        "size": [96, 96], "mean": [0.5], "std": [0.25], "scale": 255.0, "order": "rgb",
        "head": "early", "classes": ["cat", "coffee", "flower", "rocket", "temple"],
    }  # fmt: skip


def test_a_fitted_head_is_used_by_itself(augcli_model: Run, tmp_path: Path) -> None:
    """Without options: metadata says what it needs, and only what lies before it is run."""
    out = tmp_path / "early.onnx"
    augcli_model("fit-head", SAMPLE, SAMPLE_DATA, "--at", "relu1", "-o", out)
    spec = build_spec(out, ("cat", "rocket"), [("gradient", None)])
    assert (spec.head, spec.class_map, spec.outputs) == ("early", (0, 3), 5)
    image = decode((SAMPLE_DATA / "rocket/pad.jpg").read_bytes())
    (actual,) = classifier_maps(spec, "gradient", [image], [((1,), (1.0,))])
    assert actual.shape == image.shape[:2] and actual.any()
    whole = values_of(augcli_model("inspect", SAMPLE, "--json"))
    early = values_of(augcli_model("inspect", out, "--json"))
    assert early["saliency"]["multiply_adds"] < whole["saliency"]["multiply_adds"] / 3


@pytest.mark.parametrize(
    ("case", "at"), [("fp16_op17", None), ("fixed_batch1_op17", None), ("vit_dynamo18", None)]
)
def test_heads_of_other_exports(
    augcli_model: Run, tmp_path: Path, case: str, at: str | None
) -> None:
    path, out = GOLDEN / case / "model.onnx", tmp_path / "early.onnx"
    features = values_of(augcli_model("inspect", path, "--json"))["feature_maps"]
    tensor = at or features[0]["name"]
    options = ("--scale", 255, "--name", "aux")
    actual = values_of(
        augcli_model("fit-head", path, SAMPLE_DATA, "--at", tensor, "-o", out, *options, "--json")
    )
    assert actual["head"] == "aux" and actual["accuracy"] > 0.2
    spec = build_spec(out, ["temple"], [("gradient", None)])
    (image,) = [decode((SAMPLE_DATA / "temple/hill.jpg").read_bytes())]
    assert classifier_maps(spec, "gradient", [image], [((0,), (1.0,))])[0].any()


def test_an_unreadable_image_is_left_out(augcli_model: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("cat/eye.jpg", "rocket/pad.jpg"):
        (data / name).parent.mkdir(parents=True)
        (data / name).write_bytes((SAMPLE_DATA / name).read_bytes())
    (data / "cat/broken.jpg").write_bytes(b"\xff\xd8\xff")
    result = augcli_model(
        *("fit-head", SAMPLE, data, "--at", "relu1", "-o", tmp_path / "e.onnx", "--json"),
        exit_code=1,
    )
    assert result.stderr.endswith("augcli: exit 1: 1 input skipped, --max-errors is 0.\n")
    assert values_of(result)["skipped"] == 1
    message = "1 input skipped, --max-errors is 0"
    assert values_of(result)["error"] == {"message": message, "exit_code": 1}
    again = ("--overwrite", "--max-errors", "1")
    result = augcli_model(
        "fit-head", SAMPLE, data, "--at", "relu1", "-o", tmp_path / "e.onnx", "--json", *again
    )
    assert (result.exit_code, "error" in values_of(result)) == (0, False)
    assert "cat/broken.jpg is left out" in result.stderr
    assert values_of(result)["images"] == 2 and values_of(result)["accuracy"] is None


def test_decoders_make_no_remarks(tmp_path: Path) -> None:
    """In a process of its own: libjpeg writes to the stream itself, past `sys.stderr`."""
    data = tmp_path / "data/cat"
    data.mkdir(parents=True)
    photo = bytearray((SAMPLE_DATA / "cat/eye.jpg").read_bytes())
    for at in range(len(photo) - 300, len(photo) - 60, 7):
        photo[at] = 0x5A
    (data / "noisy.jpg").write_bytes(photo)
    (data / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    command = ["-m", "augcli", "model", "fit-head", SAMPLE, data.parent, "--at", "relu1"]
    result = subprocess.run(
        [
            sys.executable,
            *map(str, command),
            "-o",
            str(tmp_path / "e.onnx"),
            "--json",
            "--max-errors",
            "1",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = result.stderr.splitlines()
    assert line.startswith("augcli: warning: cat/broken.jpg is left out: ")
    assert json.loads(result.stdout)["images"] == 1


def test_fit_head_refuses_before_any_work(augcli_model: Run, tmp_path: Path) -> None:
    out = tmp_path / "early.onnx"
    out.touch()
    fit = ("fit-head", SAMPLE, SAMPLE_DATA, "--at")
    with pytest.raises(UserError, match="exists; give --overwrite"):
        augcli_model(*fit, "relu1", "-o", out)
    with pytest.raises(UserError, match=r"no tensor named 'relu9' .did you mean"):
        augcli_model(*fit, "relu9", "-o", out, "--overwrite")
    with pytest.raises(UserError, match="'logits' already; give another --name"):
        augcli_model(*fit, "relu1", "-o", out, "--overwrite", "--name", "logits")
    with pytest.raises(UserError, match=r"cannot be written, as there is no folder .*no; make it"):
        augcli_model(*fit, "relu1", "-o", tmp_path / "no/early.onnx")
    with pytest.raises(UserError, match="--at features is no feature map but 64"):
        augcli_model(*fit, "features", "-o", out, "--overwrite")
    assert out.read_bytes() == b""


def test_a_head_is_written_over_nothing_else(
    augcli_model: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = tmp_path / "data", tmp_path / "m.onnx"
    shutil.copytree(SAMPLE_DATA, data)
    shutil.copy(SAMPLE, model)
    shutil.copy(SAMPLE.with_suffix(".toml"), model.with_suffix(".toml"))
    (tmp_path / "text").write_text("a text")
    (tmp_path / "start.onnx").write_bytes(b"\x08, and then a text")
    (tmp_path / "way.onnx").symlink_to(model)
    before = tree(tmp_path)
    for output, sentence in (
        (data / "early.onnx", "lies inside SOURCE"),
        (data / "cat/early.onnx", "lies inside SOURCE"),
        (model, "is MODEL itself; choose another name"),
        (tmp_path / "way.onnx", "is MODEL itself; choose another name"),
        (tmp_path / "text", "exists and is a file of another kind"),
        (tmp_path / "start.onnx", "exists and is a file of another kind"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(UserError, match=sentence):
            augcli_model("fit-head", model, data, "--at", "relu2", "-o", output, "--overwrite")
    earlier = tmp_path / "early.onnx"
    shutil.copy(SAMPLE, earlier)

    def check(*_: object) -> None:
        raise UserError("The tensor does not hold the features")

    monkeypatch.setattr("augcli.classifier.head._check", check)
    for output in (earlier, tmp_path / "new.onnx"):
        with pytest.raises(UserError, match="does not hold the features"):
            augcli_model("fit-head", model, data, "--at", "relu2", "-o", output, "--overwrite")
    assert earlier.read_bytes() == SAMPLE.read_bytes()
    earlier.unlink()
    assert tree(tmp_path) == before
