"""Cutout, and what regions are filled with, against golden vectors."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from augcli.image.box import Box
from augcli.recipes.cutout import Cutout, Params
from augcli.recipes.fill import draw_fill, erase, noise
from augcli.recipes.recipe import box_around
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, load, views


def test_boxes() -> None:
    rows = {key: values.tolist() for key, values in load("cutout/box_table").items()}
    assert len(rows["box"]) == 150
    for i, box in enumerate(rows["box"]):
        shape = rows["height"][i], rows["width"][i]
        length = rows["length"][i]
        centre = rows["centre_row"][i], rows["centre_col"][i]
        assert list(box_around(centre, (length, length), shape)) == box


@pytest.mark.parametrize("case", cases("cutout", 5))
@pytest.mark.parametrize("output", ["output_mean_fill_u8", "output_zero_fill_u8"])
def test_cases(case: Vectors, output: str) -> None:
    mean = "mean" if case["fill_mean"][0] < 124 else "cifar-mean"
    fill = "black" if output == "output_zero_fill_u8" else mean
    recipe = Cutout(length=int(case["length"]), fill=fill)
    image = case["input"]
    for centre in case["centres"].tolist():
        rng = Scripted(integers=list(centre))
        params = recipe.draw(rng, views(image))
        assert rng.all_drawn()
        augmented = recipe.apply(fitted(image), params)
        assert (augmented.weights, augmented.boxes) == ((1.0,), (params.box,))
        image = augmented.image
    np.testing.assert_array_equal(image, case[output], strict=True)


@pytest.mark.parametrize(
    ("shape", "side"), [((40, 100), 10), ((375, 500), 94), ((7, 7), 2), ((1, 1), 2)]
)
def test_the_side_is_a_quarter_of_the_shorter_one(shape: tuple[int, int], side: int) -> None:
    assert Cutout().region_size(np.random.default_rng(0), shape) == (side, side)


def test_a_length_that_would_erase_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Cutout(length=1)


def test_no_hole() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    recipe = Cutout()
    params = recipe.cover(np.random.default_rng(0), None)
    augmented = recipe.apply(fitted(image), params)
    np.testing.assert_array_equal(augmented.image, image)
    assert (params, augmented.boxes) == (Params(None, (124, 116, 104)), ())


@pytest.mark.parametrize(
    ("fill", "colour"), [("black", (0, 0, 0)), ("#0a0B0c", (10, 11, 12)), ("mean", (124, 116, 104))]
)
def test_colours(fill: str, colour: tuple[int, int, int]) -> None:
    assert draw_fill(np.random.default_rng(0), fill) == colour


@pytest.mark.parametrize("fill", ["red", "#12345", "#12345g", "", "#1234567"])
def test_unknown_fills_are_refused(fill: str) -> None:
    with pytest.raises(ValidationError, match="give mean, cifar-mean, black, noise or a colour"):
        Cutout(fill=fill)


def philox(key: int, counter: int) -> list[int]:
    """Philox-4x64-10, from the paper: four words for a counter."""
    low = (1 << 64) - 1
    a, b, c, d = counter, 0, 0, 0
    k, m = key, 0
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (second >> 64) ^ b ^ k, second & low, (first >> 64) ^ d ^ m, first & low
        k, m = (k + 0x9E3779B97F4A7C15) & low, (m + 0xBB67AE8584CAA73B) & low
    return [a, b, c, d]


def test_noise_is_the_bytes_of_philox() -> None:
    words = philox(7, 1) + philox(7, 2)
    expected = [word >> shift & 255 for word in words for shift in range(0, 64, 8)]
    assert noise(7, (3, 7)).ravel().tolist() == expected[:63]
    assert noise(8, (3, 7)).ravel().tolist() != expected[:63]


def test_noise_fills_the_box_alone() -> None:
    image = np.full((6, 8, 3), 9, np.uint8)
    erased = erase(image, Box(1, 2, 2, 7), 7)
    np.testing.assert_array_equal(erased[1, 2:7], noise(7, (1, 5))[0])
    erased[1, 2:7] = 9
    np.testing.assert_array_equal(erased, image)


def test_the_seed_of_noise_fits_into_63_bits() -> None:
    rng = np.random.default_rng(0)
    seeds = [draw_fill(rng, "noise") for _ in range(200)]
    whole = [seed for seed in seeds if isinstance(seed, int)]
    assert len(set(whole)) == 200
    assert min(whole) >= 0
    assert 1 << 62 < max(whole) < 1 << 63
