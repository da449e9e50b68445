"""Affine operations and flips, with the pixels that Pillow's `Image.transform` and
`Image.rotate` give.

Affine matrices are Pillow's: (a, b, c, d, e, f) reads output pixel (x, y) from input (a x + b y +
c, d x + e y + f), with the origin at the image's top-left corner. Translations and shears by
NEAREST follow Pillow's own arithmetic (sums of doubles, and 16.16 fixed point) and move whole runs
of pixels, several times quicker, and those by BILINEAR blend whole rows; rotations by BILINEAR are
OpenCV's where those are Pillow's too; all else is Pillow's.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

from augcli.arrays.types import Colour, Pixels
from augcli.operations.pillow_exact.shift import shift_rows
from augcli.operations.pillow_exact.warp import rotate_bilinear
from augcli.operations.pixels import BLACK, as_pixels

Matrix = tuple[float, float, float, float, float, float]
Resample = Literal["nearest", "bilinear", "bicubic"]

_PILLOW_FILTER = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
_FIXED_POINT_LIMIT = 32768.0


class Geometry(NamedTuple):
    """How an affine operation reads between pixels, and what it shows outside the image."""

    resample: Resample = "nearest"
    fill: Colour = BLACK


NEAREST_ON_BLACK = Geometry()


def shear_x(image: Pixels, slope: float, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Read row y of (H, W, 3) `image` `slope * y` pixels further right: positive slopes move the
    bottom left.
    """
    return affine(image, (1.0, float(slope), 0.0, 0.0, 1.0, 0.0), geometry)


def shear_y(image: Pixels, slope: float, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Read column x of (H, W, 3) `image` `slope * x` pixels further down: positive slopes move the
    right up.
    """
    return affine(image, (1.0, 0.0, 0.0, float(slope), 1.0, 0.0), geometry)


def translate_x(image: Pixels, distance: float, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Move (H, W, 3) `image` left by `distance` pixels (right where negative)."""
    return affine(image, (1.0, 0.0, float(distance), 0.0, 1.0, 0.0), geometry)


def translate_y(image: Pixels, distance: float, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Move (H, W, 3) `image` up by `distance` pixels (down where negative)."""
    return affine(image, (1.0, 0.0, 0.0, 0.0, 1.0, float(distance)), geometry)


def rotate(image: Pixels, degrees: float, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Turn (H, W, 3) `image` counter-clockwise about its centre; the canvas stays."""
    if geometry.resample == "bilinear":
        result = rotate_bilinear(image, degrees, geometry.fill)
        if result is not None:
            return result
    resample = _PILLOW_FILTER[geometry.resample]
    return np.array(
        Image.fromarray(image).rotate(degrees, resample=resample, fillcolor=geometry.fill)
    )


def flip_horizontal(image: Pixels) -> Pixels:
    """Mirror (H, W, 3) `image` left to right."""
    return as_pixels(cv2.flip(image, 1))


def flip_vertical(image: Pixels) -> Pixels:
    """Mirror (H, W, 3) `image` top to bottom."""
    return as_pixels(cv2.flip(image, 0))


def affine(image: Pixels, matrix: Matrix, geometry: Geometry = NEAREST_ON_BLACK) -> Pixels:
    """Sample (H, W, 3) uint8 `image` through `matrix`; what is read from outside becomes
    `geometry.fill`.
    """
    a, b, c, d, e, f = map(float, matrix)
    nearest = geometry.resample == "nearest"
    if (a, b, d, e) == (1, 0, 0, 1) and (nearest or (c.is_integer() and f.is_integer())):
        # Between whole pixels nothing is interpolated, whatever the filter.
        return _translate(image, c, f, geometry)
    if nearest and (a, c, e, f) == (1, 0, 1, 0) and _fits_fixed_point(image, b, d):
        if d == 0:
            return _shear(image, b, geometry.fill)
        if b == 0:
            result = as_pixels(cv2.transpose(image))
            return as_pixels(cv2.transpose(_shear(result, d, geometry.fill)))
    if geometry.resample == "bilinear" and (a, e) == (1, 1):
        shifted = _shift(image, (b, c), (d, f), geometry.fill)
        if shifted is not None:
            return shifted
    return _by_pillow(image, matrix, geometry)


def _shift(
    image: Pixels, along_x: tuple[float, float], along_y: tuple[float, float], fill: Colour
) -> Pixels | None:
    """A shear and translation (slope, distance) along one axis, by BILINEAR; None for both axes,
    and where only Pillow's own rounding will do.
    """
    if along_y == (0, 0):
        return shift_rows(image, *along_x, fill)
    if along_x == (0, 0):
        shifted = shift_rows(as_pixels(cv2.transpose(image)), *along_y, fill)
        return None if shifted is None else as_pixels(cv2.transpose(shifted))
    return None


def _translate(image: Pixels, x: float, y: float, geometry: Geometry) -> Pixels:
    height, width = image.shape[:2]
    columns, rows = _source_run(x, width), _source_run(y, height)
    if columns is None or rows is None:
        return _by_pillow(image, (1.0, 0.0, x, 0.0, 1.0, y), geometry)
    result = _fill_canvas(height, width, geometry.fill)
    (to_columns, from_columns), (to_rows, from_rows) = columns, rows
    result[to_rows, to_columns] = image[from_rows, from_columns]
    return result


def _source_run(shift: float, size: int) -> tuple[slice, slice] | None:
    """Where the `size` pixels of an axis go and come from; None if their sources are not one
    unbroken run.

    Pillow adds 1.0 from pixel to pixel, so sums near whole numbers may skip or repeat a source.
    """
    steps = np.ones(size)
    steps[0] = shift + 0.5
    position = np.add.accumulate(steps)
    inside = np.flatnonzero((position >= 0) & (position < size))
    if not len(inside):
        return slice(0, 0), slice(0, 0)
    first, last = int(inside[0]), int(inside[-1])
    source_first, source_last = int(position[first]), int(position[last])
    if source_last - source_first != last - first:
        return None
    return slice(first, last + 1), slice(source_first, source_last + 1)


def _fits_fixed_point(image: Pixels, b: float, d: float) -> bool:
    """Whether Pillow computes this shear with 16.16 fixed-point coordinates."""
    height, width = image.shape[:2]
    x, y = (width, b * height, width + b * height), (height, d * width, height + d * width)
    return all(abs(corner) < _FIXED_POINT_LIMIT for corner in (*x, *y))


def _shear(image: Pixels, slope: float, fill: Colour) -> Pixels:
    """Each row moved left by `slope` times its number, to the nearest whole pixel."""
    height, width = image.shape[:2]
    first = math.floor((0.5 + slope * 0.5) * 65536.0 + 0.5)
    moves = (math.floor(slope * 65536.0 + 0.5) * np.arange(height) + first) >> 16
    starts = [0, *(np.flatnonzero(np.diff(moves)) + 1).tolist(), height]
    result = _fill_canvas(height, width, fill)
    # Neighbouring rows that move alike are moved together.
    for top, bottom in pairwise(starts):
        move = int(moves[top])
        left, right = max(0, -move), min(width, width - move)
        if left < right:
            result[top:bottom, left:right] = image[top:bottom, left + move : right + move]
    return result


def _fill_canvas(height: int, width: int, fill: Colour) -> Pixels:
    result = np.empty((height, width, 3), np.uint8)
    # By whole rows: assigning three values per pixel takes ten times as long.
    result.reshape(height, width * 3)[:] = np.tile(np.array(fill, np.uint8), width)
    return result


def _by_pillow(image: Pixels, matrix: Matrix, geometry: Geometry) -> Pixels:
    height, width = image.shape[:2]
    result = Image.fromarray(image).transform(
        (width, height),
        Image.Transform.AFFINE,
        matrix,
        resample=_PILLOW_FILTER[geometry.resample],
        fillcolor=geometry.fill,
    )
    return np.array(result)
