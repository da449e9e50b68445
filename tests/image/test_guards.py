"""Settings of PIL and OpenCV belong to the whole process: importing or decoding leaves them as they
are; no other program is started."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image, ImageFile

from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.image.header import upright_size
from tests.helpers.image_files import saved

SETTINGS = """
import json, os, warnings
import cv2
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, PngImagePlugin, TiffImagePlugin

Image.init()

def settings():
    return {
        "Image": [Image.MAX_IMAGE_PIXELS, Image.WARN_POSSIBLE_FORMATS, len(Image.OPEN)],
        "ImageFile": [
            ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK, ImageFile.SAFEBLOCK
        ],
        "Png": [PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY],
        "Gif": [int(GifImagePlugin.LOADING_STRATEGY)],
        "Bmp": [BmpImagePlugin.USE_RAW_ALPHA],
        "Tiff": [TiffImagePlugin.READ_LIBTIFF, TiffImagePlugin.WRITE_LIBTIFF],
        "cv2": [cv2.getNumThreads(), cv2.useOptimized(), cv2.ocl.useOpenCL()],
        "cv2 logs": [cv2.utils.logging.getLogLevel()] if hasattr(cv2.utils, "logging") else [],
        "environment": sorted(key for key in os.environ if "OPENCV" in key),
    }
"""
IMPORTS = """
import importlib, pkgutil
import augcli

names = [m.name for m in pkgutil.walk_packages(augcli.__path__, "augcli.")]
changed = {}
for name in names:
    before = settings()
    importlib.import_module(name)
    for key, value in settings().items():
        if value != before[key]:
            changed.setdefault(name, []).append(key)
print(json.dumps([len(names), changed]))
"""


def test_no_import_changes_a_setting_of_the_process() -> None:
    code = SETTINGS + IMPORTS
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    modules, changed = json.loads(result.stdout)
    assert modules > 100
    assert changed == {}


def _settings() -> tuple[object, ...]:
    return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES


SMALL = Image.new("RGBA", (30, 20), (1, 2, 3, 200))
FILES = [saved(SMALL, form) for form in ("PNG", "WEBP", "TIFF", "GIF", "TGA")]
FILES.append(saved(SMALL, "ICO", sizes=[(30, 20)]))


def test_decoding_leaves_settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12_345)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for data in FILES:
        decode(data)
        upright_size(data)
        for broken in (data[: len(data) // 2], data[:10], b"\0" * 50):
            try:
                decode(broken)
            except UnreadableImage:
                assert _settings() == (12_345, True)
        assert _settings() == (12_345, True)


def test_a_setting_of_others_does_not_change_what_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = saved(SMALL, "TIFF")[:-1500]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    for data in FILES:
        assert decode(data).shape == (20, 30, 3)
        assert upright_size(data) == (20, 30)
    gif = saved(SMALL, "GIF")
    for broken in (cut, gif[:-20]):
        with pytest.raises(UnreadableImage, match="truncated"):
            decode(broken)


def test_threads_do_not_lose_each_others_settings() -> None:
    before = _settings()
    wrong: list[str] = []

    def work(data: bytes) -> None:
        for _ in range(40):
            if decode(data, max_pixels=600).shape != (20, 30, 3):
                wrong.append("shape")
            try:
                decode(data, max_pixels=599)
            except UnreadableImage:
                continue
            wrong.append("limit")

    threads = [threading.Thread(target=work, args=(data,), daemon=True) for data in FILES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
    assert _settings() == before


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"),
        ("EPS", b"\xc5\xd0\xd3\xc6" + bytes(60)),
        ("WMF", b"\xd7\xcd\xc6\x9a\0\0" + bytes(60)),
        ("WMF", b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60)),
        ("MPEG", b"\0\0\1\xb3" + bytes(60)),
        ("PSD", b"8BPS\0\1" + bytes(60)),
        ("ICNS", b"icns" + bytes(60)),
        ("FLI", None),
    ],
)
def test_formats_that_are_not_read_are_named_and_no_program_is_started(
    name: str, data: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program is started")

    monkeypatch.setattr(subprocess, "Popen", start)
    if data is None:
        data = b"\x80\0\0\0\x12\xaf\1\0" + struct_size(9, 9) + b"\x08\0\3\0" + bytes(110)
    reason = f"^a file of the format {name}, which is not decoded; convert it, as to PNG$"
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)
    with pytest.raises(UnreadableImage, match=reason):
        upright_size(data)


def struct_size(width: int, height: int) -> bytes:
    return width.to_bytes(2, "little") + height.to_bytes(2, "little")


def test_pixel_limits_hold_before_decoding_in_each_format() -> None:
    """An icon's directory says nothing of the image within, and a JPEG 2000 header may lie."""
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8))
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "BMP", "PPM", "TGA", "PCX", "SGI",
                 "JPEG2000"):  # fmt: skip
        data = saved(photo, form)
        with pytest.raises(UnreadableImage, match=r"^300 x 200 pixels exceed the limit of 59,999"):
            decode(data, max_pixels=59_999)
        assert decode(data, max_pixels=60_000).shape == (200, 300, 3)
    png = saved(photo, "PNG")
    entry = b"\x10\x10\0\0\1\0\x20\0" + len(png).to_bytes(4, "little") + (22).to_bytes(4, "little")
    icon = b"\0\0\1\0\1\0" + entry + png
    assert decode(icon).shape == (200, 300, 3)
    for limit in (59_999, 1000):
        with pytest.raises(UnreadableImage, match=f"limit of {limit:,} "):
            decode(icon, max_pixels=limit)
    jp2 = bytearray(saved(photo, "JPEG2000"))
    at = jp2.index(b"ihdr")
    jp2[at + 4 : at + 12] = (2).to_bytes(4) * 2
    with pytest.raises(UnreadableImage, match="header and its code stream differ in size"):
        decode(bytes(jp2), max_pixels=100)
