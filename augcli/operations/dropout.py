"""Operations that take pixels away: dropout of pixels and of channels, and Fast AutoAugment's
cutout.
"""

from __future__ import annotations

import numpy as np

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Colour, Mask, Pixels

CUTOUT_COLOUR: Colour = (125, 123, 114)


def dropout_mask(seed: int, rate: float, shape: tuple[int, ...]) -> Mask:
    """A mask of `shape`, True with probability `rate` at each place: (H, W) drops pixels, (H, W, 3)
    single values.
    """
    return uniform_field(seed, shape) < rate


def drop_pixels(image: Pixels, mask: Mask) -> Pixels:
    """Black where `mask` is True; (H, W) masks drop whole pixels of (H, W, 3) `image`, (H, W, 3)
    masks single values.

    Nothing is rescaled by 1 / (1 - rate): the images stay 8-bit images.
    """
    keep = np.invert(mask).view(np.uint8)
    return image * (keep[..., None] if mask.ndim == 2 else keep)


def drop_channels(image: Pixels, dropped: Mask, fill: int = 0) -> Pixels:
    """Replace whole channels of (H, W, 3) `image`, those where `dropped` (3,) is True, by `fill`
    (spatial dropout).
    """
    result = image.copy()
    result[..., dropped] = fill
    return result


def cutout(
    image: Pixels, share: float, centre: tuple[float, float], fill: Colour = CUTOUT_COLOUR
) -> Pixels:
    """Fill a square of (H, W, 3) `image` whose side is `share` of the width, around `centre` (row,
    column).

    As in the code of Fast AutoAugment (Lim et al., NeurIPS 2019, arXiv:1905.00397): corners are
    truncated and both inclusive, so the hole is up to one pixel larger than its side. A share of 0
    leaves the image as it is.
    """
    result = image.copy()
    if share <= 0:
        return result
    height, width = image.shape[:2]
    side = share * width
    top, left = (int(max(0.0, middle - side / 2)) for middle in centre)
    bottom, right = int(min(height, top + side)), int(min(width, left + side))
    result[top : bottom + 1, left : right + 1] = fill
    return result
