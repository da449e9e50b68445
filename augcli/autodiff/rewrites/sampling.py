"""Samples an image at places that another part of the network computes."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import cast, equal
from augcli.autodiff.rewrite import dims, integers, join_tensors, plain, rewrite_of


class Corner(NamedTuple):
    """Places along one axis, each the nearest inside the image, and the weight of the pixels there.

    Both are (N, rows, columns), places as float32.
    """

    places: Value
    weight: Value


@rewrite_of("GridSample")
def grid_sample(
    x: Value,
    grid: Value,
    *,
    mode: str = "linear",
    padding_mode: str = "zeros",
    align_corners: int = 0,
) -> Value:
    """x (N, C, H, W) at places (N, rows, columns, 2), which are (x, y) from -1 to 1.

    As in spatial transformers (Jaderberg et al., NeurIPS 2015, arXiv:1506.02025): the weighted sum
    of the pixels around each place, so that both the image and the places get a gradient.
    """
    if mode not in ("linear", "bilinear", "nearest"):
        raise NoRule(f"its mode is {mode}")
    corners = []
    for axis, coordinate in ((2, 1), (3, 0)):
        index = grid.graph.constant(coordinate, np.int64)
        at = plain(grid, "Gather", grid, index, axis=3)
        size = cast(dims(x, axis, axis + 1), np.float32)
        at = 0.5 * ((at + 1) * (size - 1) if align_corners else (at + 1) * size - 1)
        if padding_mode == "reflection":
            at = _reflect(at, size, bool(align_corners))
        if padding_mode != "zeros":
            at = _inside(at, size)
        corners.append(_corners(at, size, mode == "nearest", padding_mode == "zeros"))

    pixels = plain(x, "Reshape", x, integers(x, 0, 0, -1))
    spread = join_tensors(x, dims(x, 0, 2), integers(x, 1))
    width = cast(dims(x, 3, 4), np.float32)
    parts = []
    for row, column in product(*corners):
        place = cast(_flat(row.places * width + column.places), np.int64)
        indices = plain(x, "Expand", place, spread)
        values = plain(x, "GatherElements", pixels, indices, axis=2)
        parts.append(values * _flat(row.weight * column.weight))
    result = plain(x, "Sum", *parts)
    return plain(x, "Reshape", result, join_tensors(x, integers(x, 0, 0), dims(grid, 1, 3)))


@rewrite_of("AffineGrid")
def affine_grid(theta: Value, size: Value, *, align_corners: int = 0) -> Value:
    """theta (N, 2, 3) applied to the places (x, y, 1) of an image of size (N, C, H, W)."""
    height, width = (
        plain(size, "Gather", size, size.graph.constant(a, np.int64), axis=0) for a in (2, 3)
    )
    across = plain(size, "Unsqueeze", _places(width, bool(align_corners)), integers(size, 0))
    down = plain(size, "Unsqueeze", _places(height, bool(align_corners)), integers(size, 1))
    planes = (across + 0 * down, down + 0 * across, 0 * (across + down) + 1)
    each = (plain(size, "Reshape", plane, integers(size, -1, 1)) for plane in planes)
    flat = plain(theta, "Transpose", theta, perm=[0, 2, 1])
    result = plain(theta, "MatMul", join_tensors(theta, *each, axis=1), flat)
    whole = plain(size, "Slice", size, integers(size, 2), integers(size, 4), dtype=np.int64)
    lead, two = integers(size, 0), integers(size, 2)
    return plain(theta, "Reshape", result, join_tensors(size, lead, whole, two))


def _places(count: Value, align_corners: bool) -> Value:
    """The centres of a line of pixels, or pixels from edge to edge, from -1 to 1."""
    zero, one = (count.graph.constant(n, np.int64) for n in (0, 1))
    pixels = cast(plain(count, "Range", zero, count, one), np.float32)
    size = cast(count, np.float32)
    return 2 * pixels / (size - 1) - 1 if align_corners else (2 * pixels + 1) / size - 1


def _corners(at: Value, size: Value, nearest: bool, zeros: bool) -> list[Corner]:
    """The pixels before and behind each place, or the nearest one; `zeros` are beyond the edges."""
    if nearest:
        points = [(plain(at, "Round", at), 0 * at + 1)]
    else:
        before = plain(at, "Floor", at)
        points = [(before, 1 - (at - before)), (before + 1, at - before)]
    corners = []
    for place, weight in points:
        inside = _inside(place, size)
        there = cast(equal(inside, place), np.float32)
        corners.append(Corner(inside, weight * there if zeros else weight))
    return corners


def _inside(at: Value, size: Value) -> Value:
    """The nearest places from 0 to size - 1."""
    zero = at.graph.constant(0.0, np.float32)
    return plain(at, "Min", plain(at, "Max", at, zero), size - 1)


def _reflect(at: Value, size: Value, align_corners: bool) -> Value:
    """Places folded back at the centres of the outermost pixels, or at their outer edges."""
    low = 0.0 if align_corners else -0.5
    span = size - 1 if align_corners else size
    folded = plain(at, "Mod", abs(at - low), 2 * span, fmod=1)
    return span - abs(folded - span) + low


def _flat(x: Value) -> Value:
    """(N, rows, columns) as (N, 1, rows * columns)."""
    return plain(x, "Reshape", x, integers(x, 0, 1, -1))
