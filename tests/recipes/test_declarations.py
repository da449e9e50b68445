"""What a recipe declares: its parameters, and the saliency that it looks at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import SaliencyMap
from augcli.cli.options import RecipeOptions
from augcli.cli.reading import read_pipeline
from augcli.enums import Fit
from augcli.image.fit import Fitted
from augcli.pipeline.execute import Execution
from augcli.pipeline.keep import Keep
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import recipe_class, recipe_names
from augcli.recipes.chain import Chain
from augcli.recipes.index import ENTRIES, Entry
from augcli.recipes.recipe import Augmented, Mark, Recipe, SaliencySpec, SourceView
from augcli.recipes.saliencymix import Params, SaliencyMix


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most salient pixel of each source."""

    target: tuple[int, int]
    partner: tuple[int, int]


class BothPeaks(Recipe):
    """A recipe that looks at two sources, with a map of each."""

    name = "both_peaks"
    sources = 2
    saliency_options = ("finder", "side")

    finder: str = "fine-grained"
    side: int | None = None

    def looks_at(self) -> dict[int, SaliencySpec]:
        return {0: SaliencySpec("spectral-residual"), 1: SaliencySpec(self.finder, self.side)}

    def draw(self, rng: np.random.Generator, views: Sequence[SourceView]) -> Peaks:
        first, second = (next(views[n].peaks(map_)) for n, map_ in self.looks_at().items())
        return Peaks(first, second)

    def apply(self, images: Sequence[Fitted], params: Peaks) -> Augmented:
        return Augmented(images[0].pixels(), (1.0, 0.0))


class LooksTooFar(BothPeaks):
    """It declares less than it looks at."""

    name = "looks_too_far"

    def looks_at(self) -> dict[int, SaliencySpec]:
        return {1: SaliencySpec("fine-grained")}

    def draw(self, rng: np.random.Generator, views: Sequence[SourceView]) -> Peaks:
        peak = next(views[0].peaks(SaliencySpec("fine-grained")))
        return Peaks(peak, peak)


class SaysNothing(BothPeaks):
    """Its draw is not annotated."""

    def draw(self, rng: Any, views: Any):  # type: ignore[no-untyped-def]
        return None


def source(number: int) -> Picture:
    """An image whose most salient pixel depends on its number and on the detector."""

    def detect(spec: SaliencySpec) -> SaliencyMap:
        saliency_map = np.zeros((20, 30), np.uint8)
        saliency_map[number, 9 if spec.detector == "fine-grained" else 5] = 255
        return saliency_map

    return Picture(np.zeros((20, 30, 3), np.uint8), {number: 1.0}, detect)


def no_detector(*asked: object) -> SaliencyMap:
    raise AssertionError(asked)


def drawn(recipe: Recipe, keep: Keep | None = None) -> Picture:
    pipeline = Pipeline(recipe.name, (Step(recipe, keep=keep),))
    return Execution(pipeline, Fit.cover, no_detector).execute(np.random.default_rng(0), source)


@pytest.mark.parametrize("keep", [None, Keep()])
def test_a_recipe_looks_at_several_sources(keep: Keep | None) -> None:
    picture = drawn(BothPeaks(), keep)
    assert picture.record is not None
    assert picture.record["params"] == {"target": (0, 5), "partner": (1, 9)}
    expected = (SaliencySpec("spectral-residual"), SaliencySpec("fine-grained"))
    assert set(picture.saliency_specs) == set(expected)
    pipeline = Pipeline("both", (Step(BothPeaks()),))
    assert tuple(pipeline.saliency_specs) == expected
    assert BothPeaks().marks(None) == {0: Mark(), 1: Mark()}


@pytest.mark.parametrize("keep", [None, Keep()])
def test_a_recipe_is_shown_what_it_declares_and_no_more(keep: Keep | None) -> None:
    with pytest.raises(TypeError, match=r"LooksTooFar draws by .* fine-grained of source 0; name"):
        drawn(LooksTooFar(), keep)


def test_saliencymix_looks_at_the_target_too_where_it_protects_that() -> None:
    fine = SaliencySpec("fine-grained")
    assert SaliencyMix().looks_at() == {1: fine}
    assert SaliencyMix(protect_target=0.5).looks_at() == {0: fine, 1: fine}
    params = Params(None, (3, 4), flat=True)
    assert SaliencyMix(protect_target=0.5).marks(params) == {1: Mark(None, (3, 4), True)}


def test_options_of_the_command_line_reach_a_recipe_under_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("augcli.recipes.both_peaks")
    module.BothPeaks = BothPeaks  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(ENTRIES, "both_peaks", Entry("both_peaks:BothPeaks", "nothing"))
    chosen = RecipeOptions(recipe="both_peaks", saliency="gradient", saliency_size=24)
    assert read_pipeline(chosen).steps[0].recipe == BothPeaks(finder="gradient", side=24)
    chosen = RecipeOptions(recipe="both_peaks", set=["finder=gradcam"], saliency_size=24)
    assert read_pipeline(chosen).steps[0].recipe == BothPeaks(finder="gradcam", side=24)


def test_parameters_are_what_draw_is_annotated_to_return() -> None:
    assert BothPeaks().params_type is Peaks
    assert SaliencyMix().params_type is Params
    with pytest.raises(TypeError, match="annotate draw of SaysNothing with the Params"):
        _ = SaysNothing().params_type
    for name in recipe_names():
        recipe = recipe_class(name)
        expected = getattr(sys.modules[recipe.__module__], "Params", Chain)
        assert recipe().params_type is expected, name
