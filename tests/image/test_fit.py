"""Placing an image on a canvas of another shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augcli.enums import Fit
from augcli.image.box import Box
from augcli.image.fit import Fitted, place, resize, scaled

SIDES = st.integers(1, 70)
SHAPES = st.tuples(SIDES, SIDES)


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows * 255 // height, columns * 255 // width, rows * 0 + 9]).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "canvas", "fit", "visible", "canvas_box"),
    [
        ((100, 200), (50, 50), Fit.cover, Box(0, 50, 100, 150), Box(0, 0, 50, 50)),
        ((200, 100), (50, 50), Fit.cover, Box(50, 0, 150, 100), Box(0, 0, 50, 50)),
        ((100, 200), (50, 50), Fit.contain, Box(0, 0, 100, 200), Box(12, 0, 37, 50)),
        ((200, 100), (50, 50), Fit.contain, Box(0, 0, 200, 100), Box(0, 12, 50, 37)),
        ((100, 200), (50, 50), Fit.stretch, Box(0, 0, 100, 200), Box(0, 0, 50, 50)),
        ((1, 500), (7, 7), Fit.cover, Box(0, 249, 1, 250), Box(0, 0, 7, 7)),
        ((40, 40), (40, 40), Fit.contain, Box(0, 0, 40, 40), Box(0, 0, 40, 40)),
    ],
)
def test_placement(
    shape: tuple[int, int], canvas: tuple[int, int], fit: Fit, visible: Box, canvas_box: Box
) -> None:
    assert place(shape, canvas, fit) == (type(place(shape, canvas, fit)))(visible, canvas_box)


@given(SHAPES, SHAPES, st.sampled_from(Fit))
def test_placement_lies_inside_and_keeps_proportions(
    shape: tuple[int, int], canvas: tuple[int, int], fit: Fit
) -> None:
    visible, canvas_box = (p := place(shape, canvas, fit)).visible, p.canvas_box
    assert 0 <= visible.top < visible.bottom <= shape[0]
    assert 0 <= visible.left < visible.right <= shape[1]
    assert 0 <= canvas_box.top < canvas_box.bottom <= canvas[0]
    assert 0 <= canvas_box.left < canvas_box.right <= canvas[1]
    if fit is not Fit.stretch and min(*shape, *canvas) > 1:
        # One axis is exact, the other is rounded to whole pixels.
        down, across = canvas_box.height / visible.height, canvas_box.width / visible.width
        slack = max(
            1 / visible.height, 1 / visible.width, 1 / canvas_box.height, 1 / canvas_box.width
        )
        assert abs(down - across) <= slack * max(down, across)


@given(SHAPES, SHAPES, st.sampled_from(Fit), st.data())
def test_peaks_land_inside_the_landing(
    shape: tuple[int, int], canvas: tuple[int, int], fit: Fit, data: st.DataObject
) -> None:
    placement = place(shape, canvas, fit)
    visible, canvas_box = placement.visible, placement.canvas_box
    row = data.draw(st.integers(visible.top, visible.bottom - 1))
    column = data.draw(st.integers(visible.left, visible.right - 1))
    y, x = placement.on_canvas(row, column)
    assert canvas_box.top <= y < canvas_box.bottom
    assert canvas_box.left <= x < canvas_box.right
    # The centre of the pixel, to within the rounding to a canvas pixel.
    assert (
        abs(
            (row + 0.5 - visible.top) * canvas_box.height / visible.height
            - (y - canvas_box.top + 0.5)
        )
        <= 0.5
    )
    assert (
        abs(
            (column + 0.5 - visible.left) * canvas_box.width / visible.width
            - (x - canvas_box.left + 0.5)
        )
        <= 0.5
    )


def test_equal_shapes_are_views_without_resampling() -> None:
    image = gradient(30, 40)
    fitted = Fitted(image, (30, 40))
    np.testing.assert_array_equal(fitted.pixels(), image)
    assert np.shares_memory(fitted.pixels(), image)
    assert np.shares_memory(fitted.pixels(Box(2, 3, 9, 11)), image)
    np.testing.assert_array_equal(fitted.pixels(Box(2, 3, 9, 11)), image[2:9, 3:11])


def test_whole_canvas_is_the_resized_visible_part() -> None:
    image = gradient(100, 200)
    expected = cv2.resize(image[:, 50:150], (50, 50), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(Fitted(image, (50, 50)).pixels(), expected)


@given(SHAPES, SHAPES, st.sampled_from(Fit), st.data())
def test_a_patch_shows_what_the_whole_shows_there(
    shape: tuple[int, int], canvas: tuple[int, int], fit: Fit, data: st.DataObject
) -> None:
    fitted = Fitted(gradient(*shape), canvas, fit, (1, 2, 3))
    top = data.draw(st.integers(0, canvas[0] - 1))
    left = data.draw(st.integers(0, canvas[1] - 1))
    box = Box(
        top,
        left,
        data.draw(st.integers(top + 1, canvas[0])),
        data.draw(st.integers(left + 1, canvas[1])),
    )
    patch, whole = fitted.pixels(box), fitted.pixels()
    assert patch.shape == (box.height, box.width, 3)
    assert whole.shape == (*canvas, 3)
    # The patch is resampled from whole source pixels: at most about one of them apart, or as many
    # as a canvas pixel covers.
    covered = max(1.0, shape[0] / canvas[0]), max(1.0, shape[1] / canvas[1])
    step = 255 / shape[0] * covered[0], 255 / shape[1] * covered[1]
    difference = np.abs(patch.astype(int) - whole[box.slices])
    inner = (whole[box.slices] != (1, 2, 3)).any(axis=2) & (patch != (1, 2, 3)).any(axis=2)
    if inner.any():
        assert difference[inner][:, 0].max() <= 1.6 * step[0] + 2
        assert difference[inner][:, 1].max() <= 1.6 * step[1] + 2


def test_contain_pads_with_the_fill() -> None:
    fitted = Fitted(np.full((10, 20, 3), 7, np.uint8), (20, 20), Fit.contain, (1, 2, 3))
    whole = fitted.pixels()
    np.testing.assert_array_equal(whole[:5], np.broadcast_to((1, 2, 3), (5, 20, 3)))
    np.testing.assert_array_equal(whole[5:15], 7)
    np.testing.assert_array_equal(fitted.pixels(Box(0, 0, 5, 4)), whole[:5, :4])


def test_resize_averages_when_shrinking_far() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(resize(image, (16, 16)), 128)
    assert resize(image, (64, 64)) is image


def test_boxes_land_where_their_pixels_do() -> None:
    """Of what is cropped away nothing lands, and on bars nothing does."""
    covering = place((100, 200), (50, 50), Fit.cover)  # columns 50 to 150, at half the size
    assert covering.box_on_canvas(Box(0, 50, 100, 150)) == Box(0, 0, 50, 50)
    assert covering.box_on_canvas(Box(20, 0, 40, 90)) == Box(10, 0, 20, 20)
    assert covering.box_on_canvas(Box(0, 0, 100, 50)).area == 0
    containing = place((100, 200), (50, 50), Fit.contain)  # rows 13 to 37, at a quarter
    canvas_box = containing.canvas_box
    assert containing.box_on_canvas(Box(0, 0, 100, 200)) == canvas_box
    assert containing.box_on_canvas(Box(0, 100, 100, 200)) == canvas_box._replace(left=25)


def test_enlarged_pixels_stay_as_they_are() -> None:
    image = np.random.default_rng(1).integers(0, 256, (3, 5, 3), np.uint8)
    np.testing.assert_array_equal(scaled(image, (6, 15)), image.repeat(2, 0).repeat(3, 1))
    np.testing.assert_array_equal(scaled(image, (3, 5)), image)
    np.testing.assert_array_equal(
        scaled(image, (3, 7))[0, :, 0], image[0, [0, 0, 1, 2, 2, 3, 4], 0]
    )
    np.testing.assert_array_equal(scaled(image, (3, 2)), resize(image, (3, 2)))
