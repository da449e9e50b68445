"""The four corruptions that ImageNet-C has beside its fifteen, for validation: speckle noise,
Gaussian blur, spatter and saturation."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from augcli.arrays.noise import normal_field
from augcli.arrays.types import Float32, Floats, Mask, Pixels
from augcli.operations.corruptions.blur import smoothed
from augcli.operations.corruptions.hue import by_way_of_hsv
from augcli.operations.corruptions.values import truncated, unit, unit32
from augcli.operations.corruptions.variants import Strengths, five


class Spatter(NamedTuple):
    """Drops are normal numbers of `mean` and `deviation`, smoothed by `blur` pixels, as far as they
    are above `threshold`. Water has a `strength`; of mud it is the blur of its rim."""

    mean: float
    deviation: float
    blur: float
    threshold: float
    strength: float
    mud: bool


class Saturation(NamedTuple):
    """What a saturation is multiplied by, and what is then added."""

    factor: float
    shift: float


# The standard deviation of what values are multiplied by, and that is added.
SPECKLE: Strengths = {
    "imagenet": (0.15, 0.2, 0.35, 0.45, 0.6),
    "tiny": (0.15, 0.2, 0.25, 0.3, 0.35),
    "cifar": (0.06, 0.1, 0.12, 0.16, 0.2),
    "inception": (0.16, 0.21, 0.36, 0.46, 0.61),
}
GAUSSIAN_BLUR: Strengths = {
    "imagenet": (1, 2, 3, 4, 6),
    "tiny": (0.5, 0.75, 1, 1.25, 1.5),
    "cifar": (0.4, 0.6, 0.7, 0.8, 1),
    "inception": (1.5, 2.5, 3.5, 4.5, 6.5),
}
SPATTER: Strengths = {
    "imagenet": five(
        Spatter,
        (0.65, 0.3, 4, 0.69, 0.6, False),
        (0.65, 0.3, 3, 0.68, 0.6, False),
        (0.65, 0.3, 2, 0.68, 0.5, False),
        (0.65, 0.3, 1, 0.65, 1.5, True),
        (0.67, 0.4, 1, 0.65, 1.5, True),
    ),
    "tiny": five(
        Spatter,
        (0.62, 0.1, 0.7, 0.7, 0.6, False),
        (0.65, 0.1, 0.8, 0.7, 0.6, False),
        (0.65, 0.3, 1, 0.69, 0.6, False),
        (0.65, 0.1, 0.7, 0.68, 0.6, True),
        (0.65, 0.1, 0.5, 0.67, 0.6, True),
    ),
    "cifar": five(
        Spatter,
        (0.62, 0.1, 0.7, 0.7, 0.5, False),
        (0.65, 0.1, 0.8, 0.7, 0.5, False),
        (0.65, 0.3, 1, 0.69, 0.5, False),
        (0.65, 0.1, 0.7, 0.69, 0.6, True),
        (0.65, 0.1, 0.5, 0.68, 0.6, True),
    ),
    "inception": five(
        Spatter,
        (0.65, 0.3, 4, 0.69, 0.9, False),
        (0.65, 0.3, 3.5, 0.68, 0.9, False),
        (0.65, 0.3, 3, 0.68, 0.8, False),
        (0.65, 0.3, 1.2, 0.65, 1.8, True),
        (0.67, 0.4, 1.2, 0.65, 1.8, True),
    ),
}
_SATURATE = five(Saturation, (0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
SATURATE: Strengths = {
    "imagenet": _SATURATE,
    "tiny": five(Saturation, (0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
    "cifar": five(Saturation, (0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    "inception": _SATURATE,
}
# Pale turquoise and brown, as RGB.
_WATER = np.array([175.0, 238.0, 238.0], np.float32) / np.float32(255.0)
_MUD = np.array([63.0, 42.0, 20.0], np.float32) / np.float32(255.0)
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def speckle_noise(image: Pixels, noise: Floats) -> Pixels:
    """(H, W, 3) uint8 `image` plus itself times `noise`, of the same shape."""
    values = unit(image)
    return truncated(values + values * noise)


def gaussian_blur(image: Pixels, deviation: float, truncate: float = 4.0) -> Pixels:
    """(H, W, 3) uint8 `image` under a Gaussian of `deviation` pixels."""
    return truncated(smoothed(unit(image), deviation, truncate))


def saturate(image: Pixels, strength: Saturation) -> Pixels:
    """(H, W, 3) uint8 `image` with its saturation in HSV changed. Grey pixels have the hue of red,
    and turn red where something is added, as published."""
    planes = cv2.split(image)
    greatest = cv2.max(cv2.max(planes[0], planes[1]), planes[2])
    least = cv2.min(cv2.min(planes[0], planes[1]), planes[2])
    ratios, full = _saturated(*strength)
    at = greatest.astype(np.uint16) * np.uint16(256) + least
    ratio, is_full = np.take(ratios, at), np.take(full, at)
    value = unit(greatest)
    doubtful = np.zeros(value.shape, bool)
    results = []
    for plane in planes:
        channel = unit(plane)
        channel -= value
        channel *= ratio
        channel += value
        np.clip(channel, 0.0, 1.0, out=channel)
        channel *= 255.0
        near = np.abs(channel - np.rint(channel)) < 1e-9
        # What is greatest stays, and what is least becomes 0 where colours are full: exactly.
        near &= plane != greatest
        exact = is_full & (plane == least)
        near &= ~exact
        channel[exact] = 0.0
        doubtful |= near
        results.append(channel.astype(np.uint8))
    result: Pixels = cv2.merge(results)
    doubtful |= greatest == least
    if doubtful.any():
        factor, shift = strength
        result[doubtful] = by_way_of_hsv(image[doubtful], factor=factor, shift=shift)
    return result


@lru_cache(8)
def _saturated(factor: float, shift: float) -> tuple[Floats, Mask]:
    """By 256 * the greatest channel of a pixel + the least: what the distance of a channel from the
    greatest is multiplied by, and whether the saturation becomes 1."""
    levels = np.arange(256) / 255.0
    value = levels[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = (value - levels) / value
        changed = np.clip(saturation * factor + shift, 0.0, 1.0)
        ratios = np.where(saturation > 0, changed / saturation, 0.0)
    return ratios.reshape(-1), ((changed == 1.0) & (saturation > 0)).reshape(-1)


def liquid(noise: Floats, strength: Spatter) -> Floats:
    """Drops (H, W) from (H, W) `noise`, which has the strength's mean and deviation already: 0
    beside them."""
    smooth = smoothed(noise, strength.blur)
    return np.where(smooth < strength.threshold, 0.0, smooth)


def spatter(image: Pixels, strength: Spatter, drops: Floats) -> Pixels:
    """(H, W, 3) uint8 `image` under `drops` (H, W), as `liquid` makes them, of water or mud."""
    values = unit32(image)
    if strength.mud:
        mask = (drops > strength.threshold).astype(np.float32)
        mask = smoothed(mask, strength.strength)[..., None]
        mask[mask < 0.8] = 0
        values *= 1 - mask
        return truncated(values + _MUD * mask)
    light = _refraction((drops * 255).astype(np.uint8))
    greatest = light.max()
    if greatest == 0:  # the published code divides by it, and makes the image black
        return image.copy()
    light /= greatest
    light *= strength.strength
    return truncated(values + light[..., None] * _WATER)


def _refraction(drops: Pixels) -> Float32:
    """How bright (H, W) uint8 `drops` are: most where they are thick and near a rim."""
    away = cv2.distanceTransform(255 - cv2.Canny(drops, 50, 150), cv2.DIST_L2, 5)
    _, away = cv2.threshold(away, 20, 20, cv2.THRESH_TRUNC)
    near = cv2.equalizeHist(cv2.blur(away, (3, 3)).astype(np.uint8))
    near = cv2.filter2D(near, cv2.CV_8U, _EMBOSS)
    bright: Float32 = drops * cv2.blur(near, (3, 3)).astype(np.float32)
    return bright


def apply_speckle(image: Pixels, deviation: float, seed: int) -> Pixels:
    return speckle_noise(image, deviation * normal_field(seed, image.shape))


def apply_spatter(image: Pixels, strength: Spatter, seed: int) -> Pixels:
    """The image with drops of water, or of mud at the two greatest severities."""
    noise = strength.mean + strength.deviation * normal_field(seed, image.shape[:2])
    return spatter(image, strength, liquid(noise, strength))
