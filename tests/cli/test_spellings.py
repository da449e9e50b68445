"""A name is taken in any spelling, and what is written has the one spelling of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from augcli.cli.options import RecipeOptions
from augcli.cli.reading import read_pipeline
from augcli.cli.values import choice_reader
from augcli.enums import OF_A_CLASSIFIER, OF_THE_IMAGE, Chroma, Detector, Fit, Format, Pair
from augcli.errors import UserError
from augcli.pipeline.recipefile import read_recipe_file
from augcli.recipes.catalogue import recipe_names
from augcli.recipes.names import find_recipe
from augcli.text import closest, spelled
from tests.conftest import Augcli, tree


def digest(recipe: str, *settings: str, **more: Any) -> str:
    return read_pipeline(RecipeOptions(recipe=recipe, set=list(settings), **more)).digest()


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_is_known_by_every_spelling(name: str) -> None:
    for spelling in (name, name.upper(), name.replace("_", "-"), name.replace("_", ""),
                     name.title().replace("_", "")):  # fmt: skip
        assert find_recipe(spelling) == name
        assert digest(spelling) == digest(name)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("CutMix", "cutmix"), ("cut-mix", "cutmix"), ("cutMix", "cutmix"),
        ("RandomErasing", "random_erasing"), ("random-erase", "random_erasing"),
        ("TrivialAugmentWide", "trivialaugment"), ("trivial_augment_wide", "trivialaugment"),
        ("hflip", "flip"), ("RandomHorizontalFlip", "flip"), ("RandomResizedCrop", "crop"),
        ("colour", "color"), ("ColourJitter", "color_jitter"), ("solarise", "solarize"),
        ("vflip", None), ("keepaugment", None), ("cutmux", None), ("", None), ("--", None),
    ],
)  # fmt: skip
def test_other_names_of_recipes(spelling: str, name: str | None) -> None:
    assert find_recipe(spelling) == name


def test_options_of_recipes_and_their_words() -> None:
    assert digest("saliencymix", "saliency-size=64", "Box=PerBatch") == digest(
        "saliencymix", "saliency_size=64", "box=per-batch"
    )
    assert digest("saliencymix", "detector=SpectralResidual") == digest(
        "saliencymix", "detector=spectral-residual"
    )
    assert digest("cutout", "fill=CifarMean") == digest("cutout", "fill=cifar-mean")
    assert digest("rotate", "fill=Dark_Grey", "resample=Bilinear") == digest(
        "rotate", "fill=darkgrey", "resample=bilinear"
    )
    assert digest("cutout", "length=None") == digest("cutout")
    assert digest("cutmix", "Probability=0.5") == digest("cutmix", "probability=0.5")
    with pytest.raises(UserError, match="Recipe cutmix has the option 'alpha' twice; give it once"):
        digest("cutmix", "alpha=1", "Alpha=2")


def test_a_recipe_file_in_other_spellings(tmp_path: Path) -> None:
    plain, other = tmp_path / "a.toml", tmp_path / "b.toml"
    plain.write_text(
        'label_smoothing = 0.1\n[[steps]]\nrecipe = "random_erasing"\nprobability = 0.5\n'
        '[[steps]]\none_of = [{ recipe = "cutmix", weight = 2 }, { recipe = "saliencymix",'
        ' saliency_size = 32, detector = "fine-grained" }]\n'
        "[[steps]]\nrecipe = 'cutout'\nkeep = { saliency = 'spectral-residual' }\n"
        "[classes.cat.random_erasing]\nfill = 'black'\n"
    )
    other.write_text(
        'Label-Smoothing = 0.1\n[[steps]]\nRecipe = "RandomErasing"\nProbability = 0.5\n'
        '[[steps]]\none-of = [{ recipe = "Cut-Mix", Weight = 2 }, { recipe = "SaliencyMix",'
        ' saliency-size = 32, detector = "FineGrained" }]\n'
        "[[steps]]\nrecipe = 'CutOut'\nKeep = { Saliency = 'Spectral_Residual' }\n"
        "[classes.cat.random-erase]\nFill = 'Black'\n"
    )
    assert read_recipe_file(other).digest() == read_recipe_file(plain).digest()
    other.write_text('[[steps]]\nrecipe = "cutmix"\nalpha = 1\nAlpha = 2\n')
    with pytest.raises(UserError, match="line 3: 'Alpha' stands there twice"):
        read_recipe_file(other)


def test_words_of_options() -> None:
    formats = choice_reader("--format", Format, {"jpg": Format.jpeg})
    for text in ("jpeg", "JPEG", "jpg", ".jpg", "JPG"):
        assert formats(text) is Format.jpeg
    assert choice_reader("--pair", Pair, {})("Different_Class") is Pair.different_class
    assert choice_reader("--chroma", Chroma, {})("420") is Chroma.quarter
    with pytest.raises(UserError, match=r"--fit covr is unknown \(did you mean 'cover'\?\); give"):
        choice_reader("--fit", Fit, {})("covr")
    with pytest.raises(UserError, match=r"--format tiff is unknown; give jpeg, png, webp or same"):
        formats("tiff")
    with pytest.raises(UserError, match=r"--fit is empty; is a variable unset\?"):
        choice_reader("--fit", Fit, {})("")


def test_the_detectors_of_the_command_line_are_those_of_recipes() -> None:
    assert (*OF_THE_IMAGE, *OF_A_CLASSIFIER) == get_args(Detector)


def test_a_spelling_that_could_be_two_names_is_none() -> None:
    assert spelled("ab", ["a-b", "a_b"]) is None
    assert spelled("a_b", ["a-b", "a_b"]) == "a_b"
    assert closest("anything", []) is None
    assert closest("cta", ["cat", "dog"]) == "cat"
    assert closest("zebra", ["cat", "dog"]) is None


def test_the_same_bytes_whatever_the_spelling(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    plain = ("-r", "saliencymix", "--format", "jpeg", "--fit", "contain", "--size", "32",
             "--pair", "different-class", "--chroma", "4:2:0", "--saliency", "spectral-residual",
             "--include-originals", "copy")  # fmt: skip
    other = ("-r", "Saliency-Mix", "--format", ".JPG", "--fit", "Contain", "--size", "32",
             "--pair", "DifferentClass", "--chroma", "420", "--saliency", "Spectral_Residual",
             "--include-originals", "Copy")  # fmt: skip
    for out, options in (("a", plain), ("b", other)):
        result = augcli("generate", photos, tmp_path / out, *options)
        assert (result.returncode, result.stderr.count("\n")) == (0, 1), (
            "originals keep their sizes"
        )
    assert tree(tmp_path / "a/train") == tree(tmp_path / "b/train")
    first, second = (json.loads((tmp_path / out / "run.json").read_text()) for out in "ab")
    for key in ("recipe", "recipe_digest", "format", "fit", "pair", "chroma", "include_originals"):
        assert first[key] == second[key]
