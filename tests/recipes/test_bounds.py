"""Every option that is a number has two finite bounds, which its refusal names, and work within
them ends."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from augcli.enums import Fit
from augcli.errors import UserError
from augcli.pipeline.keep import Keep, build_keep
from augcli.pipeline.recipefile import read_recipe_file
from augcli.recipes.catalogue import build_recipe, recipe_class, recipe_names
from augcli.recipes.recipe import Recipe
from tests.recipes.test_properties import Case, image_of, output_of

SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
TOO_MUCH = (1e308, -1e308, math.inf, -math.inf, math.nan, 10**18, -(10**18), 10**400)


def bounds_of(declared: type[BaseModel]) -> dict[str, dict[str, float]]:
    """The bounds of every option that may be a number, as its declaration has them."""
    numbers = {}
    for name, schema in declared.model_json_schema().get("properties", {}).items():
        for choice in schema.get("anyOf", [schema]):
            if choice.get("type") in ("integer", "number"):
                numbers[name] = {key: choice[key] for key in SIGNS if key in choice}
    return numbers


RECIPES = {name: bounds_of(recipe_class(name)) for name in recipe_names()}
OPTIONS = [
    pytest.param(name, option, bounds, id=f"{name}-{option}")
    for name, options in (*RECIPES.items(), ("keep", bounds_of(Keep)))
    for option, bounds in options.items()
]


def build(name: str, options: dict[str, Any]) -> Recipe | Keep:
    return build_keep(options, []) if name == "keep" else build_recipe(name, options)


def test_all_numbers_are_looked_at() -> None:
    assert RECIPES["augmix"].keys() == {"width", "depth", "severity", "alpha", "views"}
    assert RECIPES["saliencymix"].keys() == {"alpha", "saliency_size", "protect_target"}
    assert len(OPTIONS) >= 35


@pytest.mark.parametrize(("name", "option", "bounds"), OPTIONS)
def test_a_number_out_of_bounds_is_refused_with_its_bounds(
    name: str, option: str, bounds: dict[str, float]
) -> None:
    least = [bounds[key] for key in ("minimum", "exclusiveMinimum") if key in bounds]
    most = [bounds[key] for key in ("maximum", "exclusiveMaximum") if key in bounds]
    assert (len(least), len(most)) == (1, 1)
    assert math.isfinite(least[0]) and math.isfinite(most[0])
    stated = " and ".join(f"{SIGNS[key]} {bounds[key]:.10g}" for key in SIGNS if key in bounds)
    for wrong in TOO_MUCH:
        for value in (wrong,) if abs(wrong) > 1e309 else (wrong, str(wrong)):
            with pytest.raises(UserError) as refused:
                build(name, {option: value})
            said = str(refused.value)
            assert f"{option}=" in said
            assert f" {stated}" in said
            assert "\n" not in said
            assert len(said) < 300


@pytest.mark.parametrize(("name", "option", "bounds"), OPTIONS)
@pytest.mark.parametrize("end", ["least", "most"])
def test_the_extremes_of_a_number_end(
    name: str, option: str, bounds: dict[str, float], end: str
) -> None:
    """On 64 x 64 pixels; a bound that is none of its values is met closely."""
    if end == "most":
        value = bounds.get("maximum", math.nextafter(bounds.get("exclusiveMaximum", 0.0), -1.0))
    else:
        value = bounds.get("minimum", math.nextafter(bounds.get("exclusiveMinimum", 0.0), 1.0))
    case = Case([(64, 64)] * 4, True, Fit.cover, 5)
    if name == "keep":
        recipe, keep = build_recipe("cutmix", {}), Keep.model_validate({option: value})
    else:
        recipe, keep = build_recipe(name, {option: value}), None
    images = [image_of(number, case) for number in range(recipe.sources)]
    output = output_of(recipe, images, case, keep)
    assert output.image.shape == (64, 64, 3)
    assert output.image.dtype == np.uint8
    assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.slow
def test_augmix_at_its_greatest_ends() -> None:
    case = Case([(64, 64)] * 4, True, Fit.cover, 5)
    recipe = build_recipe("augmix", {"width": 100, "depth": 100})
    assert output_of(recipe, [image_of(0, case)], case).image.shape == (64, 64, 3)


@pytest.mark.parametrize("fill", ["rgb(256,0,0)", "rgb(99999999999,0,0)"])
def test_a_colour_over_255_is_refused(fill: str) -> None:
    with pytest.raises(UserError, match="give a colour with channels up to 255"):
        build_recipe("rotate", {"fill": fill})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label_smoothing = nan\n[[steps]]\nrecipe='flip'", "label_smoothing is a number from 0"),
        ("[[steps]]\nrecipe='cutmix'\nprobability = inf", "probability is a number from 0 to 1"),
        ("[[steps]]\nrecipe='cutmix'\nprobability = 1" + "0" * 400, "does not fit into 64 bits"),
        ("[[steps]]\none_of=[{recipe='flip', weight=inf}]", "t is a number > 0 and <= 1000"),
        ("[[steps]]\none_of=[{recipe='flip', weight=nan}]", "t is a number > 0 and <= 1000"),
        ("[[steps]]\none_of=[{recipe='flip', weight=1" + "0" * 400 + "}]", "does not fit into"),
        ("[[steps]]\nrecipe='randaugment'\nn = 1000000000", r"n=1000000000 .*>= 1 and <= 100"),
        ("[[steps]]\nrecipe='randaugment'\nn = 1" + "0" * 5000, "does not fit into 64 bits"),
        ("[[steps]]\nrecipe='flip'\nkeep = {tau = nan}", r"keep's tau=nan .*>= 0 and <= 1"),
        ("[[steps]]\nrecipe='flip'\n" * 101, "it has 101 steps, and may have 100"),
        ("[[steps]]\nrecipe='ricap'\n" * 6, "mix up to 4096 images into one, more than 1024"),
        (
            "[[steps]]\none_of=[" + "{recipe='flip'}," * 101 + "]",
            "one_of holds 101 recipes, more than 100",
        ),
        (f"name='{'x' * 201}'\n[[steps]]\nrecipe='flip'", "name is text of at most 200 characters"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("#" * (4 << 20) + "\n", "is larger than 4 MiB"),
    ],
)  # fmt: skip
def test_a_recipe_file_out_of_bounds_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "r.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        read_recipe_file(file)
    assert len(str(refused.value)) < 500 + len(str(file))


def test_the_most_that_a_recipe_file_may_say_is_read(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text("[[steps]]\nrecipe='ricap'\n" * 5 + "[[steps]]\nrecipe='flip'\n" * 95)
    assert read_recipe_file(file).sources == 1024
    file.write_text("[[steps]]\none_of=[" + "{recipe='flip', weight=1000000}," * 100 + "]")
    assert len(read_recipe_file(file).steps[0].recipes) == 100
