"""Weather of ImageNet-C: snow, frost, fog, and brightness, which its paper counts with them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.noise import normal_field
from augcli.arrays.types import Floats, Pixels, UInt8
from augcli.operations.corruptions.blur import Motion, enlarged, motion_blur
from augcli.operations.corruptions.frost_overlays import overlay_part, own_overlay
from augcli.operations.corruptions.hue import by_way_of_hsv
from augcli.operations.corruptions.plasma import cloud_of
from augcli.operations.corruptions.values import truncated, unit, unit32
from augcli.operations.corruptions.variants import Strengths, five

_DOUBTFUL = 256


class Snow(NamedTuple):
    """Flakes are normal numbers of `mean` and `deviation`, enlarged by `zoom`, as far as they are
    above `threshold`, blurred along a line; `keep` is the share of the image under a white veil."""

    mean: float
    deviation: float
    zoom: float
    threshold: float
    radius: int
    blur: float
    keep: float


class Frost(NamedTuple):
    """Shares of the image and of the overlay, which do not sum to 1, and the size at which the
    overlay is laid on."""

    image: float
    overlay: float
    scale: float = 1.0


class Fog(NamedTuple):
    """How much of a cloud is added, and how quickly its details become weaker."""

    strength: float
    decay: float


_SNOW = five(
    Snow,
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
SNOW: Strengths = {
    "imagenet": _SNOW,
    "tiny": five(
        Snow,
        (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
    ),
    "cifar": five(
        Snow,
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "inception": _SNOW,
}
_FROST = five(Frost, (1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
FROST: Strengths = {
    "imagenet": _FROST,
    "tiny": five(
        Frost, (1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)
    ),
    "cifar": five(
        Frost, (1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)
    ),
    "inception": _FROST,
}
FOG: Strengths = {
    "imagenet": five(Fog, (1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    "tiny": five(Fog, (0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
    "cifar": five(Fog, (0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "inception": five(Fog, (1.5, 2), (2, 2), (2.5, 1.8), (2.5, 1.6), (3, 1.5)),
}
# What is added to the greatest channel of a pixel, its value in HSV.
_BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)
BRIGHTNESS: Strengths = {
    "imagenet": _BRIGHTNESS,
    "tiny": _BRIGHTNESS,
    "cifar": (0.05, 0.1, 0.15, 0.2, 0.3),
    "inception": _BRIGHTNESS,
}


def snow_layer(noise: Floats, strength: Snow, angle: float) -> UInt8:
    """Flakes (H, W) from (H, W) `noise`, which has the strength's mean and deviation already, blown
    along `angle`, in degrees."""
    return motion_blur(flakes_of(noise, strength), Motion(strength.radius, strength.blur), angle)


def flakes_of(noise: Floats, strength: Snow) -> UInt8:
    """Flakes (H, W) that stand still, from `noise` as `snow_layer` takes it."""
    layer = enlarged(noise, strength.zoom)
    return truncated(np.where(layer < strength.threshold, 0.0, layer))


def snow(image: Pixels, layer: UInt8, keep: float) -> Pixels:
    """(H, W, 3) uint8 `image` under a white veil, and (H, W) `layer` on it twice, once turned."""
    values = unit32(image)
    grey = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY).reshape(*image.shape[:2], 1)
    grey *= 1.5
    grey += 0.5
    veiled = np.maximum(values, grey)
    veiled *= 1.0 - keep
    values *= keep
    values += veiled
    flakes = unit(layer)[..., None]
    return truncated(values + flakes + flakes[::-1, ::-1])


def frost(image: Pixels, strength: Frost, ice: Pixels) -> Pixels:
    """(H, W, 3) uint8 `image` and `ice`, of the same shape, added up."""
    levels = np.arange(256.0)
    sums = (strength.image * levels)[image]
    sums += (strength.overlay * levels)[ice]
    np.clip(sums, 0, 255, out=sums)
    return sums.astype(np.uint8)


def fog(image: Pixels, strength: float, cloud: Floats) -> Pixels:
    """(H, W, 3) uint8 `image` plus `strength` times (H, W) `cloud`, darkened so that no white comes
    out whiter than the brightest value of the image."""
    values = unit(image)
    brightest = values.max()
    values += (strength * cloud)[..., None]
    values *= brightest
    values /= brightest + strength
    return truncated(values)


def brightness(image: Pixels, added: float) -> Pixels:
    """(H, W, 3) uint8 `image`, whose value in HSV is more by `added`, or less where negative."""
    table = _brightened(added)
    planes = cv2.split(image)
    greatest = cv2.max(cv2.max(planes[0], planes[1]), planes[2]).astype(np.uint16)
    greatest <<= 8
    entries = [np.take(table, greatest | plane) for plane in planes]
    result: Pixels = cv2.merge([entry.astype(np.uint8) for entry in entries])
    rows, columns = np.nonzero((entries[0] | entries[1] | entries[2]) >= _DOUBTFUL)
    if rows.size:
        result[rows, columns] = by_way_of_hsv(image[rows, columns], added=added)
    return result


@lru_cache(32)
def _brightened(added: float) -> npt.NDArray[np.uint16]:
    """What a channel becomes, by 256 * its pixel's greatest channel + itself, plus 256 where that
    is so near to a whole number that roundings decide which way it is truncated."""
    levels = np.arange(256) / 255.0
    value = levels[:, None]
    brighter = np.clip(value + added, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        channel = np.where(value > 0, levels * (brighter / value), brighter)
    greatest = np.arange(256)
    channel[greatest, greatest] = brighter[:, 0]
    scaled = np.clip(channel, 0.0, 1.0) * 255.0
    doubtful = np.abs(scaled - np.rint(scaled)) < 1e-9
    # These are computed without a rounding more on the way by hue.
    doubtful[greatest, greatest] = doubtful[:, 0] = False
    entries = scaled.astype(np.uint16) + _DOUBTFUL * doubtful
    return entries.astype(np.uint16).reshape(-1)


def apply_snow(image: Pixels, strength: Snow, seed: int, angle: float) -> Pixels:
    """The image, whiter, with flakes that fall at an angle."""
    noise = strength.mean + strength.deviation * normal_field(seed, image.shape[:2])
    return snow(image, snow_layer(noise, strength, angle), strength.keep)


def apply_frost(
    image: Pixels, strength: Frost, overlay: int, down: float, right: float, ice: Pixels | None
) -> Pixels:
    """Frost by the overlay of this number, or by `ice` (rows, columns, 3) in its place, laid on so
    far `down` and to the `right`, from 0 to 1, as it is larger than the image."""
    height, width = image.shape[:2]
    whole = own_overlay(overlay) if ice is None else ice
    return frost(image, strength, overlay_part(whole, (height, width), strength.scale, down, right))


def apply_fog(image: Pixels, strength: Fog, seed: int) -> Pixels:
    """The image under a plasma fractal of fog."""
    height, width = image.shape[:2]
    return fog(image, strength.strength, cloud_of(seed, (height, width), strength.decay))
