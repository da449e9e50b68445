"""Random crops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted, resize
from augcli.recipes.recipe import Augmented, Recipe, SourceView

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Params:
    """The part of the image that is kept."""

    box: Box


class Crop(Recipe):
    """Random resized crop (Szegedy et al., CVPR 2015, https://arxiv.org/abs/1409.4842).

    A part of the image, of a drawn area and a drawn aspect ratio beside the image's own, is
    enlarged to the size of the image. Where none fits in 10 draws, the image stays as it is. With
    aspect=1 nothing is stretched.
    """

    name = "crop"

    area: float = Field(
        0.08, gt=0, le=1, description="least share of the image's area, drawn from this to 1"
    )
    aspect: float = Field(
        4 / 3, ge=1, le=100, description="most that it is stretched, either way; log-uniform"
    )

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        height, width = sources[0].shape
        most = math.log(self.aspect)
        for _ in range(_TRIES):
            rows, columns = cropped_size(
                rng.uniform(self.area, 1), math.exp(rng.uniform(-most, most)), (height, width)
            )
            if rows <= height and columns <= width:
                top = int(rng.integers(height - rows + 1))
                left = int(rng.integers(width - columns + 1))
                return Params(Box(top, left, top + rows, left + columns))
        return Params(Box(0, 0, height, width))

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        image = images[0].pixels()
        return Augmented(resize(image[params.box.slices].copy(), image.shape[:2]), (1.0,))


def cropped_size(area: float, aspect: float, shape: Shape) -> tuple[int, int]:
    """Height and width, at least 1, of a part with this share of an image's area that is `aspect`
    times as wide for its height as the image."""
    height, width = shape[0] * math.sqrt(area / aspect), shape[1] * math.sqrt(area * aspect)
    return max(1, round(height)), max(1, round(width))
