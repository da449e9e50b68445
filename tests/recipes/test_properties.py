"""What holds for every recipe of the catalogue, whatever the images.

A recipe that is added to the catalogue is tested here with its default options; combinations worth
trying besides are listed in MORE.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.enums import Candidates, Fit
from augcli.pipeline.execute import Execution
from augcli.pipeline.keep import Keep
from augcli.pipeline.per_batch import Batch
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe, recipe_class, recipe_names
from augcli.recipes.recipe import Recipe, RegionRecipe, SaliencySpec
from augcli.saliency.detectors import detect

MORE: dict[str, list[dict[str, Any]]] = {
    "corrupt": [{"corruption": "extra", "variant": "inception"}],
    "cutmix": [{"alpha": 0.2}],
    "cutout": [{"fill": "noise", "length": 9}],
    "fmix": [{"max_soft": 0.3}, {"spectrum": "official"}],
    "random_erasing": [{"probability": 1, "fill": "black"}],
    "ricap": [{"beta": 5}],
    "saliencymix": [
        {"box": "per-batch"},
        {"protect_target": 0.2},
        {"detector": "spectral-residual", "saliency_size": 8},
    ],
}
VARIANTS = [
    pytest.param(name, options, id=f"{name} {options or ''}".strip())
    for name in recipe_names()
    for options in ({}, *MORE.get(name, []))
]
# Recipes that show each pixel of one source alone: a weight is a count of pixels.
PASTING = [
    pytest.param(name, options, id=f"{name} {options or ''}".strip())
    for name, options in [
        ("cutmix", {}),
        ("cutmix", {"alpha": 0.2}),
        ("fmix", {}),
        ("fmix", {"spectrum": "official"}),
        ("ricap", {}),
        ("ricap", {"beta": 5}),
        ("saliencymix", {}),
        ("saliencymix", {"protect_target": 0.2}),
    ]
]


class Case(NamedTuple):
    """Images of unequal sizes, how they meet a canvas, and a seed for what is drawn."""

    shapes: list[tuple[int, int]]
    textured: bool
    fit: Fit
    seed: int


sides = st.integers(1, 5) | st.integers(1, 64)
shapes = st.lists(st.tuples(sides, sides), min_size=4, max_size=4)
case_strategy = st.builds(
    Case, shapes, st.booleans(), st.sampled_from(list(Fit)), st.integers(0, 2**32)
)
tried = settings(max_examples=120, deadline=None, derandomize=True, database=None)
few = settings(tried, max_examples=40)


def image_of(number: int, case: Case) -> Pixels:
    """Textured or flat, but for blue, which is constant and tells the image from the others."""
    shape = (*case.shapes[number % 4], 3)
    if case.textured:
        image = np.random.default_rng([case.seed, number]).integers(0, 256, shape, np.uint8)
    else:
        image = np.full(shape, 60 * (number % 4), np.uint8)
    image[..., 2] = 50 * (number % 4) + 30
    return image


def detect_in(image: Pixels, spec: SaliencySpec) -> SaliencyMap:
    return detect(spec.detector, [image], spec.size)[0]


def detect_made(image: Pixels, _: Mapping[int, float], spec: SaliencySpec) -> SaliencyMap:
    return detect_in(image, spec)


def picture(image: Pixels, number: int) -> Picture:
    return Picture(image, {number: 1.0}, lambda d: detect_in(image, d))


def output_of(
    recipe: Recipe, images: list[Pixels], case: Case, keep: Keep | None = None
) -> Picture:
    batch = Batch(lambda _: np.random.default_rng(case.seed), lambda: picture(images[-1], 0))
    return Execution(Pipeline("one", (Step(recipe, keep=keep),)), case.fit, detect_made).execute(
        np.random.Generator(np.random.Philox(case.seed)),
        lambda number: picture(images[number], number),
        batch,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), VARIANTS)
@tried
@given(case=case_strategy)
def test_outputs(name: str, options: dict[str, Any], case: Case) -> None:
    recipe = build_recipe(name, options)
    images = [image_of(number, case) for number in range(recipe.sources)]
    before = [image.copy() for image in images]
    output = output_of(recipe, images, case)

    assert output.image.shape == images[0].shape
    assert output.image.dtype == np.uint8
    assert output.sources[0] == 0
    assert set(output.sources) <= set(range(recipe.sources))
    assert min(output.shares.values()) >= 0.0
    assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)
    height, width = images[0].shape[:2]
    for top, left, bottom, right in output.boxes:
        assert 0 <= top < bottom <= height
        assert 0 <= left < right <= width
    for image, copy in zip(images, before, strict=True):
        np.testing.assert_array_equal(image, copy, err_msg="a source was written to")
    if isinstance(recipe, RegionRecipe):
        outside = np.ones((height, width), bool)
        for box in output.boxes:
            outside[box.slices] = False
        np.testing.assert_array_equal(output.image[outside], images[0][outside])

    again = output_of(recipe, images, case)
    np.testing.assert_array_equal(again.image, output.image)
    assert (again.shares, again.boxes, again.record) == (
        output.shares,
        output.boxes,
        output.record,
    )


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@tried
@given(case=case_strategy)
def test_replay(name: str, options: dict[str, Any], case: Case) -> None:
    """A row's parameters and sources make the output again, without the options of its recipe."""
    images = [image_of(number, case) for number in range(recipe_class(name).sources)]
    output = output_of(build_recipe(name, options), images, case)
    pipeline = Pipeline("one", (Step(build_recipe(name, {})),))
    row = json.dumps(pipeline.row_record(output.record), allow_nan=False)
    sources = iter([picture(images[number], number) for number in output.sources])
    record = pipeline.full_record(json.loads(row))
    again = Execution(pipeline, case.fit, detect_made).replay(record, sources)
    np.testing.assert_array_equal(again.image, output.image, strict=True)
    assert (again.shares, again.boxes) == (output.shares, output.boxes)
    assert all(-(2**63) <= number < 2**63 for number in integers(json.loads(row)))


def integers(value: Any) -> list[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in integers(inner)]
    return [value] if isinstance(value, int) else []


@pytest.mark.parametrize(
    ("name", "options"), [v for v in VARIANTS if v.values[1] != {"box": "per-batch"}]
)
@few
@given(
    case=case_strategy,
    tau=st.floats(0, 1),
    share=st.floats(0.01, 1),
    candidates=st.sampled_from(Candidates),
)
def test_keep(
    name: str,
    options: dict[str, Any],
    case: Case,
    tau: float,
    share: float,
    candidates: Candidates,
) -> None:
    recipe = build_recipe(name, options)
    keep = Keep(tau=tau, size=share, candidates=candidates)
    images = [image_of(number, case) for number in range(recipe.sources)]
    output = output_of(recipe, images, case, keep)
    assert output.image.shape == images[0].shape
    assert output.image.dtype == np.uint8
    assert min(output.shares.values()) >= 0.0
    assert sum(output.shares.values()) == pytest.approx(1.0, abs=1e-12)
    if (name, options) in [v.values for v in PASTING]:
        counted = np.count_nonzero(output.image[..., 2] == 30)
        assert output.shares[0] * output.image[..., 2].size == pytest.approx(counted, abs=1e-6)

    assert output.record is not None
    keep_params = output.record["keep"]
    assert keep_params["mode"] == ("cut" if isinstance(recipe, RegionRecipe) else "paste")
    if keep_params["box"] is not None:
        inside = keep_params["box"].slices
        assert output.image[inside].shape[:2] == (
            keep_params["box"].height,
            keep_params["box"].width,
        )
        score, limit = keep_params["score"], keep_params["threshold"]
        if candidates is Candidates.inside:
            assert keep_params["admissible"] <= (score != limit)
        if keep_params["mode"] == "paste":
            np.testing.assert_array_equal(output.image[inside], images[0][inside])
        elif candidates is Candidates.inside:
            assert score < limit
        else:
            assert score <= limit

    pipeline = Pipeline("one", (Step(build_recipe(name, {}), keep=Keep()),))
    row = json.dumps(pipeline.row_record(output.record), allow_nan=False)
    sources = iter([picture(images[number], number) for number in output.sources])
    again = Execution(pipeline, case.fit, detect_made).replay(
        pipeline.full_record(json.loads(row)), sources
    )
    np.testing.assert_array_equal(again.image, output.image, strict=True)
    assert (again.shares, again.boxes) == (output.shares, output.boxes)


@pytest.mark.parametrize(("name", "options"), PASTING)
@tried
@given(case=case_strategy)
def test_weights_count_pixels(name: str, options: dict[str, Any], case: Case) -> None:
    recipe = build_recipe(name, options)
    images = [image_of(number, case) for number in range(recipe.sources)]
    output = output_of(recipe, images, case)
    blue = output.image[..., 2]
    for number, weight in output.shares.items():
        count = np.count_nonzero(blue == 50 * number + 30)
        if number == 0 or case.fit is not Fit.contain:
            assert weight * blue.size == pytest.approx(count, abs=1e-6)
        else:  # a partner's share includes its padding, which is black
            assert weight * blue.size >= count - 1e-6
    padding = np.count_nonzero(blue == 0)
    shown = sum(np.count_nonzero(blue == 50 * number + 30) for number in output.shares)
    assert shown + padding == blue.size
    assert padding == 0 or case.fit is Fit.contain
