"""Fast AutoAugment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.operations.magnitudes import FAST_AUTOAUGMENT
from augcli.operations.policies import DataSet, sub_policies
from augcli.recipes.chain import (
    GeometricRecipe,
    Operation,
    Outside,
    Resampling,
    any_of,
    draw_operation,
)


class FastAutoAugment(GeometricRecipe):
    """Fast AutoAugment (Lim et al., NeurIPS 2019, https://arxiv.org/abs/1905.00397).

    One of the about 500 sub-policies that were found for a data set is drawn uniformly. Its two
    operations are applied in order, each with its own probability and magnitude; geometric
    operations have a random sign. The policies are the published ones; nothing is searched for.
    """

    name = "fast_autoaugment"

    policy: DataSet = Field("imagenet", description="the data set that the policy was found for")
    resample: Resampling = "nearest"
    fill: Outside = "black"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        for name, probability, level in any_of(rng, sub_policies("fast_autoaugment", self.policy)):
            if rng.random() >= probability:
                continue
            operation = draw_operation(rng, FAST_AUTOAUGMENT, name, level, shape)
            if name == "Cutout":
                centre = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
                operation = operation._replace(others=centre)
            yield operation
