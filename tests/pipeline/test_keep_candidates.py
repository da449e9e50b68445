"""KeepAugment over the places that the recipe itself may draw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import Pixels, SaliencyMap, Shape
from augcli.enums import Candidates
from augcli.image.box import Box, places_around
from augcli.image.fit import Fitted
from augcli.pipeline.keep import (
    Keep,
    selective_cut,
    selective_paste,
)
from augcli.pipeline.pipeline import Pipeline, Step, pipeline_of
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.random_erasing import RandomErasing
from augcli.recipes.recipe import RegionRecipe, SourceView
from augcli.saliency.regions import place_scores

VECTORS = sorted((Path(__file__).parents[1] / "reference/keepaugment").glob("case_*.npz"))


def inside(**options: float) -> Keep:
    """KeepAugment over the regions wholly inside the image, as the vectors have it."""
    return Keep(candidates=Candidates.inside, **options)


def view(image: Pixels, saliency_map: SaliencyMap) -> SourceView:
    height, width = image.shape[:2]
    return SourceView(Fitted(image, (height, width)), lambda _: saliency_map)


@pytest.mark.parametrize("recipe", [Cutout(length=7), RandomErasing(), CutMix()])
@pytest.mark.parametrize("shape", [(9, 14), (6, 5), (2, 31)])
def test_places_are_those_that_the_recipe_draws(recipe: RegionRecipe, shape: Shape) -> None:
    """For each pair of random numbers that `place` draws, the box at that place."""
    for size in [(1, 1), (2, 3), (5, 4), (2, 5)]:
        if isinstance(recipe, RandomErasing) and (size[0] > shape[0] or size[1] > shape[1]):
            continue
        places = recipe.places(size, shape)
        for row in range(len(places.tops)):
            for column in range(len(places.lefts)):
                rng = Numbers(row, column)
                assert recipe.place(rng, size, shape) == places.box((row, column))  # type: ignore[arg-type]
                assert rng.limits == [len(places.tops), len(places.lefts)]


class Numbers:
    """A source of given numbers, which notes the limits that they were asked for with."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.limits = iter(numbers), list[int]()

    def integers(self, limit: int) -> int:
        self.limits.append(limit)
        return next(self.numbers)


@pytest.mark.parametrize("useless", [False, True])
@pytest.mark.parametrize("length", [4, 7, 60])
def test_with_tau_1_it_is_the_plain_recipe(length: int, useless: bool) -> None:
    """Each centre is as likely as in plain Cutout: all of them qualify, and one is drawn."""
    image, recipe = np.full((8, 11, 3), 90, np.uint8), Cutout(length=length)
    levels = np.full((8, 11), 3, np.float32)
    if not useless:
        levels = np.random.default_rng(1).random((8, 11), np.float32)
    source = view(image, levels)
    places = recipe.places(recipe.region_size(Numbers(), (8, 11)), (8, 11))  # type: ignore[arg-type]
    plain = Counter(places.box((row, column)) for row in range(8) for column in range(11))
    kept = Counter[Box | None]()
    for number in range(8 * 11):
        rng: Any = Numbers(number)
        _, keep_params = selective_cut(Keep(tau=1), BoxAlone(length=length), rng, source, [source])
        assert (rng.limits, keep_params.admissible, keep_params.flat) == ([88], True, useless)
        kept[keep_params.box] += 1
    assert kept == plain


class BoxAlone(Cutout):
    """Cutout that draws no fill."""

    name = ""

    def cover(self, rng: np.random.Generator, box: Box | None) -> Any:
        return box


@pytest.mark.parametrize("tau", [0, 0.3, 0.6])
def test_candidates_at_most_at_the_quantile_are_cut(tau: float) -> None:
    image, levels = np.full((12, 17, 3), 90, np.uint8), np.zeros((12, 17), np.float32)
    levels[3:9, 4:12] = np.random.default_rng(3).random((6, 8), np.float32)
    places = Cutout().places((6, 6), (12, 17))
    scores = np.array([
        [levels[places.box((row, column)).slices].sum(dtype=np.float64) for column in range(17)]
        for row in range(12)
    ])  # fmt: skip
    limit = np.quantile(scores, tau)
    whole, source = scores <= limit + 1e-9, view(image, levels)
    assert 0 < whole.sum() < 12 * 17
    boxes = set()
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        _, keep_params = selective_cut(Keep(tau=tau), Cutout(length=6), rng, source, [source])
        assert keep_params.box is not None
        assert keep_params.score <= keep_params.threshold == pytest.approx(limit, abs=1e-9)
        boxes.add(keep_params.box)
    assert boxes == {places.box((int(r), int(c))) for r, c in zip(*np.nonzero(whole), strict=True)}


@pytest.mark.parametrize(("tau", "lowest"), [(0, 0.0), (0.6, None), (1, None)])
def test_candidates_at_least_at_the_quantile_are_put_back(tau: float, lowest: float | None) -> None:
    levels = np.random.default_rng(5).random((10, 13), np.float32)
    source = view(np.zeros((10, 13, 3), np.uint8), levels)
    places = places_around((4, 6), (10, 13))  # even sides next to 5 and 6.5
    scores = place_scores(levels, places)
    limit = scores.min() if lowest is not None else np.quantile(scores, tau)
    boxes = set()
    for seed in range(2000):
        keep_params = selective_paste(Keep(tau=tau), np.random.default_rng(seed), source)
        assert keep_params.box is not None
        assert keep_params.score >= limit - 1e-9
        boxes.add(keep_params.box)
    held = np.argwhere(scores >= limit - 1e-9)
    assert boxes == {places.box((int(row), int(column))) for row, column in held}


def test_an_older_record_has_the_regions_inside() -> None:
    pipeline = Pipeline("cutout", (Step(Cutout(), keep=Keep()),))
    described = pipeline.describe()
    assert described["steps"][0]["keep"]["candidates"] == "recipe"
    del described["steps"][0]["keep"]["candidates"]
    older = pipeline_of(described)
    assert older.steps[0].keep == inside()
    assert older.describe() == described
