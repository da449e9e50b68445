"""Rare kinds of images that are easily decoded wrongly: right, or refused by name, never wrong."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.image.containers import code_stream

RNG = np.random.default_rng(2)
PHOTO = Image.fromarray(RNG.integers(0, 256, (5, 6, 3), np.uint8)).resize((64, 48), 3)
RGB = np.asarray(PHOTO)
GREY = np.asarray(PHOTO.convert("L"))
# 16-bit samples whose high bytes are those of the photograph, white included.
DEEP = RGB.astype(np.uint16) << 8 | RNG.integers(0, 256, RGB.shape, np.uint16)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def encoded(suffix: str, rgb: npt.NDArray[np.generic]) -> bytes:
    lossless = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if suffix == ".jp2" else []
    return cv2.imencode(suffix, rgb[..., ::-1] if rgb.ndim == 3 else rgb, lossless)[1].tobytes()


def tiff(tags: Iterable[tuple[int, int, tuple[int, ...]]], data: bytes, order: str = "<") -> bytes:
    """A TIFF of one image; each tag as (number, type 3 or 4, values); 273 and 279 are the data's
    places and lengths, given from its own beginning."""
    entries, beside = b"", b""
    listed = sorted(tags)
    start = 8 + 2 + 12 * len(listed) + 4
    lengths = {number: len(values) * (2 if kind == 3 else 4) for number, kind, values in listed}
    data_at = start + sum(length for length in lengths.values() if length > 4)
    for number, kind, values in listed:
        numbers = [value + data_at for value in values] if number == 273 else list(values)
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", start + len(beside))
            beside += packed
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", number, kind, len(numbers)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", 8) + struct.pack(f"{order}H", len(listed))
    return head + entries + bytes(4) + beside + data


def grey_tiff(bits: int, photometric: int, samples: npt.NDArray[np.generic]) -> bytes:
    data = samples.tobytes()
    return tiff(
        [(256, 4, (64,)), (257, 4, (48,)), (258, 3, (bits,)), (259, 3, (1,)),
         (262, 3, (photometric,)), (273, 4, (0,)), (277, 3, (1,)), (278, 4, (48,)),
         (279, 4, (len(data),))], data,
    )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        encoded(".png", DEEP),
        encoded(".tif", DEEP),
        encoded(".jp2", DEEP),
        b"P6\n64 48\n65535\n" + (RGB.astype(np.uint16) * 257).astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "jp2", "ppm"],
)
def test_sixteen_bits_keep_their_high_byte_and_white_stays_white(data: bytes) -> None:
    stream = code_stream(data)
    if stream is not None and stream.depth == 16:
        pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.abs(pillow.astype(int) - RGB).max() == 255, "Pillow no longer needs a hand"
    np.testing.assert_array_equal(decode(data), RGB)


@pytest.mark.parametrize(
    "data",
    [
        encoded(".png", DEEP[..., 0]),
        encoded(".jp2", DEEP[..., 0]),
        grey_tiff(16, 1, DEEP[..., 0]),
        grey_tiff(16, 0, 65535 - DEEP[..., 0]),
        grey_tiff(8, 0, 255 - RGB[..., 0]),
        b"P5\n64 48\n65535\n" + DEEP[..., 0].astype(">u2").tobytes(),
    ],
    ids=["png", "jp2", "tiff", "tiff of white as zero", "tiff of 8 bits, white as zero", "pgm"],
)
def test_deep_and_inverted_grey(data: bytes) -> None:
    np.testing.assert_array_equal(decode(data), np.repeat(RGB[..., :1], 3, axis=2))


def test_planes_of_a_tiff() -> None:
    def planes(bits: int, array: npt.NDArray[np.generic]) -> bytes:
        size = array[..., 0].nbytes
        data = b"".join(np.ascontiguousarray(array[..., i]).tobytes() for i in range(3))
        return tiff(
            [(256, 4, (64,)), (257, 4, (48,)), (258, 3, (bits,) * 3), (259, 3, (1,)),
             (262, 3, (2,)), (273, 4, (0, size, 2 * size)), (277, 3, (3,)), (278, 4, (48,)),
             (279, 4, (size,) * 3), (284, 3, (2,))], data,
        )  # fmt: skip

    np.testing.assert_array_equal(decode(planes(8, RGB)), RGB)
    with pytest.raises(UnreadableImage, match="a TIFF with planes of 16 bits"):
        decode(planes(16, DEEP))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("grey", [False, True])
def test_a_cut_jpeg_with_an_end_mark_is_seen(share: float, grey: bool) -> None:
    """As some programs leave an interrupted download: half the picture is plain grey."""
    image = PHOTO.resize((320, 240))
    data = saved(image.convert("L") if grey else image, "JPEG", quality=90)
    cut = data[: int(len(data) * share)] + b"\xff\xd9"
    with pytest.raises(UnreadableImage, match="truncated, though it has an end mark"):
        decode(cut)
    zeros = bytearray(data)
    zeros[int(len(data) * share) : -2] = bytes(len(data) - 2 - int(len(data) * share))
    with pytest.raises(UnreadableImage, match="truncated"):
        decode(bytes(zeros))


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_cut_progressive_jpeg_is_seen_by_its_scans(share: float, mode: str) -> None:
    """It would be shown whole, but blurred. (A cut inside the very last scan is not seen.)"""
    for options in ({}, {"subsampling": 0}, {"quality": 30}, {"restart_marker_blocks": 3}):
        image = PHOTO.resize((320, 240)).convert(mode)
        data = saved(image, "JPEG", progressive=True, **options)
        assert decode(data).shape == (240, 320, 3)
        with pytest.raises(UnreadableImage, match="truncated, though it has an end mark"):
            decode(data[: int(len(data) * share)] + b"\xff\xd9")


def test_a_picture_that_is_grey_itself_is_whole() -> None:
    for kind in ("RGB", "L"):
        plain = Image.new(kind, (40, 30), (128, 128, 128) if kind == "RGB" else 128)
        for progressive in (False, True):
            data = saved(plain, "JPEG", progressive=progressive)
            assert (decode(data) == 128).all()
            assert (decode(data + b"more" * 50) == 128).all()
    framed = Image.new("RGB", (96, 80), (128, 128, 128))
    framed.paste(PHOTO, (16, 16))
    np.testing.assert_array_equal(decode(saved(framed, "JPEG"))[-1, -1], (128, 128, 128))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"x", b"Exif\0\0" + bytes(range(200)), b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_corrupt_exif_costs_its_orientation_only(form: str, exif: bytes) -> None:
    lossless = {"lossless": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(decode(saved(PHOTO, form, exif=exif, **lossless)), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["WEBP", "AVIF", "TIFF"])
def test_orientation_beyond_jpeg_and_png(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    fine: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
    options = fine.get(form, {})
    decoded = decode(saved(PHOTO, form, exif=exif, **options))
    turned = RGB if orientation < 5 else RGB.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    assert decoded.shape == turned.shape
    assert np.abs(decoded.astype(int) - turned).mean() < (4 if form == "AVIF" else 1e-9)


def test_a_huge_colour_profile_is_passed_over() -> None:
    for form in ("JPEG", "PNG", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = saved(PHOTO, form, icc_profile=b"\x01" * 4_000_000, **options)
        assert np.abs(decode(data).astype(int) - RGB).mean() < 5


def png(depth: int, colour: int, rows: bytes, *chunks: bytes, interlaced: bool = False) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", 64, 48, depth, colour, 0, 0, interlaced)
    inner = [chunk(c[:4], c[4:]) for c in chunks]
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *inner, data, chunk(b"IEND", b"")])


def test_odd_pngs() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in RGB)
    whole = png(8, 2, rows)
    np.testing.assert_array_equal(decode(whole), RGB)
    np.testing.assert_array_equal(decode(whole + b"garbage" * 9), RGB)
    passes = b"".join(
        b"\0" + row.tobytes()
        for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
                             (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        for row in RGB[y::dy, x::dx]
    )  # fmt: skip
    np.testing.assert_array_equal(decode(png(8, 2, passes, interlaced=True)), RGB)
    np.testing.assert_array_equal(decode(png(8, 2, rows, b"gAMA\0\1\x86\xa0", b"sBIT\5\6\5")), RGB)
    for bits in (1, 2, 4):
        packed = np.packbits(
            np.unpackbits((GREY[..., None] >> 8 - bits).astype(np.uint8), axis=2)[..., -bits:],
            axis=None,
        )
        low = b"".join(b"\0" + row.tobytes() for row in packed.reshape(48, -1))
        expected = (GREY >> 8 - bits) * (255 // (2**bits - 1))
        np.testing.assert_array_equal(decode(png(bits, 0, low))[..., 0], expected)
    trns = png(8, 2, rows, b"tRNS" + struct.pack(">3H", *RGB[0, 0].tolist()))
    assert (decode(trns, background=(1, 2, 3))[0, 0] == (1, 2, 3)).all()
    for broken, reason in (
        (png(8, 2, rows[:-900]), "truncated"),
        (png(8, 2, rows, b"tEXtIEND")[:600], "truncated"),
        (whole[:29] + b"\0\0\0\0" + whole[33:], "not an image"),
        (whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "broken|truncated|Error"),
    ):
        with pytest.raises(UnreadableImage, match=reason):
            decode(broken)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(PHOTO, "WEBP")[:-30], "the WebP data is truncated"),
        (saved(PHOTO, "JPEG2000")[:-900], "."),
        (grey_tiff(32, 1, GREY.astype(np.uint32)), "32-bit integers"),
        (encoded(".tif", np.full((9, 9), np.nan, np.float32)), "floating-point numbers"),
        (encoded(".tif", np.full((9, 9), np.inf, np.float32)), "floating-point numbers"),
        (encoded(".tif", np.full((9, 9, 3), np.nan, np.float32)), "not an image in a format"),
        (encoded(".hdr", np.ones((9, 9, 3), np.float32)), "not an image in a format"),
        (b"\0", "not an image"),
        (b"\xff\xd8\xff", "the JPEG header is broken or cut off"),
        (b"BM", "not an image"),
        (b"GIF89a\xff\xff\xff\xff\0\0\0", "4294836225|not an image|pixels exceed"),
        (b"P6\n99999 99999\n255\n", "99999 x 99999 pixels exceed the limit"),
        (b"P6\n0 5\n255\n", "not an image|claims 0 x 5"),
    ],
)
def test_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


def test_jpegs_of_other_kinds_are_named() -> None:
    data = bytearray(saved(PHOTO, "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    with pytest.raises(UnreadableImage, match="a JPEG of 12 bits a sample, which is not read"):
        decode(bytes(data))


def test_wrong_suffixes_do_not_matter_and_first_pages_count() -> None:
    second = Image.new("RGB", (64, 48))
    for form in ("TIFF", "GIF", "WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = saved(PHOTO, form, save_all=True, append_images=[second], **options)
        assert np.abs(decode(data).astype(int) - RGB).mean() < (12 if form == "GIF" else 1e-9)
    both = saved(PHOTO, "MPO", save_all=True, append_images=[second])
    assert np.abs(decode(both).astype(int) - RGB).mean() < 5
