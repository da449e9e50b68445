"""An image that consists of parts of others. They are brought together once, in whatever form is
wanted: an output that is only encoded is never there in RGB."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from augcli.arrays.types import Pixels, Shape
from augcli.image.box import Box


class Collage(NamedTuple):
    """Parts, uint8 RGB (H, W, 3), and where on a canvas of `shape` (rows, columns) each lies: a
    later one over earlier ones, and nothing bare."""

    shape: Shape
    parts: tuple[tuple[Box, Pixels], ...]

    def pixels(self) -> Pixels:
        """A new array, uint8 RGB (H, W, 3)."""
        image = np.empty((*self.shape, 3), np.uint8)
        for box, part in self.parts:
            image[box.slices] = part
        return image

    def bgr(self) -> Pixels:
        """A new array, uint8 BGR (H, W, 3)."""
        image = np.empty((*self.shape, 3), np.uint8)
        for box, part in self.parts:
            if part.shape[:2] != (box.height, box.width):  # OpenCV would write elsewhere
                raise ValueError(f"a part of {part.shape[:2]} does not fit into {box}")
            if box.area:
                cv2.cvtColor(part, cv2.COLOR_RGB2BGR, dst=image[box.slices])
        return image


Image = Pixels | Collage


def laid_over(image: Image, box: Box, part: Pixels) -> Collage:
    """An image with `part` in the place of what is inside `box`."""
    if not isinstance(image, Collage):
        height, width = image.shape[:2]
        image = Collage((height, width), ((Box(0, 0, height, width), image),))
    return Collage(image.shape, (*image.parts, (box, part)))


def pixels_of(image: Image) -> Pixels:
    """Uint8 RGB (H, W, 3); an array is returned as it is."""
    return image.pixels() if isinstance(image, Collage) else image


def bgr_of(image: Image) -> Pixels:
    """A new array in the order that OpenCV encodes, uint8 BGR (H, W, 3)."""
    return image.bgr() if isinstance(image, Collage) else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
