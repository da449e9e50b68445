"""Reads the recipe that options name, with all that is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from augcli.cli.options import RecipeOptions
from augcli.errors import UserError
from augcli.tasks.recipe_choice import RecipeChoice, build_pipeline
from augcli.text import spelled

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline
    from augcli.recipes.recipe import Recipe


def read_pipeline(options: RecipeOptions) -> Pipeline:
    """The recipe that --recipe and --set, or --recipe-file, ask for; raises UserError.

    Options that have no effect beside the others are passed over; see `refuse_unused`.
    """
    settings = None
    if options.recipe_file is None and options.recipe is not None and options.set:
        from augcli.image.opencv import require_opencv

        require_opencv()
        from augcli.recipes.catalogue import recipe_class
        from augcli.recipes.names import recipe_of

        recipe = recipe_class(recipe_of(options.recipe))  # a wrong one comes before wrong settings
        settings = _parse_settings(options.set, recipe)
    return build_pipeline(RecipeChoice(**vars(options) | {"set": settings}))


def read_every_pipeline(options: RecipeOptions) -> list[Pipeline]:
    """Every recipe by itself with its default options; raises UserError."""
    from augcli.tasks.recipe_choice import every_pipeline

    return every_pipeline(RecipeChoice(**vars(options) | {"set": None}))


def _like(key: str, recipe: type[Recipe]) -> str:
    """How a setting is written whose value is missing: with the default, where the recipe has an
    option of that name."""
    option = spelled(key.strip(), recipe.model_fields)
    if option is None:
        return "it like --set alpha=0.4"
    default = recipe.model_fields[option].get_default(call_default_factory=True)
    value = "VALUE" if default is None else getattr(default, "value", default)
    return f"--set {option}=VALUE" if isinstance(value, list | tuple) else f"--set {option}={value}"


# A setting without =, as alpha:0.4, and the next one behind a comma or a blank.
_SPLIT_OTHERWISE = re.compile(r"([A-Za-z_][\w-]*)\s*(?:[:\s]|->)\s*([^\s:]+)")
_FURTHER = re.compile(r"[,;&\s]\s*([A-Za-z_][\w-]*)\s*=")
_CUT = "\0"  # in no word of a command line


def _parse_settings(settings: list[str], recipe: type[Recipe]) -> dict[str, Any]:
    from augcli.recipes.names import written_settings

    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            pair = _SPLIT_OTHERWISE.fullmatch(setting.strip())
            like = f"--set {pair[1]}={pair[2]}" if pair is not None else _like(key, recipe)
            raise UserError(f"--set {setting} is not key=value; write {like}.")
        if _FURTHER.search(value):
            each = _FURTHER.sub(lambda match: f"{_CUT}{match[1]}=", setting).split(_CUT)
            raise UserError(
                f"--set {setting} holds several settings, and takes one; write"
                f"{written_settings(each)}."
            )
        name, value = key.strip().replace("-", "_"), value.strip()
        if options.setdefault(name, value) != value:
            raise UserError(
                f"--set {name} is given twice, as {options[name]} and as {value}; give one of them."
            )
    return options
