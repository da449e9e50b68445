"""The recipe or recipe file, what goes around it, and the steps that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augcli.enums import Candidates
from augcli.errors import UserError

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class RecipeChoice:
    """The recipe or recipe file, and what goes around it; `set` are options of the recipe, whose
    values may be text."""

    recipe: str | None = None
    set: Mapping[str, Any] | None = None
    recipe_file: Path | None = None
    label_smoothing: float | None = None
    keep: bool = False
    tau: float | None = None
    keep_size: float | None = None
    keep_candidates: Candidates | None = None
    saliency: str | None = None
    saliency_size: int | None = None


def build_pipeline(choice: RecipeChoice) -> Pipeline:
    """The recipe that --recipe and --set, or --recipe-file, ask for; raises UserError.

    Options that have no effect beside the others are passed over.
    """
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.pipeline.keep import build_keep
    from augcli.pipeline.pipeline import Pipeline, Step
    from augcli.recipes.catalogue import build_recipe, recipe_class
    from augcli.recipes.names import recipe_of, spelled_options

    smoothing = choice.label_smoothing
    if choice.recipe_file is not None:
        from augcli.pipeline.recipefile import read_recipe_file

        pipeline = read_recipe_file(choice.recipe_file)
        return pipeline if smoothing is None else replace(pipeline, label_smoothing=smoothing)
    if choice.recipe is None:
        raise UserError("No recipe is given; add --recipe NAME (`augcli recipes` lists them).")
    recipe = recipe_class(recipe_of(choice.recipe))
    options = spelled_options(recipe.name, dict(choice.set or {}))
    probability = 1.0
    if "probability" in options and "probability" not in recipe.model_fields:
        probability = _parse_probability(options.pop("probability"))
    looked_for = _said(saliency=choice.saliency, saliency_size=choice.saliency_size)
    if recipe.saliency_options is not None:
        own = zip(recipe.saliency_options, ("saliency", "saliency_size"), strict=True)
        options = {k: looked_for[v] for k, v in own if v in looked_for} | options
    built = build_recipe(recipe.name, options)
    keep = None
    if choice.keep:
        around = _said(tau=choice.tau, size=choice.keep_size, candidates=choice.keep_candidates)
        keep = build_keep(looked_for | around, [built])
    return Pipeline(built.name, (Step(built, probability, keep=keep),), smoothing or 0.0)


def every_pipeline(choice: RecipeChoice) -> list[Pipeline]:
    """Every recipe by itself with its default options; raises UserError."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_names

    return [
        build_pipeline(replace(choice, recipe=name, set=None, recipe_file=None))
        for name in recipe_names()
    ]


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _parse_probability(value: Any) -> float:
    try:
        probability = float(value)
    except (TypeError, ValueError):
        probability = -1.0
    if not 0.0 <= probability <= 1.0:
        raise UserError(f"--set probability={value} is not a number from 0 to 1.")
    return probability
