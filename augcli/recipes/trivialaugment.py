"""TrivialAugment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from augcli.arrays.types import Shape
from augcli.operations.magnitudes import TRIVIALAUGMENT_WIDE
from augcli.recipes.chain import (
    GeometricRecipe,
    Operation,
    Outside,
    Resampling,
    any_of,
    draw_operation,
)

_LEVELS = range(31)


class TrivialAugment(GeometricRecipe):
    """TrivialAugment (Müller and Hutter, ICCV 2021, https://arxiv.org/abs/2103.10158).

    One operation, drawn uniformly, at one of 31 magnitudes, drawn uniformly: the paper's wide
    space. Geometric operations and enhancements have a random sign. There is nothing to tune.
    """

    name = "trivialaugment"

    resample: Resampling = "nearest"
    fill: Outside = "black"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        name, level = any_of(rng, TRIVIALAUGMENT_WIDE.names), any_of(rng, _LEVELS)
        yield draw_operation(rng, TRIVIALAUGMENT_WIDE, name, level, shape)
