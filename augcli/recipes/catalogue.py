"""Every recipe by its name. Modules are imported at the first use of a recipe."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import ValidationError

from augcli.declared import shortened, what_is_wrong
from augcli.errors import UserError
from augcli.recipes.index import ENTRIES
from augcli.recipes.other_names import OPTIONS
from augcli.recipes.plugins import clashes, load_plugin, plugins
from augcli.recipes.recipe import Recipe
from augcli.text import did_you_mean, folded, shorten, spelled


def recipe_names() -> list[str]:
    """The names of all recipes, sorted, also those of other packages."""
    return sorted({*ENTRIES, *plugins()})


def recipe_class(name: str) -> type[Recipe]:
    """The recipe that a name spells; raises UserError."""
    names = recipe_names()
    known = spelled(name, names)
    if (why := clashes().get(known or name)) is not None:
        raise UserError(why)
    if known is None:
        raise UserError(f"There is no recipe '{shorten(name)}'{did_you_mean(name, names)}.")
    if known not in ENTRIES:
        return load_plugin(plugins()[known])
    module, _, class_name = ENTRIES[known].place.partition(":")
    recipe: type[Recipe] = getattr(import_module(f"augcli.recipes.{module}"), class_name)
    return recipe


def build_recipe(name: str, options: dict[str, Any]) -> Recipe:
    """A recipe with these options (strings are converted); UserError says which is wrong."""
    recipe = recipe_class(name)
    for option in options:
        if option not in recipe.model_fields:
            known = [*recipe.model_fields, "probability"]
            other = OPTIONS.get(folded(option))
            hint = did_you_mean(other if other in known else option, known)
            raise UserError(
                f"Recipe {name} has no option '{shorten(option)}'{hint};"
                f" `augcli recipes {name}` shows its options."
            )
    try:
        return recipe.model_validate(options)
    except ValidationError as error:
        option, value, remedy = what_is_wrong(error, recipe)
        raise UserError(
            f"Option {option}={shortened(value)} of recipe {name} is wrong: {remedy};"
            f" `augcli recipes {name}` shows what it takes."
        ) from error
