"""Images to tensors and maps back; what files, metadata and options say about a model."""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from augcli.classifier.preprocess import (
    Preprocessing,
    low_resolution,
    on_image,
    resize_to,
    tensor_of,
)
from augcli.classifier.settings import (
    ModelSettings,
    parse_settings,
    preprocessing_of,
    settings_of,
)
from augcli.errors import UserError
from augcli.image.codec import decode
from tests.conftest import ROOT
from tests.helpers.onnx_models import noise, real

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
MODEL = Path("net.onnx")


def test_tensor_is_the_formula_channel_by_channel() -> None:
    image = noise(5, 7)
    tensor = tensor_of([image, image[::-1]], Preprocessing((5, 7), **IMAGENET), "NCHW")
    expected = (image / 255 - IMAGENET["mean"]) / IMAGENET["std"]
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor[0], expected.astype(np.float32).transpose(2, 0, 1))
    np.testing.assert_array_equal(tensor[1], tensor[0][:, ::-1])


def test_bgr_means_are_in_the_models_order() -> None:
    image = noise(4, 4)
    preprocessing = Preprocessing((4, 4), (104.0, 117.0, 123.0), (1.0,), 1.0, "bgr")
    tensor = tensor_of([image], preprocessing, "NCHW")
    for place, (channel, mean) in enumerate([(2, 104), (1, 117), (0, 123)]):
        np.testing.assert_array_equal(tensor[0, place], image[:, :, channel] - np.float32(mean))


def test_channels_last() -> None:
    image = noise(4, 6)
    tensor = tensor_of([image], Preprocessing((4, 6), scale=1.0), "NHWC")
    np.testing.assert_array_equal(tensor, image[None].astype(np.float32))
    assert tensor.flags.c_contiguous


def test_one_channel_is_grey() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = 255
    image[1, 1] = (255, 0, 0)
    tensor = tensor_of([image], Preprocessing((2, 2), scale=1.0), "NCHW", 1)
    np.testing.assert_array_equal(tensor, [[[[255, 0], [0, 76]]]])


def test_resizing_averages_what_it_leaves_out() -> None:
    board = np.indices((80, 80)).sum(axis=0) % 2 * np.uint8(255)
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    small = resize_to(image, (10, 12))
    assert small.shape == (10, 12, 3)
    assert 126 <= small.min() <= small.max() <= 129


def test_resizing_keeps_the_size_and_the_order_of_sides() -> None:
    image = noise(6, 9)
    assert resize_to(image, (6, 9)) is image
    assert resize_to(image, (3, 18)).shape == (3, 18, 3)
    ramp = np.repeat(np.arange(0, 250, 25, dtype=np.uint8)[:, None, None], 3, axis=2)
    large = resize_to(np.repeat(ramp, 4, axis=1), (20, 4))
    np.testing.assert_array_equal(large[:4, 0, 0], [0, 6, 19, 31])


def test_a_map_comes_back_to_its_image() -> None:
    small = np.zeros((4, 6), np.float32)
    small[1, 4] = 8.0
    large = on_image(small, (40, 120))
    assert large.shape == (40, 120) and large.dtype == np.float32
    row, column = np.unravel_index(large.argmax(), large.shape)
    # Between pixel centres: the cell's centre is at row 15, column 90 of pixel edges.
    assert row in (14, 15) and column in (89, 90)
    assert large.max() == pytest.approx(8.0, rel=0.1)
    assert not large[:, :60].any()
    assert on_image(small, (4, 6)) is small


@pytest.mark.parametrize(
    ("size", "shorter", "expected"),
    [
        ((224, 224), None, (224, 224)),
        ((224, 224), 112, (112, 112)),
        ((224, 224), 224, (224, 224)),
        ((224, 224), 500, (224, 224)),
        ((240, 320), 120, (120, 160)),
        ((320, 240), 100, (133, 100)),
    ],
)
def test_low_resolution(
    size: tuple[int, int], shorter: int | None, expected: tuple[int, int]
) -> None:
    assert low_resolution(size, shorter) == expected


def test_files_beside_the_model(tmp_path: Path) -> None:
    model = tmp_path / "net.onnx"
    values = {"size": [64, 96], "mean": 0.5, "std": [0.1, 0.2, 0.3], "order": "bgr", "head": "aux"}
    (tmp_path / "net.json").write_text(json.dumps(values))
    expected = ModelSettings(
        size=(64, 96), mean=(0.5,), std=(0.1, 0.2, 0.3), order="bgr", head="aux"
    )
    assert settings_of(model, {}) == expected
    (tmp_path / "net.toml").write_text("size = 64\n")
    with pytest.raises(UserError, match=r"net\.toml and net\.json both describe net\.onnx"):
        settings_of(model, {})
    (tmp_path / "net.json").unlink()
    assert settings_of(model, {}) == ModelSettings(size=(64, 64))


def test_options_beat_the_file_which_beats_the_metadata(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text("scale = 1\nsize = 32\n")
    metadata = {"augcli": json.dumps({"scale": 2, "size": [8, 8], "mean": [7]}), "other": "x"}
    actual = ModelSettings(size=(16, 16)).over(settings_of(tmp_path / "net.onnx", metadata))
    assert actual == ModelSettings(size=(16, 16), scale=1.0, mean=(7.0,))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"Image.NominalPixelRange": "Normalized_0_1"}, {"scale": 255.0}),
        (
            {"Image.NominalPixelRange": "Normalized_1_1", "Image.BitmapPixelFormat": "Bgr8"},
            {"scale": 127.5, "mean": (1.0,), "order": "bgr"},
        ),
        ({"Image.NominalPixelRange": "NominalRange_0_255"}, {"scale": 1.0}),
        ({"Image.BitmapPixelFormat": "Gray8"}, {}),
    ],
)
def test_image_metadata_of_the_onnx_standard(
    metadata: dict[str, str], expected: dict[str, Any]
) -> None:
    assert settings_of(MODEL, metadata) == ModelSettings(**expected)


def test_class_names_belong_to_their_head() -> None:
    beside = ModelSettings(head="early", classes=("a", "b"))
    assert ModelSettings(head="early").over(beside).classes == ("a", "b")
    assert ModelSettings().over(beside).classes == ("a", "b")
    assert ModelSettings(head="logits").over(beside).classes is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"maen": 1},
            "here has an unknown field 'maen' .did you mean 'mean'.+; known are size, mean, ",
        ),
        ({"mean": [1, 2]}, r"mean=\[1, 2\] is wrong: .*three channels"),
        ({"order": "gbr"}, "order=gbr is wrong"),
        ({"size": 0}, "size=0 is wrong"),
        ({"scale": 0}, "scale=0 is wrong"),
        ({"scale": float("nan")}, "scale=nan is wrong"),
    ],
)
def test_wrong_fields_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_settings(values, "here")


@pytest.mark.parametrize("text", ["size = ", "[[", "\xff"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"net\.toml, beside the model, cannot be read"):
        settings_of(tmp_path / "net.onnx", {})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("net.toml", b"size = " + b"[" * 5000, "it is nested too deeply"),
        ("net.toml", b"size = " + b"9" * 5000, "an integer does not fit into 64 bits"),
        ("net.toml", "size = 8".encode("utf-16"), "it is in UTF-16 or UTF-32; save it in UTF-8"),
        ("net.json", b"[" * 100_000, "it is nested too deeply"),
        ("net.json", b'{"scale": NaN}', "NaN is not a JSON value"),
        ("net.json", b'{"size": %s}' % (b"9" * 5000), "a number in it has too many digits"),
        ("net.json", b'{"size": 8, "size": 9}', "the key 'size' stands in it twice"),
        ("net.json", b'{"size": %s}' % (b"9" * 4000), "size=9{200}... is wrong"),
        ("net.json", b'{"mean": [%s]}' % (b"9" * 4000), "mean=.* is wrong"),
        ("net.json", b'{"size": 1000000000000}', "size=1000000000000 is wrong"),
        ("net.json", b'{"%s": 1}' % (b"x" * 9999), "has an unknown field 'x{200}...'"),
        ("net.json", b'{"order": "%s"}' % (b"x" * 9999), "order=x{200}... is wrong"),
    ],
)
def test_a_file_of_another_kind_is_one_short_sentence(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as refused:
        settings_of(tmp_path / "net.onnx", {})
    assert name in str(refused.value)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["net.toml", "net.json"])
def test_what_is_no_file_or_has_no_end_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.symlink_to("/dev/zero")
    with pytest.raises(UserError, match=f"{name} is not a regular file"):
        settings_of(tmp_path / "net.onnx", {})
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match=f"{name} is not a regular file"):
        settings_of(tmp_path / "net.onnx", {})
    file.unlink()
    file.symlink_to("nothing")
    with pytest.raises(
        UserError, match=f"{name}, beside the model, cannot be read: .*No such file"
    ):
        settings_of(tmp_path / "net.onnx", {})
    file.unlink()
    file.write_bytes(b"")
    os.truncate(file, 1 << 33)
    with pytest.raises(UserError, match=f"{name} is larger than 4 MiB"):
        settings_of(tmp_path / "net.onnx", {})


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"size": NaN}', "9" * 5000])
def test_broken_metadata_is_named(text: str) -> None:
    with pytest.raises(UserError, match=r"The metadata of net\.onnx: 'augcli' is no"):
        settings_of(MODEL, {"augcli": text})


def test_preprocessing_of_settings() -> None:
    both = ModelSettings(mean="imagenet", std="imagenet")
    assert preprocessing_of(both, MODEL, declared=(8, 8), raw=False) == Preprocessing(
        (8, 8), **IMAGENET
    )
    turned = both.model_copy(update={"order": "bgr", "size": (4, 6)})
    actual = preprocessing_of(turned, MODEL, declared=(8, 8), raw=False)
    assert actual.mean == IMAGENET["mean"][::-1] and actual.std == IMAGENET["std"][::-1]
    assert actual.size == (4, 6)
    raw = preprocessing_of(ModelSettings(), MODEL, declared=(8, 8), raw=True)
    assert raw == Preprocessing((8, 8), scale=1.0)


@pytest.mark.parametrize(
    ("settings", "declared", "message"),
    [
        ({"scale": 1}, None, r"takes images of any size; say which with --model-size.*net\.toml"),
        ({}, (8, 8), r"Nothing says how the model net\.onnx wants its pixels: .*--mean imagenet"),
        ({"mean": (104, 117, 123)}, (8, 8), r"mean=104,117,123 means levels.*add --scale 1"),
        ({"std": (1, 0, 1)}, (8, 8), "nothing is divided by 0"),
    ],
)
def test_nothing_is_guessed(
    settings: dict[str, Any], declared: tuple[int, int] | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        preprocessing_of(ModelSettings(**settings), MODEL, declared=declared, raw=False)


PHOTOGRAPHS = ROOT.parent / "shared/images/imagenet_sample"
MOBILENET = Preprocessing((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SQUEEZENET = Preprocessing((224, 224), (104.0, 117.0, 123.0), scale=1.0, order="bgr")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preprocessing", "accuracy"),
    [("mobilenetv2_fp32", MOBILENET, 0.82), ("squeezenet1_0_fp32", SQUEEZENET, 0.61)],
)
def test_real_models_recognise_photographs(
    name: str, preprocessing: Preprocessing, accuracy: float
) -> None:
    """Labels are the ranks of the WordNet ids by which the files are called, so right predictions
    grow with the file name: their longest growing sequence is about as long as they are many."""
    path = real(name)
    files = sorted(PHOTOGRAPHS.glob("*/*.JPEG"), key=lambda file: file.name)[::2]
    if not files:
        pytest.skip("the photographs are not here")
    session = onnxruntime.InferenceSession(path.read_bytes())
    longest: list[int] = []
    for file in files:
        image = Image.fromarray(decode(file.read_bytes()))
        width, height = (round(side * 256 / min(image.size)) for side in image.size)
        scaled = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
        top, left = (height - 224) // 2, (width - 224) // 2
        tensor = tensor_of([scaled[top : top + 224, left : left + 224]], preprocessing, "NCHW")
        (logits,) = session.run(None, {session.get_inputs()[0].name: tensor})
        predicted = int(logits.argmax())
        place = bisect_left(longest, predicted)
        longest[place : place + 1] = [predicted]
    assert accuracy - 0.02 < len(longest) / len(files) < accuracy + 0.08
