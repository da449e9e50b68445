"""Rectangles of pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Shape


class Box(NamedTuple):
    """A half-open rectangle of rows top to bottom - 1 and columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def area(self) -> int:
        """Pixels inside; 0 for an empty box."""
        return self.height * self.width

    def overlap(self, other: Box) -> int:
        """Pixels that lie in both boxes."""
        rows = min(self.bottom, other.bottom) - max(self.top, other.top)
        columns = min(self.right, other.right) - max(self.left, other.left)
        return max(0, rows) * max(0, columns)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of this box in an (H, W, ...) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Places(NamedTuple):
    """Places that a box of some size may have, one for each pair of a row and a column: the box at
    (row, column) is the half-open one from (tops[row], lefts[column]) to (bottoms[row],
    rights[column])."""

    tops: npt.NDArray[np.int64]
    bottoms: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.int64]
    rights: npt.NDArray[np.int64]

    def box(self, place: tuple[int, int]) -> Box:
        """The box at a place (row, column)."""
        row, column = place
        return Box(
            int(self.tops[row]),
            int(self.lefts[column]),
            int(self.bottoms[row]),
            int(self.rights[column]),
        )


def places_around(size: tuple[int, int], shape: Shape) -> Places:
    """A box of `size` (height, width) around each pixel of an image, clipped to its `shape`.

    Both sides extend by size // 2 from the pixel, as in the published code of CutMix, SaliencyMix
    and Cutout: an odd size loses a pixel.
    """
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    height, width = size[0] // 2, size[1] // 2
    return Places(
        np.maximum(rows - height, 0),
        np.minimum(rows + height, shape[0]),
        np.maximum(columns - width, 0),
        np.minimum(columns + width, shape[1]),
    )


def places_inside(size: tuple[int, int], shape: Shape) -> Places:
    """A box of `size` (height, width), no larger than `shape`, wherever it lies wholly inside."""
    (height, width), (rows, columns) = size, shape
    tops, lefts = np.arange(rows - height + 1), np.arange(columns - width + 1)
    return Places(tops, tops + height, lefts, lefts + width)
