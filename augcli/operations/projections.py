"""Affine maps and tilts as the sequences of ImageNet-P have them.

They were made with torchvision 0.2.1, whose centre of an image lies half a pixel further right and
down than that of later versions.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from augcli.arrays.types import Pixels, Shape
from augcli.operations.elastic import read_bilinear
from augcli.operations.geometry import Matrix


def affine_matrix(
    shape: Shape,
    *,
    degrees: float = 0.0,
    right: float = 0.0,
    scale: float = 1.0,
    shear: float = 0.0,
    centre: tuple[float, float] | None = None,
) -> Matrix:
    """Where each pixel of an image of (height, width) is read that is turned by `degrees`, scaled,
    slanted by `shear` degrees and moved by `right` pixels, about a centre (x, y): that of
    torchvision 0.2.1 where none is given. As `geometry.affine` takes it."""
    height, width = shape
    x, y = (width * 0.5 + 0.5, height * 0.5 + 0.5) if centre is None else centre
    turn, slant = math.radians(degrees), math.radians(degrees + shear)
    shrink = 1.0 / scale
    area = math.cos(slant) * math.cos(turn) + math.sin(slant) * math.sin(turn)
    a, b, d, e = (
        shrink / area * part
        for part in (math.cos(slant), math.sin(slant), -math.sin(turn), math.cos(turn))
    )
    c = a * (-x - right) + b * -y + x
    f = d * (-x - right) + e * -y + y
    return a, b, c, d, e, f


def tilt(image: Pixels, degrees: float) -> Pixels:
    """(H, W, 3) uint8 `image` turned in space by `degrees` about both of its axes, as it is seen
    from as far away as its diagonal is long; black beyond it.

    The published projection has the image lie one pixel behind its axes, so that 0 degrees shrink
    it by f / (f + 1), f being its diagonal.
    """
    height, width = image.shape[:2]
    focus, angle = math.hypot(width, height), math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    place = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1], [0, 0, 1]])
    about_x = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    about_y = np.array([[cos, 0, -sin, 0], [0, 1, 0, 0], [sin, 0, cos, 0], [0, 0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, focus], [0, 0, 0, 1]])
    show = np.array([[focus, 0, width / 2, 0], [0, focus, height / 2, 0], [0, 0, 1, 0]])
    back = np.linalg.inv(show @ away @ about_x @ about_y @ place)
    x, y = np.arange(width), np.arange(height)[:, None]
    along, down, depth = (row[0] * x + row[1] * y + row[2] for row in back)
    read = read_bilinear(image, along / depth, down / depth, cv2.BORDER_CONSTANT)
    return np.rint(read).astype(np.uint8)
