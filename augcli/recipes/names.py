"""What people call recipes: spellings, other names of the same thing, and what is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from augcli.declared import declared_spellings
from augcli.errors import UserError
from augcli.recipes.catalogue import recipe_class, recipe_names
from augcli.recipes.other_names import HINTS, OPTIONS, SEVERAL, SYNONYMS
from augcli.text import did_you_mean, folded, shorten, spelled

# A recipe with something behind it, as cutmix:alpha=0.4 or cutmix(alpha=0.4).
_WITH_OPTIONS = re.compile(r"([A-Za-z][\w -]*?)\s*[:(\[{=@?\s]\s*([^()\[\]{}]+)[)\]}]?")
_OF_TIMM = re.compile(r"rand(?:-[a-z]+[\d.]+)+")  # as timm writes RandAugment: rand-m9-n3-mstd0.5
_BETWEEN = re.compile(r"\s*(?:[,;+|&>/\s]|->)\s*")
_LONGEST = 200


def find_recipe(name: str) -> str | None:
    """The recipe that a name spells, or is another name of; None where there is none."""
    return spelled(name, recipe_names()) or SYNONYMS.get(folded(name))


def recipe_of(name: str, option: str = "--recipe ") -> str:
    """The recipe that a name on the command line means, where `option` goes before it.

    Raises UserError that says what to give instead.
    """
    known = find_recipe(name)
    if known is not None:
        return known
    if is_file_name(name):
        raise UserError(
            f"{option}{shorten(name)} is a file, not the name of a recipe; give --recipe-file"
            f" {shorten(name)}, and look at it with `augcli recipes show {shorten(name)}`."
        )
    if not name.strip():
        raise UserError(f"{option.strip()} is empty; give a name (`augcli recipes` lists them).")
    if option and is_folder(name):
        raise UserError(
            f"{option}{shorten(name)} is a folder; the name of a recipe stands there, as in"
            " --recipe cutmix (is a variable unset?)."
        )
    raise UserError(f"There is no recipe '{shorten(name)}'{_written(name) or _meant(name, 0)}")


def _written(name: str) -> str:
    """What to say of a name that holds several recipes, or options; "" where it does not."""
    if len(name) > _LONGEST:
        return ""
    parts = [part for part in _BETWEEN.split(name) if part]
    if len(parts) > 1 and all(map(find_recipe, parts)):
        return f"; {SEVERAL}."
    if _OF_TIMM.fullmatch(name):
        settings = [f"{key}={value}" for key, value in re.findall(r"-([mn])([\d.]+)", name)]
        return f"; write --recipe randaugment{written_settings(settings)}."
    match = _WITH_OPTIONS.fullmatch(name)
    recipe = find_recipe(match[1]) if match is not None else None
    if match is None or recipe is None:
        return ""
    given = [part for part in re.split(r"[,;:&\s]+", match[2].replace(" =", "=")) if part]
    settings = [part if "=" in part else f"KEY={part}" for part in given]
    return f"; write --recipe {recipe}{written_settings(settings)}."


def written_settings(settings: Iterable[str]) -> str:
    """`--set KEY=VALUE` for each of these texts."""
    pairs = (setting.partition("=") for setting in settings)
    return "".join(f" --set {setting_name(key)}={shorten(value)}" for key, _, value in pairs)


def setting_name(key: str) -> str:
    """What an option of a recipe is called that others call `key`; that itself where nothing is
    known."""
    return "probability" if OPTIONS.get(folded(key)) == "probability" else shorten(key)


def why_no_recipe(name: str) -> str:
    """What to say of a name in a recipe file that is none of a recipe."""
    if is_file_name(name):
        return f"there is no recipe '{shorten(name)}', and a recipe file holds no other one"
    return f"there is no recipe '{shorten(name)}'{_meant(name, 1)}"


def _meant(name: str, place: int) -> str:
    hint = HINTS.get(folded(name))
    if hint is not None:
        return f"; {hint[place]}{'.' if place == 0 else ''}"
    near = did_you_mean(name, recipe_names())
    return near if place else f"{near}; `augcli recipes` lists them."


def is_file_name(name: str) -> bool:
    """Whether a name that should be a recipe's is that of a file."""
    try:
        return name.lower().endswith(".toml") or "/" in name or Path(name).is_file()
    except (OSError, ValueError):
        return False


def is_folder(name: str) -> bool:
    """Whether a name that should be a recipe's is that of a folder."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def spelled_options(recipe: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a recipe, and the `probability` of its step, with the names and words that are
    declared; raises UserError where one is given in two spellings."""
    declared, whose = recipe_class(recipe), f"Recipe {recipe}"
    return declared_spellings(declared, options, whose, ("probability",))
