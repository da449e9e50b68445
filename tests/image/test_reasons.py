"""Why an image is not decoded is said in one voice: without names of libraries or exceptions."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from augcli.errors import UnreadableImage
from augcli.image import pillow
from augcli.image.codec import decode
from augcli.image.reasons import format_name, why_undecodable

FOREIGN = re.compile(
    r"pillow|\bPIL\b|opencv|cv2|libjpeg|libtiff|_io\.|BytesIO|0x[0-9a-f]|[A-Z][a-z]+Error|"
    r"[Ee]rrno|Traceback|decoder error|-\d",
    re.IGNORECASE,
)
PHOTO = Image.fromarray(np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8))
KINDS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "SGI",
         "JPEG2000", "AVIF")  # fmt: skip


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    PHOTO.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_no_reason_names_a_library_or_an_exception(kind: str) -> None:
    """Cut off at many lengths, and with bytes of the header changed, one after another."""
    whole, reasons = saved(kind), set[str]()
    harmed = [whole[:length] for length in (*range(1, 64, 3), *range(64, len(whole), 97))]
    for at in range(0, min(len(whole), 120), 2):
        harmed += [whole[:at] + bytes([byte]) + whole[at + 1 :] for byte in (0, 0x7F, 0xFF)]
    for data in harmed:
        try:
            decode(data, max_pixels=100_000)
        except UnreadableImage as error:
            reasons.add(str(error))
    assert reasons
    assert [reason for reason in reasons if FOREIGN.search(reason)] == []
    assert all(reason.isprintable() and len(reason) < 150 for reason in reasons)


@pytest.mark.parametrize("kind", KINDS)
def test_a_format_is_known_by_its_first_bytes(kind: str) -> None:
    names = {"WEBP": "WebP", "JPEG2000": "JPEG 2000", "TGA": "image"}
    assert format_name(saved(kind)) == names.get(kind, kind)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("image file is truncated (12 bytes not processed)"), "the GIF data is truncated"),
        (EOFError("no more images in GIF file"), "the GIF data is truncated"),
        (IndexError("list index out of range"), "the GIF data is truncated"),
        (OSError("broken data stream when reading image file"), "the GIF data is broken"),
        (ValueError("decoder error -2"), "the GIF data is broken"),
        (AttributeError("'NoneType' object has no attribute 'x'"), "the GIF data is broken"),
        (KeyError((1, 2)), "the GIF header has a value that is not known"),
        (
            OSError("Unsupported BMP compression (9)"),
            "the GIF data is of a kind that is not read; convert it, as to PNG",
        ),
        (
            OSError("out of memory error"),
            "decoding it takes more memory than a worker may use",
        ),
        (
            UnidentifiedImageError("cannot identify image file <_io.BytesIO object at 0x7f>"),
            "not an image in a format that is read, though it begins like a file of GIF",
        ),
    ],
)
def test_what_a_decoder_says_becomes_one_of_our_sentences(error: Exception, reason: str) -> None:
    assert why_undecodable(error, b"GIF89a" + bytes(40), pillow.FORMATS) == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!DOCTYPE html><html>no picture</html>", "not an image in a format that is read"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            "a file of the format EPS, which is not decoded; convert it, as to PNG",
        ),
        (
            b"II*\0" + bytes(60),
            "not an image in a format that is read, though it begins like a file of TIFF",
        ),
    ],
)
def test_what_is_no_image(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=f"^{re.escape(reason)}$"):
        decode(data)


def test_no_sentence_in_the_code_names_a_decoder() -> None:
    """But where a package is to be installed."""
    folder = Path(pillow.__file__).parent
    for file in folder.glob("*.py"):
        sentences = re.findall(r'UnreadableImage\(\s*f?"([^"]*)"', file.read_text())
        assert [one for one in sentences if FOREIGN.search(one)] == []
