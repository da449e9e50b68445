"""Smooth random fields: that what is fast is what the plain functions say."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from augcli.operations import smooth_field
from augcli.operations.smooth_field import (
    field_of_noise,
    gaussian_noise,
    noise_shape,
    real_waves,
    rough_field,
)
from augcli.recipes.fmix import Params, cut, draw_shares

SPECTRA: list[smooth_field.Spectrum] = ["paper", "official"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (6, 6), (5, 8), (8, 5),
                                   (7, 7), (31, 37), (48, 100)])  # fmt: skip
def test_waves_are_the_inverse_transform(shape: tuple[int, int]) -> None:
    height, width = shape
    spectrum = gaussian_noise(3, (height, width // 2 + 1))
    expected = np.fft.irfft2(spectrum, shape) * height * width
    actual = real_waves(spectrum, width)
    assert actual.shape == shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 * height * width)


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
    actual = rough_field(5, shape, 3.0)
    assert actual.shape == shape
    uncertain = smooth_field.uncertainty(shape, 3.0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=uncertain / 100)
    assert uncertain < 1e-9 * max(np.ptp(expected), np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("uncertain", [False, True])
def test_shares_are_those_of_the_field(
    shape: tuple[int, int], uncertain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the rough field decides or not."""
    if uncertain:
        monkeypatch.setattr(smooth_field, "uncertainty", lambda *_: math.inf)
    for spectrum in SPECTRA:
        for lam, soft in ((0.0, 0.0), (0.13, 0.0), (0.5, 0.0), (0.98, 0.0), (1.0, 0.0), (0.4, 0.2)):
            shares = draw_shares(Params(lam, True, soft, 5, 3.0, spectrum), shape)
            field = field_of_noise(gaussian_noise(5, noise_shape(shape)), shape, 3.0, spectrum)
            np.testing.assert_array_equal(shares, cut(field, lam, True, soft), strict=True)


def test_a_rough_field_decides_nearly_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(smooth_field, "real_waves")
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
        actual = cv2.dft(spectrum, flags=flags)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 * width)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_the_smallest_fields(shape: tuple[int, int], spectrum: smooth_field.Spectrum) -> None:
    field = field_of_noise(gaussian_noise(5, noise_shape(shape)), shape, 3.0, spectrum)
    assert field.shape == shape
    assert field.min() == 0.0
    assert field.max() == (0.0 if shape == (1, 1) else 1.0)
