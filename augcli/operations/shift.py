"""Rows moved by fractions of a pixel, with the pixels of Pillow's BILINEAR filter.

A row is read between two neighbours at the same share everywhere, so a shear or a translation is
one blend of the image with itself: several times quicker than Pillow's way from pixel to pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from augcli.image.fit import Pixels
from augcli.operations.pixels import Colour, row_blocks

# Pillow rounds x + 0.5 + slope * (y + 0.5) + distance for each pixel; where that may change which
# pixel is read, its own loop decides. In float64 these sums are good to 1e-10 for any image.
_UNCERTAIN = 1e-9
# Blends below 256 in float32 are good to 2.5e-5. Those that may be truncated otherwise than
# Pillow's are made again in float64.
_MARGIN = np.float32(1e-4)


def shift_rows(image: Pixels, slope: float, distance: float, fill: Colour) -> Pixels | None:
    """Read row y of (H, W, 3) uint8 `image` `slope * (y + 0.5) + distance` pixels further right.

    What is read from outside becomes `fill`. None where float64 does not settle which pixels
    Pillow would read.
    """
    height, width = image.shape[:2]
    shift = slope * (np.arange(height) + 0.5) + distance
    halves = 2.0 * shift
    if np.abs(halves - np.rint(halves)).min() < _UNCERTAIN or np.abs(shift).max() > 2**31:
        return None
    here, next_right = _neighbours(image, np.floor(shift).astype(np.int64))
    result = np.empty((height, width * 3), np.uint8)
    share = (shift - np.floor(shift)).astype(np.float32)[:, None]
    for block in row_blocks(height, width):
        start, end = here[block], next_right[block]
        first, value = start.astype(np.float32), end.astype(np.float32)
        value -= first
        value *= share[block]
        value += first
        value += _MARGIN
        result[block] = value
        value -= 2 * _MARGIN
        # Where both are equal, any share of the way is exactly there.
        uncertain = (result[block] != value.astype(np.uint8)) & (start != end)
        at = np.flatnonzero(uncertain)
        row, column = np.divmod(at, width * 3)
        exact = _share(row + block.start, column // 3, slope, distance)
        left, right = start.ravel()[at].astype(np.float64), end.ravel()[at]
        result[row + block.start, column] = left + (right - left) * exact
    border = np.tile(np.array(fill, np.uint8), width)
    for rows, move in _runs(np.floor(shift + 0.5).astype(np.int64)):
        result[rows, : 3 * max(0, -move)] = border[: 3 * max(0, -move)]
        result[rows, 3 * max(0, width - move) :] = border[3 * max(0, width - move) :]
    return result.reshape(height, width, 3)


def _neighbours(image: Pixels, moves: npt.NDArray[np.int64]) -> tuple[Pixels, Pixels]:
    """Each row moved left by its number of `moves`, and by one more, (H, 3 W) each.

    Beyond its ends a row repeats its outermost pixel once; after that it is 0.
    """
    height, width = image.shape[:2]
    padded = np.empty((height, 3 * (width + 2)), np.uint8)
    padded[:, 3:-3] = image.reshape(height, -1)
    padded[:, :3], padded[:, -3:] = image[:, 0], image[:, -1]
    here, next_right = np.zeros((2, height, 3 * width), np.uint8)
    for rows, move in _runs(moves):
        left, right = 3 * max(0, -move - 1), 3 * min(width, width - move)
        if left < right:
            first, last = left + 3 * (move + 1), right + 3 * (move + 1)
            here[rows, left:right] = padded[rows, first:last]
            next_right[rows, left:right] = padded[rows, first + 3 : last + 3]
    return here, next_right


def _runs(moves: npt.NDArray[np.int64]) -> Iterator[tuple[slice, int]]:
    """Neighbouring rows that move alike."""
    starts = [0, *(np.flatnonzero(np.diff(moves)) + 1).tolist(), len(moves)]
    for top, bottom in pairwise(starts):
        yield slice(top, bottom), int(moves[top])


def _share(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], slope: float, distance: float
) -> npt.NDArray[np.float64]:
    """How far between its two neighbours Pillow reads, with each of its roundings."""
    x = (column + 0.5) + slope * (row + 0.5) + distance - 0.5
    share: npt.NDArray[np.float64] = x - np.floor(x)
    return share
