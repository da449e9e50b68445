"""Mutated files: decoded or refused by name, never anything else, and alike by both decoders."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from augcli.arrays.types import Pixels
from augcli.errors import UnreadableImage
from augcli.image import codec
from augcli.image.codec import decode
from augcli.image.header import upright_size
from tests.helpers.image_files import chunk, exif_block, raw_profile, saved, with_chunks
from tests.image.test_animations import apng
from tests.image.test_orientation import IMAGES

CASES = 250
LIMIT = 1_000_000
SECONDS = 8
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "TGA", "ICO", "PCX", "SGI",
           "JPEG2000"]  # fmt: skip


def seed_files(form: str) -> Iterator[bytes]:
    """Small files of a format: all modes that it has, turned and not, and what is special of it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for image in IMAGES.values():
        try:
            yield saved(image, form)
        except (OSError, KeyError, ValueError):  # a mode that the format does not have
            continue
        if form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            yield saved(image, form, exif=exif)
    rgb, grey, deep = IMAGES["RGB"], IMAGES["L"], IMAGES["I;16"]
    if form == "JPEG":
        for image in (rgb, grey, IMAGES["CMYK"]):
            yield saved(image, form, progressive=True)
            yield saved(image, form, restart_marker_blocks=2)
    elif form == "TIFF":
        for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
            for mode in ("RGB", "P", "CMYK", "I;16"):
                yield saved(IMAGES[mode], form, compression=compression)
        yield saved(rgb, form, compression="jpeg")
        yield saved(IMAGES["1"], form, compression="group4")
    elif form == "PNG":
        for mode in ("RGB", "P", "RGBA"):
            yield from (apng(mode, hidden) for hidden in (False, True))
        for image, colour in ((rgb, b"\0\1\0\2\0\3"), (grey, b"\0\x55"), (deep, b"\1\7")):
            yield with_chunks(saved(image, form), chunk(b"tRNS", colour))
        packed = zlib.compress(raw_profile(exif_block(6)))
        yield with_chunks(saved(rgb, form), chunk(b"zTXt", b"Raw profile type exif\0\0" + packed))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bytes, a cut, a repeated or an inserted piece."""
    broken = bytearray(data)
    kind = rng.integers(5)
    at = int(rng.integers(len(broken)))
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
    elif kind == 1:
        del broken[at:]
    elif kind == 2:
        del broken[at : at + int(rng.integers(1, 40))]
    elif kind == 3:
        broken[at:at] = rng.bytes(int(rng.integers(1, 40)))
    else:
        # Sizes and counts live in the headers: set some of their bytes to extremes.
        for _ in range(3):
            broken[int(rng.integers(min(len(broken), 80)))] = int(rng.choice([0, 1, 127, 255]))
    return with_right_sums(bytes(broken)) if rng.integers(2) else bytes(broken)


def with_right_sums(data: bytes) -> bytes:
    """The file with right check sums where it is PNG: else few mutations come through."""
    if not data.startswith(PNG_MAGIC):
        return data
    pieces, at = [PNG_MAGIC], len(PNG_MAGIC)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        pieces += [data[at:end], zlib.crc32(data[at + 4 : end]).to_bytes(4)]
        at = end + 4
    return b"".join(pieces) + data[at:]


def decoded(data: bytes) -> Pixels | None:
    """What is decoded of a file within its limits; None where it is refused with a reason."""
    start = time.monotonic()
    try:
        image = decode(data, max_pixels=LIMIT)
    except UnreadableImage as error:
        assert str(error)
        assert "\n" not in str(error)
        return None
    finally:
        assert time.monotonic() - start < SECONDS
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.shape[0] * image.shape[1] <= LIMIT
    assert upright_size(data) == image.shape[:2]
    return image


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMATS)
def test_mutations_are_decoded_or_refused(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = list(seed_files(form))
    for seed in seeds:
        assert decoded(seed) is not None
    rng = np.random.default_rng(3)
    refused = 0
    for number in range(CASES):
        data = mutated(seeds[number % len(seeds)], rng)
        image = decoded(data)
        if image is None:
            refused += 1
            continue
        with monkeypatch.context() as patch:
            patch.setattr(codec, "_by_opencv", lambda *_: None)
            other = decoded(data)
        if other is not None:
            differences = np.abs(image.astype(int) - other)
            assert differences.max() <= (3 if form == "JPEG" else 0)
    assert 0 < refused < CASES
