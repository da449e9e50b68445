"""Mutated files: decoded or refused by name, never anything else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from augcli.errors import UnreadableImage
from augcli.image.codec import decode

CASES = 250
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF"]


def seed_file(form: str) -> bytes:
    rng = np.random.default_rng(7)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize((40, 30), 2)
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    small.save(stream, form, **({"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}))
    return stream.getvalue()


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
    return bytes(broken)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMATS)
def test_mutations_are_decoded_or_refused(form: str) -> None:
    data = seed_file(form)
    whole = decode(data)
    assert whole.shape[2] == 3
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(CASES):
        try:
            image = decode(mutated(data, rng), max_pixels=1_000_000)
        except UnreadableImage as error:
            refused += 1
            assert str(error)
            assert "\n" not in str(error)
        else:
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
            assert image.shape[0] * image.shape[1] <= 1_000_000
    assert 0 < refused < CASES
