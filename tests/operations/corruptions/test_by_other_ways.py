"""Corruptions against a second, slower way to the same, and what is drawn for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from augcli.arrays.noise import normal_field, random_bytes
from augcli.arrays.types import Pixels
from augcli.operations.corruptions.blur import (
    GLASS,
    ZOOM,
    Glass,
    Motion,
    enlarged,
    glass_blur,
    glass_shifts,
    motion_blur,
    smoothed,
)
from augcli.operations.corruptions.extra import SATURATE, SPATTER, Saturation, saturate, spatter
from augcli.operations.corruptions.hue import by_way_of_hsv
from augcli.operations.corruptions.noise import impulse_noise, poisson_counts
from augcli.operations.corruptions.plasma import cloud_of, plasma_of, plasma_side
from augcli.operations.corruptions.table import corrupt
from augcli.operations.corruptions.values import truncated, unit
from augcli.operations.corruptions.weather import BRIGHTNESS, brightness, fog
from tests.helpers.single_images import KEPT, photo


@pytest.mark.parametrize("strength", [*GLASS["imagenet"], *GLASS["cifar"], GLASS["inception"][4]])
def test_glass_blur_copies_pixel_by_pixel(strength: Glass) -> None:
    image = photo((29, 34), 3)
    shifts = glass_shifts(strength, (29, 34), 7)
    pixels = truncated(smoothed(unit(image), strength.deviation))
    reach = strength.reach
    assert {shifts.min(), shifts.max()} == {-reach, reach - 1}  # and never reach itself
    for one in shifts:
        for i, row in enumerate(range(29 - reach, reach, -1)):
            for j, column in enumerate(range(34 - reach, reach, -1)):
                across, down = one[i, j]
                pixels[row, column] = pixels[row + down, column + across]
    expected = truncated(smoothed(unit(pixels), strength.deviation))
    np.testing.assert_array_equal(glass_blur(image, strength, shifts), expected)


@pytest.mark.parametrize("shape", [(9, 9), (40, 31), (224, 100)])
def test_zoom_is_that_of_scipy(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random((*shape, 2))
    for factor in {*ZOOM["imagenet"][1], *ZOOM["cifar"][4], 1.75, 4.5}:
        part = [int(np.ceil(side / factor)) for side in shape]
        top, left = ((side - small) // 2 for side, small in zip(shape, part, strict=True))
        whole = ndimage.zoom(
            values[top : top + part[0], left : left + part[1]], (factor, factor, 1), order=1
        )
        top, left = ((large - side) // 2 for large, side in zip(whole.shape, shape, strict=False))
        expected = whole[top : top + shape[0], left : left + shape[1]]
        np.testing.assert_allclose(enlarged(values, factor), expected, rtol=0, atol=1e-12)


def test_zoom_factors_end_where_rounding_has_them_end() -> None:
    ends = [(1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)]
    assert [np.arange(*end).tolist() for end in ends] == [list(f) for f in ZOOM["imagenet"]]
    assert list(map(len, ZOOM["imagenet"])) == [12, 16, 11, 13, 11]
    ends = [(1, 1.06, 0.01), (1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.01), (1, 1.26, 0.01)]
    assert [np.arange(*end).tolist() for end in ends] == [list(f) for f in ZOOM["cifar"]]
    assert ZOOM["cifar"] == ZOOM["tiny"]
    assert 1.2500000000000002 in ZOOM["cifar"][4]


@pytest.mark.parametrize("angle", [-135.0, -45.0, -17.3, 0.0, 30.0, 45.0])
def test_motion_blur_reads_forward_along_the_angle(angle: float) -> None:
    image = photo((20, 26), 4)
    radius, deviation = 4, 2.0
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / deviation) ** 2)
    weights /= weights.sum()
    total = np.zeros(image.shape)
    rows, columns = np.arange(20), np.arange(26)
    for step, weight in enumerate(weights):
        turn = np.deg2rad(angle)
        across, down = np.ceil(step * np.array([np.cos(turn), np.sin(turn)]) - 0.5).astype(int)
        read = image[np.clip(rows + down, 0, 19)][:, np.clip(columns + across, 0, 25)]
        total += weight * read
    expected = np.floor(np.rint(257 * total) / 257)
    actual = motion_blur(image, Motion(radius, deviation), angle)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(("deviation", "truncate"), [(0.05, 4), (0.4, 4), (1.5, 4), (6, 7)])
def test_smoothing_is_that_of_scipy(deviation: float, truncate: float) -> None:
    values = np.random.default_rng(0).random((33, 27, 3))
    sigma = (deviation, deviation, 0)
    expected = ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=truncate)
    actual = smoothed(values, deviation, truncate)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-14)


def by_formula(image: Pixels, added: float, factor: float, shift: float) -> Any:
    """Brightness and saturation in closed form, in levels before they are truncated."""
    values = unit(image)
    value = values.max(axis=-1, keepdims=True)
    spread = value - values.min(axis=-1, keepdims=True)
    raised = np.clip(value + added, 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = np.where(value > 0, spread / value, 0)
        values = np.where(value > 0, values * raised / value, raised)
        changed = np.clip(saturation * factor + shift, 0, 1)
        colour = raised - (raised - values) * changed / saturation
    grey = np.concatenate([raised, raised * (1 - changed), raised * (1 - changed)], axis=-1)
    return 255 * np.where(saturation > 0, colour, grey)


def test_brightness_and_saturation_are_those_of_their_formulas() -> None:
    image = photo((60, 50), 5).copy()
    image[:5] = image[:5, :, :1]  # grey
    image[5] = 0
    for added, factor, shift in [(0.3, 1, 0), (-0.2, 1, 0), (0, 0.3, 0), (0, 20, 0.2), (0, 2, 0.1)]:
        expected = by_formula(image, added, factor, shift)
        actual = brightness(image, added) if added else saturate(image, Saturation(factor, shift))
        assert (np.abs(actual - expected + 0.5) <= 0.5 + 1e-9).all()
        flat = by_way_of_hsv(image.reshape(-1, 3), added=added, factor=factor, shift=shift)
        np.testing.assert_array_equal(actual, flat.reshape(image.shape))


def test_all_roundings_are_those_by_way_of_hue() -> None:
    """Of every pair of a greatest and a least channel, with the third between, equal to either, and
    in any order."""
    high, low = (grid.ravel() for grid in np.mgrid[:256, :256])
    high, low = np.maximum(high, low), np.minimum(high, low)
    for third in (low, high, (high + low) // 2):
        for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]):
            image = np.stack([high, low, third], axis=-1)[:, order].astype(np.uint8)
            for added in BRIGHTNESS["imagenet"][1:4]:
                expected = by_way_of_hsv(image, added=added)
                actual = brightness(image.reshape(256, 256, 3), added).reshape(-1, 3)
                np.testing.assert_array_equal(actual, expected)
        for strength in (*SATURATE["imagenet"][1:5:2], SATURATE["cifar"][2]):
            expected = by_way_of_hsv(image, factor=strength.factor, shift=strength.shift)
            actual = saturate(image.reshape(256, 256, 3), strength).reshape(-1, 3)
            np.testing.assert_array_equal(actual, expected)


def test_grey_turns_red_under_saturation_as_published() -> None:
    grey = np.full((2, 2, 3), 200, np.uint8)
    assert saturate(grey, SATURATE["imagenet"][4])[0, 0].tolist() == [200, 160, 160]
    assert saturate(grey, SATURATE["imagenet"][0])[0, 0].tolist() == [200, 200, 200]


def test_spatter_without_drops_is_the_image() -> None:
    """The published code divides by their maximum, which is 0."""
    image = photo((12, 9))
    none = np.zeros((12, 9))
    for strength in SPATTER["imagenet"]:
        actual = spatter(image, strength, none)
        assert np.abs(actual.astype(int) - image).max() <= (1 if strength.mud else 0)
        assert not np.shares_memory(actual, image)


def test_impulses() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    replaced = np.array([[[True, True, False], [False, True, True]]])
    salt = np.array([[[True, False, True], [False, False, True]]])
    actual = impulse_noise(image, replaced, salt)
    assert actual.tolist() == [[[255, 0, 100], [100, 0, 255]]]


def test_fog_never_exceeds_the_brightest_value() -> None:
    image = photo((16, 16)) // 2
    assert fog(image, 3.0, np.ones((16, 16))).max() <= image.max()
    assert fog(image, 3.0, np.zeros((16, 16))).max() < image.max() / 2


def test_plasma_covers_images_and_spans_all_values() -> None:
    assert [plasma_side(s) for s in ((1, 1), (2, 2), (3, 9), (224, 224), (256, 9), (375, 500))] == [
        2, 2, 16, 256, 256, 512,
    ]  # fmt: skip
    cloud = plasma_of(5, 64, 2.0)
    assert (cloud.shape, cloud.min(), cloud.max()) == ((64, 64), 0.0, 1.0)
    assert np.abs(np.diff(cloud, axis=0)).mean() < 0.1
    enlarged_cloud = cloud_of(5, (5000, 3), 2.0)
    assert enlarged_cloud.shape == (5000, 3)
    np.testing.assert_array_equal(cloud_of(5, (60, 50), 2.0), cloud[:60, :50])
    rough = plasma_of(5, 64, 1.2)
    assert np.abs(np.diff(rough, axis=0)).mean() > 2 * np.abs(np.diff(cloud, axis=0)).mean()


@pytest.mark.parametrize(("rate", "level"), [(60, 255), (60, 10), (500, 200), (3, 128), (5, 0)])
def test_photons_are_counted_as_poisson_has_them(rate: float, level: int) -> None:
    shape = (100, 200, 3)
    words = random_bytes(9, 2 * 60_000).view("<u2").reshape(shape)
    counts = poisson_counts(np.full(shape, level, np.uint8), rate, words).ravel()
    law = stats.poisson(rate * level / 255)
    # The quantile of the middle of each word's interval.
    expected = law.ppf((words.ravel() + 0.5) / 65536)
    assert np.abs(counts - np.maximum(expected, 0)).max() <= 1
    assert np.count_nonzero(counts != np.maximum(expected, 0)) <= 0.001 * counts.size
    if level:
        low, high = int(law.ppf(0.001)), int(law.ppf(0.999))
        ends = [-np.inf, *range(low, high), np.inf]
        seen = np.histogram(counts, ends)[0]
        wanted = np.diff(law.cdf(np.array(ends) - 0.5)) * counts.size
        few = wanted < 5
        seen = np.append(seen[~few], seen[few].sum())
        wanted = np.append(wanted[~few], wanted[few].sum())
        if wanted[-1] == 0:
            seen, wanted = seen[:-1], wanted[:-1]
        assert stats.chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue > KEPT


def test_normal_numbers_are_normal() -> None:
    field = normal_field(3, (70, 100))
    assert field.shape == (70, 100)
    assert stats.kstest(field.ravel(), "norm").pvalue > KEPT
    np.testing.assert_array_equal(normal_field(3, (7000,)), field.ravel())
    assert np.abs(field).max() < 4.4


def test_what_a_seed_draws_never_changes() -> None:
    """A manifest row holds a seed, and no noise."""
    normal = [2.119569600533001, -0.9792866709404559, -0.8205888635820326, 1.1362687236976994]
    assert normal_field(7, (4,)).tolist() == pytest.approx(normal, abs=1e-12)
    shifts = glass_shifts(Glass(1, 2, 1), (6, 6), 7)
    assert shifts.tolist() == [[[[1, -2], [-2, 1]], [[-1, 1], [-2, -1]]]]
    assert plasma_of(7, 4, 2.0)[:2].ravel().tolist() == pytest.approx(
        [0.525099, 0.573541, 0.843551, 0.637244, 0.716006, 0.512277, 0.605056, 0.519602], abs=1e-6
    )
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    red = {
        "shot_noise": [[0, 85, 0, 0], [0, 0, 0, 0], [170, 85, 0, 85], [170, 255, 170, 0]],
        "impulse_noise": [
            [0, 15, 30, 255], [60, 75, 90, 105], [0, 135, 0, 255], [180, 195, 0, 225],
        ],
        "elastic_transform": [
            [6, 18, 32, 41], [83, 100, 105, 110], [98, 152, 120, 129], [163, 196, 210, 220],
        ],
    }  # fmt: skip
    for name, expected in red.items():
        actual = corrupt(image, name, 5, {"seed": 7}, "imagenet")[..., 0]
        assert np.abs(actual.astype(int) - expected).max() <= (name == "elastic_transform")
