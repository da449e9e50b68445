"""Blurs of ImageNet-C: defocus, glass, motion and zoom.

Where the published code is odd, this is too, as the published sets are: glass blur copies pixels
where it means to exchange them, never by the largest shift, and motion blur has one side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.noise import random_bytes
from augcli.arrays.types import Float32, Floats, Pixels, Shape, UInt8
from augcli.operations.corruptions.values import truncated, unit, unit32
from augcli.operations.corruptions.variants import Strengths, five

Shifts = npt.NDArray[np.signedinteger]
Indices = npt.NDArray[np.int32]


class Defocus(NamedTuple):
    """A disk's radius, and the standard deviation that softens its rim, in pixels."""

    radius: float
    rim: float


class Glass(NamedTuple):
    """The standard deviation of both blurs, the largest shift in pixels, and how often pixels are
    shifted."""

    deviation: float
    reach: int
    passes: int


class Motion(NamedTuple):
    """Radius and standard deviation of the blur along a line, in pixels."""

    radius: int
    deviation: float


DEFOCUS: Strengths = {
    "imagenet": five(Defocus, (3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    "tiny": five(Defocus, (0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
    "cifar": five(Defocus, (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "inception": five(Defocus, (4, 0.1), (5, 0.5), (7, 0.5), (10, 0.5), (12, 0.5)),
}
GLASS: Strengths = {
    "imagenet": five(Glass, (0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    "tiny": five(Glass, (0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
    "cifar": five(Glass, (0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "inception": five(Glass, (0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
}
MOTION: Strengths = {
    "imagenet": five(Motion, (10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    "tiny": five(Motion, (10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
    "cifar": five(Motion, (6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "inception": five(Motion, (12, 4), (17, 6), (17, 9), (17, 13), (22, 16)),
}


def _factors(count: int, step: float) -> tuple[float, ...]:
    """1, 1 + step, ... with the roundings of the published list, on which a layer's side depends:
    32 pixels times 1.2500000000000002 are 33 for some of it."""
    return tuple((1.0 + np.arange(count) * ((1.0 + step) - 1.0)).tolist())


# By how much the layers are enlarged. The published ranges end where rounding has them end: 1 to
# 1.11 by 0.01 are twelve.
_LARGE = (
    _factors(12, 0.01), _factors(16, 0.01), _factors(11, 0.02), _factors(13, 0.02),
    _factors(11, 0.03),
)  # fmt: skip
_SMALL = tuple(_factors(count, 0.01) for count in (7, 12, 16, 21, 26))
ZOOM: Strengths = {
    "imagenet": _LARGE,
    "tiny": (_SMALL[0], _SMALL[1], _SMALL[2], _SMALL[3], _SMALL[4]),
    "cifar": (_SMALL[0], _SMALL[1], _SMALL[2], _SMALL[3], _SMALL[4]),
    "inception": _LARGE,
}


def smoothed(values: npt.NDArray[Any], deviation: float, truncate: float = 4.0) -> npt.NDArray[Any]:
    """(H, W) or (H, W, 3) float32 or float64 `values`, smoothed by a Gaussian that is cut off at
    `truncate` standard deviations, the border repeated."""
    radius = int(truncate * deviation + 0.5)
    if radius == 0:
        return values.copy()
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weights /= weights.sum()
    return cv2.sepFilter2D(values, -1, weights, weights, borderType=cv2.BORDER_REPLICATE)


def defocus_blur(image: Pixels, strength: Defocus) -> Pixels:
    """(H, W, 3) uint8 `image` under a disk whose rim is softened."""
    return truncated(cv2.filter2D(unit(image), -1, _disk(*strength)))


@lru_cache(32)
def _disk(radius: float, rim: float) -> Float32:
    small = radius <= 8
    line = np.arange(-8, 9) if small else np.arange(-radius, radius + 1)
    disk = (line**2 + line[:, None] ** 2 <= radius**2).astype(np.float32)
    disk /= disk.sum()
    side = 3 if small else 5
    return cv2.GaussianBlur(disk, (side, side), sigmaX=rim).astype(np.float32)


def glass_blur(image: Pixels, strength: Glass, shifts: Shifts) -> Pixels:
    """(H, W, 3) uint8 `image`: blurred, its pixels copied from near by, and blurred again.

    `shifts` are (passes, H - 2 reach, W - 2 reach, 2), where it has that many rows and columns: how
    many columns and rows away each pixel is read, in the order in which pixels are written, from
    below and from the right.
    """
    blurred = truncated(smoothed(unit(image), strength.deviation))
    height, width = image.shape[:2]
    sources = np.arange(height * width, dtype=np.int32)
    for one in shifts:
        # Later passes read what earlier ones wrote.
        sources = sources[_copied(one, strength.reach, (height, width))]
    moved = blurred.reshape(-1, 3)[sources].reshape(image.shape)
    return truncated(smoothed(unit(moved), strength.deviation))


def glass_shifts(strength: Glass, shape: Shape, seed: int) -> Shifts:
    """Shifts for `glass_blur`, uniform from -reach to reach - 1."""
    _, reach, passes = strength
    rows, columns = (max(0, side - 2 * reach) for side in shape)
    count = passes * rows * columns * 2
    words = random_bytes(seed, 2 * count).view("<u2").astype(np.int32)
    shifts: Shifts = ((words * (2 * reach)) >> 16) - reach
    return shifts.reshape(passes, rows, columns, 2)


def _copied(shifts: Shifts, reach: int, shape: Shape) -> Indices:
    """Where each pixel's value comes from after one pass, (H * W), for shifts (rows, columns, 2).

    Pixels are written one after another. One whose source was written before reads the source's new
    value: that is the value that the source had read, and so on. All chains are shortened at once,
    to half of their length each time.
    """
    height, width = shape
    rows, columns = shifts.shape[:2]
    sources = np.arange(height * width, dtype=np.int32)
    if rows == 0 or columns == 0:
        return sources
    inside = slice(reach + 1, reach + 1 + rows), slice(reach + 1, reach + 1 + columns)
    away = shifts[::-1, ::-1].astype(np.int32)
    grid = sources.reshape(shape)
    here = grid[inside].copy()
    read = here + away[..., 1] * width + away[..., 0]
    grid[inside] = read
    row = np.arange(reach + 1, reach + 1 + rows)[:, None] + away[..., 1]
    column = np.arange(reach + 1, reach + 1 + columns) + away[..., 0]
    # Pixels further down and to the right were written before, where any were written.
    before = (read > here) & (row <= reach + rows) & (column <= reach + columns)
    before &= column >= reach + 1
    pending = np.zeros(height * width, bool)
    pending.reshape(shape)[inside] = before
    at = here[before]
    while at.size:
        to = sources[at]
        sources[at] = sources[to]
        still = pending[to]
        pending[at] = still
        at = at[still]
    return sources


def motion_blur(image: UInt8, strength: Motion, angle: float) -> UInt8:
    """(H, W) or (H, W, 3) uint8 `image`, read forward along a line at `angle` degrees with weights
    that fall as one half of a Gaussian; the border repeats.

    As ImageMagick 6 computes it: to 16 bits, rounded, and of these to 8, truncated.
    """
    height, width = image.shape[:2]
    weights, across, down = _line(*strength, angle)
    # Beyond the image all is its border: no shift has to be larger.
    across, down = np.clip(across, -width, width), np.clip(down, -height, height)
    left, top = max(0, -int(across.min())), max(0, -int(down.min()))
    right, bottom = max(0, int(across.max())), max(0, int(down.max()))
    padded = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
    source = padded.astype(np.float64)
    total = np.zeros(image.shape)
    for weight, x, y in zip(weights.tolist(), across.tolist(), down.tolist(), strict=True):
        part = source[top + y : top + y + height, left + x : left + x + width]
        cv2.scaleAdd(part, 257.0 * weight, total, total)
    np.rint(total, out=total)
    return (total.astype(np.uint16) // 257).astype(np.uint8)


def _line(radius: int, deviation: float, angle: float) -> tuple[Floats, Indices, Indices]:
    """Weights of a motion blur, and how many columns and rows away each is read."""
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2.0 * deviation * deviation))
    weights /= weights.sum()
    turn = math.radians(angle)
    across, down = (np.ceil(steps * along - 0.5) for along in (math.cos(turn), math.sin(turn)))
    return weights, across.astype(np.int32), down.astype(np.int32)


def zoom_blur(image: Pixels, factors: tuple[float, ...]) -> Pixels:
    """The mean of (H, W, 3) uint8 `image` and of its enlargements by `factors` about its centre."""
    values = unit32(image)
    # Turned over, as the second step of an enlargement leaves it.
    total: Float32 = cv2.transpose(values)
    for factor in factors:
        total += cv2.transpose(values) if factor == 1.0 else _enlarged_over(values, factor)
    total /= np.float32(len(factors) + 1)
    return cv2.transpose(truncated(total))


def enlarged(values: npt.NDArray[Any], factor: float) -> npt.NDArray[Any]:
    """The middle of (H, W) or (H, W, C) `values`, up to four channels, enlarged by `factor` (1 at
    least) to all of their height and width: linear, corners on corners, as `scipy.ndimage.zoom`
    does."""
    return values if factor == 1.0 else cv2.transpose(_enlarged_over(values, factor))


def _enlarged_over(values: npt.NDArray[Any], factor: float) -> npt.NDArray[Any]:
    """`enlarged`, but its rows are columns: whole rows are several times quicker to blend."""
    return _enlarged_down(cv2.transpose(_enlarged_down(values, factor)), factor)


def _enlarged_down(values: npt.NDArray[Any], factor: float) -> npt.NDArray[Any]:
    """Enlarged along the rows alone."""
    size = len(values)
    rows = values.reshape(size, -1)
    first, share = _read_at(size, factor)
    start = rows[first]
    end = rows[np.minimum(first + 1, size - 1)]
    end -= start
    end *= share.astype(values.dtype)[:, None]
    end += start
    return end.reshape(values.shape)


@lru_cache(256)
def _read_at(size: int, factor: float) -> tuple[Indices, Floats]:
    """For each of `size` places, the last one at or before the point where it is read, and how far
    on towards the next one."""
    part = math.ceil(size / factor)
    large = round(part * factor)
    step = (part - 1) / (large - 1) if large > 1 else 0.0
    at = (np.arange(size) + (large - size) // 2) * step
    before = np.minimum(np.floor(at), max(part - 2, 0))
    return (before + (size - part) // 2).astype(np.int32), at - before


def apply_glass(image: Pixels, strength: Glass, seed: int) -> Pixels:
    """The image with its pixels exchanged with others near by, between two blurs."""
    height, width = image.shape[:2]
    return glass_blur(image, strength, glass_shifts(strength, (height, width), seed))
