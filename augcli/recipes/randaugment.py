"""RandAugment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from augcli.arrays.types import Pixels, Shape
from augcli.image.fit import Fitted
from augcli.operations.geometry import Geometry
from augcli.operations.magnitudes import TORCHVISION_RANDAUGMENT, TPU, argument
from augcli.recipes.chain import (
    Chain,
    GeometricRecipe,
    Operation,
    Outside,
    Resampling,
    any_of,
    apply_operation,
    draw_operation,
)
from augcli.recipes.fill import erase
from augcli.recipes.recipe import Augmented, box_around, uniform_pixel

_TPU_SIDE = 224


class RandAugment(GeometricRecipe):
    """RandAugment (Cubuk et al., CVPRW 2020, https://arxiv.org/abs/1909.13719).

    n operations, each drawn uniformly and with repetition, are applied one after another, all with
    the magnitude m; geometric operations and (ops=paper) enhancements have a random sign.

    ops=paper are the paper's 14 operations with torchvision's 31 magnitudes; ops=tpu the 16
    operations and magnitudes of the authors' code, whose lengths in pixels are for images of 224
    pixels, and scale with the image.
    """

    name = "randaugment"

    n: int = Field(2, ge=1, le=100, description="how many operations are applied")
    m: int = Field(9, ge=0, le=30, description="their magnitude")
    ops: Literal["paper", "tpu"] = Field("paper", description="which operations are drawn")
    resample: Resampling = "nearest"
    fill: Outside = "grey"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        magnitudes, side = (
            (TORCHVISION_RANDAUGMENT, None) if self.ops == "paper" else (TPU, _TPU_SIDE)
        )
        for _ in range(self.n):
            name = any_of(rng, magnitudes.names)
            if name == "Cutout":
                yield self._square(rng, shape)
            else:
                yield draw_operation(rng, magnitudes, name, self.m, shape, published_for=side)

    def _square(self, rng: np.random.Generator, shape: Shape) -> Operation:
        half_side = argument(TPU, "Cutout", self.m, shape) * min(shape) / _TPU_SIDE
        return Operation("Cutout", float(round(half_side)), uniform_pixel(rng, shape))

    def apply(self, images: Sequence[Fitted], params: Chain) -> Augmented:
        image = images[0].pixels()
        for operation in params.operations:
            one = _cover_square if operation.name == "Cutout" else apply_operation
            image = one(image, operation, params.geometry)
        return Augmented(image, (1.0,))


def _cover_square(image: Pixels, operation: Operation, geometry: Geometry) -> Pixels:
    """Cutout as in the authors' code: its argument is half a side in pixels."""
    if operation.others is None:
        raise ValueError("Cutout needs a centre")
    row, column = map(int, operation.others)
    side = 2 * int(operation.argument)
    return erase(image, box_around((row, column), (side, side), image.shape[:2]), geometry.fill)
