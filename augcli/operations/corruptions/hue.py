"""Colours by way of hue, saturation and value, with the roundings of scikit-image.

The published corruptions go this way; closed forms lead to the same colours, up to the last bits of
a float64. Where a result is nearly a whole number, those bits decide how it is truncated.
"""

from __future__ import annotations

import numpy as np

from augcli.arrays.types import Floats, UInt8
from augcli.operations.corruptions.values import truncated, unit


def by_way_of_hsv(
    colours: UInt8, *, added: float = 0.0, factor: float = 1.0, shift: float = 0.0
) -> UInt8:
    """(N, 3) uint8 `colours` whose value is more by `added`, and whose saturation is multiplied by
    `factor` and then more by `shift`; both end at 0 and 1. Grey has the hue of red."""
    hue, saturation, value = _to_hsv(unit(colours))
    if added != 0.0:
        value = np.clip(value + added, 0.0, 1.0)
    if (factor, shift) != (1.0, 0.0):
        saturation = np.clip(saturation * factor + shift, 0.0, 1.0)
    return truncated(_to_rgb(hue, saturation, value))


def _to_hsv(colours: Floats) -> tuple[Floats, Floats, Floats]:
    red, green, blue = colours.T
    value = colours.max(axis=1)
    spread = value - colours.min(axis=1)
    grey = spread == 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = np.where(grey, 0.0, spread / value)
        hue = np.where(red == value, (green - blue) / spread, 0.0)
        hue = np.where(green == value, 2.0 + (blue - red) / spread, hue)
        hue = np.where(blue == value, 4.0 + (red - green) / spread, hue)
        hue = np.where(grey, 0.0, (hue / 6.0) % 1.0)
    return hue, saturation, value


def _to_rgb(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    sector = np.floor(hue * 6.0)
    along = hue * 6.0 - sector
    low = value * (1.0 - saturation)
    falling = value * (1.0 - along * saturation)
    rising = value * (1.0 - (1.0 - along) * saturation)
    kind = sector.astype(np.uint8) % 6
    red = np.choose(kind, (value, falling, low, low, rising, value))
    green = np.choose(kind, (rising, value, value, falling, low, low))
    blue = np.choose(kind, (low, low, rising, value, value, falling))
    return np.stack([red, green, blue], axis=1)
