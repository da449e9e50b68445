"""SamplePairing against its golden vectors."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.recipes.samplepairing import SamplePairing
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, views


@pytest.mark.parametrize("case", cases("samplepairing", 6))
def test_cases(case: Vectors) -> None:
    images = case["image_a"], case["image_b"]
    recipe = SamplePairing()
    params = recipe.draw(Scripted(), views(*images))  # which draws nothing
    augmented = recipe.apply(fitted(*images), params)
    np.testing.assert_array_equal(augmented.image, case["mixed_u8_half_even"], strict=True)
    assert augmented.weights == (float(case["weight_a"]), float(case["weight_b"])) == (1.0, 0.0)
    assert augmented.boxes == ()
