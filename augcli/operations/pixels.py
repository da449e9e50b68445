"""What the operations share: colours, OpenCV's results, and a way through an image in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Colour, Pixels

BLACK: Colour = (0, 0, 0)


def row_blocks(height: int, width: int) -> Iterator[slice]:
    """Slices of rows that together cover an image, each of about 16000 pixels (one row at least).

    Intermediate arrays of that size stay in the processor's cache, and their memory does not go
    back to the operating system after each use: on photographs that is worth a factor of two to
    six.
    """
    rows = max(1, 16384 // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def as_pixels(result: npt.NDArray[np.generic]) -> Pixels:
    """An array from OpenCV, which promises no type, as the uint8 array that it is."""
    return result.astype(np.uint8, copy=False)
