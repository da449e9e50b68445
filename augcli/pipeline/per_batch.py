"""Recipes that draw once for all outputs of a batch, as SaliencyMix with box=per-batch does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from augcli.enums import Fit
from augcli.image.fit import Fitted
from augcli.pipeline.picture import Picture
from augcli.recipes.recipe import Recipe, SourceView


class Batch(NamedTuple):
    """What outputs share whose recipe draws per batch.

    `generator(step)` gives a new generator for the step of this number, which is the same for all
    outputs of the batch, and `lead()` the source image whose saliency they all use.
    """

    generator: Callable[[int], np.random.Generator]
    lead: Callable[[], Picture]


def sources_of_batch(
    recipe: Recipe, sources: Sequence[SourceView], batch: Batch, fit: Fit
) -> list[SourceView]:
    """The sources of such a recipe, with the batch's leading image in the place of each one whose
    saliency it uses."""
    lead = batch.lead()
    leading = SourceView(Fitted(lead.image, sources[0].shape, fit), lead.detect)
    looks_at = recipe.looks_at()
    return [leading if number in looks_at else source for number, source in enumerate(sources)]
