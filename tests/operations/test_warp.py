"""Rotations by BILINEAR: Pillow's pixels, though OpenCV makes most of them."""

from __future__ import annotations

import math
import platform
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from augcli.operations.geometry import Geometry, rotate
from augcli.operations.pillow_exact import rounding, warp
from tests.conftest import SAMPLE_DATA

Pixels = npt.NDArray[np.uint8]
FILL = (9, 0, 255)
PHOTOS = sorted(path for path in SAMPLE_DATA.rglob("*") if path.suffix in {".jpg", ".png"})
# Here sines and cosines are short decimals, so that many pixels are read from whole coordinates,
# and many blends are whole numbers.
TIES = [math.degrees(math.acos(cosine)) for cosine in (0.8, 0.6, 0.28, 0.96)]
thorough = settings(max_examples=400, deadline=None, derandomize=True, database=None)
SIDES = st.sampled_from([1, 2, 3, 5, 16, 33, 63, 64, 65, 101, 131])
ANGLES = st.one_of(
    st.floats(-400, 400), st.integers(-360, 360).map(float), st.sampled_from([*TIES, 0.5, 45.0])
)


EXACT = warp.opencv_is_exact() and rounding.pillow_rounds_each_step()
by_opencv = pytest.mark.skipif(not EXACT, reason="this OpenCV or Pillow leaves them to Pillow")


@pytest.mark.skipif(
    int(cv2.__version__.split(".")[0]) < 5 or platform.machine() not in {"x86_64", "AMD64"},
    reason="only of OpenCV 5, and of Pillow's wheels for this processor, is it known",
)
def test_opencv_5_makes_them() -> None:
    """Else most tests here would be passed over, and rotations take twice as long."""
    assert EXACT


def by_pillow(image: Pixels, degrees: float) -> Pixels:
    return np.array(
        Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=FILL)
    )


def check(image: Pixels, degrees: float) -> None:
    actual = warp.rotate_bilinear(image, degrees, FILL)
    assert actual is not None
    np.testing.assert_array_equal(actual, by_pillow(image, degrees), strict=True)


def coarse(seed: int, height: int, width: int) -> Pixels:
    """Smooth, as photographs are: neighbours differ by little, and often not at all."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@by_opencv
@thorough
@given(SIDES, SIDES, st.sampled_from([1, 2, 4, 256]), ANGLES, st.integers(0, 2**32))
@example(65, 3, 256, 45.0, 0)  # rows that show nothing of the image
@example(63, 63, 256, 30.0, 0)  # a pixel in the very centre
def test_pillows_pixels(height: int, width: int, values: int, degrees: float, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, values, (height, width, 3), np.uint8)
    actual = warp.rotate_bilinear(image, degrees, FILL)
    if actual is None:
        assert min(degrees % 90, -degrees % 90) < 0.006
    else:
        np.testing.assert_array_equal(actual, by_pillow(image, degrees), strict=True)


@by_opencv
@pytest.mark.parametrize("degrees", [*range(1, 31, 3), -0.7, -8.0, 45.0, 135.0, 211.7, 300.5])
def test_smooth_images(degrees: float) -> None:
    check(coarse(1, 247, 331), degrees)


@by_opencv
@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_photographs(path: Path) -> None:
    image = np.array(Image.open(path).convert("RGB"))
    for degrees in (3.0, -9.0, 28.0, 121.4):
        check(image, degrees)
        check(image & np.uint8(0xC0), degrees)
        check(np.minimum(image, np.uint8(90)), degrees)


@by_opencv
@pytest.mark.parametrize("degrees", [*TIES, -TIES[0], 180 - TIES[1]])
@pytest.mark.parametrize("shape", [(100, 100), (101, 101), (130, 75), (75, 130)])
def test_whole_coordinates_and_whole_blends(degrees: float, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    check(noise, degrees)
    check(noise % 2 * 255, degrees)
    check(noise // 85 * 100, degrees)
    steps = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))[..., None]
    check((steps * (1, 5, 10)).astype(np.uint8), degrees)


@by_opencv
def test_one_colour_is_never_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.full((200, 300, 3), (0, 255, 77), np.uint8)
    counts = []
    blended = warp._blend_at

    def counted(source: warp.FixedPoint, at: warp.Indices, *others: object) -> warp.Doubles:
        counts.append(len(at))
        return blended(source, at, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(warp, "_blend_at", counted)
    check(image, 7.0)
    # Only where the rim is blended with what lies beyond it.
    assert sum(counts) < 3000


@pytest.mark.parametrize("degrees", [0.001, 89.999, -90.001, 180.0, 270.0, 0.0, math.nan])
def test_nearly_right_angles_are_left_to_pillow(degrees: float) -> None:
    assert warp.rotate_bilinear(np.zeros((9, 9, 3), np.uint8), degrees, FILL) is None


def test_huge_images_are_left_to_pillow() -> None:
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert warp.rotate_bilinear(np.broadcast_to(pixel, (2**13, 2**12 + 1, 3)), 7.0, FILL) is None


@by_opencv
@pytest.mark.parametrize("shape", [(3, 40000), (40000, 3), (1, 1), (1, 500), (500, 1)])
def test_long_images(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(4).integers(0, 256, (*shape, 3), np.uint8)
    for degrees in (0.01, 17.0, 200.0):
        check(image, degrees)


@by_opencv
def test_several_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warp, "_BAND", 1)
    check(coarse(5, 300, 150), 12.0)


@by_opencv
def test_the_errors_stay_below_their_bound() -> None:
    """On noise, which is as hard as images come."""
    image = np.random.default_rng(6).integers(0, 2, (320, 320, 3), np.uint8) * np.uint8(255)
    source = warp._fixed_point(image) & np.uint16(0xFF00)
    inside = np.zeros((320, 320, 4), bool)
    inside[80:-80, 80:-80, :3] = True
    at = np.flatnonzero(inside).astype(np.int32)
    for degrees in range(1, 360, 7):
        across, down = warp._turn(degrees, 320, 320)
        actual = warp._warp(source, across, down, 0, 320).reshape(-1)[at]
        error = np.abs(actual - 256 * warp._blend_at(source, at, across, down, 0)).max()
        assert 0.4 < error < warp._error(across, down) < 3


@pytest.mark.parametrize("degrees", [3.0, -9.0, TIES[0], 100.5])
def test_without_opencv_the_pixels_are_the_same(
    degrees: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = coarse(7, 120, 160)
    expected = rotate(image, degrees, Geometry("bilinear", FILL))
    for module, name in ((warp, "opencv_is_exact"), (warp, "pillow_rounds_each_step")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda: False)
            assert warp.rotate_bilinear(image, degrees, FILL) is None
            actual = rotate(image, degrees, Geometry("bilinear", FILL))
        np.testing.assert_array_equal(actual, expected, strict=True)


@by_opencv
def test_rotate_takes_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    image = coarse(8, 50, 40)
    expected = by_pillow(image, 33.0)
    monkeypatch.delattr(Image, "fromarray")
    np.testing.assert_array_equal(rotate(image, 33.0, Geometry("bilinear", FILL)), expected)


@by_opencv
def test_an_opencv_that_rounds_coordinates_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before OpenCV 5, coordinates are multiples of 1/32."""
    exact = cv2.warpAffine

    def rounding_to_32nds(part: Any, matrix: npt.NDArray[np.float64], *others: Any) -> object:
        matrix = matrix.copy()
        matrix[:, 2] = np.rint(matrix[:, 2] * 32) / 32
        return exact(part, matrix, *others)

    monkeypatch.setattr(cv2, "warpAffine", rounding_to_32nds)
    assert not warp.opencv_is_exact.__wrapped__()


def test_a_pillow_that_fuses_its_steps_would_be_detected() -> None:
    """What decides is another pixel where a product is not rounded before it is added."""
    share = rounding._SHARE
    assert 3 + (0 - 3) * share == 1.0
    assert float(3 - 3 * Fraction(share)) < 1.0
    assert Fraction(rounding._SLOPE) * Fraction(1.5) != Fraction(1.5 * rounding._SLOPE)
