"""Of an animation the first frame is taken, whatever its format and mode."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.errors import UnreadableImage
from augcli.image import codec
from augcli.image.codec import decode
from augcli.image.header import upright_size
from tests.helpers.image_files import chunk, exif_block, saved, with_chunks

PNG_START = b"\x89PNG\r\n\x1a\n"
BACKGROUND = (9, 8, 7)
# What a frame shows in each mode, on BACKGROUND.
COLOURS = {"hidden": (200, 0, 0), "first": (0, 200, 0), "second": (0, 0, 200)}


def pixel_data(png: bytes) -> bytes:
    at = png.index(b"IDAT")
    assert png.count(b"IDAT") == 1
    return png[at + 4 : at + 4 + int.from_bytes(png[at - 4 : at])]


def frame(mode: str, name: str, width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), COLOURS[name])
    if mode == "P":
        indexed = Image.new("P", (width, height), list(COLOURS).index(name))
        indexed.putpalette([value for colour in COLOURS.values() for value in colour])
        return indexed
    return image.convert(mode)


def control(number: int, width: int, height: int, x: int = 0, y: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">5I2H2B", number, width, height, x, y, 1, 10, 0, 0))


def apng(mode: str, hidden: bool, box: tuple[int, int, int, int] = (0, 0, 6, 4)) -> bytes:
    """An animation of two frames on 6 x 4 pixels; `box` (x, y, width, height) is the first's, where
    the default image is hidden."""
    default = saved(frame(mode, "hidden" if hidden else "first", 6, 4), "PNG")
    x, y, width, height = box
    frames = b"" if not hidden else control(0, width, height, x, y)
    numbers = 1
    if hidden:
        first = pixel_data(saved(frame(mode, "first", width, height), "PNG"))
        half = len(first) // 2
        frames += chunk(b"fdAT", struct.pack(">I", 1) + first[:half])
        frames += chunk(b"fdAT", struct.pack(">I", 2) + first[half:])
        numbers = 3
    second = pixel_data(saved(frame(mode, "second", 6, 4), "PNG"))
    frames += control(numbers, 6, 4) + chunk(b"fdAT", struct.pack(">I", numbers + 1) + second)
    head = chunk(b"acTL", struct.pack(">II", 2, 0)) + (b"" if hidden else control(0, 6, 4))
    return with_chunks(default, head, frames)


def shown(mode: str, name: str) -> tuple[int, ...]:
    return tuple(np.asarray(frame(mode, name, 1, 1).convert("RGB"))[0, 0].tolist())


@pytest.mark.parametrize("decoder", ["OpenCV", "Pillow"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA"])
@pytest.mark.parametrize("hidden", [False, True])
def test_png(mode: str, hidden: bool, decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if decoder == "Pillow":
        monkeypatch.setattr(codec, "_by_opencv", lambda *_: None)
    data = apng(mode, hidden)
    assert upright_size(data) == (4, 6)
    expected = np.broadcast_to(np.array(shown(mode, "first"), np.uint8), (4, 6, 3))
    np.testing.assert_array_equal(decode(data, background=BACKGROUND), expected)


@pytest.mark.parametrize("decoder", ["OpenCV", "Pillow"])
@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_around_a_smaller_first_frame_is_background(
    mode: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if decoder == "Pillow":
        monkeypatch.setattr(codec, "_by_opencv", lambda *_: None)
    expected = np.broadcast_to(np.array(BACKGROUND, np.uint8), (4, 6, 3)).copy()
    expected[1:3, 2:6] = shown(mode, "first")
    data = apng(mode, True, (2, 1, 4, 2))
    np.testing.assert_array_equal(decode(data, background=BACKGROUND), expected)
    turned = with_chunks(data, chunk(b"eXIf", exif_block(6)))
    rotated = decode(turned, background=BACKGROUND)
    np.testing.assert_array_equal(rotated, np.rot90(expected, -1))
    assert upright_size(turned) == (6, 4)


@pytest.mark.parametrize("box", [(3, 0, 4, 4), (0, 0, 6, 5), (0, 0, 0, 4), (2**32 - 1, 0, 2, 2)])
def test_a_first_frame_outside_of_the_image_is_refused(box: tuple[int, int, int, int]) -> None:
    data = apng("RGB", True)
    at = data.index(b"fcTL") + 8
    x, y, width, height = box
    broken = data[:at] + struct.pack(">4I", width, height, x, y) + data[at + 16 :]
    with pytest.raises(UnreadableImage, match="an animation whose first frame lies outside of it"):
        decode(broken)


def test_an_animation_without_frames_is_refused_or_its_still() -> None:
    still = saved(frame("RGB", "hidden", 6, 4), "PNG")
    animation = chunk(b"acTL", struct.pack(">II", 2, 0))
    np.testing.assert_array_equal(decode(with_chunks(still, animation)), decode(still))
    lacking = with_chunks(still, animation, control(0, 6, 4))
    with pytest.raises(UnreadableImage, match="an animation that lacks its first frame"):
        decode(lacking)


@pytest.mark.parametrize("form", ["WEBP", "GIF", "AVIF", "TIFF"])
def test_other_formats(form: str) -> None:
    frames = [frame("RGB", name, 6, 4) for name in ("first", "second", "hidden")]
    lossless: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
    options = lossless.get(form, {})
    data = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
    decoded = decode(data)
    assert upright_size(data) == decoded.shape[:2] == (4, 6)
    assert np.abs(decoded.astype(int) - shown("RGB", "first")).max() <= (4 if form == "AVIF" else 0)


def test_gif_with_a_transparent_first_frame() -> None:
    first = frame("P", "first", 6, 4)
    first.paste(2, (0, 0, 3, 4))
    second = frame("P", "hidden", 6, 4)
    data = saved(first, "GIF", save_all=True, append_images=[second], transparency=2, disposal=2)
    decoded = decode(data, background=BACKGROUND)
    np.testing.assert_array_equal(
        decoded[:, 3:], np.full((4, 3, 3), np.array((0, 200, 0), np.uint8))
    )
    np.testing.assert_array_equal(
        decoded[:, :3], np.full((4, 3, 3), np.array(BACKGROUND, np.uint8))
    )
