"""Parts that make an image, in both orders of colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augcli.enums import Format
from augcli.image.box import Box
from augcli.image.codec import Encoding, encode
from augcli.image.collage import Collage, Image, bgr_of, laid_over, pixels_of


@st.composite
def boxes(draw: st.DrawFn, height: int, width: int) -> Box:
    """Any box inside a canvas, empty ones too."""
    top, bottom = sorted(draw(st.tuples(*[st.integers(0, height)] * 2)))
    left, right = sorted(draw(st.tuples(*[st.integers(0, width)] * 2)))
    return Box(top, left, bottom, right)


@given(st.data(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 3))
def test_later_parts_lie_over_earlier_ones(
    data: st.DataObject, height: int, width: int, count: int
) -> None:
    """Parts may be views of larger images, and one pixel wide."""
    rng = np.random.default_rng(height * 41 + width)
    base = rng.integers(0, 256, (height, width, 3), np.uint8)
    expected = base.copy()
    image: Image = base
    for _ in range(count):
        box = data.draw(boxes(height, width))
        source = rng.integers(0, 256, (height + 3, width + 5, 3), np.uint8)
        part = source[1 : 1 + box.height, 2 : 2 + box.width]
        expected[box.slices] = part
        image = laid_over(image, box, part)
    before = base.copy()
    np.testing.assert_array_equal(pixels_of(image), expected, strict=True)
    np.testing.assert_array_equal(bgr_of(image), expected[..., ::-1], strict=True)
    np.testing.assert_array_equal(base, before)
    assert encode(image, Format.png, Encoding()) == encode(expected, Format.png, Encoding())


def test_four_quadrants_need_nothing_below_them() -> None:
    shape = (5, 7)
    quarters = [Box(0, 0, 2, 3), Box(0, 3, 2, 7), Box(2, 0, 5, 3), Box(2, 3, 5, 7)]
    parts = [
        np.full((box.height, box.width, 3), 10 * i, np.uint8) for i, box in enumerate(quarters)
    ]
    image = Collage(shape, tuple(zip(quarters, parts, strict=True)))
    expected = np.zeros((*shape, 3), np.uint8)
    expected[:2, 3:], expected[2:, :3], expected[2:, 3:] = 10, 20, 30
    np.testing.assert_array_equal(image.pixels(), expected, strict=True)
    np.testing.assert_array_equal(image.bgr(), expected, strict=True)


def test_a_part_of_another_size_is_refused() -> None:
    image = laid_over(np.zeros((4, 4, 3), np.uint8), Box(0, 0, 2, 2), np.ones((3, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="broadcast"):
        image.pixels()
    with pytest.raises(ValueError, match="does not fit"):
        image.bgr()
