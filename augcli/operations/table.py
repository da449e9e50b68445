"""The operations by the names that AutoAugment's family gives them."""

from __future__ import annotations

from collections.abc import Callable

from augcli.arrays.types import Colour, Pixels
from augcli.operations import geometry, tone
from augcli.operations.dropout import cutout
from augcli.operations.enhance import brightness, color, contrast, sharpness
from augcli.operations.geometry import Geometry, Resample
from augcli.operations.pixels import BLACK

_AFFINE: dict[str, Callable[[Pixels, float, Geometry], Pixels]] = {
    "ShearX": geometry.shear_x,
    "ShearY": geometry.shear_y,
    "TranslateX": geometry.translate_x,
    "TranslateY": geometry.translate_y,
    "Rotate": geometry.rotate,
}
_WITH_LEVEL: dict[str, Callable[[Pixels, float], Pixels]] = {
    "Posterize": tone.posterize,
    "Solarize": tone.solarize,
    "SolarizeAdd": tone.solarize_add,
    "Color": color,
    "Contrast": contrast,
    "Brightness": brightness,
    "Sharpness": sharpness,
}
_LEVEL_LESS: dict[str, Callable[[Pixels], Pixels]] = {
    "Identity": lambda image: image.copy(),
    "AutoContrast": tone.auto_contrast,
    "Equalize": tone.equalize,
    "Invert": tone.invert,
    "HorizontalFlip": geometry.flip_horizontal,
    "VerticalFlip": geometry.flip_vertical,
}

# Operations after which content may lie elsewhere.
MOVING = frozenset({*_AFFINE, "HorizontalFlip", "VerticalFlip"})
LEVEL_LESS = frozenset(_LEVEL_LESS)
NAMES = frozenset({*_AFFINE, *_WITH_LEVEL, *_LEVEL_LESS, "Cutout"})


def operate(
    image: Pixels,
    name: str,
    argument: float = 0.0,
    *,
    resample: Resample = "nearest",
    fill: Colour = BLACK,
    centre: tuple[float, float] | None = None,
) -> Pixels:
    """Apply operation `name` to (H, W, 3) uint8 `image`, which stays as it is; the result is an
    array of its own.

    `argument` is in the operation's unit: a slope, pixels, degrees, a threshold, bits, a factor;
    level-less operations ignore it. Translations move content left and up, rotations turn
    counter-clockwise. `resample` and `fill` concern the geometric operations; `centre` (row,
    column) Cutout, whose argument is a share of the width. Raises KeyError for an unknown name,
    ValueError for a Cutout without a centre.
    """
    if name in _LEVEL_LESS:
        return _LEVEL_LESS[name](image)
    if name in _AFFINE:
        return _AFFINE[name](image, argument, Geometry(resample, fill))
    if name == "Cutout":
        if centre is None:
            raise ValueError("Cutout needs a centre")
        return cutout(image, argument, centre)
    return _WITH_LEVEL[name](image, argument)
