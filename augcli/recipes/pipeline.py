"""Recipes in a row: what a pipeline is.

Each step turns a data set into a data set: what a mixing step takes for its sources are outputs of
the steps before it, and saliency is looked for in those. A pipeline of one step is that recipe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from augcli.recipes.catalogue import build_recipe
from augcli.recipes.keep import Keep
from augcli.recipes.recipe import Detection, Recipe

Record = dict[str, Any]


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
        """The step as JSON."""
        recipes = [
            {"recipe": recipe.name, "weight": weight, "options": recipe.model_dump(mode="json")}
            for recipe, weight in zip(self.recipes, self.weights, strict=True)
        ]
        keep = None if self.keep is None else self.keep.model_dump(mode="json")
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
    def detections(self) -> list[Detection]:
        """The saliency maps that the steps ask for."""
        steps = [*self.steps, *(step for steps in self.by_class.values() for step in steps)]
        kept = [step.keep.detection for step in steps if step.keep is not None]
        return [*kept, *(d for recipe in self.recipes() if (d := recipe.detection()) is not None)]

    @cached_property
    def is_single(self) -> bool:
        """Whether there is nothing but one recipe, and nothing around it."""
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

    def describe(self) -> dict[str, Any]:
        """Everything that an output depends on, as JSON: for run.json and for the digest."""
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
        """16 hex digits that change with any option."""
        canonical = json.dumps(self.describe(), sort_keys=True)
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()

    def row_record(self, record: Record | None) -> Any:
        """What a manifest row says was drawn: for a single recipe just its parameters."""
        if record is None or not self.is_single:
            return record
        return record["params"]

    def full_record(self, params: Any) -> Record | None:
        """The record that `row_record` was given."""
        if params is None or not self.is_single:
            return params
        return {"recipe": self.steps[0].recipe.name, "params": params}


def pipeline_of(description: Mapping[str, Any]) -> Pipeline:
    """The pipeline that `describe` described.

    Raises UserError, KeyError or TypeError where it is none.
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
    keep = None if description["keep"] is None else Keep.model_validate(description["keep"])
    return Step(first, description["probability"], tuple(others), weights, keep)
