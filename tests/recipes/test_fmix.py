"""FMix against its golden vectors."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest

from augcli.recipes import fmix
from augcli.recipes.fmix import (
    FMix,
    Params,
    Spectrum,
    cut,
    draw_shares,
    gaussian_noise,
    mix,
    noise_shape,
    random_field,
    real_waves,
    rough_field,
)
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, views

SPECTRA: list[Spectrum] = ["paper", "official"]


def field_of(case: Vectors, spectrum: Spectrum) -> np.ndarray:
    shape = int(case["height"]), int(case["width"])
    noise = case["noise"].view(np.complex128)[..., 0]
    assert noise.shape == noise_shape(shape)
    return random_field(noise, shape, float(case["decay"]), spectrum)


@pytest.mark.parametrize("case", cases("fmix", 8))
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_fields(case: Vectors, spectrum: Spectrum) -> None:
    field = field_of(case, spectrum)
    np.testing.assert_allclose(field, case[f"field_{spectrum}"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", cases("fmix", 8))
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("rounding", ["ceil", "floor"])
def test_masks(case: Vectors, spectrum: Spectrum, rounding: str) -> None:
    max_soft = float(case["max_soft"])
    shares = cut(field_of(case, spectrum), float(case["lam"]), rounding == "ceil", max_soft)
    expected = case[f"mask_{spectrum}_{rounding}"]
    if max_soft == 0.0:
        assert shares.dtype == bool
        np.testing.assert_array_equal(shares, expected)
    else:
        np.testing.assert_allclose(shares, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", cases("fmix", 8))
def test_mixtures(case: Vectors) -> None:
    shares = cut(field_of(case, "paper"), float(case["lam"]), True, float(case["max_soft"]))
    mixed = mix(case["image_a"], case["image_b"], shares)
    np.testing.assert_array_equal(mixed, case["mixed_paper_ceil_u8"], strict=True)
    assert shares.mean() == pytest.approx(float(case["mask_mean_paper_ceil"]), abs=1e-9)


@pytest.mark.parametrize("options", [{}, {"max_soft": 0.1}, {"spectrum": "official", "decay": 2}])
@pytest.mark.parametrize("shape", [(48, 64), (33, 45)])
def test_the_whole_recipe(options: dict[str, Any], shape: tuple[int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, *shape, 3), np.uint8)
    recipe = FMix(**options)
    rng = Scripted(beta=[0.3], random=[0.4], integers=[123])
    params = recipe.draw(rng, views(*images))
    assert rng.all_drawn()
    soft, decay = options.get("max_soft", 0.0), options.get("decay", 3.0)
    spectrum = options.get("spectrum", "paper")
    assert params == Params(0.3, True, soft, 123, decay, spectrum)

    noise = gaussian_noise(123, noise_shape(shape))
    shares = cut(random_field(noise, shape, decay, spectrum), 0.3, True, soft)
    made = recipe.apply(fitted(*images), params)
    np.testing.assert_array_equal(made.image, mix(images[0], images[1], shares), strict=True)
    assert made.weights == (shares.mean(), 1.0 - shares.mean())
    assert abs(made.weights[0] - 0.3) < 1 / (shape[0] * shape[1])
    if soft == 0.0:
        assert made.weights[0] == math.ceil(0.3 * shares.size) / shares.size


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (6, 6), (5, 8), (8, 5),
                                   (7, 7), (31, 37), (48, 100)])  # fmt: skip
def test_waves_are_the_inverse_transform(shape: tuple[int, int]) -> None:
    height, width = shape
    spectrum = gaussian_noise(3, (height, width // 2 + 1))
    expected = np.fft.irfft2(spectrum, shape) * height * width
    found = real_waves(spectrum, width)
    assert found.shape == shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * height * width)


SHAPES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 7), (5, 8), (31, 37), (48, 100), (130, 66),
          (65, 333), (128, 75), (334, 70)]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rough_field_is_the_field_but_for_rounding(shape: tuple[int, int]) -> None:
    """Where its errors are bounded, the same pixels are the greatest."""
    height, width = shape
    noise = gaussian_noise(5, noise_shape(shape))
    lowest = np.minimum(np.arange(noise.shape[1]), width - np.arange(noise.shape[1])) / width
    squared = np.fft.fftfreq(height)[:, None] ** 2 + lowest**2
    scaled = noise * np.maximum(squared, 1 / max(shape) ** 2) ** -1.5
    expected = np.fft.irfft2(scaled[:, : width // 2 + 1], shape, norm="forward")
    found = rough_field(5, shape, 3.0)
    assert found.shape == shape
    uncertain = fmix._uncertainty(shape, 3.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=uncertain / 100)
    assert uncertain < 1e-9 * max(np.ptp(expected), np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("uncertain", [False, True])
def test_shares_are_those_of_the_field(
    shape: tuple[int, int], uncertain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the rough field decides or not."""
    if uncertain:
        monkeypatch.setattr(fmix, "_uncertainty", lambda *_: math.inf)
    for spectrum in SPECTRA:
        for lam, soft in ((0.0, 0.0), (0.13, 0.0), (0.5, 0.0), (0.98, 0.0), (1.0, 0.0), (0.4, 0.2)):
            shares = draw_shares(Params(lam, True, soft, 5, 3.0, spectrum), shape)
            field = random_field(gaussian_noise(5, noise_shape(shape)), shape, 3.0, spectrum)
            np.testing.assert_array_equal(shares, cut(field, lam, True, soft), strict=True)


def test_a_rough_field_decides_nearly_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fmix, "real_waves")
    for seed in range(100):
        assert draw_shares(Params(0.3, False, 0.0, seed, 3.0, "paper"), (60, 80)).sum() == 1440


def test_opencv_looks_at_half_of_a_spectrum() -> None:
    """So the other half of `rough_field`'s may be anything."""
    flags = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_ROWS
    for width in (*range(1, 20), 74, 75, 100, 167, 333, 500, 512):
        spectrum = np.random.default_rng(width).standard_normal((3, width, 2))
        spectrum[:, width // 2 + 1 :] = np.nan
        halves = spectrum[:, : width // 2 + 1].copy().view(np.complex128)[:, :, 0]
        expected = np.fft.irfft(halves, width, norm="forward")
        found = cv2.dft(spectrum, flags=flags)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * width)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_the_smallest_fields(shape: tuple[int, int], spectrum: Spectrum) -> None:
    field = random_field(gaussian_noise(5, noise_shape(shape)), shape, 3.0, spectrum)
    assert field.shape == shape
    assert field.min() == 0.0
    assert field.max() == (0.0 if shape == (1, 1) else 1.0)


@pytest.mark.parametrize(
    ("lam", "round_up", "max_soft", "expected"),
    [
        (0.5, False, 0.0, [0, 0, 0, 1, 1]),
        (0.5, True, 0.0, [0, 0, 1, 1, 1]),
        (0.4, True, 0.2, [0, 0, 0, 1, 1]),  # one pixel on either side: just 1 and 0
        (0.4, False, 0.4, [0, 0, 1 / 3, 2 / 3, 1]),
        (0.8, True, 0.5, [0, 1, 1, 1, 1]),  # no room for a pixel on the partner's side
        (0.0, True, 0.5, [0, 0, 0, 0, 0]),
        (1.0, False, 0.5, [1, 1, 1, 1, 1]),
    ],
)
def test_cuts(lam: float, round_up: bool, max_soft: float, expected: list[float]) -> None:
    field = np.array([[0.0, 0.1, 0.5, 0.7, 1.0]])
    order = [3, 0, 4, 1, 2]
    shares = cut(field[:, order], lam, round_up, max_soft)
    np.testing.assert_allclose(shares[0], np.array(expected)[order], rtol=0, atol=1e-12)


def test_an_edge_never_leaves_the_image() -> None:
    """Where rounding leaves fewer pixels than lam promises, the soft edge shrinks."""
    field = np.linspace(0.0, 1.0, 10).reshape(2, 5)
    for lam in np.linspace(0.0, 1.0, 101):
        for round_up in (False, True):
            shares = cut(field, float(lam), round_up, 0.5)
            assert (np.diff(shares.ravel()) >= 0).all()
            assert shares.sum() == pytest.approx((math.ceil if round_up else math.floor)(lam * 10))


def test_soft_blends_are_rounded_half_to_even() -> None:
    target = np.array([[[0, 1, 255]] * 3], np.uint8)
    partner = np.array([[[1, 2, 0]] * 3], np.uint8)
    mixed = mix(target, partner, np.array([[1.0, 0.5, 0.0]]))
    np.testing.assert_array_equal(mixed, [[[0, 1, 255], [0, 2, 128], [1, 2, 0]]])
