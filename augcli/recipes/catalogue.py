"""Every recipe by its name. Modules are imported when a recipe is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import ValidationError

from augcli.declared import shortened, what_is_wrong
from augcli.errors import UserError
from augcli.recipes.recipe import Recipe
from augcli.text import did_you_mean, shorten, spelled

_CLASSES = {
    "augmix": "augmix:AugMix",
    "autoaugment": "autoaugment:AutoAugment",
    "autocontrast": "basic_operations:AutoContrast",
    "brightness": "basic_operations:Brightness",
    "channel_dropout": "channel_dropout:ChannelDropout",
    "color": "basic_operations:Color",
    "color_jitter": "color_jitter:ColorJitter",
    "contrast": "basic_operations:Contrast",
    "crop": "crop:Crop",
    "cutmix": "cutmix:CutMix",
    "cutout": "cutout:Cutout",
    "elastic": "elastic:Elastic",
    "equalize": "basic_operations:Equalize",
    "fast_autoaugment": "fast_autoaugment:FastAutoAugment",
    "flip": "basic_operations:Flip",
    "fmix": "fmix:FMix",
    "invert": "basic_operations:Invert",
    "mixup": "mixup:Mixup",
    "pixel_dropout": "pixel_dropout:PixelDropout",
    "posterize": "basic_operations:Posterize",
    "randaugment": "randaugment:RandAugment",
    "random_erasing": "random_erasing:RandomErasing",
    "ricap": "ricap:RICAP",
    "rotate": "basic_operations:Rotate",
    "saliencymix": "saliencymix:SaliencyMix",
    "samplepairing": "samplepairing:SamplePairing",
    "sharpness": "basic_operations:Sharpness",
    "shear": "basic_operations:Shear",
    "solarize": "basic_operations:Solarize",
    "translate": "basic_operations:Translate",
    "trivialaugment": "trivialaugment:TrivialAugment",
}


def recipe_names() -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(_CLASSES)


def recipe_class(name: str) -> type[Recipe]:
    """The recipe that a name spells; raises UserError."""
    known = spelled(name, _CLASSES)
    if known is None:
        raise UserError(f"There is no recipe '{shorten(name)}'{did_you_mean(name, _CLASSES)}.")
    module, _, class_name = _CLASSES[known].partition(":")
    found: type[Recipe] = getattr(import_module(f"augcli.recipes.{module}"), class_name)
    return found


def build_recipe(name: str, options: dict[str, Any]) -> Recipe:
    """A recipe with these options (strings are converted); UserError says which is wrong."""
    recipe = recipe_class(name)
    for option in options:
        if option not in recipe.model_fields:
            hint = did_you_mean(option, recipe.model_fields)
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
