"""RICAP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from augcli.arrays.types import Floats, Shape
from augcli.image.box import Box
from augcli.image.collage import Collage
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Alpha, Augmented, Recipe, SourceView

Corner = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Params:
    """The canvas pixel (row, column) where the four quadrants meet, and the top left pixel of each
    image's crop as the image is seen on the canvas."""

    boundary: tuple[int, int]
    crops: tuple[Corner, Corner, Corner, Corner]


class RICAP(Recipe):
    """RICAP (Takahashi et al., ACML 2018, https://arxiv.org/abs/1811.09030).

    Random crops of four images fill the quadrants around a random point: the target's is the top
    left one, its partners follow in reading order. Labels mix by area.
    """

    name = "ricap"
    sources = 4

    beta: Alpha = Field(0.3, description="the quadrants meet at Beta(beta, beta) of each side")

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        height, width = shape = sources[0].shape
        boundary = (
            boundary_at(rng.beta(self.beta, self.beta), height),
            boundary_at(rng.beta(self.beta, self.beta), width),
        )
        crops = [
            (
                int(rng.integers(height - box.height + 1)),
                int(rng.integers(width - box.width + 1)),
            )
            for box in quadrants(boundary, shape)
        ]
        return Params(boundary, (crops[0], crops[1], crops[2], crops[3]))

    def goes_in(self, params: Params, shape: Shape) -> tuple[bool, ...]:
        _, *others = quadrants(params.boundary, shape)
        return (True, *(box.area > 0 for box in others))

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        height, width = shape = images[0].canvas
        boxes = quadrants(params.boundary, shape)

        def crops(sources: Sequence[Fitted]) -> Collage:
            parts = [
                (box, source.pixels(Box(top, left, top + box.height, left + box.width)))
                for source, box, (top, left) in zip(sources, boxes, params.crops, strict=True)
                if box.area > 0
            ]
            return Collage(shape, tuple(parts))

        def blend(layers: Sequence[Fitted]) -> Floats:
            mixed = np.empty(shape)
            for box, part in crops(layers).parts:
                mixed[box.slices] = part
            return mixed

        weights = tuple(box.area / (height * width) for box in boxes)
        return Augmented(
            crops(images),
            weights,
            tuple(box for box in boxes[1:] if box.area > 0),
            lambda inside: tuple(float(inside.overlap(box)) for box in boxes),
            blend,
        )


def boundary_at(share: float, side: int) -> int:
    """The boundary at this share of a side, rounded half to even."""
    return int(np.round(side * share))


def quadrants(boundary: tuple[int, int], shape: Shape) -> tuple[Box, Box, Box, Box]:
    """The quadrants around a point in reading order; one without area is empty."""
    (row, column), (height, width) = boundary, shape
    return (
        Box(0, 0, row, column),
        Box(0, column, row, width),
        Box(row, 0, height, column),
        Box(row, column, height, width),
    )
