"""SaliencyMix against its golden vectors, and its options."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from augcli.enums import Fit
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.protect_target import hidden_share, salient_region
from augcli.recipes.recipe import SaliencySpec, SourceView
from augcli.recipes.saliencymix import Params, SaliencyMix
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, load, views

FINE_GRAINED = SaliencySpec("fine-grained")


def seen_as(
    saliency_map: npt.ArrayLike, canvas: tuple[int, int], fit: Fit = Fit.cover
) -> SourceView:
    """A view of an image with this map."""
    known = np.array(saliency_map)
    image = np.zeros((*known.shape, 3), np.uint8)
    return SourceView(Fitted(image, canvas, fit), lambda _: known)


@pytest.mark.parametrize("detector", ["fine-grained", "opencv-fine-grained"])
@pytest.mark.parametrize("case", cases("saliencymix", 10))
def test_cases(case: Vectors, detector: str) -> None:
    images = case["target_image"], case["source_image"]
    recipe = SaliencyMix(detector=detector)
    looked_at = views(*images)
    actual = looked_at[1].saliency(recipe.saliency_spec())
    np.testing.assert_array_equal(actual, case["saliency_bgr"], strict=True)

    rng = Scripted(beta=[float(case["lam_sampled"])])
    params = recipe.draw(rng, looked_at)
    assert rng.all_drawn()
    peak, box = tuple(case["peak_bgr"].tolist()), Box(*case["box_bgr"].tolist())
    assert params == Params(box, peak, flat=False, hidden=None, protected=None)

    augmented = recipe.apply(fitted(*images), params)
    np.testing.assert_array_equal(augmented.image, case["mixed_bgr"], strict=True)
    expected = float(case["weight_target_bgr"]), float(case["weight_source_bgr"])
    assert augmented.weights == pytest.approx(expected, abs=1e-12)
    assert augmented.boxes == ((box,) if box.area else ())


def test_the_peak_of_a_larger_image() -> None:
    case = load("saliencymix/saliency_map_224")
    view = views(case["source_image"])[0]
    assert next(view.peaks(FINE_GRAINED)) == tuple(case["peak_bgr"].tolist())


def test_a_flat_source_is_cut_around_a_drawn_pixel() -> None:
    target = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    rng = Scripted(beta=[0.75], integers=[3, 28])
    params = SaliencyMix().draw(rng, views(target, np.full((20, 30, 3), 7, np.uint8)))
    assert params == Params(Box(0, 21, 8, 30), (3, 28), flat=True)


def test_the_saliency_map_that_it_uses() -> None:
    specs: list[SaliencySpec] = []

    def detect(spec: SaliencySpec) -> npt.NDArray[Any]:
        specs.append(spec)
        return np.eye(8, dtype=np.uint8)

    image = np.zeros((8, 8, 3), np.uint8)
    recipe = SaliencyMix(detector="spectral-residual", saliency_size=64)
    recipe.draw(np.random.default_rng(0), [SourceView(Fitted(image, (8, 8)), detect)] * 2)
    assert specs == [recipe.saliency_spec()] == [SaliencySpec("spectral-residual", 64)]
    assert str(specs[0]) == "spectral-residual@64"


def test_peaks_come_in_order_and_apart() -> None:
    levels = np.zeros((6, 9), np.uint8)
    levels[1, 1], levels[1, 2], levels[2, 4], levels[5, 8], levels[0, 8] = 90, 80, 70, 60, 60
    view = seen_as(levels, (6, 9))
    assert list(view.peaks(FINE_GRAINED)) == [(1, 1), (1, 2), (2, 4), (0, 8), (5, 8)]
    assert list(view.peaks(FINE_GRAINED, apart=(2, 2))) == [(1, 1), (2, 4), (0, 8), (5, 8)]
    assert list(view.peaks(FINE_GRAINED, apart=(2, 4))) == [(1, 1), (0, 8), (5, 8)]
    assert list(view.peaks(FINE_GRAINED, apart=(9, 9))) == [(1, 1)]
    assert levels.sum() == 360  # the map is left as it was
    # One row or column nearer than `apart` is too near, on every side; that far away is not.
    for near, far in (((1, 4), (0, 4)), ((5, 4), (6, 4)), ((3, 1), (3, 0)), ((3, 7), (3, 8))):
        beside = np.zeros((7, 9), np.uint8)
        beside[3, 4], beside[near] = 90, 80
        apart = 3, 4
        assert list(seen_as(beside, (7, 9)).peaks(FINE_GRAINED, apart)) == [(3, 4)]
        beside[far] = 70
        assert list(seen_as(beside, (7, 9)).peaks(FINE_GRAINED, apart)) == [(3, 4), far]
    # On a canvas of twice the size they are twice as far apart, down as well as across.
    larger = list(seen_as(levels, (12, 18)).peaks(FINE_GRAINED, apart=(4, 4)))
    assert larger == [(3, 3), (5, 9), (1, 17), (11, 17)]
    across = list(seen_as(levels.T, (18, 12)).peaks(FINE_GRAINED, apart=(4, 4)))
    assert across == [(3, 3), (9, 5), (17, 1), (17, 11)]


def test_flat_maps_have_no_peaks() -> None:
    level = np.full((4, 4), 9, np.uint8)
    assert list(seen_as(level, (4, 4)).peaks(FINE_GRAINED)) == []
    level[2, 3] = 10  # and what is left after this peak is flat
    assert list(seen_as(level, (4, 4)).peaks(FINE_GRAINED)) == [(2, 3)]


def test_peaks_that_the_canvas_crops_do_not_count() -> None:
    levels = np.zeros((4, 12), np.uint8)
    levels[2, 0], levels[3, 5] = 200, 100
    assert list(seen_as(levels, (4, 4)).peaks(FINE_GRAINED)) == [(3, 1)]
    assert list(seen_as(levels, (8, 8)).peaks(FINE_GRAINED)) == [(7, 3)]
    assert list(seen_as(levels, (12, 12), Fit.contain).peaks(FINE_GRAINED)) == [(6, 0), (7, 5)]
    assert list(seen_as(levels, (4, 6), Fit.stretch).peaks(FINE_GRAINED)) == [(2, 0), (3, 2)]
    levels[:, 4:8] = 50
    assert list(seen_as(levels, (4, 4)).peaks(FINE_GRAINED)) == []


@pytest.mark.parametrize(
    ("levels", "region"),
    [
        ([4, 3, 2, 1], [1, 1, 0, 0]),
        ([5, 3, 1, 1], [1, 0, 0, 0]),
        ([1, 3, 3, 3], [0, 1, 1, 1]),  # two would hold half, but the third is as salient
        ([9, 0, 0, 9], [1, 0, 0, 1]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([7, 7, 7, 7], [0, 0, 0, 0]),
        ([0.5, 0.25, 0.125, 0.125], [1, 0, 0, 0]),
    ],
)
def test_salient_regions(levels: list[float], region: list[int]) -> None:
    kind = np.float32 if isinstance(levels[0], float) else np.uint8
    actual = salient_region(np.array(levels, kind).reshape(2, 2))
    assert actual.ravel().tolist() == region


@pytest.mark.parametrize("useless", [np.nan, np.inf])
def test_a_map_that_is_not_finite_has_no_salient_region(useless: float) -> None:
    levels = np.zeros((3, 4), np.float32)
    levels[0, 0], levels[2, 3] = useless, 1
    assert not salient_region(levels).any()


def test_hidden_shares() -> None:
    region = np.zeros((5, 5), bool)
    region[1:3, 1:5] = True
    assert hidden_share(region, Box(0, 0, 5, 5)) == 1.0
    assert hidden_share(region, Box(2, 3, 5, 5)) == 0.25
    assert hidden_share(region, Box(3, 0, 5, 5)) == 0.0
    assert hidden_share(region, Box(2, 2, 2, 4)) == 0.0
    assert hidden_share(region, None) == 0.0
    assert hidden_share(np.zeros((5, 5), bool), Box(0, 0, 5, 5)) == 0.0


class TestProtectTarget:
    """Boxes of 4 x 4 pixels (lam 0.84) on a target of 10 x 10 whose salient region is a square."""

    target = np.zeros((10, 10), np.uint8)
    target[1:5, 1:5] = 100

    def draw(self, share: float, source: npt.ArrayLike, **values: list[Any]) -> Params:
        rng = Scripted(beta=[0.84], **values)
        canvas = seen_as(self.target, (10, 10)), seen_as(source, (10, 10))
        params = SaliencyMix(protect_target=share).draw(rng, canvas)
        assert rng.all_drawn()
        return params

    def test_a_box_beside_the_region_is_taken_at_once(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        source[8, 8] = 255
        params = self.draw(0.0, source)
        assert params == Params(Box(6, 6, 10, 10), (8, 8), False, 0.0, True)

    def test_a_refused_peak_gives_way_to_the_next(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        source[3, 3], source[3, 6], source[8, 1] = 255, 200, 150
        assert self.draw(0.0, source) == Params(Box(6, 0, 10, 3), (8, 1), False, 0.0, True)
        # The second peak's box, columns 4 to 7, hides 4 of the region's 16 pixels.
        assert self.draw(0.25, source) == Params(Box(1, 4, 5, 8), (3, 6), False, 0.25, True)
        assert self.draw(0.24, source).centre == (8, 1)

    def test_the_next_peak_is_half_a_box_away(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        source[3, 3], source[3, 4], source[3, 6] = 255, 250, 200
        # The box around the second pixel would hide less than 0.8 too.
        assert self.draw(0.8, source) == Params(Box(1, 4, 5, 8), (3, 6), False, 0.25, True)

    def test_if_all_are_refused_the_least_hiding_is_taken_and_recorded(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        source[3, 3], source[3, 6], source[5, 3] = 255, 200, 150
        params = self.draw(0.1, source)
        assert params == Params(Box(1, 4, 5, 8), (3, 6), False, 0.25, False)

    def test_a_flat_source_is_drawn_again(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        params = self.draw(0.0, source, integers=[3, 3, 2, 5, 8, 8])
        assert params == Params(Box(6, 6, 10, 10), (8, 8), True, 0.0, True)
        params = self.draw(0.0, source, integers=[3, 3, 2, 5, 6, 4, *[3, 3] * 5])
        assert params == Params(Box(4, 2, 8, 6), (6, 4), True, 3 / 16, False)

    def test_a_flat_target_hides_nothing(self) -> None:
        source = np.zeros((10, 10), np.uint8)
        source[3, 3] = 255
        flat = seen_as(np.zeros((10, 10), np.uint8), (10, 10))
        rng = Scripted(beta=[0.84])
        params = SaliencyMix(protect_target=0).draw(rng, [flat, seen_as(source, (10, 10))])
        assert (params.centre, params.hidden, params.protected) == ((3, 3), 0.0, True)

    def test_it_chooses_a_box_for_each_target(self) -> None:
        with pytest.raises(ValidationError, match="needs box=per-image"):
            SaliencyMix(box="per-batch", protect_target=0.5)
        assert SaliencyMix(box="per-batch").protect_target is None


def test_another_hand_may_choose_the_region() -> None:
    """As a region recipe it can be told what to cover."""
    recipe = SaliencyMix()
    assert recipe.region_size(Scripted(beta=[0.75]), (20, 30)) == (10, 15)
    params = recipe.cover(np.random.default_rng(0), Box(1, 2, 3, 4))
    target, source = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)
    augmented = recipe.apply(fitted(target, source), params)
    np.testing.assert_array_equal(augmented.image[1:3, 2:4], source[1:3, 2:4])
    assert augmented.weights == (1 - 4 / 30, 1 - (1 - 4 / 30))
