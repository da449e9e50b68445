"""Mixup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field

from augcli.arrays.types import Pixels, Shape
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Alpha, Augmented, Recipe, SourceView


@dataclass(frozen=True, slots=True)
class Params:
    """The target's weight."""

    lam: float


class Mixup(Recipe):
    """Mixup (Zhang et al., ICLR 2018, https://arxiv.org/abs/1710.09412).

    Images and labels are blended: lam * target + (1 - lam) * partner.
    """

    name = "mixup"
    sources = 2

    alpha: Alpha = Field(
        0.2, description="lam ~ Beta(alpha, alpha); 0.2 suits photographs, CIFAR code uses 1"
    )

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        return Params(float(rng.beta(self.alpha, self.alpha)))

    def moves(self, params: Params) -> bool:
        return False

    def goes_in(self, params: Params, shape: Shape) -> tuple[bool, ...]:
        return True, params.lam < 1.0

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        image = blend(target.pixels(), partner.pixels(), params.lam)
        return Augmented(image, (params.lam, 1.0 - params.lam))


def blend(target: Pixels, partner: Pixels, lam: float) -> Pixels:
    """lam * target + (1 - lam) * partner on uint8 (H, W, 3), rounded half to even once."""
    return cv2.addWeighted(target, lam, partner, 1.0 - lam, 0.0)
