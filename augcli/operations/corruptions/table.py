"""The corruptions of ImageNet-C by their published names.

`common` are the fifteen of the benchmark; `extra` are four more, which its authors keep for
validation, and which no mean corruption error counts. Hendrycks and Dietterich, ICLR 2019,
https://arxiv.org/abs/1903.12261.

Faults of the published code that its data sets have, and these corruptions too: glass blur copies
pixels where it means to exchange them, and never by the largest shift; the lists of zoom factors
end where rounding has them end; fog's clouds vary by the square of their wibble; frost takes five
of six overlays; saturation turns grey pixels red; values are truncated to 8 bits, and in motion
blur and snow by way of 16. Not followed: spatter without a drop is the image, and no division by
zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from augcli.arrays.types import Pixels, Shape
from augcli.errors import UnreadableImage
from augcli.operations.corruptions import blur, digital, extra, noise, weather
from augcli.operations.corruptions.frost_overlays import OVERLAYS
from augcli.operations.corruptions.variants import AnyVariant, Drawn, Strengths, resolve

# OpenCV gathers by 16-bit coordinates.
LARGEST_SIDE = 2**15 - 2


Draws = Mapping[str, Callable[[np.random.Generator], int | float]]

_NOTHING: Draws = MappingProxyType({})


class Corruption(NamedTuple):
    """Its group and family, its strengths by variant and severity, its pixels, and what is drawn
    for it: `apply` takes (H, W, 3) uint8 pixels, which stay as they are, a strength, and what was
    drawn, by name."""

    group: Literal["common", "extra"]
    family: Literal["noise", "blur", "weather", "digital"]
    strengths: Strengths
    apply: Callable[..., Pixels]
    draws: Draws = _NOTHING
    moves: bool = False
    """Whether content may lie elsewhere afterwards."""


_SEED: Draws = {"seed": lambda rng: int(rng.integers(1 << 63))}
_ANGLE: Draws = {"angle": lambda rng: float(rng.uniform(-45.0, 45.0))}
_FALL: Draws = {"angle": lambda rng: float(rng.uniform(-135.0, -45.0))}
_PLACE: Draws = {
    "overlay": lambda rng: int(rng.integers(OVERLAYS)),
    "down": lambda rng: float(rng.random()),
    "right": lambda rng: float(rng.random()),
}

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption("common", "noise", noise.GAUSSIAN, noise.apply_gaussian, _SEED),
    "shot_noise": Corruption("common", "noise", noise.SHOT, noise.apply_shot, _SEED),
    "impulse_noise": Corruption("common", "noise", noise.IMPULSE, noise.apply_impulse, _SEED),
    "defocus_blur": Corruption("common", "blur", blur.DEFOCUS, blur.defocus_blur),
    "glass_blur": Corruption("common", "blur", blur.GLASS, blur.apply_glass, _SEED),
    "motion_blur": Corruption("common", "blur", blur.MOTION, blur.motion_blur, _ANGLE),
    "zoom_blur": Corruption("common", "blur", blur.ZOOM, blur.zoom_blur),
    "snow": Corruption("common", "weather", weather.SNOW, weather.apply_snow, {**_SEED, **_FALL}),
    "frost": Corruption("common", "weather", weather.FROST, weather.apply_frost, _PLACE),
    "fog": Corruption("common", "weather", weather.FOG, weather.apply_fog, _SEED),
    "brightness": Corruption("common", "weather", weather.BRIGHTNESS, weather.brightness),
    "contrast": Corruption("common", "digital", digital.CONTRAST, digital.contrast),
    "elastic_transform": Corruption(
        "common", "digital", digital.ELASTIC, digital.apply_elastic, _SEED, moves=True
    ),
    "pixelate": Corruption("common", "digital", digital.PIXELATE, digital.pixelate),
    "jpeg_compression": Corruption("common", "digital", digital.JPEG, digital.jpeg_compression),
    "speckle_noise": Corruption("extra", "noise", extra.SPECKLE, extra.apply_speckle, _SEED),
    "gaussian_blur": Corruption("extra", "blur", extra.GAUSSIAN_BLUR, extra.gaussian_blur),
    "spatter": Corruption("extra", "weather", extra.SPATTER, extra.apply_spatter, _SEED),
    "saturate": Corruption("extra", "digital", extra.SATURATE, extra.saturate),
}
COMMON = tuple(name for name, one in CORRUPTIONS.items() if one.group == "common")
EXTRA = tuple(name for name, one in CORRUPTIONS.items() if one.group == "extra")


def draw(name: str, rng: np.random.Generator) -> Drawn:
    """All that is random in corruption `name` of one image: seeds of fields, angles and places, so
    that a record of these replays. Raises KeyError for an unknown name."""
    return {what: one(rng) for what, one in CORRUPTIONS[name].draws.items()}


def corrupt(
    image: Pixels,
    name: str,
    severity: int,
    drawn: Drawn,
    variant: AnyVariant = "auto",
    ice: Pixels | None = None,
) -> Pixels:
    """Corruption `name` of (H, W, 3) uint8 `image` at `severity`, 1 to 5, with what was `drawn` for
    it; an array of its own.

    `ice`, (rows, columns, 3), is laid on by frost in the place of an overlay of our own. Raises
    UnreadableImage for a side of more than 32766 pixels, KeyError for an unknown name.
    """
    height, width = image.shape[:2]
    if max(height, width) > LARGEST_SIDE:
        raise UnreadableImage(
            f"corruptions take up to {LARGEST_SIDE} pixels a side, and this image has"
            f" {width}x{height}"
        )
    strength = strength_of(name, (height, width), severity, variant)
    with_ice = {"ice": ice} if name == "frost" else {}
    return CORRUPTIONS[name].apply(image, strength, **drawn, **with_ice)


def strength_of(name: str, shape: Shape, severity: int, variant: AnyVariant = "auto") -> Any:
    """The published strength of a corruption; raises ValueError for a severity beyond 1 to 5."""
    if severity not in range(1, 6):
        raise ValueError(f"a severity is 1 to 5, and not {severity}")
    return CORRUPTIONS[name].strengths[resolve(variant, shape)][severity - 1]
