"""Recipes in a row: what a pipeline is.

Each step turns a data set into a data set: the sources of a mixing step are outputs of the steps
before it, and their saliency is computed from these. A pipeline of one step is that recipe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from pydantic import BaseModel

from augcli.pipeline.keep import Keep
from augcli.pipeline.picture import Record
from augcli.recipes.catalogue import build_recipe
from augcli.recipes.first_options import KEEP_BEFORE, KEEP_OPTIONS, RECIPE_OPTIONS
from augcli.recipes.index import ENTRIES
from augcli.recipes.plugins import plugins
from augcli.recipes.recipe import Recipe, SaliencySpec


@dataclass(frozen=True)
class Step:
    """A recipe, or one of several, applied with a probability.

    `weights` are those of `recipe` and of each of `alternatives`. With `keep`, KeepAugment chooses
    what is covered, or puts back what is salient.
    """

    recipe: Recipe
    probability: float = 1.0
    alternatives: tuple[Recipe, ...] = ()
    weights: tuple[float, ...] = (1.0,)
    keep: Keep | None = None

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """All recipes that the step may apply."""
        return (self.recipe, *self.alternatives)

    @property
    def sources(self) -> int:
        """How many images the step needs at most."""
        return max(recipe.sources for recipe in self.recipes)

    def choose(self, rng: np.random.Generator) -> int:
        """Draw which of `recipes` is applied."""
        if not self.alternatives:
            return 0
        shares = np.cumsum(self.weights)
        return int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))

    def describe(self) -> dict[str, Any]:
        """The step as JSON. A key that is added here is left out at its default, as options are."""
        recipes = [
            {
                "recipe": recipe.name,
                "weight": weight,
                "options": described_options(recipe, _always_described(recipe)),
            }
            for recipe, weight in zip(self.recipes, self.weights, strict=True)
        ]
        keep = None
        if self.keep is not None:
            keep = described_options(self.keep, KEEP_OPTIONS, KEEP_BEFORE)
        return {"probability": self.probability, "one_of": recipes, "keep": keep}


@dataclass(frozen=True)
class Pipeline:
    """Steps, applied in order, under one name.

    `by_class` holds the steps for targets of some classes where they differ: the same recipes with
    other options and probabilities.
    """

    name: str
    steps: tuple[Step, ...]
    label_smoothing: float = 0.0
    by_class: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    @cached_property
    def spans(self) -> tuple[int, ...]:
        """How many source images go into an output of the first 0, 1, 2, ... steps, at most."""
        return tuple(prod(s.sources for s in self.steps[:n]) for n in range(len(self.steps) + 1))

    @property
    def sources(self) -> int:
        """How many source images an output needs at most."""
        return self.spans[-1]

    @cached_property
    def views(self) -> tuple[str, ...]:
        """The views of a target that each copy consists of."""
        several = (recipe.output_views() for recipe in self.recipes())
        return next((views for views in several if len(views) > 1), ("aug1",))

    @cached_property
    def saliency_specs(self) -> list[SaliencySpec]:
        """The saliency maps that the steps use."""
        steps = [*self.steps, *(step for steps in self.by_class.values() for step in steps)]
        of_keep = [step.keep.saliency_spec for step in steps if step.keep is not None]
        return [*of_keep, *(d for recipe in self.recipes() for d in recipe.looks_at().values())]

    @cached_property
    def is_single(self) -> bool:
        """Whether the pipeline is one recipe, without alternatives and without KeepAugment."""
        step = self.steps[0] if len(self.steps) == 1 else None
        return step is not None and not step.alternatives and step.keep is None

    def recipes(self) -> Iterator[Recipe]:
        """Every recipe of every step."""
        for steps in (self.steps, *self.by_class.values()):
            for step in steps:
                yield from step.recipes

    def steps_for(self, class_name: str) -> tuple[Step, ...]:
        """The steps for a target of this class."""
        return self.by_class.get(class_name, self.steps)

    @property
    def recipe_names(self) -> str:
        """The names of the recipes of all steps, in their order."""
        return "+".join(recipe.name for step in self.steps for recipe in step.recipes)

    def describe(self) -> dict[str, Any]:
        """Its name and everything that an output depends on, as JSON: for run.json, and for the
        digest. An option that is left out has its default; see `first_options`."""
        return {
            "name": self.name,
            "steps": [step.describe() for step in self.steps],
            "label_smoothing": self.label_smoothing,
            "by_class": {
                name: [step.describe() for step in steps]
                for name, steps in sorted(self.by_class.items())
            },
        }

    def digest(self) -> str:
        """16 hex digits that change with any option, and with nothing else.

        It holds the recipes' names, not the pipeline's own, which may be that of a file."""
        canonical = json.dumps({**self.describe(), "name": self.recipe_names}, sort_keys=True)
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()

    def row_record(self, record: Record | None) -> Any:
        """The record as a manifest row has it: of a single recipe just the parameters."""
        if record is None or not self.is_single:
            return record
        return record["params"]

    def full_record(self, params: Any) -> Record | None:
        """The record from what `row_record` returned."""
        if params is None or not self.is_single:
            return params
        return {"recipe": self.steps[0].recipe.name, "params": params}


def _always_described(recipe: Recipe) -> Collection[str]:
    """The options of a recipe that are described at their defaults too: of another package all, as
    its defaults may change with its versions."""
    if recipe.name not in ENTRIES and recipe.name in plugins():
        return type(recipe).model_fields
    return RECIPE_OPTIONS.get(recipe.name, ())


def described_options(
    options: BaseModel, always: Collection[str], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Options as JSON: those in `always`, and of others those that are not at their default, or at
    what they were `before` they existed."""
    fields = type(options).model_fields
    left_out = {name: field.get_default() for name, field in fields.items()} | dict(before or {})
    names = {name for name in fields if name in always or getattr(options, name) != left_out[name]}
    return options.model_dump(mode="json", include=names)


def pipeline_of(description: Mapping[str, Any]) -> Pipeline:
    """The pipeline from what `describe` returned.

    Raises UserError, KeyError or TypeError where it describes none.
    """
    return Pipeline(
        description["name"],
        tuple(map(_step_of, description["steps"])),
        description["label_smoothing"],
        {name: tuple(map(_step_of, s)) for name, s in description["by_class"].items()},
    )


def _step_of(description: Mapping[str, Any]) -> Step:
    first, *others = [
        build_recipe(choice["recipe"], choice["options"]) for choice in description["one_of"]
    ]
    weights = tuple(choice["weight"] for choice in description["one_of"])
    keep = None
    if description["keep"] is not None:
        keep = Keep.model_validate({**KEEP_BEFORE, **description["keep"]})
    return Step(first, description["probability"], tuple(others), weights, keep)
