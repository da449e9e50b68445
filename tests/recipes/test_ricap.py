"""RICAP against its golden vectors."""

from __future__ import annotations

import numpy as np
import pytest

from augcli.enums import Fit
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.ricap import RICAP, Params, boundary_at, quadrants
from tests.helpers.reference_vectors import Scripted, Vectors, cases, fitted, load, views


def test_boundaries() -> None:
    rows = {key: values.tolist() for key, values in load("ricap/boundary_table").items()}
    assert len(rows["boundary"]) == 68
    for side, share, boundary in zip(rows["dim"], rows["beta_draw"], rows["boundary"], strict=True):
        assert boundary_at(share, side) == boundary


@pytest.mark.parametrize("case", cases("ricap", 8))
def test_cases(case: Vectors) -> None:
    images = [case["images"][i] for i in case["quad_image_index"]]
    height, width = images[0].shape[:2]
    split = int(case["split_row"]), int(case["split_col"])
    boxes = [Box(*box) for box in case["quad_dst_box"].tolist()]
    corners = case["quad_src_top_left"].tolist()
    rng = Scripted(
        beta=[split[0] / height, split[1] / width],
        integers=[place for corner in corners for place in corner],
    )
    recipe = RICAP()
    params = recipe.draw(rng, views(*images))
    assert rng.all_drawn()
    first, second, third, fourth = (tuple(corner) for corner in corners)
    assert params == Params(split, (first, second, third, fourth))
    assert list(quadrants(split, (height, width))) == boxes

    augmented = recipe.apply(fitted(*images), params)
    np.testing.assert_array_equal(augmented.image, case["patched"], strict=True)
    assert augmented.weights == pytest.approx(case["quad_weight"].tolist(), abs=1e-12)
    per_image = case["image_label_weight"][case["quad_image_index"]].tolist()
    assert augmented.weights == pytest.approx(per_image, abs=1e-12)
    assert augmented.boxes == tuple(box for box in boxes[1:] if box.area)


def test_crops_are_of_the_images_as_seen_on_the_canvas() -> None:
    """A partner of another size is resampled to the canvas, then cropped."""
    canvas = 4, 8
    target = np.zeros((*canvas, 3), np.uint8)
    partner = np.repeat(np.arange(0, 160, 10, dtype=np.uint8), 3).reshape(1, 16, 3)
    partner = np.repeat(partner, 8, axis=0)  # twice the canvas; columns of 0, 10, 20, ...
    seen = [Fitted(image, canvas, Fit.cover) for image in (target, partner, partner, partner)]
    augmented = RICAP().apply(seen, Params((4, 5), ((0, 0), (0, 2), (0, 0), (0, 0))))
    assert augmented.weights == (0.625, 0.375, 0.0, 0.0)
    # Canvas columns 2, 3 and 4 lie on the partner's columns 4 and 5, 6 and 7, 8 and 9.
    np.testing.assert_array_equal(augmented.image[:, 5:, 0], [[45, 65, 85]] * 4)
    assert not augmented.image[:, :5].any()
