"""Decoding to upright RGB, refusing what is no whole image, and encoding."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from augcli.enums import Chroma, Format
from augcli.errors import UnreadableImage
from augcli.image.codec import Encoding, decode, encode, output_format, suffix
from augcli.image.jpeg import jpeg_header
from augcli.image.png import png_header

RNG = np.random.default_rng(1)
SMOOTH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (4, 5, 3), np.uint8)).resize((50, 40), 2), np.uint8
)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def test_png_colours_come_back_in_rgb_order() -> None:
    data = saved(Image.fromarray(SMOOTH), "PNG")
    np.testing.assert_array_equal(decode(data), SMOOTH)


def test_jpeg_is_what_pillow_decodes_within_rounding() -> None:
    data = saved(Image.fromarray(SMOOTH), "JPEG", quality=95)
    pillow = np.asarray(Image.open(io.BytesIO(data)), np.int16)
    assert np.abs(decode(data) - pillow).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(SMOOTH), form, exif=exif)
    turned = {
        1: SMOOTH,
        2: SMOOTH[:, ::-1],
        3: SMOOTH[::-1, ::-1],
        4: SMOOTH[::-1],
        5: SMOOTH.transpose(1, 0, 2),
        6: SMOOTH.transpose(1, 0, 2)[:, ::-1],
        7: SMOOTH.transpose(1, 0, 2)[::-1, ::-1],
        8: SMOOTH.transpose(1, 0, 2)[::-1],
    }[orientation]
    decoded = decode(data)
    assert decoded.shape == turned.shape
    assert np.abs(decoded.astype(int) - turned).mean() < (3 if form == "JPEG" else 1e-9)


def test_grey_is_repeated_and_palette_looked_up() -> None:
    grey = Image.fromarray(SMOOTH).convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(saved(grey, "PNG")), expected)
    palette = Image.fromarray(SMOOTH).quantize(16)
    np.testing.assert_array_equal(decode(saved(palette, "PNG")), np.asarray(palette.convert("RGB")))


def test_alpha_is_flattened_on_the_background() -> None:
    layers = np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 255, np.uint8)])
    layers[:10, :, 3] = 0
    layers[10:20, :, 3] = 128
    decoded = decode(saved(Image.fromarray(layers), "PNG"), background=(10, 20, 30))
    np.testing.assert_array_equal(decoded[:10], np.broadcast_to((10, 20, 30), (10, 50, 3)))
    half = SMOOTH[10:20] * (128 / 255) + np.array((10, 20, 30)) * (127 / 255)
    assert np.abs(decoded[10:20] - half).max() <= 1
    np.testing.assert_array_equal(decoded[20:], SMOOTH[20:])


def test_cmyk_and_sixteen_bits() -> None:
    cmyk = Image.fromarray(SMOOTH).convert("CMYK")
    data = saved(cmyk, "TIFF")
    np.testing.assert_array_equal(decode(data), np.asarray(cmyk.convert("RGB")))
    deep = (np.arange(600, dtype=np.uint16).reshape(20, 30) * 109).astype(np.uint16)
    decoded = decode(saved(Image.fromarray(deep), "PNG"))
    np.testing.assert_array_equal(decoded[..., 1], (deep >> 8).astype(np.uint8))


def test_first_frame_of_an_animation() -> None:
    first, second = Image.new("RGB", (9, 7), (200, 10, 10)), Image.new("RGB", (9, 7), (0, 0, 250))
    data = saved(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(data), np.broadcast_to((200, 10, 10), (7, 9, 3)))


JPEG = saved(Image.fromarray(SMOOTH), "JPEG", quality=95)
PNG = saved(Image.fromarray(SMOOTH), "PNG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"x", "not an image"),
        (b"a text file, whatever its name says", "not an image"),
        (JPEG[:-30], "the JPEG data is truncated"),
        (JPEG[:100], "the JPEG header is broken or cut off"),
        (PNG[: len(PNG) // 2], "the PNG data is truncated"),
        (PNG[:20], "the PNG header is broken or cut off"),
        (saved(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF"), "floating-point numbers"),
        (saved(Image.fromarray(np.ones((3, 3), np.int32)), "TIFF"), "32-bit integers"),
    ],
)
def test_refuses_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


def test_truncation_is_seen_behind_an_embedded_thumbnail() -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 40
    whole = saved(Image.fromarray(SMOOTH), "JPEG", exif=exif.tobytes() + JPEG)
    assert decode(whole).shape == SMOOTH.shape
    with pytest.raises(UnreadableImage, match="truncated"):
        decode(whole[:-30])


@pytest.mark.parametrize("data", [JPEG, PNG, saved(Image.fromarray(SMOOTH), "WEBP")])
def test_pixel_limit_is_checked_before_decoding(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match="50 x 40 pixels exceed the limit of 1,999"):
        decode(data, max_pixels=1999)
    assert decode(data, max_pixels=2000).shape == (40, 50, 3)


def test_headers() -> None:
    header = jpeg_header(JPEG)
    assert header is not None
    assert header[:4] == (50, 40, 3, 8)
    assert jpeg_header(JPEG[: header.scan - 13]) is None
    assert png_header(PNG) == (50, 40, 8, 2, b"", False, 1)


@pytest.mark.parametrize("chroma", list(Chroma))
def test_jpeg_sampling_and_quality_are_those_asked_for(chroma: Chroma) -> None:
    data = bytes(encode(SMOOTH, Format.jpeg, Encoding(Format.jpeg, 90, chroma)))
    start = data.index(b"\xff\xc0")
    sampling = {Chroma.full: 0x11, Chroma.half: 0x21, Chroma.quarter: 0x22}
    assert data[start + 11] == sampling[chroma]
    with Image.open(io.BytesIO(data)) as image:
        ours = image.quantization  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(saved(Image.fromarray(SMOOTH), "JPEG", quality=90))) as image:
        assert ours[0] == image.quantization[0]  # type: ignore[attr-defined]


def test_lossless_and_lossy_round_trips() -> None:
    png = bytes(encode(SMOOTH, Format.png, Encoding()))
    np.testing.assert_array_equal(decode(png), SMOOTH)
    assert png[:4] == b"\x89PNG"
    for form in (Format.jpeg, Format.webp):
        decoded = decode(bytes(encode(SMOOTH, form, Encoding())))
        assert cv2.PSNR(decoded, SMOOTH) > 33


def test_same_keeps_the_format_of_the_target() -> None:
    webp = saved(Image.fromarray(SMOOTH), "WEBP")
    gif = saved(Image.fromarray(SMOOTH), "GIF")
    formats = [output_format(data, Format.same) for data in (JPEG, PNG, webp, gif)]
    assert [suffix(form) for form in formats] == [".jpg", ".png", ".webp", ".png"]
    assert output_format(PNG, Format.webp) is Format.webp


def test_too_large_for_the_format() -> None:
    with pytest.raises(UnreadableImage, match="20000 x 1 pixels are too many a side for webp"):
        encode(np.zeros((1, 20000, 3), np.uint8), Format.webp, Encoding())
