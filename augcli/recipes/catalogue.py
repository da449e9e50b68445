"""Every recipe by its name. Modules are imported when a recipe is asked for."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from augcli.errors import UserError
from augcli.recipes.index import ENTRIES
from augcli.recipes.recipe import Recipe

_SHOWN = 60


def recipe_names() -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(ENTRIES)


def underscored(name: str) -> str:
    """The name of a recipe as the catalogue has it: hyphens may stand for underscores."""
    return name.replace("-", "_")


def recipe_class(name: str) -> type[Recipe]:
    """The recipe of this name (see `underscored`); UserError names the closest."""
    name = underscored(name)
    if name not in ENTRIES:
        raise UserError(
            f"There is no recipe '{name}'{closest(name, recipe_names())};"
            " `augcli recipes` lists them."
        )
    module, _, class_name = ENTRIES[name].place.partition(":")
    found: type[Recipe] = getattr(import_module(f"augcli.recipes.{module}"), class_name)
    return found


def build_recipe(name: str, options: dict[str, Any]) -> Recipe:
    """A recipe with these options (strings are converted); UserError says which is wrong."""
    recipe = recipe_class(name)
    for option in options:
        if option not in recipe.model_fields:
            hint = closest(option, recipe.model_fields)
            raise UserError(
                f"Recipe {name} has no option '{option}'{hint};"
                f" `augcli recipes {name}` shows its options."
            )
    try:
        return recipe.model_validate(options)
    except ValidationError as error:
        option, value, reason = what_is_wrong(error, recipe)
        raise UserError(
            f"Option {option}={value} of recipe {name} is wrong: {reason};"
            f" `augcli recipes {name}` shows what it takes."
        ) from error


def what_is_wrong(error: ValidationError, declared: type[BaseModel]) -> tuple[str, str, str]:
    """The first option that a declaration refuses, its value, shortened, and why: with the closest
    right word, and the bounds of a number."""
    first = error.errors()[0]
    option, value = str(first["loc"][0]), first["input"]
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "literal_error":
        words = re.findall("'([^']*)'", first["ctx"]["expected"])
        reason += closest(str(value), words)
    elif bounds := _bounds_of(declared, option):
        reason += f" ({bounds})"
    return option, shortened(value), reason


def _bounds_of(declared: type[BaseModel], option: str) -> str:
    """The bounds of an option that is a number, as text; empty for any other."""
    schema = declared.model_json_schema()["properties"][option]
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    choices: list[dict[str, Any]] = schema.get("anyOf", [schema])
    found = [
        f"{sign} {choice[key]:.10g}" for choice in choices for key, sign in signs.items()
        if key in choice
    ]  # fmt: skip
    return ", ".join(found)


def shortened(value: Any) -> str:
    """A value as text of at most 60 characters."""
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def closest(name: str, names: Any) -> str:
    """`, did you mean 'x'?`-style hint, or nothing where no name is near."""
    near = get_close_matches(name, list(names), 1)
    return f" (did you mean '{near[0]}'?)" if near else ""
