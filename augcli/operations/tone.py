"""Operations that map each channel's values through a table of 256, with the pixels of Pillow's
ImageOps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Pixels
from augcli.operations.pixels import as_pixels

# OpenCV counts in float32, which is exact up to here.
_COUNTED_AT_ONCE = 2**24


def look_up(image: Pixels, table: Pixels) -> Pixels:
    """Replace every value v of (H, W, 3) `image` by `table[v]`; `table` is (256,)."""
    return as_pixels(cv2.LUT(image, table))


def invert(image: Pixels) -> Pixels:
    """255 - v for every value v of (H, W, 3) `image`."""
    return np.invert(image)


def solarize(image: Pixels, threshold: float) -> Pixels:
    """Invert the values of (H, W, 3) `image` that are not below `threshold`."""
    # 255 - v equals v XOR 255; v >= threshold equals v > ceil(threshold) - 1.
    above = math.ceil(min(max(threshold, 0), 256)) - 1
    if above < 0:
        return invert(image)
    _, mask = cv2.threshold(image, above, 255, cv2.THRESH_BINARY)
    return as_pixels(cv2.bitwise_xor(image, mask))


def solarize_add(image: Pixels, addition: float, threshold: int = 128) -> Pixels:
    """Add `addition` (truncated) to the values of (H, W, 3) `image` that are below `threshold`, and
    clip.

    As in the code of RandAugment (Cubuk et al., 2019, arXiv:1909.13719).
    """
    values = np.arange(256)
    added = np.clip(values + int(addition), 0, 255)
    return look_up(image, np.where(values < threshold, added, values).astype(np.uint8))


def posterize(image: Pixels, bits: float) -> Pixels:
    """Keep the highest `bits` bits (truncated, 0 to 8) of every value of (H, W, 3) `image`."""
    high_bits = min(max(int(bits), 0), 8)
    return np.bitwise_and(image, np.uint8(0x100 - (1 << (8 - high_bits))))


def auto_contrast(image: Pixels) -> Pixels:
    """Stretch each channel of (H, W, 3) `image` linearly to 0..255; constant channels stay."""
    # By whole rows first: reducing three interleaved channels pixel by pixel is many times slower.
    rows = image.reshape(image.shape[0], -1)
    lows, highs = (extreme.reshape(-1, 3) for extreme in (rows.min(axis=0), rows.max(axis=0)))
    low, high = lows.min(axis=0).tolist(), highs.max(axis=0).tolist()
    if low == [0, 0, 0] and high == [255, 255, 255]:  # as in every other photograph
        return image.copy()
    tables = map(_stretching, low, high)
    return _look_up_each(cv2.split(image), tables)


def equalize(image: Pixels) -> Pixels:
    """Flatten the histogram of each channel of (H, W, 3) `image`; channels of one value stay."""
    planes = cv2.split(image)
    return _look_up_each(planes, (_equalizing(_histogram(plane)) for plane in planes))


def _look_up_each(planes: Sequence[npt.NDArray[Any]], tables: Iterable[Pixels]) -> Pixels:
    """Each of three (H, W) channels through its own table.

    OpenCV takes half as long again with one table of three channels.
    """
    looked_up = [cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)]
    return as_pixels(cv2.merge(looked_up))


def _stretching(low: int, high: int) -> Pixels:
    """The table that stretches `low`..`high` to 0..255."""
    values = np.arange(256)
    if high > low:
        scale = 255.0 / (high - low)
        values = np.clip((values * scale + -low * scale).astype(np.int64), 0, 255)
    return values.astype(np.uint8)


def _equalizing(counts: npt.NDArray[np.int64]) -> Pixels:
    """The table that flattens a histogram; `counts` is (256,)."""
    values = np.arange(256)
    step = (int(counts.sum()) - int(counts[np.flatnonzero(counts)[-1]])) // 255
    if step:
        before = np.cumsum(counts) - counts
        values = np.minimum((step // 2 + before) // step, 255)
    return values.astype(np.uint8)


def _histogram(plane: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """How often each of the 256 values occurs in (H, W) uint8 `plane`."""
    counts = np.zeros(256, np.int64)
    rows = max(1, _COUNTED_AT_ONCE // plane.shape[1])
    for top in range(0, plane.shape[0], rows):
        part = cv2.calcHist([plane[top : top + rows]], [0], None, [256], [0, 256])
        counts += part.ravel().astype(np.int64)
    return counts
