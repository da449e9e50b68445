"""How an image meets a canvas of another shape: resize, crop, pad."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Pixels, Shape
from augcli.enums import Fit
from augcli.image.box import Box

# Shrinking further than this by bilinear interpolation would skip source pixels.
_AREA_FROM = 2.0


class Placement(NamedTuple):
    """Which part of an image (`visible`, in its pixels) lies where on the canvas (`canvas_box`)."""

    visible: Box
    canvas_box: Box

    def on_canvas(self, row: int, column: int) -> tuple[int, int]:
        """The canvas pixel on which the visible image pixel (row, column) lands."""
        visible, canvas_box = self.visible, self.canvas_box
        return (
            canvas_box.top
            + ((row - visible.top) * 2 + 1) * canvas_box.height // (2 * visible.height),
            canvas_box.left
            + ((column - visible.left) * 2 + 1) * canvas_box.width // (2 * visible.width),
        )

    def box_on_canvas(self, box: Box) -> Box:
        """Where the visible part of a box of image pixels lands; empty where nothing of it is
        visible."""
        visible, canvas_box = self.visible, self.canvas_box

        def rows(row: int) -> int:
            inside = min(max(row, visible.top), visible.bottom) - visible.top
            return canvas_box.top + (inside * canvas_box.height * 2 + visible.height) // (
                2 * visible.height
            )

        def columns(column: int) -> int:
            inside = min(max(column, visible.left), visible.right) - visible.left
            return canvas_box.left + (inside * canvas_box.width * 2 + visible.width) // (
                2 * visible.width
            )

        return Box(rows(box.top), columns(box.left), rows(box.bottom), columns(box.right))

    def in_image(self, box: Box) -> Box:
        """The image pixels under a canvas box that lies within `canvas_box`; at least one pixel."""
        visible, canvas_box = self.visible, self.canvas_box
        top, bottom = _stretch_interval(
            box.top - canvas_box.top, box.bottom - canvas_box.top, visible.height, canvas_box.height
        )
        left, right = _stretch_interval(
            box.left - canvas_box.left, box.right - canvas_box.left, visible.width, canvas_box.width
        )
        return Box(
            visible.top + top, visible.left + left, visible.top + bottom, visible.left + right
        )


def _stretch_interval(start: int, stop: int, image: int, canvas: int) -> tuple[int, int]:
    first = (start * image * 2 + canvas) // (2 * canvas)
    last = (stop * image * 2 + canvas) // (2 * canvas)
    if last > first:
        return first, last
    first = min(first, image - 1)
    return first, first + 1


def place(shape: Shape, canvas: Shape, fit: Fit) -> Placement:
    """Place an image of `shape` (rows, columns) centrally on `canvas` (rows, columns)."""
    (height, width), (rows, columns) = shape, canvas
    whole, everywhere = Box(0, 0, height, width), Box(0, 0, rows, columns)
    if shape == canvas or fit is Fit.stretch:
        return Placement(whole, everywhere)
    # The image is wider than the canvas, in proportion: the comparison is exact in integers.
    wider = width * rows > columns * height
    if fit is Fit.cover:
        if wider:
            return Placement(_central(whole, height, _ratio(columns, height, rows)), everywhere)
        return Placement(_central(whole, _ratio(rows, width, columns), width), everywhere)
    if wider:
        return Placement(whole, _central(everywhere, _ratio(height, columns, width), columns))
    return Placement(whole, _central(everywhere, rows, _ratio(width, rows, height)))


def _ratio(length: int, numerator: int, denominator: int) -> int:
    return max(1, round(length * numerator / denominator))


def _central(box: Box, height: int, width: int) -> Box:
    top, left = (box.height - height) // 2, (box.width - width) // 2
    return Box(top, left, top + height, left + width)


def resize(array: npt.NDArray[Any], shape: Shape) -> npt.NDArray[Any]:
    """Resample an (H, W) or (H, W, C) array to `shape`: bilinear, by area when shrinking over 2x.

    The result may be the argument itself where the shape is right already.
    """
    height, width = array.shape[:2]
    rows, columns = shape
    if (height, width) == shape:
        return array
    shrink = max(height / rows, width / columns)
    method = cv2.INTER_AREA if shrink > _AREA_FROM else cv2.INTER_LINEAR
    return cv2.resize(array, (columns, rows), interpolation=method)


def scaled(image: Pixels, shape: Shape) -> Pixels:
    """An image (H, W, C) stretched to `shape`; an enlarged one shows its pixels as they are."""
    (height, width), (rows, columns) = image.shape[:2], shape
    if rows < height or columns < width:
        return resize(image, shape)
    return image[np.arange(rows)[:, None] * height // rows, np.arange(columns) * width // columns]


class Fitted(NamedTuple):
    """An image as it is seen on a canvas, resampled only where it is looked at."""

    image: npt.NDArray[Any]
    canvas: Shape
    fit: Fit = Fit.cover
    fill: tuple[int, int, int] = (0, 0, 0)

    @property
    def placement(self) -> Placement:
        height, width = self.image.shape[:2]
        return place((height, width), self.canvas, self.fit)

    def pixels(self, box: Box | None = None) -> npt.NDArray[Any]:
        """The canvas pixels inside `box` (all of them without one).

        Where nothing is resampled it is a view: callers must not write into the result.
        """
        box = box or Box(0, 0, *self.canvas)
        if self.image.shape[:2] == self.canvas:
            return self.image[box.slices]
        placement = self.placement
        canvas_box = placement.canvas_box
        inner = Box(
            max(box.top, canvas_box.top),
            max(box.left, canvas_box.left),
            min(box.bottom, canvas_box.bottom),
            min(box.right, canvas_box.right),
        )
        if inner == box and box.area:
            source = placement.in_image(box)
            return resize(self.image[source.slices], (box.height, box.width))
        depth = self.image.shape[2:]
        padded = np.empty((box.height, box.width, *depth), self.image.dtype)
        padded[...] = self.fill if depth else 0
        if inner.height > 0 and inner.width > 0:
            source = placement.in_image(inner)
            at = Box(
                inner.top - box.top,
                inner.left - box.left,
                inner.bottom - box.top,
                inner.right - box.left,
            )
            padded[at.slices] = resize(self.image[source.slices], (inner.height, inner.width))
        return padded
