"""The operations by the names that AutoAugment's family gives them.

A new one is a function and a line in `OPERATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from augcli.arrays.types import Colour, Pixels
from augcli.operations import geometry, tone
from augcli.operations.dropout import cutout
from augcli.operations.enhance import brightness, color, contrast, sharpness
from augcli.operations.geometry import Geometry, Resample
from augcli.operations.pixels import BLACK

SEED = "seed"


class Entry(NamedTuple):
    """An operation: a function of (H, W, 3) uint8 pixels, which stay as they are, that returns an
    array of its own, and what else it takes, in this order.

    `magnitude`: a number in the operation's own unit. `geometry`: a `Geometry`. `others`: the names
    of further numbers; "seed" is a whole number below 2**63, which `draw_operation` of
    `recipes.chain` draws.
    """

    function: Callable[..., Pixels]
    magnitude: bool = True
    geometry: bool = False
    others: tuple[str, ...] = ()
    moves: bool = False
    """Whether content may lie elsewhere afterwards."""


def _affine(function: Callable[[Pixels, float, Geometry], Pixels]) -> Entry:
    return Entry(function, geometry=True, moves=True)


def _cutout(image: Pixels, share: float, row: float, column: float) -> Pixels:
    return cutout(image, share, (row, column))


OPERATIONS: dict[str, Entry] = {
    "ShearX": _affine(geometry.shear_x),
    "ShearY": _affine(geometry.shear_y),
    "TranslateX": _affine(geometry.translate_x),
    "TranslateY": _affine(geometry.translate_y),
    "Rotate": _affine(geometry.rotate),
    "HorizontalFlip": Entry(geometry.flip_horizontal, magnitude=False, moves=True),
    "VerticalFlip": Entry(geometry.flip_vertical, magnitude=False, moves=True),
    "Posterize": Entry(tone.posterize),
    "Solarize": Entry(tone.solarize),
    "SolarizeAdd": Entry(tone.solarize_add),
    "Color": Entry(color),
    "Contrast": Entry(contrast),
    "Brightness": Entry(brightness),
    "Sharpness": Entry(sharpness),
    "Identity": Entry(lambda image: image.copy(), magnitude=False),
    "AutoContrast": Entry(tone.auto_contrast, magnitude=False),
    "Equalize": Entry(tone.equalize, magnitude=False),
    "Invert": Entry(tone.invert, magnitude=False),
    "Cutout": Entry(_cutout, others=("centre row", "centre column")),
}


def operate(
    image: Pixels,
    name: str,
    argument: float = 0.0,
    *,
    resample: Resample = "nearest",
    fill: Colour = BLACK,
    others: Sequence[float] = (),
) -> Pixels:
    """Apply operation `name` to (H, W, 3) uint8 `image`, which stays as it is; the result is an
    array of its own.

    `argument` is the magnitude in the operation's unit: a slope, pixels, degrees, a threshold,
    bits, a factor; operations without one ignore it. Translations move content left and up,
    rotations turn counter-clockwise. `resample` and `fill` concern the geometric operations.
    `others` are the further arguments in the order of the table, of operations that have any:
    Cutout's centre (row, column), whose magnitude is a share of the width. Raises KeyError for an
    unknown name, ValueError where others are missing or are too many.
    """
    entry = OPERATIONS[name]
    if not entry.others:
        others = ()
    elif len(others) != len(entry.others):
        raise ValueError(
            f"{name} needs {', '.join(entry.others)}; others has {len(others)} numbers"
        )
    magnitude = (argument,) if entry.magnitude else ()
    look = (Geometry(resample, fill),) if entry.geometry else ()
    return entry.function(image, *magnitude, *look, *others)
