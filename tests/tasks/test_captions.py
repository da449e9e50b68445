"""What a contact sheet says in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augcli.data.labels import SoftLabel
from augcli.data.source import list_source
from augcli.engine.plan import Run
from augcli.enums import Fit, Pair
from augcli.image.box import Box
from augcli.pipeline.keep import Keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix
from augcli.recipes.chain import Operation
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.mixup import Mixup
from augcli.recipes.randaugment import RandAugment
from augcli.tasks.captions import (
    describe_operation,
    describe_run,
    describe_source,
    explain_draw,
    explain_fit,
    explain_keep,
    explain_skipped,
    label_line,
    percent,
    share_text,
)
from tests.conftest import SAMPLE_DATA
from tests.helpers.runs import make_run, with_options


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.3142, "31 %"), (1.0, "100 %"), (0.001, "<1 %"), (0.999, ">99 %")],
)
def test_shares_are_per_cent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("mode", "box", "score", "limit", "admissible", "flat", "sentence"),
    [
        ("cut", Box(0, 0, 2, 2), 31, 60, True, False,
         "cut: the box holds 31 % of the saliency, limit 60 %"),
        ("paste", Box(0, 0, 2, 2), 72, 60, True, False,
         "put back: the box holds 72 % of the saliency, limit 60 %"),
        ("cut", Box(0, 0, 2, 2), 59.96, 60.01, True, False,
         "cut: the box holds 59.96 % of the saliency, limit 60.01 %"),
        ("cut", None, 0, 12, False, False,
         "no box holds less than 12 % of the saliency: nothing is cut"),
        ("paste", Box(0, 0, 2, 2), 12, 12, False, False,
         "no box holds more than 12 % of the saliency: the one that holds most is put back"),
        ("cut", None, 0, 0, True, False, "nothing to cut: the recipe leaves the image alone"),
        ("cut", None, 0, 0, False, True, "the map is flat: nothing is cut"),
        ("paste", Box(0, 0, 2, 2), 0, 0, False, True,
         "the map is flat: the first box is put back"),
    ],
)  # fmt: skip
def test_what_keep_chose(
    mode: str, box: Any, score: float, limit: float, admissible: bool, flat: bool, sentence: str
) -> None:
    kept = {
        "mode": mode, "box": box, "score": 2 * score, "threshold": 2 * limit,
        "admissible": admissible, "flat": flat,
    }  # fmt: skip
    assert explain_keep(kept, 200.0) == sentence


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (Operation("Rotate", -9.0), "Rotate -9°"),
        (Operation("Rotate", -0.0), "Rotate 0°"),
        (Operation("ShearX", 0.0931), "ShearX 0.0931"),
        (Operation("TranslateY", -61.25), "TranslateY -61.2 px"),
        (Operation("TranslateX", 1234.5), "TranslateX 1234 px"),
        (Operation("Posterize", 1.0), "Posterize to 1 bit"),
        (Operation("Posterize", 7.0), "Posterize to 7 bits"),
        (Operation("Solarize", 178.5), "Solarize from 178"),
        (Operation("SolarizeAdd", 33.0), "SolarizeAdd 33"),
        (Operation("Brightness", 1.27), "Brightness × 1.27"),
        (Operation("AutoContrast", 0.4), "AutoContrast"),
        (Operation("HorizontalFlip"), "HorizontalFlip"),
        (Operation("Cutout", 0.15, (3, 4)), "Cutout 15 % of the width"),
    ],
)
def test_operations_have_their_units(operation: Operation, text: str) -> None:
    assert describe_operation("fast_autoaugment", operation) == text


def test_cutout_of_randaugment_is_counted_in_pixels() -> None:
    assert describe_operation("randaugment", Operation("Cutout", 20.0, (3, 4))) == "Cutout 40 px"


@pytest.mark.parametrize(
    ("params", "sentences"),
    [
        ({"operations": (Operation("Invert"), Operation("Rotate", 5.0)), "geometry": 0},
         ["Invert, Rotate 5°"]),
        ({"operations": ()}, ["no operation was drawn"]),
        ({"chains": ((Operation("Equalize"),), (Operation("Rotate", 2.0), Operation("Invert"))),
          "weights": (0.25, 0.75), "m": 0.4},
         ["the mix of 2 chains weighs 40 %:", "25 %: Equalize", "75 %: Rotate 2°, Invert"]),
        ({"adjustments": (("hue", 0.05), ("contrast", 1.25))}, ["hue 0.05, contrast 1.25"]),
        ({"box": Box(10, 10, 30, 50), "fill": 3}, ["box 40 x 20, 8 % of the area"]),
        ({"box": None, "fill": 3}, ["no box was drawn"]),
        ({"box": Box(4, 4, 4, 60)}, ["the box has no pixels"]),
        ({"box": Box(0, 0, 50, 100), "hidden": 0.402, "protected": False, "taken": None},
         ["box 100 x 50, 50 % of the area",
          "the box hides 40.2 % of the target's salient region, more than allowed"]),
        ({"dropped": (True, False, True), "fill": 0}, ["without red and blue"]),
        ({"dropped": (False, False, False), "fill": 0}, ["no channel was dropped"]),
        ({"boundary": (20, 30), "crops": ()}, ["the quadrants meet at row 20, column 30"]),
        ({"seed": 3, "rate": 0.2, "per_channel": False}, ["rate 0.2"]),
        ({"lam": 0.61234}, ["lam 0.6123"]),
        ({"lam": 0.99999}, ["lam >0.9999"]),
        ({}, []),
    ],
)  # fmt: skip
def test_what_a_recipe_drew(params: dict[str, Any], sentences: list[str]) -> None:
    assert explain_draw("x", params, (100, 100)) == sentences


def test_the_lam_that_fmix_draws_is_not_that_of_its_label() -> None:
    assert explain_draw("fmix", {"lam": 0.61234}, (9, 9)) == ["drawn lam 0.6123"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0000"), (1.0, "1.0000"), (0.57781, "0.5778"), (1e-5, "<0.0001"),
     (0.99996, ">0.9999"), (0.99994, "0.9999")],
)  # fmt: skip
def test_shares_to_four_digits(share: float, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("shape", "canvas", "fit", "text"),
    [
        ((375, 500), (500, 333), Fit.cover, "middle 250 x 375 of 500 x 375"),
        ((500, 375), (333, 500), Fit.cover, "middle 375 x 250 of 375 x 500"),
        ((300, 450), (320, 480), Fit.cover, "450 x 300, resized"),
        ((375, 500), (500, 333), Fit.contain, "500 x 375, padded"),
        ((300, 450), (320, 480), Fit.contain, "450 x 300, resized"),
        ((375, 500), (500, 333), Fit.stretch, "500 x 375, stretched"),
        ((300, 450), (320, 480), Fit.stretch, "450 x 300, resized"),
    ],
)
def test_how_an_image_lies_on_a_canvas(
    shape: tuple[int, int], canvas: tuple[int, int], fit: Fit, text: str
) -> None:
    assert explain_fit(shape, canvas, fit) == text


def test_labels_are_class_names_with_per_cent() -> None:
    classes = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")
    assert label_line(classes, SoftLabel((1, 0), (0.39, 0.61))) == "ant 61 %, bee 39 %"
    label = SoftLabel(tuple(range(7)), (0.4, 0.2, 0.1, 0.1, 0.1, 0.06, 0.04))
    assert label_line(classes, label) == (
        "ant 40 %, bee 20 %, cat 10 %, dog 10 %, elk 10 %, 2 more classes 10 %"
    )


def run_of(*steps: Step, name: str = "", **more: Any) -> Run:
    pipeline = Pipeline(name or steps[0].recipe.name, steps)
    return make_run(list_source(SAMPLE_DATA), pipeline, Path(), **more)


def test_the_heading_names_all_options() -> None:
    run = run_of(
        Step(CutMix(alpha=0.4), 0.5, keep=Keep(tau=0.7)), seed=5, size=(224, 160), fit=Fit.contain,
        pair=Pair.different_class, background=(0, 255, 16),
    )  # fmt: skip
    assert describe_run(run, describe_source(run, "photos", 6)) == [
        "cutmix alpha=0.4, probability 0.5, keep tau=0.7 size=0.5 fine-grained",
        "photos: 6 of 30 images, 5 classes; seed 5, size 224x160, fit contain,"
        " pair different-class, background #00ff10",
    ]


def test_switches_are_written_as_set_takes_them() -> None:
    run = run_of(Step(AugMix(all_ops=True)))
    assert describe_run(run, "photos")[0] == "augmix all_ops=true"


def test_the_heading_of_a_recipe_file_names_its_steps() -> None:
    two = Step(Cutout(), alternatives=(Mixup(alpha=2.0),), weights=(2.0, 1.0))
    run = run_of(Step(RandAugment(n=3), 0.8), two, name="strong")
    of_cat = (Step(RandAugment(n=1), 0.8), two)
    run = with_options(run, recipe=replace(run.job.pipeline, by_class={"cat": of_cat}))
    assert describe_run(run, describe_source(run, "photos", 1))[:2] == [
        "strong: step 1: randaugment n=3, probability 0.8;"
        " step 2: cutout (weight 2) or mixup alpha=2.0 (weight 1)",
        "for targets of class cat: step 1: randaugment n=1, probability 0.8;"
        " step 2: cutout (weight 2) or mixup alpha=2.0 (weight 1)",
    ]


def test_two_sheets_can_be_told_apart() -> None:
    """Whichever option differs."""
    step = Step(CutMix())
    runs = [
        run_of(step), run_of(Step(CutMix(alpha=2.0))), run_of(Step(CutMix(), 0.9)),
        run_of(Step(CutMix(), keep=Keep())), run_of(Step(CutMix(), keep=Keep(tau=0.5))),
        run_of(Step(CutMix(), keep=Keep(size=0.4))),
        run_of(Step(CutMix(), keep=Keep(saliency_size=9))), run_of(Step(AugMix())),
        run_of(step, seed=1), run_of(step, size=(8, 8)),
        run_of(step, fit=Fit.stretch), run_of(step, pair=Pair.same_class),
        run_of(step, background=(0, 0, 0)),
    ]  # fmt: skip
    smooth = replace(runs[0].job.pipeline, label_smoothing=0.1)
    runs.append(with_options(runs[0], recipe=smooth))
    headings = {tuple(describe_run(run, describe_source(run, "photos", 6))) for run in runs}
    headings.add(tuple(describe_run(runs[0], describe_source(runs[0], "others", 6))))
    assert len(headings) == len(runs) + 1


def test_steps_that_were_not_drawn_are_named() -> None:
    steps = (Step(Cutout(), 0.5), Step(Mixup(), 0.25, alternatives=(CutMix(),), weights=(1, 1)))
    pipeline = Pipeline("two", steps)
    assert explain_skipped(pipeline, "cat", {0}) == [
        "step 2, mixup or cutmix, was not drawn (probability 0.25)"
    ]
    assert explain_skipped(Pipeline("cutout", steps[:1]), "cat", set()) == [
        "cutout was not drawn (probability 0.5)"
    ]
    assert explain_skipped(pipeline, "cat", {0, 1}) == []
