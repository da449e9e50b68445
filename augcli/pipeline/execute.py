"""Draws and applies the steps of a pipeline, and applies them again from a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.enums import Fit
from augcli.errors import BadValue
from augcli.image.collage import pixels_of
from augcli.image.fit import Fitted
from augcli.pipeline.keep import KeepParams, apply_with_keep, draw_with_keep
from augcli.pipeline.per_batch import Batch, sources_of_batch
from augcli.pipeline.picture import Picture, Record
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.recipe import (
    Augmented,
    Recipe,
    SaliencySpec,
    SourceView,
    as_record,
    declared_sources,
)
from augcli.recipes.shares import Mixture, mixed

Sources = Callable[[int], Picture]
Detect = Callable[[Pixels, Mapping[int, float], SaliencySpec], SaliencyMap]
# Is called for each step that is applied: with its record, the step, its inputs and its output.
Observe = Callable[[Record, Step, Sequence[Picture], Picture], None]


class _Origin(NamedTuple):
    """What one output is drawn by and made of: see `Execution.execute`."""

    rng: np.random.Generator
    sources: Sources
    batch: Batch | None


class Execution(NamedTuple):
    """How the steps of a pipeline are executed: `fit` is how images are fitted to a canvas, and
    `detect` finds saliency in the output of a step, given the share of each source in it."""

    pipeline: Pipeline
    fit: Fit
    detect: Detect

    def execute(
        self, rng: np.random.Generator, sources: Sources, batch: Batch | None = None
    ) -> Picture:
        """Draw and apply every step.

        `sources(i)` returns source image i (0 is the target), and is called only for those that
        are used. Raises ValueError where a step draws per batch and there is no `batch`.
        """
        origin = _Origin(rng, sources, batch)
        return self._output_of(len(self.pipeline.steps), 0, origin)

    def _output_of(self, depth: int, first: int, origin: _Origin) -> Picture:
        """The output of the first `depth` steps whose target is source image `first`."""
        rng = origin.rng
        if depth == 0:
            return origin.sources(first)
        number = depth - 1
        steps = self.pipeline.steps
        if self.pipeline.by_class:
            steps = self.pipeline.steps_for(origin.sources(first).class_name)
        step = steps[number]
        if step.probability < 1.0 and rng.random() >= step.probability:
            return self._output_of(number, first, origin)
        choice = step.choose(rng)
        recipe = step.recipes[choice]
        inputs = [
            self._output_of(number, first + i * self.pipeline.spans[number], origin)
            for i in range(recipe.sources)
        ]
        fitted = self._fitted(inputs)
        views = [SourceView(s, picture.detect) for s, picture in zip(fitted, inputs, strict=True)]
        target = views[0]
        if recipe.drawn_per_batch():
            batch = origin.batch
            if batch is None:
                raise BadValue(f"{recipe.name} draws per batch, and there is no batch")
            rng, views = batch.generator(number), sources_of_batch(recipe, views, batch, self.fit)
        views = declared_sources(recipe, views)
        if step.keep is None:
            params, keep_params = recipe.draw(rng, views), None
        else:
            params, keep_params = draw_with_keep(step.keep, recipe, rng, target, views)
        augmented = apply_with_keep(recipe, fitted, params, keep_params)
        record: Record = {"recipe": recipe.name, "params": as_record(params)}
        if keep_params is not None:
            record["keep"] = as_record(keep_params)
        if not self.pipeline.is_single:
            record |= {"step": number, "choice": choice}
        uses = recipe.goes_in(params, views[0].shape)
        return self._combine(step, recipe, params, keep_params, augmented, inputs, uses, record)

    def sources_of(self, record: Record | None) -> int:
        """How many source images a record was drawn for, also those of which no pixel went in."""
        if record is None:
            return 1
        step = self.pipeline.steps[record.get("step", 0)]
        count = step.recipes[record.get("choice", 0)].sources
        return sum(self.sources_of(inner) for inner in record.get("inputs") or [None] * count)

    def replay(
        self,
        record: Record | None,
        sources: Iterator[Picture],
        *,
        every: bool = False,
        observe: Observe = lambda *_: None,
    ) -> Picture:
        """Apply `record` again, to `sources` in the order of the manifest row.

        With `every`, the row names all sources that `sources_of` counts, as the first version
        wrote it. `observe` is called for each step that is applied, in order.
        Raises ValueError, KeyError, IndexError or TypeError where the record does not belong to
        this pipeline, StopIteration where sources are missing.
        """
        if record is None:
            return next(sources)
        number, choice = record.get("step", 0), record.get("choice", 0)
        count = self.pipeline.steps[number].recipes[choice].sources
        records = record.get("inputs") or [None] * count
        target = self.replay(records[0], sources, every=every, observe=observe)
        step = self.pipeline.steps_for(target.class_name)[number]
        recipe = step.recipes[choice]
        if recipe.name != record["recipe"]:
            raise BadValue(f"step {number} of the run is {recipe.name}, not {record['recipe']}")
        params = _validator(recipe.params_type).validate_python(record["params"])
        height, width = target.image.shape[:2]
        uses = (True,) * count if every else recipe.goes_in(params, (height, width))
        inputs = [target]
        for inner, goes_in in zip(records[1:], uses[1:], strict=True):
            # No pixel is needed of a source that does not go in: the target takes its place.
            inputs.append(
                self.replay(inner, sources, every=every, observe=observe) if goes_in else target
            )
        keep_params = (
            _validator(KeepParams).validate_python(record["keep"]) if "keep" in record else None
        )
        augmented = apply_with_keep(recipe, self._fitted(inputs), params, keep_params)
        output = self._combine(step, recipe, params, keep_params, augmented, inputs, uses, record)
        observe(record, step, inputs, output)
        return output

    def _fitted(self, inputs: Sequence[Picture]) -> list[Fitted]:
        height, width = inputs[0].image.shape[:2]
        return [Fitted(picture.image, (height, width), self.fit) for picture in inputs]

    def _combine(
        self,
        step: Step,
        recipe: Recipe,
        params: Any,
        keep_params: KeepParams | None,
        augmented: Augmented,
        inputs: Sequence[Picture],
        uses: Sequence[bool],
        record: Record,
    ) -> Picture:
        """The output of a step; of its inputs, those that `uses` names go in."""
        target = inputs[0]
        moves = recipe.moves(params)
        height, width = target.image.shape[:2]
        if len(inputs) == 1:
            mixture = Mixture(target.shares, {} if moves else target.layers)
        else:
            later = self.pipeline.steps[record.get("step", 0) + 1 :]
            mixture = mixed(
                [
                    Mixture(one.shares, one.layers) if goes_in else Mixture({})
                    for one, goes_in in zip(inputs, uses, strict=True)
                ],
                augmented,
                (height, width),
                self.fit,
                layers=any(step.sources > 1 for step in later),
            )
        if any(picture.record for picture in inputs):
            record["inputs"] = [
                picture.record if goes_in else None
                for picture, goes_in in zip(inputs, uses, strict=True)
            ]
        went_in = [picture for picture, goes_in in zip(inputs, uses, strict=True) if goes_in]
        saliency_specs = [d for picture in went_in for d in picture.saliency_specs]
        saliency_specs += _saliency_specs(step, recipe, keep_params)
        # The input of another step is needed as pixels, and more than once.
        content = augmented.image if len(self.pipeline.steps) > 1 else augmented.content
        detect, shares = self.detect, mixture.shares
        return Picture(
            content,
            dict(shares),
            lambda spec: detect(pixels_of(content), shares, spec),
            target.class_name,
            augmented.boxes if moves else (*target.boxes, *augmented.boxes),
            record,
            mixture.layers,
            tuple(dict.fromkeys(saliency_specs)),
        )


def _saliency_specs(
    step: Step, recipe: Recipe, keep_params: KeepParams | None
) -> Iterator[SaliencySpec]:
    """The saliency maps that a step used: where KeepAugment cuts nothing, the recipe uses none."""
    if step.keep is not None and keep_params is not None and keep_params.looks_at_saliency:
        yield step.keep.saliency_spec
    if keep_params is None or not keep_params.cuts_nothing:
        yield from recipe.looks_at().values()


@cache
def _validator(params_type: type) -> TypeAdapter[Any]:
    return TypeAdapter(params_type)
