"""What is drawn follows the distributions of the papers.

Seeds are fixed, so that these tests give the same answer every time. A null hypothesis is kept at
p > 0.001, and where a mistake is easily made, the mistake is shown to be rejected.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from augcli.enums import Fit
from augcli.operations.smooth_field import field_of_noise, gaussian_noise, noise_shape
from augcli.pipeline.execute import Execution
from augcli.pipeline.picture import Picture
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.recipes.cutout import Cutout
from augcli.recipes.fill import noise
from augcli.recipes.fmix import FMix, cut
from augcli.recipes.mixup import Mixup
from augcli.recipes.random_erasing import RandomErasing
from augcli.recipes.recipe import uniform_pixel
from augcli.recipes.ricap import RICAP, quadrants
from augcli.recipes.saliencymix import SaliencyMix
from tests.helpers.single_images import KEPT, draws, generator, p_beta, p_uniform

HUGE = 10**6, 10**6  # canvases on which rounding to pixels does not show


@pytest.mark.parametrize("kind", [CutMix, SaliencyMix])
@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_cut_shares(kind: type[CutMix] | type[SaliencyMix], alpha: float) -> None:
    rng, recipe = generator(), kind(alpha=alpha)
    sizes = [recipe.region_size(rng, HUGE) for _ in range(4000)]
    shares = [1.0 - height * width / (HUGE[0] * HUGE[1]) for height, width in sizes]
    assert p_beta(shares, alpha) > KEPT
    assert p_beta(shares, alpha * 1.5) < 1e-6
    assert all(height == width for height, width in sizes)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("kind", [Mixup, FMix])
def test_lams(kind: type[Mixup] | type[FMix], alpha: float) -> None:
    lams = [params.lam for params in draws(kind(alpha=alpha), (8, 8), 4000)]
    assert p_beta(lams, alpha) > KEPT
    assert p_beta(lams, alpha * 1.5) < 1e-6


def test_defaults_are_the_published_ones() -> None:
    assert [kind().alpha for kind in (CutMix, SaliencyMix, FMix, Mixup)] == [1.0, 1.0, 1.0, 0.2]
    assert (RICAP().beta, FMix().decay, RandomErasing().probability) == (0.3, 3.0, 0.5)


def test_centres_are_uniform_over_all_pixels() -> None:
    rng = generator()
    assert p_uniform((uniform_pixel(rng, (5, 7)) for _ in range(20_000)), 35) > KEPT
    # A hole of two pixels around (r, c) ends after row r and column c.
    holes = [params.box for params in draws(Cutout(length=2), (5, 7), 20_000)]
    assert p_uniform(((box.bottom, box.right) for box in holes), 35) > KEPT
    flat = draws(SaliencyMix(), (5, 7), 10_000)
    assert all(params.flat for params in flat)
    assert p_uniform((params.centre for params in flat), 35) > KEPT


def test_cutmix_centres_do_not_depend_on_the_size() -> None:
    """Of unclipped boxes, the middle is uniform where a box of that size fits."""
    drawn = [params.box for params in draws(CutMix(), HUGE, 8000)]
    small = [box for box in drawn if 0 < box.height < 300_000 and 0 < box.width < 300_000]
    middles = [(box.top + box.bottom) / 2e6 for box in small]
    inside = [(m - 0.15) / 0.7 for m in middles if 0.15 < m < 0.85]
    assert len(inside) > 400
    assert stats.kstest(inside, "uniform").pvalue > KEPT


def test_ricap_boundaries() -> None:
    drawn = draws(RICAP(), HUGE, 4000)
    rows, columns = ([params.boundary[axis] / HUGE[axis] for params in drawn] for axis in (0, 1))
    for shares in (rows, columns):
        assert p_beta(shares, 0.3) > KEPT
        assert p_beta(shares, 0.45) < 1e-6
    assert abs(stats.spearmanr(rows, columns).statistic) < 5 / np.sqrt(4000)


def test_ricap_crops_are_uniform_and_inclusive() -> None:
    """With a boundary in the middle of six rows each crop begins at one of 0 to 3."""
    drawn = draws(RICAP(beta=1e9), (6, 8), 4000)
    assert {params.boundary for params in drawn} == {(3, 4)}
    for quadrant in range(4):
        starts = [params.crops[quadrant] for params in drawn]
        assert p_uniform(starts, 4 * 5) > KEPT
        assert (min(starts), max(starts)) == ((0, 0), (3, 4))
    for params in draws(RICAP(), (6, 8), 500):
        for box, (top, left) in zip(quadrants(params.boundary, (6, 8)), params.crops, strict=True):
            assert 0 <= top <= 6 - box.height
            assert 0 <= left <= 8 - box.width


def test_random_erasing_sizes_and_places() -> None:
    """Against the rule, drawn independently: uniform area and aspect, again where too large."""
    drawn = draws(RandomErasing(probability=1), HUGE, 4000)
    boxes = [params.box for params in drawn]
    areas = [box.area / (HUGE[0] * HUGE[1]) for box in boxes]
    aspects = [box.height / box.width for box in boxes]

    rng = np.random.default_rng(1)
    area, aspect = rng.uniform(0.02, 0.4, 40_000), rng.uniform(0.3, 1 / 0.3, 40_000)
    fits = (area * aspect < 1) & (area / aspect < 1)
    assert stats.ks_2samp(areas, area[fits]).pvalue > KEPT
    assert stats.ks_2samp(aspects, aspect[fits]).pvalue > KEPT
    log_uniform = np.exp(rng.uniform(np.log(0.3), np.log(1 / 0.3), 40_000))
    assert stats.ks_2samp(aspects, log_uniform).pvalue < 1e-6

    tops = [box.top / (HUGE[0] - box.height) for box in boxes]
    lefts = [box.left / (HUGE[1] - box.width) for box in boxes]
    assert stats.kstest(tops, "uniform").pvalue > KEPT
    assert stats.kstest(lefts, "uniform").pvalue > KEPT


def test_random_erasing_places_are_inclusive() -> None:
    rng = generator()
    places = [RandomErasing().place(rng, (3, 2), (5, 6)) for _ in range(6000)]
    assert p_uniform(((box.top, box.left) for box in places), 3 * 5) > KEPT
    assert {(box.height, box.width) for box in places} == {(3, 2)}


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_application_probability(probability: float) -> None:
    boxes = [p.box for p in draws(RandomErasing(probability=probability), (300, 400), 3000)]
    erased = sum(box is not None for box in boxes)
    assert stats.binomtest(erased, 3000, probability).pvalue > KEPT

    recipe = Pipeline("one", (Step(Mixup(), probability),))
    image = np.zeros((2, 2, 3), np.uint8)
    rng = generator()
    mixed = 0
    for _ in range(3000):
        output = Execution(recipe, Fit.cover, lambda pixels, *_: pixels[..., 0]).execute(
            rng, lambda number: Picture(image, {number: 1.0}, lambda _: image[..., 0])
        )
        mixed += output.record is not None
    assert stats.binomtest(mixed, 3000, probability).pvalue > KEPT


def test_fmix_rounds_up_half_of_the_time() -> None:
    drawn = draws(FMix(), (8, 8), 3000)
    assert stats.binomtest(sum(params.round_up for params in drawn), 3000, 0.5).pvalue > KEPT
    assert len({params.noise_seed for params in drawn}) == 3000
    assert max(params.noise_seed for params in drawn) < 1 << 63


def test_fmix_noise_is_gaussian_and_independent() -> None:
    actual = gaussian_noise(11, (300, 200))
    parts = np.concatenate([actual.real.ravel(), actual.imag.ravel()])
    assert stats.kstest(parts, "norm").pvalue > KEPT
    assert stats.kstest(parts, stats.norm(scale=1.02).cdf).pvalue < KEPT
    assert abs(parts.std() - 1) < 5 / np.sqrt(2 * parts.size)
    other = gaussian_noise(12, (300, 200))
    for first, second in [
        (actual.real, actual.imag),
        (actual.real, other.real),
        (actual.real[1:], actual.real[:-1]),
        (actual.real[:, 1:], actual.real[:, :-1]),
    ]:
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(first.size)


def test_fmix_fields_fall_with_the_frequency() -> None:
    """The power at f waves across is that at 1 wave, divided by f to the sixth, for decay 3."""
    shape, power = (32, 32), np.zeros((32, 17))
    for seed in range(300):
        field = field_of_noise(gaussian_noise(seed, noise_shape(shape)), shape, 3.0, "paper")
        waves = np.abs(np.fft.rfft2(field)) ** 2
        power += waves / waves[1, 1]  # the scaling to 0..1 differs from field to field
    ratio = np.median([power[0, f] / power[0, 2 * f] for f in (1, 2, 4)])
    assert 2**5 < ratio < 2**7


def test_fmix_shows_the_target_everywhere_equally_often() -> None:
    shape, count = (12, 16), 800
    shown = np.zeros(shape)
    for seed in range(count):
        field = field_of_noise(gaussian_noise(seed, noise_shape(shape)), shape, 3.0, "paper")
        shown += cut(field, 0.25, False, 0.0)
    assert shown.mean() == pytest.approx(0.25 * count)
    assert np.abs(shown - 0.25 * count).max() < 5 * np.sqrt(count * 0.25 * 0.75)


def test_noise_pixels_are_uniform() -> None:
    pixels = noise(5, (160, 200))
    for channel in range(3):
        counts = np.bincount(pixels[..., channel].ravel(), minlength=256)
        assert stats.chisquare(counts).pvalue > KEPT
