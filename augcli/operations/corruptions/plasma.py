"""Plasma fractals: clouds by the diamond-square algorithm (Fournier, Fussell and Carpenter, 1982)
on a torus, as ImageNet-C's fog is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Floats, Shape

_FIRST_WIBBLE = 100.0
_LARGEST = 4096


def plasma_side(shape: Shape, least: int = 2) -> int:
    """The side of the map for an image of (height, width): a power of two that covers it."""
    return max(least, 1 << (max(shape) - 1).bit_length())


def wibbles(side: int, decay: float) -> Iterator[tuple[int, float]]:
    """The steps of a map: how far apart its known points are, and how much new ones vary."""
    step, wibble = side, _FIRST_WIBBLE
    while step >= 2:
        yield step, wibble
        step, wibble = step // 2, wibble / decay


def plasma(side: int, decay: float, uniform: Floats) -> Floats:
    """A map (side, side) from 0 to 1, for `side` a power of two.

    `uniform` are the side * side - 1 numbers that are drawn for its points, in order, each from
    -wibble to wibble of its step; a point varies by its number times the wibble once more, as
    published.
    """
    cloud = np.zeros((side, side))
    first = 0
    for step, wibble in wibbles(side, decay):
        half = step // 2
        count = side // step
        size = count * count
        squares, above, beside = (
            wibble * uniform[first + part * size : first + (part + 1) * size].reshape(count, count)
            for part in range(3)
        )
        first += 3 * size
        corners = cloud[::step, ::step]
        rows = corners + _next(corners, 0)
        middles = (rows + _next(rows, 1)) / 4.0 + squares
        cloud[half::step, half::step] = middles
        upright = middles + _before(middles, 0)
        level = corners + _next(corners, 1)
        cloud[::step, half::step] = (upright + level) / 4.0 + above
        level = middles + _before(middles, 1)
        upright = corners + _next(corners, 0)
        cloud[half::step, ::step] = (level + upright) / 4.0 + beside
    cloud -= cloud.min()
    cloud /= cloud.max() or 1.0
    return cloud


def plasma_of(seed: int, side: int, decay: float) -> Floats:
    """The map (side, side) of a seed."""
    uniform = uniform_field(seed, (side * side,))
    uniform *= 2.0
    uniform -= 1.0
    first = 0
    for step, wibble in wibbles(side, decay):
        count = 3 * (side // step) ** 2
        uniform[first : first + count] *= wibble
        first += count
    return plasma(side, decay, uniform)


def cloud_of(seed: int, shape: Shape, decay: float) -> Floats:
    """The part of a map for an image of (height, width). For a side of more than 4096 pixels, where
    nothing is published and a whole map would take gigabytes, it is enlarged from one of 4096."""
    (height, width), side = shape, plasma_side(shape)
    cloud = plasma_of(seed, min(side, _LARGEST), decay)
    if side > _LARGEST:
        rows, columns = (math.ceil(length * _LARGEST / side) for length in shape)
        return cv2.resize(cloud[:rows, :columns], (width, height))
    return cloud[:height, :width]


def _next(grid: Floats, axis: int) -> Floats:
    return np.roll(grid, -1, axis)


def _before(grid: Floats, axis: int) -> Floats:
    return np.roll(grid, 1, axis)
