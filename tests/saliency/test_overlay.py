"""Maps as pictures."""

from __future__ import annotations

import cv2
import numpy as np

from augcli.saliency.overlay import heat, overlay


def colour(level: int) -> list[int]:
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)
    blue, green, red = table[level, 0].tolist()
    return [red, green, blue]


def test_heat_goes_from_the_least_to_the_greatest_value() -> None:
    levels = np.array([[7.0, 7.5], [8.0, 9.0]])
    expected = [
        [colour(0), colour(64)],
        [colour(128), colour(255)],
    ]  # 63.75 and 127.5, half to even
    np.testing.assert_array_equal(heat(levels), expected)
    np.testing.assert_array_equal(heat(np.array([[3, 5]], np.uint8)), [[colour(0), colour(255)]])


def test_a_flat_map_is_dark() -> None:
    assert heat(np.full((2, 3), 9, np.uint8)).tolist() == [[colour(0)] * 3] * 2


def test_an_overlay_is_heat_over_grey() -> None:
    image = np.array([[[10, 20, 30], [200, 100, 0]]], np.uint8)
    levels = np.array([[0.0, 1.0]])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    expected = np.rint(0.55 * heat(levels) + 0.45 * grey)
    assert np.abs(overlay(image, levels) - expected).max() <= 1
