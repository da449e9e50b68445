"""Ice for the frost of ImageNet-C.

The published overlays are photographs whose origin is not stated. These are drawn here, from
fixed seeds: ferns of ice, whose stems bear branches at sixty degrees, over a haze of plasma. Who
needs the published ones names the folder that holds them.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Floats, Pixels, Shape
from augcli.operations.corruptions.plasma import plasma_of

# How many overlays are drawn from: the published code never takes its sixth.
OVERLAYS = 5
_SHAPE = (600, 900)
_SIDE = 1024
_FERNS = 340
_PER_FERN = 2 + 4 + 110  # numbers: its place, its shape, and one for each branch that it may have
_BRANCH_ANGLE = np.pi / 3
# How much larger than an image its overlay has to be to be moved about.
_MARGIN = 1.1
# Red, green and blue of thin and of thick ice.
_THIN = np.array([14.0, 26.0, 44.0])
_THICK = np.array([232.0, 243.0, 255.0])


def overlay_part(overlay: Pixels, shape: Shape, scale: float, down: float, right: float) -> Pixels:
    """The part (height, width, 3) of an overlay, resized by `scale`, that lies so far `down` and to
    the `right`, both from 0 to 1; a part is enlarged where the overlay is too small."""
    if scale != 1.0:
        overlay = cv2.resize(overlay, (0, 0), fx=scale, fy=scale)
    (rows, columns), (height, width) = overlay.shape[:2], shape
    if rows > height and columns > width:
        top, left = int(down * (rows - height)), int(right * (columns - width))
        return overlay[top : top + height, left : left + width]
    larger = _MARGIN * max(height / rows, width / columns)
    part = [max(1, round(side / larger)) for side in shape]
    top, left = int(down * (rows - part[0])), int(right * (columns - part[1]))
    shown = overlay[top : top + part[0], left : left + part[1]]
    return cv2.resize(shown, (width, height), interpolation=cv2.INTER_CUBIC)


@lru_cache(OVERLAYS)
def own_overlay(number: int) -> Pixels:
    """Overlay `number` (600, 900, 3), 0 to 4; it cannot be written to."""
    haze, grain = (
        plasma_of(2 * number + part, _SIDE, decay)[: _SHAPE[0], : _SHAPE[1]]
        for part, decay in ((0, 1.9), (1, 1.25))
    )
    ferns = _ferns(number)
    glow = cv2.GaussianBlur(ferns, (0, 0), 9.0)
    rough = np.clip(3.0 * grain - 1.0, 0.0, 1.0)
    thickness = haze * (0.15 + 0.5 * rough) + (0.75 * ferns + 0.9 * glow) * (0.4 + 0.9 * rough)
    thickness = np.clip(thickness - 0.06, 0.0, 1.0)[..., None]
    drawn = np.rint(_THIN + thickness * (_THICK - _THIN)).astype(np.uint8)
    drawn.flags.writeable = False
    return drawn


def _ferns(number: int) -> Floats:
    """How densely ferns cover each pixel of an overlay, 0 to 1."""
    height, width = _SHAPE
    uniform = uniform_field(100 + number, (_FERNS, _PER_FERN))
    ferns = [_fern(numbers[0] * height, numbers[1] * width, numbers[2:]) for numbers in uniform]
    row, column = (np.rint(np.concatenate(axis)).astype(int) for axis in zip(*ferns, strict=True))
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    at = row[inside] * width + column[inside]
    density = np.bincount(at, minlength=height * width).astype(np.float64).reshape(_SHAPE)
    return 1.0 - np.exp(-0.8 * cv2.GaussianBlur(density, (0, 0), 0.9))


def _fern(row: float, column: float, uniform: Floats) -> tuple[Floats, Floats]:
    """Where a stem goes that begins at (row, column) and bends, and its branches, shorter ones
    towards its tip: rows and columns of points a pixel apart."""
    turn, length, bend, spread, *of_branches = uniform.tolist()
    steps = np.arange(int(50 + 260 * length * length))
    angles = 2 * np.pi * turn + (bend - 0.5) / 90 * steps
    rows, columns = [row + np.cumsum(np.sin(angles))], [column + np.cumsum(np.cos(angles))]
    base = 0
    for number in of_branches:
        base += 2 + int(9 * number)  # the branches of one side are not those of the other
        if base >= len(steps):
            break
        longest = (0.1 + 0.2 * spread) * (len(steps) - base) * (0.5 + (37 * number) % 1.0)
        along = np.arange(1, max(3, int(longest)))
        side = _BRANCH_ANGLE if (101 * number) % 1.0 < 0.5 else -_BRANCH_ANGLE
        turned = angles[base] + side * (1 - 0.4 * along / len(along))
        rows.append(rows[0][base] + np.cumsum(np.sin(turned)))
        columns.append(columns[0][base] + np.cumsum(np.cos(turned)))
    return np.concatenate(rows), np.concatenate(columns)
