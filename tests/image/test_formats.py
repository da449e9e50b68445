"""Formats that Pillow reads with a plugin: decoded where it is installed, named where it is not."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augcli.data.source import list_source
from augcli.errors import UnreadableImage
from augcli.image import formats
from augcli.image.codec import decode
from augcli.image.formats import register_plugin
from augcli.image.header import upright_size
from augcli.image.jpegxl import jpegxl_size
from tests.conftest import ROOT, Augcli

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)
JXL = b"\xff\n" + bytes(99)
CACHED = (formats._plugins, formats.image_suffixes, formats.other_suffixes, register_plugin)


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    for actual in CACHED:
        actual.cache_clear()
    yield
    monkeypatch.undo()
    for actual in CACHED:
        actual.cache_clear()


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize(("data", "name"), [(HEIC, "HEIF"), (JXL, "JXL")])
def test_without_a_plugin_the_extra_is_named(data: bytes, name: str) -> None:
    with pytest.raises(UnreadableImage) as refused:
        decode(data)
    assert str(refused.value) == (
        f"a file of the format {name}, which is read after `pip install 'augcli[formats]'`"
    )


def picture() -> Image.Image:
    return Image.fromarray(np.linspace(0, 255, 40 * 24 * 3).astype(np.uint8).reshape(24, 40, 3))


def saved(name: str, **options: object) -> bytes:
    """The picture in a format for which a plugin is there, else the test is skipped."""
    pytest.importorskip({"HEIF": "pillow_heif", "JXL": "pillow_jxl"}[name])
    assert register_plugin(name)
    stream = io.BytesIO()
    picture().save(stream, name, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "options"), [("HEIF", {"quality": 95}), ("JXL", {"lossless": True})]
)
def test_with_a_plugin_it_is_decoded(name: str, options: dict[str, object]) -> None:
    data = saved(name, **options)
    pixels = decode(data).astype(int)
    assert pixels.shape == (24, 40, 3)
    assert np.abs(pixels - np.asarray(picture()).astype(int)).mean() < (1 if name == "JXL" else 6)
    assert upright_size(data) == (24, 40)
    with pytest.raises(UnreadableImage, match=r"40 x 24 pixels exceed the limit of 100"):
        decode(data, max_pixels=100)
    with pytest.raises(UnreadableImage) as broken:
        decode(data[: len(data) // 2])
    assert "libjxl" not in str(broken.value)


@pytest.mark.parametrize("name", ["HEIF", "JXL"])
def test_turns_are_applied_once(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(name, exif=exif.tobytes())
    assert decode(data).shape == (*upright_size(data), 3)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ([(1, 1), (2, 5), (0, 3), (4, 5)], (40, 24)),  # small, height / 8 - 1, ratio, width / 8 - 1
        ([(1, 1), (2, 5), (7, 3)], (48, 24)),
        ([(0, 1), (0, 2), (99, 9), (2, 3)], (120, 100)),
        ([(0, 1), (3, 2), ((1 << 30) - 1, 30), (0, 3), (3, 2), ((1 << 30) - 1, 30)],
         (1 << 30, 1 << 30)),
    ],
)  # fmt: skip
def test_sizes_of_jpeg_xl(fields: list[tuple[int, int]], size: tuple[int, int]) -> None:
    """Bits come from the low end."""
    value = at = 0
    for number, count in fields:
        value |= number << at
        at += count
    stream = b"\xff\n" + value.to_bytes(20, "little")
    assert jpegxl_size(stream) == size
    box = (8 + len(stream)).to_bytes(4) + b"jxlc" + stream
    assert jpegxl_size(b"\0\0\0\x0cJXL \r\n\x87\n" + box) == size
    with pytest.raises(UnreadableImage, match=r"exceed the limit of 100 |format JXL"):
        decode(stream, max_pixels=100)


def test_a_run_over_both(augcli: Augcli, tmp_path: Path) -> None:
    """Also in workers that are started anew."""
    for number, (name, suffix) in enumerate((("HEIF", "heic"), ("JXL", "jxl"))):
        folder = tmp_path / "photos" / suffix
        folder.mkdir(parents=True)
        (folder / f"{number}.{suffix}").write_bytes(saved(name))
        (folder / "bare").write_bytes(saved(name))
    listing = list_source(tmp_path / "photos")
    assert (listing.classes, len(listing), listing.warnings) == (("heic", "jxl"), 4, ())
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    result = augcli(
        "generate", tmp_path / "photos", tmp_path / "out", "-r", "flip", "-j", 2, env=env
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", tmp_path / "out", "--replay", env=env).returncode == 0
