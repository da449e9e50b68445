"""CutMix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Alpha, Augmented, RegionRecipe, cut_size, paste


@dataclass(frozen=True, slots=True)
class Params:
    """The box that the partner covers, if it covers any."""

    box: Box | None


class CutMix(RegionRecipe):
    """CutMix (Yun et al., ICCV 2019, https://arxiv.org/abs/1905.04899).

    A box of the partner is pasted at the same place of the target, around a uniformly drawn pixel;
    labels mix by the area really pasted.
    """

    name = "cutmix"
    sources = 2

    alpha: Alpha = Field(1.0, description="lam ~ Beta(alpha, alpha), the target's share")

    def region_size(self, rng: np.random.Generator, shape: Shape) -> tuple[int, int]:
        return cut_size(rng.beta(self.alpha, self.alpha), shape)

    def cover(self, rng: np.random.Generator, box: Box | None) -> Params:
        return Params(box)

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        return paste(target, partner, params.box)
