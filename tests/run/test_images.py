"""The images of a shard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augcli.choices import Fit
from augcli.image.box import Box
from augcli.recipes.recipe import Detection
from augcli.run.images import Images
from augcli.saliency.detectors import detect
from tests.conftest import write_photo
from tests.run.runs import run_over

DETECTION = Detection("fine-grained")


@pytest.mark.parametrize(
    ("width", "height", "landing"), [(120, 60, Box(16, 0, 48, 64)), (40, 80, Box(0, 16, 64, 48))]
)
def test_padding_is_not_salient(tmp_path: Path, width: int, height: int, landing: Box) -> None:
    """The border between a photograph and its white padding would draw every detector to it."""
    for number in range(3):
        write_photo(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png", number, width, height)
    run = run_over(tmp_path / "photos", tmp_path / "out", size=(64, 64), fit=Fit.contain)
    images = Images(run, range(3))
    for index in range(3):
        decoded = images.get(index)
        outside = np.ones((64, 64), bool)
        outside[landing.slices] = False
        assert (decoded.image[outside] == 255).all()
        found = images.saliency(decoded, DETECTION)
        (expected,) = detect("fine-grained", [decoded.image[landing.slices].copy()])
        np.testing.assert_array_equal(found[landing.slices], expected, strict=True)
        assert (found[outside] == expected.min()).all()


def test_a_flat_image_stays_flat_between_padding(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (30, 10), (90, 20, 10)).save(tmp_path / "photos" / name / "1.png")
    run = run_over(tmp_path / "photos", tmp_path / "out", size=(20, 20), fit=Fit.contain)
    images = Images(run, range(2))
    assert not images.saliency(images.get(0), DETECTION).any()
