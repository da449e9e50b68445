"""From 8 bits to the values that the published code computes with, and back by its truncation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Float32, Floats, Pixels

_UNIT = np.arange(256) / 255.0
_UNIT32 = np.arange(256, dtype=np.float32) / np.float32(255.0)


def unit(image: npt.NDArray[np.uint8]) -> Floats:
    """uint8 values divided by 255, float64."""
    values: Floats = _UNIT[image]
    return values


def unit32(image: npt.NDArray[np.uint8]) -> Float32:
    """uint8 values divided by 255, float32."""
    values: Float32 = _UNIT32[image]
    return values


def truncated(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    """Values clipped to 0..1, times 255, without what is behind the point; `values` are spent."""
    np.clip(values, 0.0, 1.0, out=values)
    values *= 255.0
    return values.astype(np.uint8)
