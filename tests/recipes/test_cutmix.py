"""CutMix against its golden vectors."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.image.box import Box
from augcli.recipes.cutmix import CutMix, Params
from augcli.recipes.recipe import box_around, cut_size, paste
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, load, views


@pytest.mark.parametrize("table", ["cutmix/box_table", "saliencymix/box_table"])
def test_boxes(table: str) -> None:
    rows = load(table)
    assert len(rows["box"]) == 300
    for height, width, lam, row, column, box, lam_adj in zip(
        *(rows[k].tolist() for k in ("height", "width", "lam_sampled", "centre_row")),
        *(rows[k].tolist() for k in ("centre_col", "box", "lam_adj")),
        strict=True,
    ):
        shape = height, width
        actual = box_around((row, column), cut_size(lam, shape), shape)
        assert list(actual) == box
        assert 1.0 - actual.area / (height * width) == pytest.approx(lam_adj, abs=1e-12)


@pytest.mark.parametrize("case", cases("cutmix", 8))
def test_cases(case: Vectors) -> None:
    base, patch = case["base_image"], case["patch_image"]
    rng = Scripted(
        beta=[float(case["lam_sampled"])],
        integers=[int(case["centre_row"]), int(case["centre_col"])],
    )
    recipe = CutMix()
    params = recipe.draw(rng, views(base, patch))
    assert rng.all_drawn()
    assert params == Params(Box(*case["box"].tolist()))

    augmented = recipe.apply(fitted(base, patch), params)
    np.testing.assert_array_equal(augmented.image, case["mixed"], strict=True)
    expected = float(case["weight_base"]), float(case["weight_patch"])
    assert augmented.weights == pytest.approx(expected, abs=1e-12)
    assert augmented.boxes == (params.box,)


def test_the_partner_is_resampled_to_the_canvas() -> None:
    target = np.zeros((10, 20, 3), np.uint8)
    partner = np.zeros((20, 40, 3), np.uint8)
    partner[:, 20:] = 200
    below, above = fitted(target, partner)
    augmented = paste(below, above, Box(2, 8, 6, 14))
    assert augmented.weights == (1.0 - 24 / 200, 1.0 - (1.0 - 24 / 200))
    assert augmented.image[2:6, 10:14].min() == 200
    assert augmented.image[2:6, 8:10].max() == 0
    outside = augmented.image.copy()
    outside[2:6, 8:14] = 0
    assert not outside.any()


@pytest.mark.parametrize("box", [None, Box(3, 4, 3, 9)])
def test_without_a_region_the_target_stays(box: Box | None) -> None:
    rng = np.random.default_rng(0)
    target, partner = rng.integers(0, 256, (2, 7, 9, 3), np.uint8)
    augmented = CutMix().apply(fitted(target, partner), CutMix().cover(rng, box))
    np.testing.assert_array_equal(augmented.image, target)
    assert (augmented.weights, augmented.boxes) == ((1.0, 0.0), ())
