"""AugMix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from pydantic import AfterValidator, Field

from augcli.arrays.types import Pixels, Shape
from augcli.image.fit import Fitted
from augcli.operations.geometry import Geometry
from augcli.operations.magnitudes import AUGMIX, ENHANCEMENTS
from augcli.operations.pixels import row_blocks
from augcli.recipes.chain import Chain, Operation, any_of, apply_chain, draw_operation
from augcli.recipes.recipe import Alpha, Augmented, Recipe, SourceView

_LEAST_LEVEL = 0.1
_DEEPEST = 3
_BILINEAR = Geometry("bilinear")


@dataclass(frozen=True, slots=True)
class Params:
    """The operations of each chain, the chains' weights in their mix, and the weight of that mix
    beside the target itself."""

    chains: tuple[tuple[Operation, ...], ...]
    weights: tuple[float, ...]
    m: float


def _not_zero(depth: int) -> int:
    if depth == 0:
        raise ValueError("a chain has at least one operation; -1 draws how many")
    return depth


class AugMix(Recipe):
    """AugMix (Hendrycks et al., ICLR 2020, https://arxiv.org/abs/1912.02781).

    Several chains of operations are applied to the image, each to the image itself. Their results
    are mixed by weights from a Dirichlet distribution, and the mix with the image by a weight from
    a Beta distribution. None of the nine operations overlaps ImageNet-C, unless all_ops.

    For the paper's Jensen-Shannon consistency loss, views=2 writes triplets: the clean image and
    two views of it, drawn independently, under one group_id.
    """

    name = "augmix"

    width: int = Field(3, ge=1, le=100, description="how many chains are mixed")
    depth: Annotated[int, AfterValidator(_not_zero)] = Field(
        -1,
        ge=-1,
        le=100,
        description="operations in a chain; -1: one to three, drawn for each chain",
    )
    severity: int = Field(
        3, ge=1, le=10, description="the greatest magnitude, which is drawn for each operation"
    )
    alpha: Alpha = Field(
        1.0, description="weights ~ Dirichlet(alpha, ...), the mix's share m ~ Beta(alpha, alpha)"
    )
    all_ops: bool = Field(
        False, description="also color, contrast, brightness and sharpness, as in ImageNet-C"
    )
    views: int = Field(1, ge=1, le=2, description="2: the clean image and two views of it")

    def output_views(self) -> tuple[str, ...]:
        return ("aug1",) if self.views == 1 else ("orig", "aug1", "aug2")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        weights = rng.dirichlet([self.alpha] * self.width).tolist()
        m = float(rng.beta(self.alpha, self.alpha))
        chains = tuple(self._chain(rng, sources[0].shape) for _ in range(self.width))
        return Params(chains, tuple(weights), m)

    def _chain(self, rng: np.random.Generator, shape: Shape) -> tuple[Operation, ...]:
        names = [name for name in AUGMIX.names if self.all_ops or name not in ENHANCEMENTS]
        depth = int(rng.integers(1, _DEEPEST + 1)) if self.depth == -1 else self.depth
        return tuple(
            draw_operation(
                rng, AUGMIX, any_of(rng, names), rng.uniform(_LEAST_LEVEL, self.severity), shape
            )
            for _ in range(depth)
        )

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target = images[0].pixels()
        augmented = [apply_chain(target, Chain(chain, _BILINEAR)) for chain in params.chains]
        weights = [params.m * weight for weight in params.weights]
        return Augmented(mix([target, *augmented], [1.0 - params.m, *weights]), (1.0,))


def mix(images: Sequence[Pixels], weights: Sequence[float]) -> Pixels:
    """The weighted sum of uint8 images (H, W, 3), rounded half to even once.

    Computed in float32; the weights are not negative and sum to 1, so nothing is clipped.
    """
    height, width = images[0].shape[:2]
    result = np.empty((height, width * 3), np.uint8)
    rows = [image.reshape(height, -1) for image in images]
    scales = [np.float32(weight) for weight in weights]
    for block in row_blocks(height, width):
        # To float32 and then times a weight: in one step, NumPy goes by way of small buffers.
        total = rows[0][block].astype(np.float32)
        total *= scales[0]
        part = np.empty_like(total)
        for image, scale in zip(rows[1:], scales[1:], strict=True):
            part[:] = image[block]
            part *= scale
            total += part
        cv2.convertScaleAbs(total, dst=result[block])  # rounds
    return result.reshape(height, width, 3)
