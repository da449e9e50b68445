"""Digital corruptions of ImageNet-C: contrast, elastic transformation, pixelation, and JPEG."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Floats, Pixels
from augcli.operations.corruptions.values import truncated, unit, unit32
from augcli.operations.corruptions.variants import (
    SEVERITIES,
    VARIANTS,
    Five,
    Strengths,
    Variant,
    five,
)
from augcli.operations.elastic import (
    Variant as ElasticVariant,
)
from augcli.operations.elastic import (
    affine_jitter,
    corruption_strength,
    displace,
    displacement,
)


class ElasticStrength(NamedTuple):
    """The displacement, the standard deviation that smooths it, and the largest offset of the three
    points that move before, in pixels for images of side 1."""

    alpha: float
    deviation: float
    offset: float


# What is left of the deviations from each channel's mean.
CONTRAST: Strengths = {
    "imagenet": (0.4, 0.3, 0.2, 0.1, 0.05),
    "tiny": (0.4, 0.3, 0.2, 0.1, 0.05),
    "cifar": (0.75, 0.5, 0.4, 0.3, 0.15),
    "inception": (0.4, 0.3, 0.2, 0.1, 0.05),
}
# The side to which an image is reduced, as a part of its own.
PIXELATE: Strengths = {
    "imagenet": (0.6, 0.5, 0.4, 0.3, 0.25),
    "tiny": (0.9, 0.8, 0.7, 0.6, 0.5),
    "cifar": (0.95, 0.9, 0.85, 0.75, 0.65),
    "inception": (0.5, 0.4, 0.3, 0.25, 0.2),
}
JPEG: Strengths = {
    "imagenet": (25, 18, 15, 10, 7),
    "tiny": (65, 58, 50, 40, 25),
    "cifar": (80, 65, 58, 50, 40),
    "inception": (23, 16, 13, 8, 5),
}


# Of images of 224 and 299 pixels the published strengths are those for 244 and 360.
_INCEPTION = (360 / 299) / (244 / 224)


def _elastic(variant: Variant) -> Five:
    name: ElasticVariant = "tinyimagenet" if variant == "tiny" else "cifar"
    if variant in ("imagenet", "inception"):
        name = "imagenet"
    scale = _INCEPTION if variant == "inception" else 1.0
    return five(
        ElasticStrength,
        *(
            tuple(number * scale for number in corruption_strength(name, severity, 1))
            for severity in SEVERITIES
        ),
    )


ELASTIC: Strengths = {variant: _elastic(variant) for variant in VARIANTS}


def contrast(image: Pixels, factor: float) -> Pixels:
    """(H, W, 3) uint8 `image`, whose deviations from the mean of each channel are multiplied."""
    values = unit(image)
    means = np.mean(values, axis=(0, 1), keepdims=True)
    values -= means
    values *= factor
    values += means
    return truncated(values)


def pixelate(image: Pixels, part: float) -> Pixels:
    """(H, W, 3) uint8 `image`, reduced to int(`part` * side), 1 at least, and enlarged again, both
    by Pillow's box filter."""
    height, width = image.shape[:2]
    small = max(1, int(width * part)), max(1, int(height * part))
    box = Image.Resampling.BOX
    return np.array(Image.fromarray(image).resize(small, box).resize((width, height), box))


def jpeg_compression(image: Pixels, quality: int) -> Pixels:
    """(H, W, 3) uint8 `image` through JPEG, 4:2:0, as Pillow writes and reads it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as read:
        return np.array(read)


def elastic_transform(
    image: Pixels, jitter: Floats, field_x: Floats, field_y: Floats, alpha: float, deviation: float
) -> Pixels:
    """(H, W, 3) uint8 `image`, warped so that three points move by `jitter`, (3, 2) pixels (x, y),
    then read at places that are displaced by (H, W) `field_x` and `field_y`, from -1 to 1, smoothed
    by `deviation` pixels and times `alpha` pixels."""
    warped = affine_jitter(unit32(image), jitter)
    dx, dy = (
        displacement(field, alpha, deviation).astype(np.float32).astype(np.float64)
        for field in (field_x, field_y)
    )
    return truncated(displace(warped, dx, dy))


def apply_elastic(image: Pixels, strength: ElasticStrength, seed: int) -> Pixels:
    """The image under a random affine map and a smooth field of shifts."""
    height, width = image.shape[:2]
    alpha, deviation, offset = (number * min(height, width) for number in strength)
    uniform = uniform_field(seed, (6 + 2 * height * width,))
    uniform *= 2.0
    uniform -= 1.0
    jitter = offset * uniform[:6].reshape(3, 2)
    field_x, field_y = uniform[6:].reshape(2, height, width)
    return elastic_transform(image, jitter, field_x, field_y, alpha, deviation)
