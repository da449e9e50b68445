"""A saliency map as an image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Pixels

_HEAT = 0.55


def heat(saliency_map: npt.NDArray[Any]) -> Pixels:
    """The map (H, W), scaled from its least to its greatest value, in colours: uint8 RGB.

    A flat map becomes all dark.
    """
    scaled = saliency_map.astype(np.float64)
    scaled -= scaled.min()
    if scaled.max() > 0:
        scaled *= 255.0 / scaled.max()
    coloured = cv2.applyColorMap(np.rint(scaled).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB)


def overlay(image: Pixels, saliency_map: npt.NDArray[Any]) -> Pixels:
    """The map's colours over the image's grey; both of one shape (H, W)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.addWeighted(heat(saliency_map), _HEAT, cv2.merge([grey] * 3), 1.0 - _HEAT, 0.0)
