"""Overlays for frost that lie in a folder, as those of the benchmark do."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from augcli.arrays.types import Pixels
from augcli.errors import BadValue, UnreadableImage, UserError
from augcli.files import read_bytes
from augcli.image.codec import decode
from augcli.operations.corruptions.frost_overlays import OVERLAYS
from augcli.text import shorten

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_LARGEST, _MOST_PIXELS = 64 << 20, 50_000_000
# A side of it is resized to a fifth.
_LEAST_SIDE = 32


class OverlayFile(NamedTuple):
    """The pixels (rows, columns, 3) of an overlay, and the SHA-256 of its file."""

    pixels: Pixels
    sha256: str


def overlay_files(folder: str) -> list[Path]:
    """The first five images of a folder, by name; the published code takes five of its six.

    Raises BadValue where there are none such.
    """
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise BadValue(f"it cannot be read as a folder ({error.strerror})") from error
    if len(files) < OVERLAYS:
        raise BadValue(f"give a folder of {OVERLAYS} images (PNG, JPEG, WebP, BMP) or more")
    return files[:OVERLAYS]


@lru_cache(OVERLAYS)
def read_overlay(file: Path) -> OverlayFile:
    """An overlay; raises UnreadableImage where it is none, or too small."""
    try:
        data = read_bytes(file, _LARGEST)
        pixels = decode(data, max_pixels=_MOST_PIXELS)
    except (OSError, UserError, UnreadableImage) as error:
        why = str(error).rstrip(".")
        raise UnreadableImage(f"the frost overlay {shorten(str(file))}: {why}") from error
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        raise UnreadableImage(
            f"the frost overlay {shorten(str(file))} has fewer than {_LEAST_SIDE} pixels a side"
        )
    return OverlayFile(pixels, hashlib.sha256(data).hexdigest())
