"""AutoAugment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.operations.magnitudes import RESEARCH_CIFAR, TORCHVISION_AUTOAUGMENT
from augcli.operations.policies import DataSet, sub_policies
from augcli.recipes.chain import (
    GeometricRecipe,
    Operation,
    Outside,
    Resampling,
    any_of,
    draw_operation,
)

_CIFAR_SIDE = 32


class AutoAugment(GeometricRecipe):
    """AutoAugment (Cubuk et al., CVPR 2019, https://arxiv.org/abs/1805.09501).

    One of the 25 sub-policies that were found for a data set is drawn uniformly. Its two operations
    are applied in order, each with its own probability and magnitude; geometric operations and
    (magnitudes=torchvision) enhancements have a random sign.

    The translations of magnitudes=research-cifar, the authors' code, are for images of 32 pixels,
    and scale with the image.
    """

    name = "autoaugment"

    policy: DataSet = Field("imagenet", description="the data set that the policy was found for")
    magnitudes: Literal["torchvision", "research-cifar"] = Field(
        "torchvision", description="what the policy's magnitudes 0 to 9 stand for"
    )
    resample: Resampling = "nearest"
    fill: Outside = "grey"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        for name, probability, level in any_of(rng, sub_policies("autoaugment", self.policy)):
            if rng.random() >= probability:
                continue
            if self.magnitudes == "torchvision":
                yield draw_operation(rng, TORCHVISION_AUTOAUGMENT, name, level, shape)
            else:
                yield draw_operation(
                    rng, RESEARCH_CIFAR, name, level, shape, published_for=_CIFAR_SIDE
                )
