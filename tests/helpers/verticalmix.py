"""VerticalMix: a recipe as one would be added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Alpha, Augmented, Recipe, SourceView, paste


@dataclass(frozen=True, slots=True)
class Params:
    """The rows that the partner covers."""

    box: Box


class VerticalMix(Recipe):
    """Vertical Concat (Summers & Dinneen, WACV 2019, https://arxiv.org/abs/1805.11272).

    The lower rows are a partner's; labels mix by the area really pasted.
    """

    name = "verticalmix"
    sources = 2

    alpha: Alpha = Field(1.0, description="lam ~ Beta(alpha, alpha), the target's share of rows")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        height, width = sources[0].shape
        return Params(Box(round(height * rng.beta(self.alpha, self.alpha)), 0, height, width))

    def moves(self, params: Params) -> bool:
        return False

    def goes_in(self, params: Params, shape: Shape) -> tuple[bool, ...]:
        return True, params.box.area > 0

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        return paste(target, partner, params.box)
