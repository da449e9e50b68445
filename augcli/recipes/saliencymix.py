"""SaliencyMix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from augcli.arrays.types import Shape
from augcli.enums import DEFAULT_DETECTOR, Detector
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.protect_target import least_hiding
from augcli.recipes.recipe import (
    DETECTOR_DESCRIPTION,
    Alpha,
    Augmented,
    MapSide,
    Mark,
    RegionRecipe,
    SaliencySpec,
    SourceView,
    box_around,
    cut_size,
    paste,
    uniform_pixel,
)


@dataclass(frozen=True, slots=True)
class Params:
    """The box that the source covers, the pixel around which it was cut, and whether the source's
    map was flat, so that this pixel was drawn uniformly.

    Under KeepAugment `box` is one that the target can spare, and `taken` the box of the source
    that is pasted there. Under protect_target also the share of the target's salient region that
    the box hides, and whether that is within protect_target.
    """

    box: Box | None
    centre: tuple[int, int] | None = None
    flat: bool = False
    hidden: float | None = None
    protected: bool | None = None
    taken: Box | None = None


class SaliencyMix(RegionRecipe):
    """SaliencyMix (Uddin et al., ICLR 2021, https://arxiv.org/abs/2006.01791).

    A box around the most salient pixel of the source is pasted at the same place of the target;
    labels mix by the area really pasted. A source without a peak (a constant image) is cut around
    a uniformly drawn pixel.

    With protect_target, boxes that hide too much of the target's own salient region are refused:
    of its most salient pixels, those that together hold half of its saliency. Boxes of the same
    size around the source's next peaks, each half a box or more from those before it, are tried
    instead, 8 boxes in all; if all are refused, the one that hides least is taken, and recorded as
    not protected.
    """

    name = "saliencymix"
    sources = 2
    saliency_options = ("detector", "saliency_size")

    alpha: Alpha = Field(1.0, description="lam ~ Beta(alpha, alpha), the target's share")
    detector: Detector = Field(DEFAULT_DETECTOR, description=DETECTOR_DESCRIPTION)
    saliency_size: MapSide | None = Field(
        None,
        description="shorter side in pixels on which the map is computed; none: the image's own",
    )
    box: Literal["per-image", "per-batch"] = Field(
        "per-image",
        description="per-batch: all outputs of a batch share lam and the peak of one of its images,"
        " as in the published code",
    )
    protect_target: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="refuse boxes that hide more than this share of the target's salient region;"
        " none: paste over anything",
    )

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        target, source = sources
        boxes = self._boxes(rng, source, self.region_size(rng, target.shape))
        if self.protect_target is None:
            return next(boxes)
        params, hidden = least_hiding(
            boxes, target.saliency(self.saliency_spec()), self.protect_target
        )
        return replace(params, hidden=hidden, protected=hidden <= self.protect_target)

    def region_size(self, rng: np.random.Generator, shape: Shape) -> tuple[int, int]:
        return cut_size(rng.beta(self.alpha, self.alpha), shape)

    def _boxes(
        self, rng: np.random.Generator, source: SourceView, size: tuple[int, int]
    ) -> Iterator[Params]:
        """Boxes around the source's peaks, the greatest first; around uniformly drawn pixels, and
        without end, where it has none."""
        flat = True
        for peak in source.peaks(self.saliency_spec(), apart=(size[0] // 2, size[1] // 2)):
            flat = False
            yield Params(box_around(peak, size, source.shape), peak)
        while flat:
            centre = uniform_pixel(rng, source.shape)
            yield Params(box_around(centre, size, source.shape), centre, flat)

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, source = images
        return paste(target, source, params.box, params.taken)

    # Which maps are used, and the methods that KeepAugment calls.

    def saliency_spec(self) -> SaliencySpec:
        """The saliency map that is looked at."""
        return SaliencySpec(self.detector, self.saliency_size)

    def looks_at(self) -> dict[int, SaliencySpec]:
        saliency_spec = self.saliency_spec()
        return (
            {1: saliency_spec}
            if self.protect_target is None
            else {0: saliency_spec, 1: saliency_spec}
        )

    def marks(self, params: Params) -> dict[int, Mark]:
        of_source = Mark(params.taken or params.box, params.centre, params.flat)
        if params.hidden is None:
            return {1: of_source}
        return {0: Mark(params.box), 1: of_source}

    def cover(self, rng: np.random.Generator, box: Box | None) -> Params:
        return Params(box)

    def cover_spared(
        self, rng: np.random.Generator, box: Box, sources: Sequence[SourceView]
    ) -> Params:
        """The source's box is the one around its peak, moved inside the canvas."""
        peak = next(sources[1].peaks(self.saliency_spec()), None)
        centre = uniform_pixel(rng, sources[1].shape) if peak is None else peak
        height, width = sources[1].shape
        top = min(max(centre[0] - box.height // 2, 0), height - box.height)
        left = min(max(centre[1] - box.width // 2, 0), width - box.width)
        taken = Box(top, left, top + box.height, left + box.width)
        return Params(box, centre, peak is None, taken=taken)

    def drawn_per_batch(self) -> bool:
        return self.box == "per-batch"

    @field_validator("protect_target")
    @classmethod
    def _needs_own_box(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("box") == "per-batch":
            raise ValueError("it chooses a box for each target, and needs box=per-image")
        return value
