"""Rectangles of pixels."""

from __future__ import annotations

from typing import NamedTuple


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
