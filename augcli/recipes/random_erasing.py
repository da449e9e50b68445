"""Random Erasing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Colour, Shape
from augcli.image.box import Box, Places, places_inside
from augcli.image.fit import Fitted
from augcli.recipes.fill import FILL_DESCRIPTION, NOISE, Fill, cover, draw_fill
from augcli.recipes.recipe import Augmented, RegionRecipe

_AREA = (0.02, 0.4)  # of the image
_ASPECT = (0.3, 1 / 0.3)  # height to width
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Params:
    """The region, if one is erased, and its colour or the seed of its noise."""

    box: Box | None
    fill: Colour | int


class RandomErasing(RegionRecipe):
    """Random Erasing (Zhong et al., AAAI 2020, https://arxiv.org/abs/1708.04896).

    With a probability of one half a rectangle of 2 to 40 per cent of the image, whose aspect ratio
    is uniform between 0.3 and 1 / 0.3, is filled with random pixels. It lies wholly inside the
    image; where none fits in 100 draws, the image stays as it is.
    """

    name = "random_erasing"

    probability: float = Field(0.5, ge=0, le=1, description="of erasing anything")
    fill: Fill = Field(NOISE, description=FILL_DESCRIPTION)

    def region_size(self, rng: np.random.Generator, shape: Shape) -> tuple[int, int] | None:
        if rng.random() >= self.probability:
            return None
        for _ in range(_TRIES):
            height, width = erased_size(rng.uniform(*_AREA), rng.uniform(*_ASPECT), shape)
            if height < shape[0] and width < shape[1]:
                return height, width
        return None

    def place(self, rng: np.random.Generator, size: tuple[int, int], shape: Shape) -> Box:
        """Draw a place for a region of this size, wholly inside the image."""
        height, width = size
        top = int(rng.integers(shape[0] - height + 1))
        left = int(rng.integers(shape[1] - width + 1))
        return Box(top, left, top + height, left + width)

    def places(self, size: tuple[int, int], shape: Shape) -> Places:
        return places_inside(size, shape)

    def cover(self, rng: np.random.Generator, box: Box | None) -> Params:
        return Params(box, draw_fill(rng, self.fill))

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        return cover(images[0].pixels(), params.box, params.fill)


def erased_size(area: float, aspect: float, shape: Shape) -> tuple[int, int]:
    """Height and width, rounded half to even, of a rectangle with this share of an image's area
    and this ratio of height to width."""
    pixels = area * shape[0] * shape[1]
    return round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
