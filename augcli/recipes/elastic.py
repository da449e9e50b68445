"""Elastic distortion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from augcli.image.fit import Fitted
from augcli.operations.elastic import Variant, corruption_strength, elastic, simard_strength
from augcli.recipes.recipe import Augmented, Recipe, SourceView

_CORRUPTIONS: dict[str, Variant] = {
    "imagenet-c": "imagenet",
    "tiny-imagenet-c": "tinyimagenet",
    "cifar-c": "cifar",
}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Params:
    """The seed of the noise, its strength and smoothness in pixels, and by how many pixels (x, y)
    three points of the image move before it is distorted, if they do."""

    seed: int
    alpha: float
    sigma: float
    jitter: tuple[Point, Point, Point] | None = None


class Elastic(Recipe):
    """Elastic distortion (Simard et al., ICDAR 2003, https://doi.org/10.1109/ICDAR.2003.1227801).

    Every pixel is displaced by uniform noise that a Gaussian of standard deviation sigma has
    smoothed, times alpha. Both scale with the shorter side of the image, so that the distortion
    looks the same at any size.

    The other variants are those of ImageNet-C and of its smaller siblings (Hendrycks and
    Dietterich, ICLR 2019, https://arxiv.org/abs/1903.12261), which jitter the image by an affine
    map first.
    """

    name = "elastic"

    variant: Literal["simard", "imagenet-c", "tiny-imagenet-c", "cifar-c"] = Field(
        "simard", description="whose distortion it is"
    )
    alpha: float = Field(
        34.0, ge=0, le=10_000, description="simard: the strength for 29 pixels a side"
    )
    sigma: float = Field(
        4.0, ge=0, le=1000, description="simard: the smoothness for 29 pixels a side"
    )
    severity: int = Field(3, ge=1, le=5, description="the other variants: their strength")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        side = min(sources[0].shape)
        if self.variant == "simard":
            alpha, sigma, offset = simard_strength(side, self.alpha, self.sigma)
        else:
            variant = _CORRUPTIONS[self.variant]
            alpha, sigma, offset = corruption_strength(variant, self.severity, side)
        seed = int(rng.integers(1 << 63))
        if offset == 0:
            return Params(seed, alpha, sigma)
        first, second, third = rng.uniform(-offset, offset, (3, 2)).tolist()
        return Params(seed, alpha, sigma, (tuple(first), tuple(second), tuple(third)))

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        jitter = None if params.jitter is None else np.array(params.jitter)
        pixels = images[0].pixels()
        return Augmented(elastic(pixels, params.seed, params.alpha, params.sigma, jitter), (1.0,))
