"""Random numbers from a 64-bit seed, so that a manifest holds the seed and not the numbers."""

from __future__ import annotations

import math

import numpy as np

from augcli.arrays.types import Floats, UInt8


def random_bytes(seed: int, count: int) -> UInt8:
    """The first `count` bytes of the raw words of Philox-4x64-10 (Salmon et al., SC 2011) whose key
    is `seed`, 0 <= seed < 2**64, lowest bytes first.

    NumPy keeps these words the same for ever, unlike its distributions.
    """
    words = np.random.Philox(key=seed).random_raw(-(-count // 8))
    return words.astype("<u8", copy=False).view(np.uint8)[:count]


def uniform_field(seed: int, shape: tuple[int, ...]) -> Floats:
    """Uniform numbers k / 2^32 in [0, 1) of `shape`, for a seed as `random_bytes` takes it."""
    halves = random_bytes(seed, 4 * math.prod(shape)).view("<u4")
    return (halves * 2.0**-32).reshape(shape)
