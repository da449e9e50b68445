"""FMix against its golden vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augcli.operations.smooth_field import Spectrum, field_of_noise, gaussian_noise, noise_shape
from augcli.recipes.fmix import FMix, Params, cut, mix
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, views

SPECTRA: list[Spectrum] = ["paper", "official"]


def field_of(case: Vectors, spectrum: Spectrum) -> np.ndarray:
    shape = int(case["height"]), int(case["width"])
    noise = case["noise"].view(np.complex128)[..., 0]
    assert noise.shape == noise_shape(shape)
    return field_of_noise(noise, shape, float(case["decay"]), spectrum)


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
    shares = cut(field_of_noise(noise, shape, decay, spectrum), 0.3, True, soft)
    augmented = recipe.apply(fitted(*images), params)
    np.testing.assert_array_equal(augmented.image, mix(images[0], images[1], shares), strict=True)
    assert augmented.weights == (shares.mean(), 1.0 - shares.mean())
    assert abs(augmented.weights[0] - 0.3) < 1 / (shape[0] * shape[1])
    if soft == 0.0:
        assert augmented.weights[0] == math.ceil(0.3 * shares.size) / shares.size


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
