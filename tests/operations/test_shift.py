"""Shears and translations by BILINEAR: Pillow's pixels, without Pillow's loop."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augcli.operations import geometry
from augcli.operations.geometry import Geometry, affine
from augcli.operations.pillow_exact import shift
from augcli.operations.pillow_exact.shift import shift_rows

Pixels = npt.NDArray[np.uint8]
thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)
SIDES = st.sampled_from([1, 2, 3, 5, 16, 33, 101])
# Irrational slopes never come near a tie, the others often do.
SLOPES = st.one_of(st.floats(-1, 1), st.integers(-300, 300).map(lambda n: n / 100), st.just(0.0))
DISTANCES = st.one_of(st.just(0.0), st.floats(-60, 60), st.integers(-99, 99).map(lambda n: n / 10))


def by_pillow(image: Pixels, slope: float, distance: float, fill: tuple[int, int, int]) -> Pixels:
    height, width = image.shape[:2]
    return np.array(
        Image.fromarray(image).transform(
            (width, height),
            Image.Transform.AFFINE,
            (1.0, slope, distance, 0.0, 1.0, 0.0),
            resample=Image.Resampling.BILINEAR,
            fillcolor=fill,
        )
    )


@thorough
@given(SIDES, SIDES, st.sampled_from([2, 4, 256]), SLOPES, DISTANCES, st.integers(0, 2**32))
def test_pillows_pixels(
    height: int, width: int, values: int, slope: float, distance: float, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, values, (height, width, 3), np.uint8)
    actual = shift_rows(image, slope, distance, (9, 0, 255))
    if actual is not None:
        expected = by_pillow(image, slope, distance, (9, 0, 255))
        np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("slope", [0.09, -0.0123456789, 0.3, 1.37])
def test_a_photograph(slope: float) -> None:
    """Slopes that are multiples of a hundredth make blends that are whole numbers, which float32
    does not tell from those just below."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    image = np.array(coarse.resize((331, 247), Image.Resampling.BICUBIC))
    actual = shift_rows(image, slope, 0.0, (0, 0, 0))
    assert actual is not None
    np.testing.assert_array_equal(actual, by_pillow(image, slope, 0.0, (0, 0, 0)), strict=True)


def test_more_unsettled_blends_than_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift, "_AT_ONCE", 7)
    image = np.random.default_rng(4).integers(0, 256, (60, 90, 3), np.uint8)
    actual = shift_rows(image, 0.09, 0.0, (0, 0, 0))
    assert actual is not None
    np.testing.assert_array_equal(actual, by_pillow(image, 0.09, 0.0, (0, 0, 0)), strict=True)


@pytest.mark.parametrize(
    ("slope", "distance"), [(0.0, 3.0), (0.0, -2.5), (2 / 3, 0.0), (0.4, 0.0), (1.0, 0.0)]
)
def test_ties_are_left_to_pillow(slope: float, distance: float) -> None:
    assert shift_rows(np.zeros((9, 9, 3), np.uint8), slope, distance, (0, 0, 0)) is None


@pytest.mark.parametrize("slope", [0.213, -0.05])
def test_a_pillow_that_fuses_its_steps_does_all_itself(
    slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(5).integers(0, 256, (40, 50, 3), np.uint8)
    monkeypatch.setattr(shift, "pillow_rounds_each_step", lambda: False)
    assert shift_rows(image, slope, 0.0, (1, 2, 3)) is None
    actual = affine(image, (1.0, slope, 0.0, 0.0, 1.0, 0.0), Geometry("bilinear", (1, 2, 3)))
    np.testing.assert_array_equal(actual, by_pillow(image, slope, 0.0, (1, 2, 3)))


@pytest.mark.parametrize("shape", [(700, 900), (300, 20000), (20000, 3)])
def test_several_blocks(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(6).integers(0, 256, (*shape, 3), np.uint8)
    for slope, distance in ((0.0123, 0.3), (-0.21, 0.0)):
        actual = shift_rows(image, slope, distance, (1, 2, 3))
        assert actual is not None
        expected = by_pillow(image, slope, distance, (1, 2, 3))
        np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize(
    "matrix",
    [
        (1.0, 0.213, 0.0, 0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0, -0.213, 1.0, 0.0),
        (1.0, 0.0, 7.31, 0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0, 0.0, 1.0, -7.31),
    ],
)
def test_affine_takes_this_way(matrix: geometry.Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(3).integers(0, 256, (41, 29, 3), np.uint8)
    turned = image if matrix[3:] == (0.0, 1.0, 0.0) else image.transpose(1, 0, 2)
    slope, distance = (matrix[1], matrix[2]) if turned is image else (matrix[3], matrix[5])
    expected = by_pillow(np.ascontiguousarray(turned), slope, distance, (1, 2, 3))
    if turned is not image:
        expected = expected.transpose(1, 0, 2)
    monkeypatch.delattr(geometry, "_by_pillow")
    actual = affine(image, matrix, Geometry("bilinear", (1, 2, 3)))
    np.testing.assert_array_equal(actual, expected)
