"""What Pillow would read wrongly of a TIFF file: put right where that can be, else refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImagePalette

from augcli.arrays.types import UInt8
from augcli.errors import UnreadableImage

_BITS, _PHOTOMETRIC, _PLANES, _MAP = 258, 262, 284, 320
_TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT = 322, 323, 339
_WHITE_IS_ZERO, _SEPARATE, _SIGNED = 0, 2, 2
# Tiles of a small image may be larger than the image.
_TILE_AT_LEAST = 1 << 20

NO_RANGE = "which have no stated range; convert to 8 bits"
SIGNED = f"pixels are 32-bit integers, or signed ones, {NO_RANGE}"


def prepare_tiff(image: Image.Image, max_pixels: int) -> None:
    """Put right what was read of a TIFF file that is open and not decoded yet.

    Raises UnreadableImage where its pixels would be wrong, or take more than the image has.
    """
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    if tags.get(_PLANES) == _SEPARATE and max(tags.get(_BITS, (8,))) > 8:
        raise UnreadableImage("a TIFF with planes of 16 bits, which is not read; convert it")
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise UnreadableImage(SIGNED)
    tile = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_HEIGHT, 0)
    if not all(isinstance(side, int) for side in tile):
        raise UnreadableImage("a TIFF whose tiles have no size")
    if tile[0] * tile[1] > max(max_pixels, _TILE_AT_LEAST):
        raise UnreadableImage(
            f"a TIFF with tiles of {tile[0]} x {tile[1]} pixels exceeds the limit of"
            f" {max_pixels:,} (--max-pixels)"
        )
    parts = image.tile  # type: ignore[attr-defined]
    area = sum((x1 - x0) * (y1 - y0) for _, (x0, y0, x1, y1), *_ in parts)
    layers = len(image.getbands()) if tags.get(_PLANES) == _SEPARATE else 1
    if area > image.width * image.height * layers:
        raise UnreadableImage("a TIFF with more strips or tiles than cover it")
    if image.mode in ("P", "PA") and max(tags[_MAP], default=0) < 256:
        # Some writers leave out the step from 8 to 16 bits; libtiff tells by the same test.
        image.palette = ImagePalette.raw("RGB;L", bytes(tags[_MAP]))
    # Pillow would turn by the orientation in XMP.
    image.info.pop("xmp", None)


def high_bytes(image: Image.Image) -> UInt8:
    """The 8 high bits of samples of more bits, white as 255."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,))[0]
    shift = bits - 8 if 8 < bits < 16 else 8
    high = (np.asarray(image).astype(np.uint16) >> shift).astype(np.uint8)
    return np.uint8(255) - high if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else high
