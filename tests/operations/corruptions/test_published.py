"""Every corruption against the published code, with the noise, offsets and angles that it drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
