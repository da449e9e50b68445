"""Rotations with the pixels of Pillow's BILINEAR filter, most of them made by OpenCV.

OpenCV blends 8.8 fixed point values in float32: quick, and near enough to what Pillow truncates to
say what it becomes, unless that is nearly a whole number. Those values are made again in float64,
with Pillow's roundings. The whole takes half as long as Pillow's way from pixel to pixel.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Colour, Pixels
from augcli.operations.pillow_exact.rounding import pillow_rounds_each_step

FixedPoint = npt.NDArray[np.uint16]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating[Any]]  # what NumPy's stubs make of an integer and 0.5
Indices = npt.NDArray[np.int32]

# The side of the tiles in whose own frames OpenCV's coordinates are small, and so are their errors.
# A multiple of 32, which is how many pixels it computes at once on some processors.
_TILE = 64
# About how many pixels are made before their doubtful values are.
_BAND = 2**18
# Where a coefficient is smaller, its inverse does not give the column in which the image begins.
_LEAST_SLOPE = 1e-4
# Beyond, the copies that this makes of an image would take too much memory.
_MOST_PIXELS = 2**25
# The part of a float32 that may be lost in a rounding.
_ROUNDING = 2.0**-24
# Values between two whole ones, which are not doubtful. The fourth is what that channel has
# everywhere.
_OUTSIDE = (128, 128, 128, 255 * 256 + 128)


class _Axis(NamedTuple):
    """Where in the image, along one axis, what is shown at (x, y) comes from. Centres of pixels
    are at halves."""

    along_x: float
    along_y: float
    start: float

    def read(self, x: Floats, y: Floats) -> Doubles:
        """`along_x * x + along_y * y + start` with Pillow's roundings."""
        result: Doubles = self.along_x * x + self.along_y * y
        result += self.start
        return result


def rotate_bilinear(image: Pixels, degrees: float, fill: Colour) -> Pixels | None:
    """Turn (H, W, 3) uint8 `image` counter-clockwise about its centre.

    What is read from outside becomes `fill`. None where the pixels might not be Pillow's: within
    0.006 degrees of multiples of a right angle, for images of more than 2^25 pixels, and where
    OpenCV's or Pillow's compiled code is not as exact as this relies on.
    """
    height, width = image.shape[:2]
    across, down = _turn(degrees, height, width)
    steep = min(abs(across.along_x), abs(across.along_y)) >= _LEAST_SLOPE
    few = height * width <= _MOST_PIXELS
    if not (steep and few and pillow_rounds_each_step() and opencv_is_exact()):
        return None
    source, result = _fixed_point(image), np.empty((height, width, 3), np.uint8)
    doubt = int(_error(across, down))
    rows = max(1, _BAND // (width * _TILE)) * _TILE
    for top in range(0, height, rows):
        band = result[top : top + rows]
        values = _warp(source, across, down, top, len(band))
        fraction = values.astype(np.uint8)
        values >>= 8
        cv2.cvtColor(values.astype(np.uint8), cv2.COLOR_RGBA2RGB, band)
        # 256 is 0 here: fractions that are too near to a whole number from below come round.
        fraction += np.uint8(doubt)
        at = np.flatnonzero(fraction <= 2 * doubt).astype(np.int32)
        # Of the four channels there, the last is never in doubt, and is not here.
        band.reshape(-1)[at - (at >> 2)] = _blend_at(source, at, across, down, top)
    _fill_outside(result, across, down, fill)
    return result


def _turn(degrees: float, height: int, width: int) -> tuple[_Axis, _Axis]:
    """Pillow's matrix for a rotation, with its roundings."""
    angle = -math.radians(degrees % 360.0)
    cos, sin, minus_sin = (
        round(part, 15) for part in (math.cos(angle), math.sin(angle), -math.sin(angle))
    )
    x, y = width / 2, height / 2
    return (
        _Axis(cos, sin, cos * -x + sin * -y + x),
        _Axis(minus_sin, cos, minus_sin * -x + cos * -y + y),
    )


def _error(across: _Axis, down: _Axis) -> float:
    """The most by which `_warp` misses the blend of a tile's pixel, in units of 1 / 256.

    In a tile, OpenCV computes a coordinate as `float(along_x) * x + float(along_y * y + start)`
    and rounds four times at most. A coordinate's error counts as often as neighbours differ, by
    255 at most. The blend itself, in float32, is good to 0.05, its result rounds to 0.5, and 0.05
    is for the float64 that all is compared with.
    """
    error = 0.0
    for axis in (across, down):
        x, y = abs(axis.along_x) * _TILE, abs(axis.along_y) * _TILE
        start = y + (x if axis.along_x < 0 else 0.0)
        error += _ROUNDING * (start + x + (x + y) + 8)
        error += abs(float(np.float32(axis.along_x)) - axis.along_x) * _TILE
    return 255 * 256 * error + 0.6


def _fixed_point(image: Pixels) -> FixedPoint:
    """`image` times 256, with a rim of one pixel that repeats the outermost, and a fourth channel
    of one value: OpenCV is twice as quick with four as with three.

    Values like all around them get half a unit more. They are blended with no others, and the
    whole numbers that they make are in no doubt.
    """
    padded = cv2.copyMakeBorder(
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), 1, 1, 1, 1, cv2.BORDER_REPLICATE
    )
    differences = cv2.morphologyEx(padded, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    _, half = cv2.threshold(differences, 0, 128, cv2.THRESH_BINARY_INV, differences)
    # OpenCV's merge is quicker, but writes past the cache: reading that takes more than it gains.
    result = np.multiply(padded, 256, dtype=np.uint16)
    result += half
    return result


def _warp(source: FixedPoint, across: _Axis, down: _Axis, top: int, height: int) -> FixedPoint:
    """`height` rows from `top` on, (H, W, 4), blended from `source` by OpenCV."""
    width = source.shape[1] - 2
    values = np.empty((height, width, 4), np.uint16)
    rows, columns = np.arange(0, height, _TILE), np.arange(0, width, _TILE)
    matrices = np.empty((len(rows), len(columns), 2, 3))
    parts = []
    for i, (axis, size) in enumerate(((across, source.shape[1]), (down, source.shape[0]))):
        # Here centres of pixels are at whole numbers, and there is the rim.
        first = axis.read(columns + 0.5, rows[:, None] + (top + 0.5)) + 0.5
        ends = (axis.along_x * _TILE, axis.along_y * _TILE)
        low = np.floor(first + sum(min(end, 0.0) for end in ends)) - 1
        high = np.ceil(first + sum(max(end, 0.0) for end in ends)) + 2
        # Also a tile that is all outside has to be given something to read.
        low, high = np.clip(low, 0, size - 1), np.clip(high, 1, size)
        matrices[:, :, i, 0], matrices[:, :, i, 1] = axis.along_x, axis.along_y
        matrices[:, :, i, 2] = first - low
        parts += [low.astype(int).tolist(), high.astype(int).tolist()]
    left, right, upper, lower = parts
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for i, row in enumerate(rows.tolist()):
        for j, column in enumerate(columns.tolist()):
            tile = values[row : row + _TILE, column : column + _TILE]
            part = source[upper[i][j] : lower[i][j], left[i][j] : right[i][j]]
            size = tile.shape[1], tile.shape[0]
            cv2.warpAffine(part, matrices[i, j], size, tile, flags, cv2.BORDER_CONSTANT, _OUTSIDE)
    return values


def _blend_at(source: FixedPoint, at: Indices, across: _Axis, down: _Axis, top: int) -> Doubles:
    """The values at indices `at` of the rows from `top` on, flattened, as Pillow blends them.

    Those that are read from outside the image are anything.
    """
    stride = 4 * source.shape[1]
    row = at // (stride - 8)
    index = at - row * (stride - 8)
    column = index >> 2
    x, y = column + 0.5, row + (top + 0.5)
    x, y = across.read(x, y), down.read(x, y)
    x -= 0.5
    y -= 0.5
    left, upper = np.floor(x), np.floor(y)
    x -= left
    y -= upper
    # The first of the four neighbours is a row and a pixel further on, behind the rim.
    index += 4 * (left.astype(np.int32) - column)
    index += stride * upper.astype(np.int32)
    index += stride + 4
    values = source.reshape(-1)
    rows = []
    for first in (0, stride):
        start, end = (
            (values[first + step :].take(index, mode="clip") >> 8).astype(np.float64)
            for step in (0, 4)
        )
        end -= start
        end *= x
        end += start
        rows.append(end)
    start, end = rows
    end -= start
    end *= y
    end += start
    return end


def _fill_outside(result: Pixels, across: _Axis, down: _Axis, fill: Colour) -> None:
    """Give all pixels that are read from outside the image the colour `fill`."""
    height, width = result.shape[:2]
    rows = np.arange(height) + 0.5
    borders = [(*across, 0), (*across, width), (*down, 0), (*down, height)]
    *each_axis, level = np.array(borders).T[..., None]
    axes = _Axis(*each_axis)
    # In which column a row has crossed a border, found twice: by division, and as Pillow rounds.
    crossed = np.ceil((level - axes.along_y * rows - axes.start) / axes.along_x - 0.5) - 1
    for _ in range(2):
        crossed += (axes.read(crossed + 0.5, rows) < level) == (axes.along_x > 0)
    pairs = crossed.reshape(2, 2, height)
    first = np.maximum(pairs.min(axis=1).max(axis=0), 0).astype(np.int64)
    last = np.minimum(pairs.max(axis=1).min(axis=0), width).astype(np.int64)
    nothing = first >= last
    first[nothing] = last[nothing] = 0
    # What is outside at the end of a row and at the start of the next lies side by side.
    lines = np.arange(height) * width
    starts = 3 * np.concatenate(([0], lines + last))
    ends = 3 * np.concatenate((lines + first, [height * width]))
    colour, pixels = memoryview(bytes(fill) * (2 * width)), result.reshape(-1).data
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        pixels[start:end] = colour[: end - start]


@functools.cache
def opencv_is_exact() -> bool:
    """Whether this OpenCV's `warpAffine` is as near to the blends as `rotate_bilinear` relies on.

    Before OpenCV 5 it rounds coordinates to 1/32 of a pixel.
    """
    height, width = 100, 150
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    source = _fixed_point(image)
    # Only around the centre, which is inside at any angle.
    inside = np.zeros((height, width, 4), bool)
    inside[20:-20, 45:-45, :3] = True
    at = np.flatnonzero(inside).astype(np.int32)
    for degrees in (7.0, -40.0, 160.0):
        across, down = _turn(degrees, height, width)
        values = _warp(source, across, down, 0, height)
        actual, expected = values.reshape(-1)[at], _blend_at(source, at, across, down, 0)
        if np.abs(actual - 256 * expected).max() > _error(across, down):
            return False
        if (values[..., 3] != _OUTSIDE[3]).any():
            return False
    return True
