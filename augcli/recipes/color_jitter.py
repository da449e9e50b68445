"""Colour jitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.image.fit import Fitted
from augcli.operations.enhance import Adjustment, color_jitter
from augcli.recipes.recipe import Augmented, Recipe, SourceView


@dataclass(frozen=True, slots=True)
class Params:
    """The adjustments in the order in which they are applied, each with its factor, or the turn of
    the hue as a share of the colour circle."""

    adjustments: tuple[tuple[Adjustment, float], ...]


class ColorJitter(Recipe):
    """Colour jitter as torchvision's ColorJitter
    (https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ColorJitter.html).

    Brightness, contrast, saturation and hue are adjusted in a drawn order, the first three by a
    factor drawn uniformly around 1. What is set to 0 is left out.
    """

    name = "color_jitter"

    brightness: float = Field(0.4, ge=0, le=10, description="factor 1 - this to 1 + this, over 0")
    contrast: float = Field(0.4, ge=0, le=10, description="factor 1 - this to 1 + this, over 0")
    saturation: float = Field(0.4, ge=0, le=10, description="factor 1 - this to 1 + this, over 0")
    hue: float = Field(0.1, ge=0, le=0.5, description="turned by up to this share of the circle")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        ranges: dict[Adjustment, tuple[float, float]] = {
            "brightness": (max(0.0, 1 - self.brightness), 1 + self.brightness),
            "contrast": (max(0.0, 1 - self.contrast), 1 + self.contrast),
            "saturation": (max(0.0, 1 - self.saturation), 1 + self.saturation),
            "hue": (-self.hue, self.hue),
        }
        wanted = [name for name, (low, high) in ranges.items() if low < high]
        ordered = [wanted[place] for place in rng.permutation(len(wanted))]
        return Params(tuple((name, rng.uniform(*ranges[name])) for name in ordered))

    def moves(self, params: Params) -> bool:
        return False

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        return Augmented(color_jitter(images[0].pixels(), params.adjustments), (1.0,))
