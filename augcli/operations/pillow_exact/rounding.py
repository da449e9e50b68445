"""Whether Pillow's compiled code rounds as its source says."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

# What the BILINEAR filter makes of 3 and 0 at this share of the way is 1.0 after each rounding, but
# just below it where multiplications and additions are fused into one step.
_SHARE = 0.5 + 3002399751580331 * 2.0**-52 - 0.5
# Times 1.5 this is no float: minus itself it is 0.0, but not where steps are fused.
_SLOPE = 0.1


@functools.cache
def pillow_rounds_each_step() -> bool:
    """Whether Pillow's affine transforms by BILINEAR round after each multiplication and addition.

    Compilers for some processors fuse the two, which rounds once. What is truncated then may be
    another whole number.
    """
    pair = Image.fromarray(np.array([[[3] * 3, [0] * 3]] * 2, np.uint8))
    size = pair.size
    across, down = (0.0, 0.0, 0.5 + _SHARE), (0.0, 0.0, 0.5)
    blended = np.array(
        pair.transform(size, Image.Transform.AFFINE, (*across, *down), Image.Resampling.BILINEAR)
    )
    if (blended != 1).any():
        return False
    for slope in (_SLOPE, -_SLOPE):
        matrix = (slope, -slope, 0.0, *down)
        read = pair.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        if read.getpixel((1, 1)) != (3, 3, 3):
            return False
    return True
