"""Noise of single values: Gaussian, Poisson (shot), and salt and pepper (impulse).

Values are computed in float64 from 0 to 1, clipped, and times 255 truncated, as published.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from augcli.arrays.noise import normal_field, random_bytes, uniform_field
from augcli.arrays.types import Floats, Mask, Pixels
from augcli.operations.corruptions.values import truncated, unit
from augcli.operations.corruptions.variants import Strengths

Counts = npt.NDArray[np.integer]
Words = npt.NDArray[np.uint16]

# The standard deviation of what is added.
GAUSSIAN: Strengths = {
    "imagenet": (0.08, 0.12, 0.18, 0.26, 0.38),
    "tiny": (0.04, 0.08, 0.12, 0.15, 0.18),
    "cifar": (0.04, 0.06, 0.08, 0.09, 0.10),
    "inception": (0.09, 0.13, 0.19, 0.27, 0.40),
}
# How many photons are expected where the image is white.
SHOT: Strengths = {
    "imagenet": (60, 25, 12, 5, 3),
    "tiny": (250, 100, 50, 30, 15),
    "cifar": (500, 250, 100, 75, 50),
    "inception": (50, 20, 10, 5, 3),
}
# The share of values that are replaced.
IMPULSE: Strengths = {
    "imagenet": (0.03, 0.06, 0.09, 0.17, 0.27),
    "tiny": (0.01, 0.02, 0.05, 0.08, 0.14),
    "cifar": (0.01, 0.02, 0.03, 0.05, 0.07),
    "inception": (0.04, 0.07, 0.10, 0.18, 0.28),
}
# A table of Poisson counts is looked up by so many high bits of a 16-bit number first.
_GUIDE_BITS = 10


def gaussian_noise(image: Pixels, noise: Floats) -> Pixels:
    """(H, W, 3) uint8 `image` plus `noise`, of the same shape, in units of white."""
    return truncated(unit(image) + noise)


def shot_noise(rate: float, counts: Counts) -> Pixels:
    """What (H, W, 3) `counts` of photons show where `rate` of them are white."""
    return truncated(counts / float(rate))


def impulse_noise(image: Pixels, replaced: Mask, salt: Mask) -> Pixels:
    """(H, W, 3) uint8 `image`, whose values become 255 where `replaced` and `salt`, 0 where only
    the first; both masks are for single values."""
    result = image.copy()
    result[replaced] = 0
    result[replaced & salt] = 255
    return result


def apply_gaussian(image: Pixels, deviation: float, seed: int) -> Pixels:
    return gaussian_noise(image, deviation * normal_field(seed, image.shape))


def apply_shot(image: Pixels, rate: float, seed: int) -> Pixels:
    """The image with Poisson noise: each value is a count of `rate` times its own."""
    words = random_bytes(seed, 2 * image.size).view("<u2").reshape(image.shape)
    counts = poisson_counts(image, rate, words)
    shown = truncated(np.arange(int(counts.max()) + 1) / float(rate))
    return shown[counts]


def apply_impulse(image: Pixels, amount: float, seed: int) -> Pixels:
    """The image with a share `amount` of its values black or white."""
    uniform = uniform_field(seed, image.shape)
    return impulse_noise(image, uniform < amount, uniform < amount / 2)


def poisson_counts(image: Pixels, rate: float, words: Words) -> npt.NDArray[np.intp]:
    """Poisson counts (H, W, 3) whose means are uint8 `image` times `rate` / 255, from as many
    uniform 16-bit numbers, of which each is taken for the middle of its interval."""
    thresholds, guide, stride = _poisson_tables(rate)
    level = image.astype(np.intp)
    place = guide[(level << _GUIDE_BITS) + (words >> (16 - _GUIDE_BITS))]
    pending = np.arange(words.size)
    flat, drawn = place.reshape(-1), words.reshape(-1)
    while pending.size:
        at = flat[pending]
        more = drawn[pending] >= thresholds[at]
        pending = pending[more]
        flat[pending] = at[more] + 1
    return place - level * stride


@lru_cache(16)
def _poisson_tables(
    rate: float,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp], int]:
    """For every level 0..255 the 16-bit number from which on a count is exceeded, `stride` counts
    each in one flat array; and by level and high bits the first place to look at."""
    most = int(rate + 8 * math.sqrt(rate) + 12)
    stride = most + 1
    means = rate * np.arange(256) / 255.0
    factorials = np.array([math.lgamma(k + 1.0) for k in range(stride)])
    counts = np.arange(stride)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts == 0, 0.0, counts * np.log(means)[:, None])
    shares = np.exp(logs - means[:, None] - factorials)
    below = np.cumsum(shares, axis=1)
    # A word w stands for (w + 1/2) / 2^16: the count is the first whose share of words is above it.
    thresholds = np.rint(below * 65536.0).astype(np.int32)
    thresholds[:, -1] = 1 << 16
    first = np.arange(1 << _GUIDE_BITS) << (16 - _GUIDE_BITS)
    guide = np.stack([np.searchsorted(row, first, side="right") for row in thresholds])
    guide += stride * np.arange(256)[:, None]
    return thresholds.reshape(-1), guide.reshape(-1), stride
