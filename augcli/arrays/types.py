"""The arrays and sizes that modules hand to each other, each under one name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Shape = tuple[int, int]  # height, width
Colour = tuple[int, int, int]  # red, green, blue, 0 to 255

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Mask = npt.NDArray[np.bool_]

Pixels = UInt8  # (H, W, 3), RGB
SaliencyMap = npt.NDArray[Any]  # (H, W), uint8 or floating, not negative
