"""Every corruption against the published code, with the noise, offsets and angles that it drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augcli.operations.corruptions.frost_overlays import overlay_part
from augcli.operations.corruptions.table import CORRUPTIONS
from tests.helpers.corruption_vectors import (
    WHOLE,
    Case,
    assert_published,
    own_cases,
    read_case,
    whole_cases,
)


@pytest.mark.parametrize("case", own_cases())
def test_published_pixels(case: Case) -> None:
    assert_published(case)


def test_there_is_a_case_of_every_corruption() -> None:
    assert {case.values[0].name for case in own_cases()} == {*CORRUPTIONS}


@pytest.mark.skipif(not WHOLE.exists(), reason="all vectors are not beside this checkout")
@pytest.mark.parametrize("file", whole_cases())
def test_all_published_pixels(file: Path) -> None:
    with np.load(WHOLE / "images.npz") as archive:
        images = dict(archive)
    assert_published(read_case(file, images))


@pytest.mark.skipif(not WHOLE.exists(), reason="all vectors are not beside this checkout")
@pytest.mark.parametrize("variant", ["imagenet", "tiny", "cifar"])
def test_overlays_are_cut_as_published(variant: str) -> None:
    with np.load(WHOLE / "images.npz") as images:
        overlay = images[f"frost_overlay_{variant}"]
    for file in sorted((WHOLE / variant).glob("frost_*.npz")):
        with np.load(file) as archive:
            case = dict(archive)
        scale = {"imagenet": 1.0, "tiny": 0.3, "cifar": 0.2}[variant]
        assert {one.scale for one in CORRUPTIONS["frost"].strengths[variant]} == {scale}  # type: ignore[index]
        height, width = case["overlay_crop"].shape[:2]
        rows, columns = (round(side * scale) for side in overlay.shape[:2])
        # In the middle of the numbers that lead to the offset that was drawn.
        down = (float(case["crop_top"]) + 0.5) / (rows - height)
        right = (float(case["crop_left"]) + 0.5) / (columns - width)
        part = overlay_part(overlay, (height, width), scale, down, right)
        np.testing.assert_array_equal(part, case["overlay_crop"])
