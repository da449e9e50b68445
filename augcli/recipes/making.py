"""Draws and applies the steps of a pipeline, and applies them again from a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from augcli.choices import Fit
from augcli.image.box import Box
from augcli.image.collage import Image, pixels_of
from augcli.image.fit import Fitted, Pixels
from augcli.recipes.keep import Kept, put_back, selective_cut, selective_paste
from augcli.recipes.pipeline import Pipeline, Record
from augcli.recipes.recipe import (
    Augmented,
    Detection,
    RegionRecipe,
    SaliencyMap,
    View,
    as_record,
)


class Picture(NamedTuple):
    """An image on its way through the steps, with the share that each source image has in it.

    `content` is its pixels; of an output of the last step, which is only encoded, it may be parts
    that make these. `class_name` is the class of the first source, the target.
    """

    content: Image
    shares: dict[int, float]
    detect: Callable[[Detection], SaliencyMap]
    class_name: str = ""
    boxes: tuple[Box, ...] = ()
    record: Record | None = None

    @property
    def image(self) -> Pixels:
        """The pixels, uint8 RGB (H, W, 3)."""
        return pixels_of(self.content)

    @property
    def sources(self) -> list[int]:
        """The source images that went in, the target first; a share of 0 is possible."""
        return list(self.shares)


Sources = Callable[[int], Picture]
Detect = Callable[[Pixels, Mapping[int, float], Detection], SaliencyMap]


class Batch(NamedTuple):
    """What outputs share whose recipe draws per batch.

    `generator(step)` gives a new generator for the step of this number, which is the same for all
    outputs of the batch, and `lead()` the source image that they all look at.
    """

    generator: Callable[[int], np.random.Generator]
    lead: Callable[[], Picture]


class Maker(NamedTuple):
    """What the steps are made with: the pipeline, how images meet a canvas, and what finds
    saliency in images that earlier steps made, given the share of each source in them."""

    pipeline: Pipeline
    fit: Fit
    detect: Detect

    def make(
        self, rng: np.random.Generator, sources: Sources, batch: Batch | None = None
    ) -> Picture:
        """Draw and apply every step.

        `sources(i)` gives source image i (0 is the target), and is asked only for those that are
        used. Raises ValueError where a step draws per batch and there is no `batch`.
        """
        return self._made(len(self.pipeline.steps), 0, rng, sources, batch)

    def _made(
        self,
        depth: int,
        first: int,
        rng: np.random.Generator,
        sources: Sources,
        batch: Batch | None,
    ) -> Picture:
        """The output of the first `depth` steps whose target is source image `first`."""
        if depth == 0:
            return sources(first)
        number = depth - 1
        steps = self.pipeline.steps
        if self.pipeline.by_class:
            steps = self.pipeline.steps_for(sources(first).class_name)
        step = steps[number]
        if step.probability < 1.0 and rng.random() >= step.probability:
            return self._made(number, first, rng, sources, batch)
        choice = step.choose(rng)
        recipe = step.recipes[choice]
        inputs = [
            self._made(number, first + i * self.pipeline.spans[number], rng, sources, batch)
            for i in range(recipe.sources)
        ]
        seen = self._fitted(inputs)
        views = [View(s, picture.detect) for s, picture in zip(seen, inputs, strict=True)]
        if recipe.drawn_per_batch():
            if batch is None:
                raise ValueError(f"{recipe.name} draws per batch, and there is no batch")
            rng, lead = batch.generator(number), batch.lead()
            canvas = Fitted(lead.image, views[0].shape, self.fit)
            views[recipe.looks_at] = View(canvas, lead.detect)
        kept = None
        if step.keep is not None and isinstance(recipe, RegionRecipe):
            params, kept = selective_cut(step.keep, recipe, rng, views)
        else:
            params = recipe.draw(rng, views)
        augmented = recipe.apply(seen, params)
        if step.keep is not None and kept is None:
            kept = selective_paste(step.keep, rng, views[0])
            augmented = _put_back(inputs[0], augmented, kept)
        record: Record = {"recipe": recipe.name, "params": as_record(params)}
        if kept is not None:
            record["keep"] = as_record(kept)
        if not self.pipeline.is_single:
            record |= {"step": number, "choice": choice}
        return self._combined(augmented, inputs, record)

    def remake(self, record: Record | None, sources: Iterator[Picture]) -> Picture:
        """Apply again what `record` says was drawn, to `sources` in the order of the manifest row.

        Raises ValueError, KeyError, IndexError or TypeError where the record does not belong to
        this pipeline, StopIteration where sources are missing.
        """
        if record is None:
            return next(sources)
        number, choice = record.get("step", 0), record.get("choice", 0)
        count = self.pipeline.steps[number].recipes[choice].sources
        records = record.get("inputs") or [None] * count
        inputs = [self.remake(inner, sources) for inner in records]
        recipe = self.pipeline.steps_for(inputs[0].class_name)[number].recipes[choice]
        if recipe.name != record["recipe"]:
            raise ValueError(f"step {number} of the run is {recipe.name}, not {record['recipe']}")
        params = _validator(recipe.params_type).validate_python(record["params"])
        augmented = recipe.apply(self._fitted(inputs), params)
        if "keep" in record:
            kept = _validator(Kept).validate_python(record["keep"])
            augmented = _put_back(inputs[0], augmented, kept)
        return self._combined(augmented, inputs, record)

    def _fitted(self, inputs: Sequence[Picture]) -> list[Fitted]:
        height, width = inputs[0].image.shape[:2]
        return [Fitted(picture.image, (height, width), self.fit) for picture in inputs]

    def _combined(self, augmented: Augmented, inputs: Sequence[Picture], record: Record) -> Picture:
        shares: dict[int, float] = {}
        for picture, weight in zip(inputs, augmented.weights, strict=True):
            for source, share in picture.shares.items():
                shares[source] = weight * share
        if any(picture.record for picture in inputs):
            record["inputs"] = [picture.record for picture in inputs]
        # What another step takes is needed as pixels, and more than once.
        content = augmented.image if len(self.pipeline.steps) > 1 else augmented.content
        detect = self.detect
        return Picture(
            content,
            shares,
            lambda detection: detect(pixels_of(content), shares, detection),
            inputs[0].class_name,
            augmented.boxes,
            record,
        )


def _put_back(target: Picture, augmented: Augmented, kept: Kept) -> Augmented:
    if kept.mode != "paste" or kept.box is None:
        return augmented
    return put_back(target.image, augmented, kept.box)


@cache
def _validator(params_type: type) -> TypeAdapter[Any]:
    return TypeAdapter(params_type)
