"""One reading of orientation, whichever decoder gets a file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFile

from augcli.errors import UnreadableImage
from augcli.image import codec
from augcli.image.codec import decode
from augcli.image.exif import read_orientation, stored_upright
from augcli.image.header import upright_size
from tests.helpers.image_files import (
    chunk,
    exif_block,
    raw_profile,
    saved,
    segment,
    with_chunks,
    xmp,
)

Pixels = npt.NDArray[np.uint8]

RNG = np.random.default_rng(11)
PHOTO = Image.fromarray(RNG.integers(0, 256, (4, 5, 3), np.uint8)).resize((40, 24), 3)
HEIGHT, WIDTH = 24, 40
KEY = "Raw profile type exif"


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """As ITU-T T.871 and EXIF define the eight orientations, by where row 0 and column 0 lie."""
    if orientation > 4:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def images() -> Iterator[tuple[str, Image.Image]]:
    """A photograph in each mode, and what is seen of it on white."""
    alpha = Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH), np.uint8))
    rgba, la = PHOTO.convert("RGBA"), PHOTO.convert("LA")
    rgba.putalpha(alpha)
    la.putalpha(alpha)
    yield from {
        "RGB": PHOTO,
        "L": PHOTO.convert("L"),
        "1": PHOTO.convert("1"),
        "P": PHOTO.quantize(16),
        "RGBA": rgba,
        "LA": la,
        "I;16": Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 256 + 7),
        "CMYK": PHOTO.convert("CMYK"),
    }.items()


IMAGES = dict(images())


def seen(image: Image.Image) -> Pixels:
    """What a file of the image shows on white."""
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    layers = image.convert("RGBA")
    white = Image.new("RGBA", layers.size, (255, 255, 255, 255))
    white.alpha_composite(layers)
    return np.asarray(white.convert("RGB"))


def by_both(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Pixels, Pixels]:
    """What is decoded, and what Pillow decodes where OpenCV declines."""
    first = decode(data)
    with monkeypatch.context() as patch:
        patch.setattr(codec, "_by_opencv", lambda *_: None)
        second = decode(data)
    return first, second


def check(
    data: bytes, expected: Pixels, monkeypatch: pytest.MonkeyPatch, tolerance: float = 0
) -> None:
    assert upright_size(data) == expected.shape[:2]
    for pixels in by_both(data, monkeypatch):
        assert pixels.shape == expected.shape
        assert pixels.flags.c_contiguous
        assert np.abs(pixels.astype(int) - expected).mean() <= tolerance


def in_png(carrier: str, png: bytes, exif: bytes) -> bytes:
    """A PNG file that carries EXIF in one of the places in which it is."""
    text = raw_profile(exif)
    compressed = zlib.compress(text)
    key = KEY.encode() + b"\0"
    return {
        "eXIf": lambda: with_chunks(png, chunk(b"eXIf", exif)),
        "eXIf with the mark of JPEG": lambda: with_chunks(png, chunk(b"eXIf", b"Exif\0\0" + exif)),
        "eXIf behind the pixels": lambda: with_chunks(png, behind=chunk(b"eXIf", exif)),
        "tEXt": lambda: with_chunks(png, chunk(b"tEXt", key + text)),
        "zTXt": lambda: with_chunks(png, chunk(b"zTXt", key + b"\0" + compressed)),
        "zTXt behind the pixels": lambda: with_chunks(
            png, behind=chunk(b"zTXt", key + b"\0" + compressed)
        ),
        "iTXt": lambda: with_chunks(png, chunk(b"iTXt", key + b"\0\0en\0\0" + text)),
        "iTXt compressed": lambda: with_chunks(png, chunk(b"iTXt", key + b"\1\0\0\0" + compressed)),
        "eXIf before text": lambda: with_chunks(
            png, chunk(b"tEXt", key + raw_profile(exif_block(3))) + chunk(b"eXIf", exif)
        ),
        "the first eXIf": lambda: with_chunks(
            png, chunk(b"eXIf", exif) + chunk(b"eXIf", exif_block(3))
        ),
    }[carrier]()


@pytest.mark.parametrize("mode", [mode for mode in IMAGES if mode != "CMYK"])
@pytest.mark.parametrize(
    "carrier",
    [
        "eXIf",
        "eXIf with the mark of JPEG",
        "eXIf behind the pixels",
        "tEXt",
        "zTXt",
        "zTXt behind the pixels",
        "iTXt",
        "iTXt compressed",
        "eXIf before text",
        "the first eXIf",
    ],
)
def test_png(mode: str, carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    png = saved(IMAGES[mode], "PNG")
    for orientation in range(1, 9):
        data = in_png(carrier, png, exif_block(orientation))
        check(data, turned(seen(IMAGES[mode]), orientation), monkeypatch)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_jpeg(mode: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = saved(IMAGES[mode], "JPEG", quality=95, subsampling=0)
    stored = decode(plain)
    assert np.abs(stored.astype(int) - seen(IMAGES[mode])).mean() < 4
    for orientation in range(1, 9):
        block = segment(0xE1, b"Exif\0\0" + exif_block(orientation, order=order))
        expected = turned(stored, orientation)
        for data in (
            plain[:2] + block + plain[2:],
            plain[:2]
            + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(3))
            + block
            + plain[2:],
            plain[:2] + block + segment(0xE1, b"Exif\0\0" + exif_block(3)) + plain[2:],
        ):
            check(data, expected, monkeypatch, 0.5)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for orientation in range(1, 9):
        for mark in (b"", b"Exif\0\0"):
            exif = mark + exif_block(orientation, order=">")
            data = saved(IMAGES[mode], "WEBP", lossless=True, exact=True, exif=exif)
            check(data, turned(seen(IMAGES[mode]), orientation), monkeypatch)


@pytest.mark.parametrize("mode", list(IMAGES))
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_tiff(mode: str, compression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for orientation in range(1, 9):
        for kind in (1, 3, 4):
            data = tiff_with(IMAGES[mode], orientation, kind, compression)
            check(data, turned(seen(IMAGES[mode]), orientation), monkeypatch)


def tiff_with(image: Image.Image, orientation: int, kind: int, compression: str) -> bytes:
    """A TIFF file by Pillow in which the orientation has another type."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = bytearray(saved(image, "TIFF", exif=exif, compression=compression))
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    at = bytes(data).index((0x0112).to_bytes(2, order) + (3).to_bytes(2, order))
    size = {1: 1, 3: 2, 4: 4}[kind]
    data[at + 2 : at + 4] = kind.to_bytes(2, order)
    data[at + 8 : at + 12] = orientation.to_bytes(size, order).ljust(4, b"\0")
    assert read_orientation(bytes(data)) == orientation
    return bytes(data)


def test_avif_is_turned_by_its_own_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(PHOTO, "AVIF", quality=100, subsampling="4:4:4", exif=exif)
        check(data, turned(seen(PHOTO), orientation), monkeypatch, 2)
    exif = Image.Exif()
    exif[0x0113] = 6
    data = saved(PHOTO, "AVIF", quality=100, subsampling="4:4:4", exif=exif)
    mark = exif.tobytes()[6:10]
    assert data.count(mark) == 1
    check(data.replace(mark, b"XXXX"), seen(PHOTO), monkeypatch, 2)
    tag = next(part for part in (b"\x01\x13\0\x03", b"\x13\x01\3\0") if part in data)
    stated = data.replace(tag, tag.replace(b"\x13", b"\x12"))
    check(stated, seen(PHOTO), monkeypatch, 2)


def test_orientation_in_xmp_only_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    packet = xmp(6)
    for mode in ("RGB", "RGBA", "P", "L"):
        expected = seen(IMAGES[mode])
        png = saved(IMAGES[mode], "PNG")
        text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
        check(with_chunks(png, text), expected, monkeypatch)
        check(saved(IMAGES[mode], "TIFF", tiffinfo={700: packet}), expected, monkeypatch)
    check(saved(PHOTO, "WEBP", lossless=True, xmp=packet), seen(PHOTO), monkeypatch)
    check(saved(PHOTO, "AVIF", quality=100, xmp=packet), seen(PHOTO), monkeypatch, 5)
    for mode in ("RGB", "CMYK"):
        data = saved(IMAGES[mode], "JPEG", quality=95, subsampling=0, xmp=packet)
        check(data, seen(IMAGES[mode]), monkeypatch, 4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "counts"),
    [(1, True), (3, True), (4, True), (6, True), (8, True), (9, True), (7, False), (2, False)],
)
def test_an_integer_of_any_integer_type_counts(kind: int, counts: bool, order: str) -> None:
    assert read_orientation(exif_block(6, kind, order)) == (6 if counts else 1)
    assert read_orientation(b"Exif\0\0" + exif_block(6, kind, order)) == (6 if counts else 1)
    assert read_orientation(exif_block(6, kind, order, count=2)) == 1
    for value in (0, 9, 100):
        assert read_orientation(exif_block(value, kind, order)) == 1


def test_orientation_of_a_large_tiff() -> None:
    """BigTIFF: entries of 20 bytes, places of 64 bits."""
    entry = (0x0112).to_bytes(2, "big") + (16).to_bytes(2, "big") + (1).to_bytes(8, "big")
    big = b"MM\0\x2b\0\x08\0\0" + (16).to_bytes(8, "big") + (1).to_bytes(8, "big") + entry
    big += (7).to_bytes(8, "big") + bytes(8)
    assert read_orientation(big) == 7
    assert read_orientation(stored_upright(big)) == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"x",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        exif_block(6)[:18],
        b"II\x2b\0\x08\0\0\0" + b"\xff" * 8,
        bytes(range(200)),
    ],
)
def test_broken_exif_leaves_the_image_as_it_is_stored(
    broken: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_orientation(broken) == 1
    for mode in ("RGB", "RGBA", "P"):
        png = saved(IMAGES[mode], "PNG")
        check(with_chunks(png, chunk(b"eXIf", broken)), seen(IMAGES[mode]), monkeypatch)
        for name, content in ((b"tEXt", broken), (b"zTXt", b"\0" + broken), (b"iTXt", broken)):
            text = chunk(name, KEY.encode() + b"\0" + content)
            check(with_chunks(png, text), seen(IMAGES[mode]), monkeypatch)
    for mode in ("RGB", "CMYK"):
        plain = saved(IMAGES[mode], "JPEG", quality=95, subsampling=0)
        data = plain[:2] + segment(0xE1, b"Exif\0\0" + broken) + plain[2:]
        check(data, seen(IMAGES[mode]), monkeypatch, 4)
    webp = saved(PHOTO, "WEBP", lossless=True, exif=broken or b"\0")
    check(webp, seen(PHOTO), monkeypatch)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "BMP", "PPM", "TGA",
                                  "ICO", "PCX", "SGI", "JPEG2000"])  # fmt: skip
def test_sizes_are_read_from_the_header_of_each_format(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(PHOTO, form)
    shape = decode(data).shape
    with monkeypatch.context() as patch:
        for decoder in ("_by_opencv", "_by_pillow"):
            patch.setattr(codec, decoder, None)
        if form != "ICO":
            patch.setattr(ImageFile.ImageFile, "load", None)
        assert upright_size(data) == shape[:2]
    for broken in (b"", data[:3], b"text", data[:1] + b"\0" * 40):
        with pytest.raises(UnreadableImage, match=r"^[^\n]+$"):
            upright_size(broken)
