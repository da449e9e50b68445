"""KeepAugment, around any recipe.

KeepAugment (Gong et al., CVPR 2021, https://arxiv.org/abs/2011.11778) keeps what is salient for the
label. The importance of a region is the sum of the saliency map over it, and is compared with the
tau-quantile of all candidates of that size. A recipe that covers a region covers one of little
importance (selective cut); after any other one a region of great importance is put back
(selective paste).

Candidates are the places that the recipe itself may draw, so that KeepAugment is a condition on its
draw, and with tau 1 no condition at all. For Cutout and for a paste these are squares around any
pixel, clipped at the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augcli.arrays.types import Pixels, SaliencyMap, Shape
from augcli.declared import declared_spellings, find_unknown, shortened, what_is_wrong
from augcli.enums import DEFAULT_DETECTOR, Candidates, Detector
from augcli.errors import UserError
from augcli.image.box import Box, places_around
from augcli.image.collage import laid_over
from augcli.image.fit import Fitted
from augcli.recipes.recipe import (
    DETECTOR_DESCRIPTION,
    Augmented,
    MapSide,
    Recipe,
    RegionRecipe,
    SaliencySpec,
    SourceView,
)
from augcli.recipes.shares import evenly, with_target_in
from augcli.saliency.regions import (
    Scores,
    best_region,
    draw_region,
    is_flat,
    place_scores,
    region_scores,
    threshold,
)


class Keep(BaseModel):
    """The options of KeepAugment."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tau: float = Field(
        0.6, ge=0, le=1, description="quantile of importance that divides what may be cut"
    )
    size: float = Field(
        0.5, gt=0, le=1, description="sides of the region put back, as a share of the image's"
    )
    candidates: Candidates = Field(
        Candidates.recipe,
        description="regions that are compared: all that the recipe may draw, clipped at the border"
        " as it clips; inside: those wholly inside the image",
    )
    saliency: Detector = Field(DEFAULT_DETECTOR, description=DETECTOR_DESCRIPTION)
    saliency_size: MapSide | None = Field(
        None, description="shorter side on which the map is computed; none: the image's own"
    )

    @property
    def saliency_spec(self) -> SaliencySpec:
        """The saliency map that regions are scored by."""
        return SaliencySpec(self.saliency, self.saliency_size)


def build_keep(options: dict[str, Any], recipes: Sequence[Recipe]) -> Keep:
    """The options of KeepAugment around `recipes`, however they are spelled; UserError says what is
    wrong."""
    for recipe in recipes:
        if recipe.drawn_per_batch():
            raise UserError(
                f"Keep chooses a region for each target, and {recipe.name} draws one a batch;"
                " leave one of them out."
            )
    options = declared_spellings(Keep, options, "Keep")
    if unknown := find_unknown(options, Keep.model_fields):
        raise UserError(f"Keep has no option {unknown[1]}.")
    try:
        return Keep.model_validate(options)
    except ValidationError as error:
        option, value, remedy = what_is_wrong(error, Keep)
        raise UserError(f"Keep's {option}={shortened(value)} is wrong: {remedy}.") from error


@dataclass(frozen=True, slots=True)
class KeepParams:
    """The region that KeepAugment chose, for the manifest.

    `box` is the region that was covered (`mode` "cut") or put back ("paste"), None where nothing
    was: no region qualified for a cut, or the recipe left the image alone. `score` is its
    importance and `threshold` what that was compared with. `admissible` says whether any region
    qualified; a paste then takes the most important one. In a `flat` map all candidates are of
    the same importance: that of the threshold.
    """

    mode: str
    box: Box | None
    score: float
    threshold: float
    admissible: bool
    flat: bool

    @classmethod
    def left_alone(cls) -> KeepParams:
        """The recipe covers nothing: no region is looked for."""
        return cls("cut", None, 0.0, 0.0, admissible=True, flat=False)

    @classmethod
    def nothing_to_cut(cls, threshold: float, flat: bool) -> KeepParams:
        """No region is of so little importance that it may be covered."""
        return cls("cut", None, 0.0, threshold, admissible=False, flat=flat)

    @classmethod
    def cut(cls, box: Box, score: float, threshold: float, flat: bool) -> KeepParams:
        """A region that is covered."""
        return cls("cut", box, score, threshold, admissible=True, flat=flat)

    @classmethod
    def paste(
        cls, box: Box, score: float, threshold: float, flat: bool, *, admissible: bool
    ) -> KeepParams:
        """A region that is put back."""
        return cls("paste", box, score, threshold, admissible, flat)

    @property
    def looks_at_saliency(self) -> bool:
        """Whether the target's saliency map was used: a cut of nothing needs none."""
        return self.mode == "paste" or self.box is not None or not self.admissible

    @property
    def cuts_nothing(self) -> bool:
        """Whether a recipe that covers a region covers none."""
        return self.mode == "cut" and self.box is None


def cuts(recipe: Recipe) -> TypeGuard[RegionRecipe]:
    """Whether KeepAugment chooses what this recipe covers; else it puts something back."""
    return isinstance(recipe, RegionRecipe)


def draw_with_keep(
    keep: Keep,
    recipe: Recipe,
    rng: np.random.Generator,
    target: SourceView,
    sources: Sequence[SourceView],
) -> tuple[Any, KeepParams]:
    """Draw the parameters of a recipe over `sources`, and the region of KeepAugment."""
    if cuts(recipe):
        return selective_cut(keep, recipe, rng, target, sources)
    params = recipe.draw(rng, sources)
    return params, selective_paste(keep, rng, target)


def apply_with_keep(
    recipe: Recipe, images: Sequence[Fitted], params: Any, keep_params: KeepParams | None
) -> Augmented:
    """The output of a recipe, with what `keep_params` says put back over it."""
    augmented = recipe.apply(images, params)
    if keep_params is None or keep_params.mode != "paste" or keep_params.box is None:
        return augmented
    return put_back(images[0].pixels(), augmented, keep_params.box)


def selective_cut(
    keep: Keep,
    recipe: RegionRecipe,
    rng: np.random.Generator,
    target: SourceView,
    sources: Sequence[SourceView],
) -> tuple[Any, KeepParams]:
    """Draw the recipe's parameters with a region that the label can spare.

    The size is the recipe's own; the region is uniform over the candidates of at most the
    threshold. Of those wholly inside the image only what is below it qualifies, and where none
    does, nothing is covered.
    """
    size = recipe.region_size(rng, target.shape)
    if size is None or min(size) == 0:
        return recipe.cover(rng, None), KeepParams.left_alone()
    saliency_map, flat = usable(target.saliency(keep.saliency_spec))
    if keep.candidates is Candidates.recipe:
        places = recipe.places(size, target.shape)
        scores = place_scores(saliency_map, places)
        limit = _limit(scores, keep.tau)
        place = draw_region(rng, scores, limit, below=True, or_at=True)
        assert place is not None
        keep_params = KeepParams.cut(places.box(place), float(scores[place]), limit, flat)
        return recipe.cover_spared(rng, places.box(place), sources), keep_params
    height, width = (min(side, limit) for side, limit in zip(size, target.shape, strict=True))
    scores = region_scores(saliency_map, height, width)
    limit = threshold(scores, keep.tau)
    corner = draw_region(rng, scores, limit, below=True)
    if corner is None:
        return recipe.cover(rng, None), KeepParams.nothing_to_cut(limit, flat)
    box = _box(corner, height, width)
    keep_params = KeepParams.cut(box, float(scores[corner]), limit, flat)
    return recipe.cover_spared(rng, box, sources), keep_params


def selective_paste(keep: Keep, rng: np.random.Generator, target: SourceView) -> KeepParams:
    """Draw the region that is put back, uniform over the candidates of at least the threshold.

    Of those wholly inside the image only what is above it qualifies, and where none does, the most
    important one is taken.
    """
    saliency_map, flat = usable(target.saliency(keep.saliency_spec))
    if keep.candidates is Candidates.recipe:
        height, width = (2 * max(1, round(side * keep.size / 2)) for side in target.shape)
        places = places_around((height, width), target.shape)
        scores = place_scores(saliency_map, places)
        limit = _limit(scores, keep.tau)
        place = draw_region(rng, scores, limit, below=False, or_at=True)
        assert place is not None
        score = float(scores[place])
        return KeepParams.paste(places.box(place), score, limit, flat, admissible=True)
    height, width = (max(1, round(side * keep.size)) for side in target.shape)
    scores = region_scores(saliency_map, height, width)
    limit = threshold(scores, keep.tau)
    drawn = draw_region(rng, scores, limit, below=False)
    corner = best_region(scores) if drawn is None else drawn
    box = _box(corner, height, width)
    return KeepParams.paste(box, float(scores[corner]), limit, flat, admissible=drawn is not None)


def put_back(original: Pixels, augmented: Augmented, box: Box) -> Augmented:
    """Put the target's own pixels inside `box` back over its augmented image.

    Labels follow: inside the box the target has all of the weight.
    """
    height, width = original.shape[:2]
    weights = weights_with(augmented, box, (height, width))
    content = laid_over(augmented.content, box, original[box.slices])
    blend = with_target_in(augmented.blend or evenly(augmented.weights), box)
    return Augmented(content, weights, (*augmented.boxes, box), blend=blend)


def weights_with(augmented: Augmented, box: Box, shape: Shape) -> tuple[float, ...]:
    """The label weights of an output whose pixels inside `box` become the target's."""
    pixels = shape[0] * shape[1]
    if augmented.shares_in is None:
        inside = tuple(weight * box.area for weight in augmented.weights)
    else:
        inside = augmented.shares_in(box)
    lost = [held * pixels - gone for held, gone in zip(augmented.weights, inside, strict=True)]
    others = [max(0.0, left) / pixels for left in lost[1:]]
    return (1.0 - sum(others), *others)


def usable(saliency_map: SaliencyMap) -> tuple[SaliencyMap, bool]:
    """The map, or zeros where it is flat or not finite (as behind a dead ReLU), which says nothing
    of any region; and whether that was so."""
    if is_flat(saliency_map):
        return np.zeros_like(saliency_map), True
    return saliency_map, False


def _box(corner: tuple[int, int], height: int, width: int) -> Box:
    top, left = corner
    return Box(top, left, top + height, left + width)


def _limit(scores: Scores, tau: float) -> float:
    """The tau-quantile of scores, which no rounding puts beyond all of them: there is always a
    candidate at it or on either side."""
    return min(max(threshold(scores, tau), float(scores.min())), float(scores.max()))
