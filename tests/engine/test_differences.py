"""What two identities differ in is said with the value then and now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augcli.classifier.preprocess import Preprocessing
from augcli.classifier.spec import ClassifierSpec
from augcli.engine.differences import begun_with
from augcli.engine.job import identity
from augcli.enums import Format, Originals, Pair
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from tests.helpers.runs import run_over, with_options

CUTMIX, FLIP = build_recipe("cutmix", {}), build_recipe("flip", {})
MODEL = ClassifierSpec("m.onnx", "d", Preprocessing((224, 112)), 3, (0, 1, 2))


def one(**step: Any) -> Pipeline:
    return Pipeline("cutmix", (Step(build_recipe("cutmix", step.pop("options", {})), **step),))


def two(*probabilities: float) -> Pipeline:
    steps = tuple(Step(r, p) for r, p in zip((FLIP, CUTMIX), probabilities, strict=True))
    return Pipeline("mine", steps, by_class={"cat": steps})


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({"seed": 0}, {"seed": 3}, "--seed 0 (now 3)"),
    ({"per_class": 4, "copies": 2}, {}, "--copies 2 (now 1), --per-class 4 (now none)"),
    ({}, {"pair": Pair.balanced}, "--pair any (now balanced)"),
    ({}, {"size": (30, 20)}, "no --size (now 30x20)"),
    ({"format": Format.png}, {}, "--format png (now jpeg)"),
    ({"background": (0, 16, 255)}, {}, "--background #0010ff (now #ffffff)"),
    ({}, {"include_originals": Originals.copy}, "--include-originals none (now copy)"),
    ({}, {"dense_labels": 0}, "--dense-labels 100 (now 0)"),
    ({}, {"recipe": Pipeline("flip", (Step(FLIP),))}, "recipe cutmix (now flip)"),
    ({}, {"recipe": one(options={"alpha": 0.4})}, "cutmix alpha 1.0 (now 0.4)"),
    ({}, {"recipe": one(probability=0.5)}, "probability 1.0 (now 0.5)"),
    ({}, {"recipe": one(keep=Keep())}, "no --keep (now with it)"),
    (
        {"recipe": one(keep=Keep(tau=0.3))},
        {"recipe": one(keep=Keep(saliency_size=9))},
        "--tau 0.3 (now 0.6), no --saliency-size (now 9)",
    ),
    (
        {"recipe": two(1, 1)},
        {"recipe": two(1, 0.5)},
        "probability 1 (now 0.5) in step 2, probability 1 (now 0.5) in step 2 for class cat",
    ),
    (
        {"recipe": two(1, 1)},
        {"recipe": replace(two(1, 1), steps=two(1, 1).steps[:1])},
        "the recipes flip + cutmix; cat: flip + cutmix (now flip; cat: flip + cutmix)",
    ),
    ({}, {"recipe": replace(one(), label_smoothing=0.1)}, "--label-smoothing 0.0 (now 0.1)"),
    (
        {"classifier": MODEL},
        {"classifier": replace(MODEL, digest="e", head="h")},
        "another --model, by its bytes, no --head (now h)",
    ),
    (
        {"classifier": MODEL},
        {
            "classifier": replace(
                MODEL, preprocessing=Preprocessing((32, 32), mean=(0.5, 1.0)), class_map=None
            )
        },
        "--model-size 112x224 (now 32x32), --mean 0.0 (now 0.5,1.0),"
        " another choice of the model's outputs for the classes",
    ),
    (
        {"seed": 1, "copies": 2, "size": (3, 3), "dense_labels": 7, "max_pixels": 9},
        {},
        "--seed 1 (now 0), --copies 2 (now 1), --size 3x3 (now none), --dense-labels 7 (now 100)"
        " and 1 more",
    ),
]


def summary_of(photos: Path, options: dict[str, Any]) -> dict[str, Any]:
    if "classifier" in options:
        options |= {"classifier": options["classifier"].identity()}
    run = with_options(run_over(photos, photos), **options)
    return identity(run.job, run.listing).values | {"versions": {"augcli": "1"}}


@pytest.mark.parametrize(("before", "now", "expected"), CASES)
def test_values_then_and_now(
    photos: Path, before: dict[str, Any], now: dict[str, Any], expected: str
) -> None:
    assert begun_with(summary_of(photos, before), summary_of(photos, now)) == expected


def test_versions_and_a_model_that_is_new(photos: Path) -> None:
    now = summary_of(photos, {})
    old = now | {"versions": {"augcli": "0", "gone": "2"}}
    assert begun_with(old, now) == "augcli 0 (now 1), gone 2 (now none)"
    with_model = summary_of(photos, {"classifier": MODEL})
    assert begun_with(now, with_model) == "no --model (now one)"
    assert begun_with(with_model, now) == "a --model (now none)"


@pytest.mark.parametrize("key", ["recipe", "classifier", "versions", "size", "background", "seed"])
@pytest.mark.parametrize("value", [7, "x", [], {}, {"name": "cutmix"}, [{}], True])
def test_records_may_hold_anything(photos: Path, key: str, value: object) -> None:
    now = summary_of(photos, {"classifier": MODEL, "size": (3, 4)})
    words = begun_with(now | {key: value}, now)
    assert words and "\n" not in words and len(words) < 400


def test_names_of_another_form_are_not_compared() -> None:
    """The form decides about them."""
    folder = {"name": "{source}_{id}"}
    tars = {"sink": "webdataset", "name": "{id}"}
    assert begun_with(tars, {"sink": "folder", **folder}) == (
        "--output-format webdataset (now folder)"
    )
    assert "--name" not in begun_with(folder, tars)
    assert begun_with({"name": "{id}"}, {"sink": "folder", **folder}).endswith(
        "--name {id} (now {source}_{id})"
    )
