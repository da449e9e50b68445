"""Rows moved by fractions of a pixel, with the pixels of Pillow's BILINEAR filter.

A row is read between two neighbours at the same share everywhere, so a shear or a translation is
one blend of the image with itself: several times quicker than Pillow's way from pixel to pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Colour, Float32, Floats, Pixels
from augcli.operations.pillow_exact.rounding import pillow_rounds_each_step
from augcli.operations.pixels import as_pixels, row_blocks

# Pillow rounds x + 0.5 + slope * (y + 0.5) + distance for each pixel; where that may change which
# pixel is read, its own loop decides. In float64 these sums are good to 1e-10 for any image.
_UNCERTAIN = 1e-9
# Blends below 256 in float32 are good to 2.5e-5. Those that may be truncated otherwise than
# Pillow's are made again in float64.
_MARGIN = 1e-4
# How many of those at once: seldom more than there are, but memory stays bounded.
_AT_ONCE = 2**18


def shift_rows(image: Pixels, slope: float, distance: float, fill: Colour) -> Pixels | None:
    """Read row y of (H, W, 3) uint8 `image` `slope * (y + 0.5) + distance` pixels further right.

    What is read from outside becomes `fill`. None where float64 does not settle which pixels
    Pillow would read, and where Pillow's compiled code rounds otherwise than its source says.
    """
    height, width = image.shape[:2]
    shift = slope * (np.arange(height) + 0.5) + distance
    halves = 2.0 * shift
    if np.abs(halves - np.rint(halves)).min() < _UNCERTAIN or np.abs(shift).max() > 2**31:
        return None
    if not pillow_rounds_each_step():
        return None
    shifted = _shift_whole(image, np.floor(shift).astype(np.int64))
    result = np.empty((height, width * 3), np.uint8)
    share = (shift - np.floor(shift)).astype(np.float32)[:, None]
    unsettled = np.concatenate(
        [_blend(shifted, share, block, result) for block in row_blocks(height, width)]
    )
    values = shifted.reshape(-1)
    for begin in range(0, len(unsettled), _AT_ONCE):
        at = unsettled[begin : begin + _AT_ONCE]
        row, column = np.divmod(at, shifted.shape[1])
        exact = _share(row, column // 3, slope, distance)
        left, right = values[at].astype(np.float64), values[at + 3]
        result[row, column] = left + (right - left) * exact
    border = np.tile(np.array(fill, np.uint8), width)
    for rows, move in _runs(np.floor(shift + 0.5).astype(np.int64)):
        if move < 0:
            result[rows, : -3 * move] = border[: -3 * move]
        else:
            result[rows, 3 * max(0, width - move) :] = border[3 * max(0, width - move) :]
    return result.reshape(height, width, 3)


def _blend(shifted: Pixels, share: Float32, block: slice, result: Pixels) -> npt.NDArray[np.intp]:
    """Blend a block's pixels with those to their right into `result`; the indices in `shifted`,
    taken flat, of those values that float32 does not settle.
    """
    # All as if it were one long row, which takes NumPy half as long. What that makes of the last
    # pixel in each row, and of the first in the next, is left out.
    rows = shifted[block]
    start = rows.reshape(-1)
    first = start.astype(np.float32)
    value = np.empty_like(first)
    np.subtract(first[3:], first[:-3], out=value[:-3])
    value[-3:] = 0
    blended = value.reshape(rows.shape)
    blended *= share[block]
    value += first
    # Rounding from a half below is truncating; just which way a tie goes is in doubt anyway.
    truncated = as_pixels(cv2.convertScaleAbs(blended, beta=_MARGIN - 0.5))
    result[block] = truncated[:, :-3]
    lower = as_pixels(cv2.convertScaleAbs(blended, beta=-_MARGIN - 0.5))
    uncertain = (truncated != lower).reshape(-1)
    # Where both are equal, any share of the way is exactly there.
    uncertain[:-3] &= start[3:] != start[:-3]
    uncertain.reshape(rows.shape)[:, -3:] = False
    return np.flatnonzero(uncertain) + block.start * rows.shape[1]


def _shift_whole(image: Pixels, moves: npt.NDArray[np.int64]) -> Pixels:
    """Each row moved left by its number of `moves`, with one pixel more, (H, 3 W + 3).

    Beyond its ends a row repeats its outermost pixel once; after that it is 0.
    """
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, 0, 1, 1, cv2.BORDER_REPLICATE).reshape(height, -1)
    result = np.zeros((height, 3 * (width + 1)), np.uint8)
    for rows, move in _runs(moves):
        left, right = 3 * max(0, -move - 1), 3 * min(width + 1, width + 1 - move)
        if left < right:
            result[rows, left:right] = padded[rows, left + 3 * (move + 1) : right + 3 * (move + 1)]
    return result


def _runs(moves: npt.NDArray[np.int64]) -> Iterator[tuple[slice, int]]:
    """Neighbouring rows that move alike."""
    starts = [0, *(np.flatnonzero(np.diff(moves)) + 1).tolist(), len(moves)]
    for top, bottom in pairwise(starts):
        yield slice(top, bottom), int(moves[top])


def _share(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], slope: float, distance: float
) -> Floats:
    """How far between its two neighbours Pillow reads, with each of its roundings."""
    x = (column + 0.5) + slope * (row + 0.5) + distance - 0.5
    share: Floats = x - np.floor(x)
    return share
