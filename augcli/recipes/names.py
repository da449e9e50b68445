"""What people call recipes: spellings, other names of the same thing, and what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from augcli.declared import declared_spellings
from augcli.errors import UserError
from augcli.recipes.catalogue import recipe_class, recipe_names
from augcli.text import did_you_mean, folded, shorten, spelled

# Other names, folded, of exactly what a recipe does with its default options.
_SYNONYMS = {
    "colour": "color",
    "colourjitter": "color_jitter",
    "equalise": "equalize",
    "hflip": "flip",
    "horizontalflip": "flip",
    "posterise": "posterize",
    "randomerase": "random_erasing",
    "randomhorizontalflip": "flip",
    "randomresizedcrop": "crop",
    "solarise": "solarize",
    "trivialaugmentwide": "trivialaugment",
}


class _Hint(NamedTuple):
    """How to say on the command line and in a recipe file what a name means."""

    option: str
    in_file: str


def _with(recipe: str, option: str, value: str) -> _Hint:
    return _Hint(
        f"give --recipe {recipe} --set {option}={value}",
        f'write recipe = "{recipe}" and {option} = "{value}"',
    )


def _recipe(name: str) -> _Hint:
    return _Hint(f"look at --recipe {name}", f'look at recipe = "{name}"')


_KEEP = _Hint(
    "KeepAugment goes around a recipe: give --recipe NAME --keep",
    "KeepAugment goes around the recipe of a step: write keep = true beside it",
)
_ONE_OF = _Hint(
    "write a recipe file with one_of for either of the two, and give it with --recipe-file",
    "write one_of with both recipes",
)
_SMOOTHING = _Hint(
    "give --label-smoothing with a recipe", "write label_smoothing at the top of the file"
)
_EVERY = _Hint(
    "one run takes one recipe, or a --recipe-file of several; `augcli preview SOURCE --all-recipes`"
    " draws every one",
    "write a step for each recipe, or one_of with several",
)
# What is no recipe, or one with other options, by its folded name.
_HINTS = {
    **dict.fromkeys(("keep", "keepaugment", "keepaug"), _KEEP),
    **dict.fromkeys(("cutmixup", "mixupcutmix", "cutmixmixup", "cutmixormixup"), _ONE_OF),
    **dict.fromkeys(("all", "every", "any", "allrecipes", "*"), _EVERY),
    **dict.fromkeys(("labelsmoothing", "smoothing"), _SMOOTHING),
    **dict.fromkeys(
        ("vflip", "verticalflip", "randomverticalflip"), _with("flip", "direction", "vertical")
    ),
    **{
        f"{recipe}{letter}": _with(recipe, "axis", axis)
        for recipe in ("shear", "translate")
        for letter, axis in (("x", "horizontal"), ("y", "vertical"))
    },
    **{
        f"{policy}{data}": _with(recipe, "policy", data)
        for policy, recipe in (
            ("autoaugment", "autoaugment"),
            ("autoaugmentpolicy", "autoaugment"),
            ("fastautoaugment", "fast_autoaugment"),
        )
        for data in ("cifar10", "imagenet", "svhn")
    },
    "saturation": _recipe("color"),
    "elastictransform": _recipe("elastic"),
    "coarsedropout": _recipe("cutout"),
    "dropout": _recipe("pixel_dropout"),
    "randomcrop": _recipe("crop"),
    "randomrotation": _recipe("rotate"),
}


def find_recipe(name: str) -> str | None:
    """The recipe that a name spells, or is another name of; None where there is none."""
    return spelled(name, recipe_names()) or _SYNONYMS.get(folded(name))


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
    raise UserError(f"There is no recipe '{shorten(name)}'{_meant(name, 0)}")


def why_no_recipe(name: str) -> str:
    """What to say of a name in a recipe file that is none of a recipe."""
    if is_file_name(name):
        return f"there is no recipe '{shorten(name)}', and a recipe file holds no other one"
    return f"there is no recipe '{shorten(name)}'{_meant(name, 1)}"


def _meant(name: str, place: int) -> str:
    hint = _HINTS.get(folded(name))
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


def spelled_options(recipe: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a recipe, and the `probability` of its step, with the names and words that are
    declared; raises UserError where one is given in two spellings."""
    declared, whose = recipe_class(recipe), f"Recipe {recipe}"
    return declared_spellings(declared, options, whose, ("probability",))
