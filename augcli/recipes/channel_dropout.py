"""Dropout of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.image.fit import Fitted
from augcli.operations.dropout import drop_channels
from augcli.recipes.recipe import Augmented, Recipe, SourceView


@dataclass(frozen=True, slots=True)
class Params:
    """Whether red, green and blue are dropped, and what they become."""

    dropped: tuple[bool, bool, bool]
    fill: int


class ChannelDropout(Recipe):
    """Spatial dropout (Tompson et al., CVPR 2015, https://arxiv.org/abs/1411.4280) of channels.

    Red, green and blue are dropped independently, each as a whole. Where all three would be, one of
    them, drawn uniformly, stays.
    """

    name = "channel_dropout"

    rate: float = Field(0.2, ge=0, le=1, description="probability of dropping a channel")
    fill: int = Field(0, ge=0, le=255, description="the value of a dropped channel")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        red, green, blue = (rng.random(3) < self.rate).tolist()
        if red and green and blue:
            survivor = int(rng.integers(3))
            red, green, blue = survivor != 0, survivor != 1, survivor != 2
        return Params((red, green, blue), self.fill)

    def moves(self, params: Params) -> bool:
        return False

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        return Augmented(
            drop_channels(images[0].pixels(), np.array(params.dropped), params.fill), (1.0,)
        )
