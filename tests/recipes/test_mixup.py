"""Mixup against its golden vectors."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.recipes.mixup import Mixup, Params, blend
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, views


@pytest.mark.parametrize("case", cases("mixup", 6))
def test_cases(case: Vectors) -> None:
    images, lam = (case["image_a"], case["image_b"]), float(case["lam"])
    recipe = Mixup()
    rng = Scripted(beta=[lam])
    params = recipe.draw(rng, views(*images))
    assert rng.all_drawn()
    assert params == Params(lam)

    augmented = recipe.apply(fitted(*images), params)
    exact = lam * images[0].astype(np.float64) + (1.0 - lam) * images[1]
    np.testing.assert_allclose(case["mixed_float"], exact, atol=1e-3)
    # Closer than the vectors ask for: only a value within 1e-4 of a half may round the other way.
    near_half = np.abs(exact - np.floor(exact) - 0.5) < 1e-4
    np.testing.assert_array_equal(augmented.image[~near_half], case["mixed_u8"][~near_half])
    np.testing.assert_allclose(augmented.image.astype(int), case["mixed_u8"], atol=1)
    expected = float(case["weight_a"]), float(case["weight_b"])
    assert augmented.weights == pytest.approx(expected, abs=1e-12)
    assert augmented.boxes == ()


def test_every_pair_of_values() -> None:
    """The blend is the float result rounded half to even, for all pairs of bytes."""
    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    target, partner = (np.repeat(values[..., None], 3, axis=2) for values in (first, second))
    for lam in (0.0, 0.25, 0.5, 0.75, 1.0):  # exact in binary, and with many halves
        expected = np.rint(lam * target.astype(np.float64) + (1.0 - lam) * partner)
        np.testing.assert_array_equal(blend(target, partner, lam), expected)
    for lam in (0.1, 1 / 3, 0.7071, 0.999):
        expected = lam * target.astype(np.float64) + (1.0 - lam) * partner
        assert np.abs(blend(target, partner, lam) - expected).max() < 0.5 + 1e-4
