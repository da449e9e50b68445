"""augcli saliency writes maps and pictures of them; options about a classifier."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest

from augcli.classifier.build import build_spec
from augcli.classifier.graphs import METHODS
from augcli.classifier.settings import ModelSettings
from augcli.classifier.spec import ClassifierSpec
from augcli.cli.model_options import InputOptions, ModelOptions
from augcli.enums import DETECTORS, OF_A_CLASSIFIER, OF_THE_IMAGE, Detector
from augcli.errors import RunFailed, UserError
from augcli.image.codec import decode
from augcli.saliency.classifier import classifier_maps
from augcli.saliency.detectors import FUNCTIONS, detect
from augcli.saliency.overlay import overlay
from augcli.tasks.classifier_choice import (
    DeviceChoice,
    Order,
    TargetChoice,
    is_of_classifier,
    read_classifier,
    read_settings,
)
from tests.cli.conftest import Run, rows
from tests.conftest import SAMPLE_DATA, Augcli, tree, write_photo
from tests.helpers.onnx_models import SAMPLE

CLASSES = ("cat", "coffee", "flower", "rocket", "temple")


def photo(row: dict[str, Any]) -> Any:
    return decode((SAMPLE_DATA / row["source_path"]).read_bytes())


def test_gradient_maps_as_png_with_overlays(augcli_saliency: Run, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    options = ("--saliency", "gradient", "--model", SAMPLE, "--device", "cpu", "--overlay")
    result = augcli_saliency(SAMPLE_DATA, out, *options, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "out": str(out), "method": "gradient", "maps": 30, "flat": 0, "skipped": 0,
        "resumed": False,
    }  # fmt: skip
    spec = build_spec(SAMPLE, CLASSES, [("gradient", None)])
    written = rows(out)
    assert len(written) == 30
    assert not (out / "errors.jsonl").exists()
    for row in written[::7]:
        label = ((CLASSES.index(row["class_name"]),), (1.0,))
        (actual,) = classifier_maps(spec, "gradient", [photo(row)], [label])
        assert row["file_name"] == f"{row['source_path']}.png"
        levels = cv2.imread(str(out / row["file_name"]), cv2.IMREAD_UNCHANGED)
        assert levels is not None
        assert levels.dtype == np.uint16 and levels.max() == 65535
        expected = np.rint(actual.astype(np.float64) * (65535 / float(actual.max())))
        np.testing.assert_array_equal(levels, expected)
        assert row["highest"] == float(actual.max())
        assert (row["height"], row["width"]) == actual.shape
        assert (row["saliency_method"], row["flat"]) == ("gradient", False)
        drawn = cv2.imread(str(out / f"{row['source_path']}.overlay.jpg"), cv2.IMREAD_COLOR_RGB)
        assert drawn is not None
        assert np.abs(drawn.astype(int) - overlay(photo(row), actual)).mean() < 3


def test_maps_as_arrays_and_at_low_resolution(augcli_saliency: Run, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    options = ("--saliency", "gradcam", "--saliency-size", 48, "--map-format", "npy")
    arguments = (SAMPLE_DATA, out, *options, "--model", SAMPLE, "--device", "cpu")
    assert augcli_saliency(*arguments).exit_code == 0
    row = rows(out)[8]
    spec = build_spec(SAMPLE, CLASSES, [("gradcam", 48)])
    label = ((CLASSES.index(row["class_name"]),), (1.0,))
    (actual,) = classifier_maps(spec, "gradcam", [photo(row)], [label], 48)
    np.testing.assert_array_equal(np.load(out / row["file_name"]), actual)
    assert row["saliency_method"] == "gradcam@48"


@pytest.mark.parametrize("method", [None, *OF_THE_IMAGE])
def test_maps_without_a_classifier(
    augcli_saliency: Run, tmp_path: Path, method: str | None
) -> None:
    data, out = tmp_path / "data", tmp_path / "maps"
    for number in range(3):
        write_photo(data / f"c{number % 2}" / f"{number}.png", number, 50, 40)
    chosen = () if method is None else ("--saliency", method)
    assert augcli_saliency(data, out, *chosen, "--map-format", "npy").exit_code == 0
    for row in rows(out):
        image = decode((data / row["source_path"]).read_bytes())
        (expected,) = detect(method or "fine-grained", [image])
        np.testing.assert_array_equal(np.load(out / row["file_name"]), expected)


def test_flat_and_unreadable_inputs_are_told(augcli_saliency: Run, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "maps"
    (data / "a b").mkdir(parents=True)
    cv2.imwrite(str(data / "a b/flat.png"), np.full((20, 30, 3), 77, np.uint8))
    (data / "a b/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = augcli_saliency(data, out)
    assert result.exit_code == 1
    assert "1 map in" in result.stdout and "1 of them flat; 1 input skipped" in result.stdout
    (row,) = rows(out)
    assert row["flat"] and row["file_name"] == "a b/flat.png.png"
    levels = cv2.imread(str(out / row["file_name"]), cv2.IMREAD_UNCHANGED)
    assert levels is not None and not levels.any()
    (error,) = rows(out, "errors.jsonl")
    assert error["source_path"] == "a b/broken.png" and "PNG" in error["reason"]
    assert augcli_saliency(data, tmp_path / "again", "--max-errors", 1).exit_code == 0


def test_same_maps_for_any_number_of_workers(augcli_saliency: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number in range(40):
        write_photo(data / f"c{number % 3}" / f"{number}.png", number, 20 + number, 70 - number)
    (data / "c0/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    trees = []
    for workers in (1, 3):
        out = tmp_path / f"maps{workers}"
        options = ("--saliency", "spectral-residual", "--overlay", "-j", workers)
        assert augcli_saliency(data, out, *options, "--max-errors", 1).exit_code == 0
        assert not list(out.rglob("*.tmp"))
        trees.append(tree(out))
    assert trees[0] == trees[1]
    assert len(trees[0]) == 2 * 40 + 2 + 3, (
        "maps, lists, and the state's identity, sources and lock"
    )
    listed = [row["source_path"] for row in rows(out)]
    assert listed == sorted(listed) and len(listed) == 40


def test_an_image_that_kills_its_worker_costs_itself(
    augcli_saliency: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "maps"
    for number in range(50):
        write_photo(data / "c" / f"{number:02}.png", number, 30, 20)
    deadly = (data / "c/20.png").read_bytes()

    def decode_or_die(content: bytes, **options: Any) -> Any:
        if content == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(content, **options)

    monkeypatch.setattr("augcli.engine.images.decode", decode_or_die)  # workers are forked
    result = augcli_saliency(data, out, "-j", 2)
    assert result.exit_code == 1
    (error,) = rows(out, "errors.jsonl")
    assert (error["source_path"], error["reason"]) == (
        "c/20.png", "decoding it ended its worker (SIGKILL, as where memory runs out)",
    )  # fmt: skip
    paths = [row["source_path"] for row in rows(out)]
    assert paths == [f"c/{number:02}.png" for number in range(50) if number != 20]


def test_maps_that_cannot_be_written(augcli_saliency: Run, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "maps"
    write_photo(data / "c" / "a.png", 1, 30, 20)
    write_photo(data / "c" / "b.png", 2, 30, 20)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RunFailed, match=r"a\.png.*: No"):
        patch.setattr("augcli.tasks.maps._encoded", _full)
        augcli_saliency(data, out)
    assert [path.name for path in out.iterdir()] == [".augcli-maps"]
    assert augcli_saliency(data, out, "--resume").exit_code == 0
    assert len(rows(out)) == 2


def _full(*_: object) -> bytes:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.png")


def test_names_that_not_every_system_takes(augcli_saliency: Run, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "maps"
    write_photo(data / "what?" / "who: me.png", 1, 30, 20)
    assert augcli_saliency(data, out).exit_code == 0
    (row,) = rows(out)
    assert row["file_name"] == f"what%3F/{row['source_id']}.png"
    assert (out / row["file_name"]).is_file()


def test_wrong_usage(augcli_saliency: Run, tmp_path: Path) -> None:
    out = tmp_path / "maps"
    for message, options in (
        ("no saliency detector 'gradeint'", ("--saliency", "gradeint")),
        ("--saliency gradient needs a classifier; give --model", ("--saliency", "gradient")),
        ("--model-size 0 is not a size", ("--saliency", "gradient", "--model", SAMPLE,
                                          "--model-size", 0)),
        ("--mean x is not imagenet, a number", ("--saliency", "gradient", "--model", SAMPLE,
                                                "--mean", "x")),
        ("one inside the other", ("--saliency", "fine-grained")),
    ):  # fmt: skip
        where = SAMPLE_DATA / "maps" if "inside" in message else out
        with pytest.raises(UserError, match=message):
            augcli_saliency(SAMPLE_DATA, where, *options)
    assert not out.exists() and not (SAMPLE_DATA / "maps").exists()
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(UserError, match="is not empty"):
        augcli_saliency(SAMPLE_DATA, out)


def test_classifier_detectors_are_those_of_the_options() -> None:
    assert tuple(METHODS) == OF_A_CLASSIFIER
    assert tuple(FUNCTIONS) == OF_THE_IMAGE
    assert get_args(Detector) == (*OF_THE_IMAGE, *OF_A_CLASSIFIER) == DETECTORS
    assert is_of_classifier("gradcam") and not is_of_classifier("fine-grained")


def test_options_become_settings() -> None:
    pixels = InputOptions(
        model_size="320x240", mean="104,117,123", std="imagenet", scale=1, channel_order=Order.bgr
    )
    actual = read_settings(pixels, head="h", layer="l")
    assert actual == ModelSettings(
        head="h", layer="l", size=(240, 320), mean=(104, 117, 123), std="imagenet", scale=1,
        order="bgr",
    )  # fmt: skip


def classifier(
    saliency_specs: list[tuple[str, int | None]], warnings: list[str] | None = None, **fields: Any
) -> ClassifierSpec | None:
    messages = [] if warnings is None else warnings
    options = ModelOptions(**fields)
    return read_classifier(saliency_specs, CLASSES, options, InputOptions(), messages.append, None)


def test_a_classifier_only_where_one_is_asked_for(tmp_path: Path) -> None:
    warnings: list[str] = []
    plain: list[tuple[str, int | None]] = [("fine-grained", None), ("spectral-residual", 64)]
    assert classifier(plain, warnings) is None
    assert warnings == []
    assert classifier(plain, warnings, model=SAMPLE) is None
    assert warnings == [], "what is shared may rightly not apply; the command line is refused"
    spec = classifier(
        [*plain, ("gradient", 48), ("gradient", 48)], model=SAMPLE, device=DeviceChoice.cpu,
        target=TargetChoice.predicted, saliency_cache=str(tmp_path),
    )  # fmt: skip
    assert spec is not None
    assert (spec.class_map, spec.cache, spec.device) == (None, str(tmp_path), "cpu")
    fields: dict[str, Any] = {"model": SAMPLE, "device": DeviceChoice.cpu, "saliency_cache": "none"}
    uncached = classifier([("gradient", None)], **fields)
    assert uncached is not None and uncached.cache is None


def test_the_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("augcli.classifier.cache.default_folder", lambda: tmp_path / "mine")
    spec = classifier([("gradient", None)], model=SAMPLE, device=DeviceChoice.cpu)
    assert spec is not None and spec.cache == str(tmp_path / "mine")
    assert any((tmp_path / "mine").rglob("*")), "the differentiated model is there"


def test_same_bytes_for_any_number_of_workers_with_and_without_a_cache(
    augcli: Augcli, tmp_path: Path
) -> None:
    fields = ("-r", "cutout", "--keep", "--saliency", "gradient", "--model", SAMPLE, "-k", 2)
    trees = []
    for number, more in enumerate(
        (
            ("-j", 1, "--saliency-cache", "none"),
            ("-j", 3, "--saliency-cache", tmp_path / "cache"),
            ("-j", 2, "--saliency-cache", tmp_path / "cache"),
        )
    ):
        out = tmp_path / f"out{number}"
        result = augcli("generate", SAMPLE_DATA, out, *fields, *more, "--device", "cpu")
        assert result.returncode == 0, result.stderr
        trees.append(tree(out / "train"))
    assert len(trees[0]) == 61
    assert trees[0] == trees[1] == trees[2]
    rows = [json.loads(line) for line in (tmp_path / "out0/train/metadata.jsonl").open()]
    assert {row["saliency_method"] for row in rows} == {"gradient"}
    keep_params = [json.loads(row["params"])["keep"] for row in rows]
    assert all(k["score"] < k["threshold"] for k in keep_params if k["admissible"])
