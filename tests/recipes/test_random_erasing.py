"""Random Erasing against its golden vectors."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.image.box import Box
from augcli.recipes.fill import noise
from augcli.recipes.random_erasing import Params, RandomErasing, erased_size
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, load, views


def test_sizes() -> None:
    rows = {key: values.tolist() for key, values in load("random_erasing/size_table").items()}
    assert (len(rows["accepted"]), sum(rows["accepted"])) == (250, 187)
    for i, accepted in enumerate(rows["accepted"]):
        shape = rows["height"][i], rows["width"][i]
        drawn = rows["area_fraction"][i], rows["aspect"][i]
        size = rows["erase_h"][i], rows["erase_w"][i]
        assert erased_size(*drawn, shape) == size
        # A size that does not fit is drawn again: here until the hundred tries are over.
        rng = Scripted(random=[0.0], uniform=list(drawn) * 100)
        assert RandomErasing().region_size(rng, shape) == (size if accepted else None)
        assert rng.all_drawn() != accepted


@pytest.mark.parametrize("case", cases("random_erasing", 6))
def test_cases(case: Vectors) -> None:
    image, box = case["input"], Box(*case["box"].tolist())
    fill = "mean" if case["fill_mean"][0] < 124 else "cifar-mean"
    recipe = RandomErasing(fill=fill)
    rng = Scripted(
        random=[0.49999],
        uniform=[float(case["area_fraction"]), float(case["aspect"])],
        integers=[int(case["top"]), int(case["left"])],
    )
    params = recipe.draw(rng, views(image))
    assert rng.all_drawn()
    assert params.box == box
    augmented = recipe.apply(fitted(image), params)
    np.testing.assert_array_equal(augmented.image, case["output_mean"], strict=True)
    assert (augmented.weights, augmented.boxes) == ((1.0,), (box,))


@pytest.mark.parametrize("case", cases("random_erasing", 6))
def test_noise(case: Vectors) -> None:
    """The default fill; where the vector's noise stands, ours does, and nothing else changes."""
    box = Box(*case["box"].tolist())
    expected = case["output_noise"].copy()
    np.testing.assert_array_equal(expected[box.slices], case["fill_noise"])
    expected[box.slices] = noise(99, (box.height, box.width))

    params = RandomErasing().cover(Scripted(integers=[99]), box)
    assert params == Params(box, 99)
    augmented = RandomErasing().apply(fitted(case["input"]), params)
    np.testing.assert_array_equal(augmented.image, expected, strict=True)


def test_not_applied() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    recipe = RandomErasing()
    params = recipe.draw(Scripted(random=[0.5], integers=[3]), views(image))
    assert params == Params(None, 3)
    augmented = recipe.apply(fitted(image), params)
    np.testing.assert_array_equal(augmented.image, image)
    assert (augmented.weights, augmented.boxes) == ((1.0,), ())
