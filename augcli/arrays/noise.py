"""Fields of random numbers that a 64-bit seed stands for, so that a manifest need not hold them."""

from __future__ import annotations

import math

import numpy as np

from augcli.arrays.types import Floats


def uniform_field(seed: int, shape: tuple[int, ...]) -> Floats:
    """Uniform numbers k / 2^32 in [0, 1) of `shape`, by Philox-4x64-10 (Salmon et al., SC 2011).

    `seed`, 0 <= seed < 2^64, is the generator's key. Made from its raw words, lower half first:
    NumPy keeps those the same for ever, its distributions not.
    """
    count = math.prod(shape)
    words = np.random.Philox(key=seed).random_raw((count + 1) // 2).astype("<u8", copy=False)
    return (words.view("<u4")[:count] * 2.0**-32).reshape(shape)
