"""Cutout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Colour, Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.fill import FILL_DESCRIPTION, Fill, cover, draw_fill
from augcli.recipes.recipe import Augmented, RegionRecipe


@dataclass(frozen=True, slots=True)
class Params:
    """The hole, if there is one, and its colour or the seed of its noise."""

    box: Box | None
    fill: Colour | int


class Cutout(RegionRecipe):
    """Cutout (DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552).

    A square around a uniformly drawn pixel, clipped at the border, is filled. The paper fills with
    zero after normalisation, which is the mean colour.
    """

    name = "cutout"

    length: int | None = Field(
        None,
        ge=2,
        le=1_000_000,
        description="side of the square in pixels, an odd one loses a pixel; none: a quarter of"
        " the shorter side",
    )
    fill: Fill = Field("mean", description=FILL_DESCRIPTION)

    def region_size(self, rng: np.random.Generator, shape: Shape) -> tuple[int, int]:
        side = self.length or max(2, round(min(shape) / 4))
        return side, side

    def cover(self, rng: np.random.Generator, box: Box | None) -> Params:
        return Params(box, draw_fill(rng, self.fill))

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        return cover(images[0].pixels(), params.box, params.fill)
