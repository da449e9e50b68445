"""Dropout of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.image.fit import Fitted
from augcli.operations.dropout import drop_pixels, dropout_mask
from augcli.recipes.recipe import Augmented, Recipe, SourceView


@dataclass(frozen=True, slots=True)
class Params:
    """The seed of the mask, which share of it is dropped, and whether each channel has its own."""

    seed: int
    rate: float
    per_channel: bool


class PixelDropout(Recipe):
    """Dropout of input pixels (Srivastava et al., JMLR 2014,
    https://jmlr.org/papers/v15/srivastava14a.html).

    Each pixel becomes black with the same probability; what stays is not rescaled.
    """

    name = "pixel_dropout"

    rate: float = Field(0.2, ge=0, le=1, description="probability of dropping a pixel")
    per_channel: bool = Field(False, description="drop red, green and blue independently")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        return Params(int(rng.integers(1 << 63)), self.rate, self.per_channel)

    def moves(self, params: Params) -> bool:
        return False

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        image = images[0].pixels()
        shape = image.shape if params.per_channel else image.shape[:2]
        mask = dropout_mask(params.seed, params.rate, shape)
        return Augmented(drop_pixels(image, mask), (1.0,))
