"""Files made to cost much: each is decided within seconds, and within the memory of its pixels."""

from __future__ import annotations

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.image.header import upright_size
from tests.helpers.image_files import chunk, saved, segment, with_chunks

SECONDS = 8
SIZE = 1_000_000
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
JPEG, CMYK = saved(PHOTO, "JPEG"), saved(PHOTO.convert("CMYK"), "JPEG")
PNG, RGBA = saved(PHOTO, "PNG"), saved(PHOTO.convert("RGBA"), "PNG")
GIF, WEBP = (
    saved(PHOTO, "GIF"),
    saved(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(5)]),
)
GIF_AT, WEBP_AT = GIF.index(b",\0\0\0\0"), WEBP.index(b"ANMF")
KEY = b"Raw profile type exif\0\0"
WHOLE = (48, 64)


def jpeg(data: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    return data[:2] + before + data[2:-2] + behind + data[-2:]


def scans(width: int, height: int, number: int) -> bytes:
    """A progressive JPEG in which scans follow each other of which each says nothing of all
    blocks."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    nothing = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(blocks // 16384 * 2 + 4)
    return b"".join(
        [b"\xff\xd8", segment(0xDB, b"\0" + b"\1" * 64), segment(0xC2, frame)]
        + [
            segment(0xC4, kind + b"\1" + bytes(15) + v)
            for kind, v in ((b"\0", b"\0"), (b"\x10", b"\xe0"))
        ]
        + [segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8 + 1)]
        + [nothing] * number
        + [b"\xff\xd9"]
    )


def tiff(tags: list[tuple[int, int, int, int]], behind: bytes = b"") -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + behind


def strips(rows: int, number: int, height: int = 1000) -> bytes:
    """A TIFF whose strips all lie at one place, one bit a pixel, 1000 pixels a row."""
    sides = [(256, 4, 1, 1000), (257, 4, 1, height), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 1)]
    places = [(273, 4, number, 122), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, number, 122)]
    return tiff(sides + places, struct.pack("<I", 200) * number + bytes(200_000))


def riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(side: int) -> bytes:
    return WEBP[:24] + (side - 1).to_bytes(3, "little") * 2 + WEBP[30:]


def icon(png: bytes) -> bytes:
    return b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", len(png), 22) + png


def text_bomb(png: bytes) -> bytes:
    packed = zlib.compress(b"0" * 8_000_000)
    return with_chunks(png, chunk(b"zTXt", b"a\0\0" + packed) * 100)


def profile_bomb(png: bytes) -> bytes:
    return with_chunks(png, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))))


PAGES = b"".join(
    struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<I", 26 + 18 * n)
    for n in range(50_000)
)
# Each file, and its size or why it is refused.
FILES: dict[str, tuple[bytes, tuple[int, int] | str]] = {
    "JPEG, segments": (jpeg(JPEG, segment(0xFE, b"") * (SIZE // 4)), "more than 5,000 segments"),
    "CMYK, segments": (jpeg(CMYK, segment(0xE1, b"Exif\0\0") * 99_000), "more than 5,000 segments"),
    "JPEG, EXIF": (jpeg(JPEG, segment(0xE1, b"Exif\0\0" + bytes(190)) * 4900), WHOLE),
    "CMYK, EXIF": (jpeg(CMYK, segment(0xE1, b"Exif\0\0" + bytes(190)) * 4900), WHOLE),
    "CMYK, profiles": (jpeg(CMYK, segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(99)) * 4900), WHOLE),
    "JPEG, fill bytes": (jpeg(JPEG, b"\xff" * SIZE), WHOLE),
    "JPEG, restarts": (jpeg(JPEG, b"", b"\xff\xd0" * (SIZE // 2)), WHOLE),
    "CMYK, restarts": (jpeg(CMYK, b"", b"\xff\xd0" * (SIZE // 2)), WHOLE),
    "JPEG, ends": (JPEG + b"\xff\xd9" * (SIZE // 2), WHOLE),
    "JPEG, 99 scans": (scans(2000, 2000, 98), (2000, 2000)),
    "JPEG, scans": (scans(2000, 2000, 5000), "more than 100 scans"),
    "JPEG, scans of 100 megapixels": (scans(9999, 9999, 1000), "more than 100 scans"),
    "PNG, chunks": (with_chunks(PNG, chunk(b"tIME", b"") * (SIZE // 12)), WHOLE),
    "RGBA, chunks": (with_chunks(RGBA, chunk(b"tEXt", b"a\0b") * (SIZE // 15)), WHOLE),
    "PNG, EXIF": (with_chunks(PNG, chunk(b"eXIf", b"") * (SIZE // 12)), WHOLE),
    "PNG, pieces": (with_chunks(PNG, chunk(b"IDAT", b"") * (SIZE // 12)), WHOLE),
    "PNG, packed EXIF": (
        with_chunks(PNG, chunk(b"zTXt", KEY + zlib.compress(b"0" * 10**7)) * 9), WHOLE,
    ),
    "PNG, tags": (
        with_chunks(PNG, chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\1" * 12 * 65535)), WHOLE,
    ),
    "PNG, texts": (text_bomb(PNG), WHOLE),
    "RGBA, texts": (text_bomb(RGBA), WHOLE),
    "PNG, profile": (profile_bomb(PNG), WHOLE),
    "RGBA, profile": (profile_bomb(RGBA), WHOLE),
    "PNG, frames": (
        with_chunks(PNG, chunk(b"acTL", b"\1" * 8) + chunk(b"fcTL", bytes(26)) * 20_000), WHOLE,
    ),
    "icon, texts": (icon(text_bomb(RGBA)), "."),
    "GIF, comments": (
        GIF[:GIF_AT] + (b"!\xfe\xff" + b"c" * 255 + b"\0") * 3800 + GIF[GIF_AT:], WHOLE,
    ),
    "GIF, short comments": (GIF[:GIF_AT] + b"!\xfe\1c\0" * (SIZE // 5) + GIF[GIF_AT:], WHOLE),
    "GIF, frames": (GIF[:-1] + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * (SIZE // 15) + b";", WHOLE),
    "PPM, comments": (b"P6\n" + b"#\n" * (SIZE // 2) + b"64 48\n255\n" + PHOTO.tobytes(), WHOLE),
    "TIFF, tags": (tiff([(40000 + n % 900, 3, 1, 1) for n in range(65_000)]), "not an image"),
    "TIFF, strips": (strips(999, 100_000), "more strips or tiles than cover it"),
    "TIFF, rows": (strips(1, 100_000), "more strips or tiles than cover it"),
    "TIFF, pages": (b"II*\0\x08\0\0\0" + PAGES, "not an image"),
    "TIFF, a tile": (
        tiff([(256, 4, 1, 9), (257, 4, 1, 9), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1),
              (277, 3, 1, 1), (322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 150),
              (325, 4, 1, 99)], bytes(999)),
        "tiles of 60000 x 60000 pixels exceeds the limit",
    ),
    "BigTIFF, tags": (
        b"II\x2b\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + b"\1" * SIZE, "not an image",
    ),
    "WebP, frames": (riff(WEBP[12:WEBP_AT] + WEBP[WEBP_AT:] * (SIZE // len(WEBP))), WHOLE),
    "WebP, chunks": (riff(WEBP[12:WEBP_AT] + b"ABCD\0\0\0\0" * 120_000 + WEBP[WEBP_AT:]), WHOLE),
    "WebP, canvas": (canvas(16_383), "16383 x 16383 pixels exceed the limit"),
    "AVIF, items": (saved(PHOTO, "AVIF") + b"infe\2" * (SIZE // 5), WHOLE),
    "JPEG 2000, boxes": (
        saved(PHOTO, "JPEG2000")[:12] + b"\0\0\0\x08free" * (SIZE // 8), ".",
    ),
    "icon, entries": (b"\0\0\1\0\xff\xff" + b"\x10\x10\0\0\1\0\x20\0\x64\0\0\0\x14\0\0\0" * 60_000,
                      "not an image"),
    "BMP, header": (b"BM" + bytes(12) + b"\xff\xff\xff\x7f" + bytes(SIZE),
                    "the BMP data is truncated"),
    "TGA, runs": (
        b"\0\0\x0a" + bytes(9) + struct.pack("<HH", 30_000, 3000) + b"\x18\0" + b"\xff" * SIZE, ".",
    ),
    "zeros": (bytes(SIZE), "not an image"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_each_is_decided_within_seconds(name: str) -> None:
    data, expected = FILES[name]
    assert len(data) < 1.3 * SIZE
    start = time.monotonic()
    if isinstance(expected, str):
        with pytest.raises(UnreadableImage, match=expected):
            decode(data)
    else:
        assert decode(data).shape == (*expected, 3)
        assert upright_size(data) == expected
    assert time.monotonic() - start < SECONDS
