"""Which of the options that exclude each other holds: the one from the nearer origin.

Two from the same origin are refused. A switch that is off, and a default, excludes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from augcli.cli.options import RecipeOptions
from augcli.cli.origins import (
    DEFAULT,
    ENVIRONMENT,
    file_setting,
    named,
    named_together,
    nearness,
    parameter,
    spelled,
    variable,
)
from augcli.cli.progress import Progress
from augcli.cli.reading import read_pipeline
from augcli.errors import UserError

# Options of which one holds.
EXCLUSIVE = (
    ("recipe", "recipe_file", "all_recipes"),
    ("copies", "per_class"),
    ("resume", "overwrite"),
    ("show", "json"),
    ("quiet", "progress"),
)
_OF_KEEP = ("tau", "keep_size", "keep_candidates")
# What says more about the recipe that --recipe names: it gives way to what is there instead of one.
_OF_A_RECIPE = {
    "recipe_file": ("set", "keep", *_OF_KEEP, "saliency", "saliency_size"),
    "all_recipes": ("set",),
}
_OF_SALIENCY = ("saliency", "saliency_size")


def settle(
    context: typer.Context, values: dict[str, Any], defaults: Mapping[str, Any]
) -> dict[str, str]:
    """Set the options in `values` that give way to nearer ones to their defaults.

    Returns what each of them gives way to, by their names. Raises UserError where two that exclude
    each other have the same origin.
    """
    left_out: dict[str, str] = {}

    def leave_out(name: str, winner: str) -> None:
        left_out[name] = winner
        values[name] = defaults[name]

    for group in EXCLUSIVE:
        rivals = [name for name in group if _excludes(context, values, name)]
        winner = _nearest(context, rivals)
        for name in rivals:
            if name != winner:
                leave_out(name, winner)
    for winner, dependents in _OF_A_RECIPE.items():
        for name in dependents if _excludes(context, values, winner) else ():
            if _gives_way(context, values, name, winner):
                leave_out(name, winner)
            elif winner == "all_recipes" and _excludes(context, values, name):
                raise UserError(
                    f"{named(context, name)} changes one recipe, and"
                    f" {named(context, winner)} draws every one; give one of them."
                )
    if _excludes(context, values, "recipe") and _is_of_another_recipe(context, values):
        leave_out("set", "recipe")
    if values.get("keep"):
        winner = max(("recipe", "set"), key=lambda one: nearness(context, one))
        if _gives_way(context, values, "keep", winner) and _is_drawn_per_batch(values):
            for name in ("keep", *_OF_KEEP):
                if _gives_way(context, values, name, winner):
                    leave_out(name, winner)
    elif "keep" in values:
        for name in _OF_KEEP:
            if _gives_way(context, values, name, "keep"):
                leave_out(name, "keep")
        winner = max(("recipe", "keep"), key=lambda one: nearness(context, one))
        for name in _OF_SALIENCY:
            if _gives_way(context, values, name, winner) and not _looks(values["recipe"]):
                leave_out(name, winner)
    return left_out


def _gives_way(context: typer.Context, values: Mapping[str, Any], name: str, winner: str) -> bool:
    """Whether an option says something, from farther away than another."""
    return _excludes(context, values, name) and nearness(context, name) < nearness(context, winner)


def _excludes(context: typer.Context, values: Mapping[str, Any], name: str) -> bool:
    """Whether an option says something, so that others have to give way."""
    if name not in values or nearness(context, name) == DEFAULT:
        return False
    value = values[name]
    if isinstance(value, Progress):
        return value is Progress.always
    return value is not None and value is not False and value != []


def _nearest(context: typer.Context, names: list[str]) -> str:
    """The option with the nearest origin; raises UserError where two have it."""
    if not names:
        return ""
    nearest = max(nearness(context, name) for name in names)
    winners = [name for name in names if nearness(context, name) == nearest]
    if len(winners) > 1:
        raise UserError(f"{named_together(context, winners)} exclude each other; give one of them.")
    return winners[0]


def _is_of_another_recipe(context: typer.Context, values: Mapping[str, Any]) -> bool:
    """Whether what --set would change is the recipe of an origin that is farther than --recipe."""
    if not _gives_way(context, values, "set", "recipe"):
        return False
    near = nearness(context, "set")
    names = {one.name for one in context.command.params} & {*EXCLUSIVE[0]}
    if near == ENVIRONMENT:
        return any(os.environ.get(variable(parameter(context, name))) for name in names)
    return any(file_setting(context, name) is not None for name in names)


def _is_drawn_per_batch(values: Mapping[str, Any]) -> bool:
    """Whether a recipe with its options cannot be kept around; raises UserError where it is
    wrong."""
    if values["recipe"] is None:
        return False
    recipe_options = RecipeOptions(recipe=values["recipe"], set=values["set"])
    return any(
        recipe.drawn_per_batch()
        for step in read_pipeline(recipe_options).steps
        for recipe in step.recipes
    )


def _looks(recipe: str | None) -> bool:
    """Whether a recipe, if there is one, looks for saliency; raises UserError where it is none."""
    if recipe is None:
        return True
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_class

    return recipe_class(recipe).saliency_options is not None


def forget(context: typer.Context, names: Iterable[str]) -> None:
    """Leave out what the environment and the configuration file say of these options."""
    for name in names:
        of = parameter(context, name)
        of.envvar = ""  # no variable has this name
        if context.default_map is not None:
            context.default_map.pop(name, None)


def refuse_both(context: typer.Context, name: str) -> None:
    """Raise UserError where the command line sets an option and undoes it too."""
    option = spelled(parameter(context, name))
    raise UserError(f"{option} and --no-{option[2:]} exclude each other; give one of them.")
