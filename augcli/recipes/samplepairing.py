"""SamplePairing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augcli.image.fit import Fitted
from augcli.recipes.mixup import blend
from augcli.recipes.recipe import Augmented, Recipe, SourceView


@dataclass(frozen=True, slots=True)
class Params:
    """Nothing is drawn."""


class SamplePairing(Recipe):
    """SamplePairing (Inoue, 2018, https://arxiv.org/abs/1801.02929).

    The mean of two images, with the label of the first alone.
    """

    name = "samplepairing"
    sources = 2

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        return Params()

    def moves(self, params: Params) -> bool:
        return False

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        return Augmented(blend(target.pixels(), partner.pixels(), 0.5), (1.0, 0.0))
