"""Bootstrap intervals: how far a number would vary with other images of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.arrays.noise import random_bytes
from augcli.errors import BadValue

Indices = npt.NDArray[np.intp]


class Interval(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


def bootstrap_interval(
    statistic: Callable[[Indices], float],
    count: int,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The interval that holds the middle `level` of a statistic over resamples (Efron, 1979).

    `statistic` takes the indices of `count` images that were drawn with replacement from `count`,
    so that one number over several arrays of the same images, as mCE is, takes the same images of
    each. The same seed draws the same images for ever. Raises BadValue for a level beyond 0 to 1,
    and for no images or resamples.
    """
    if not 0.0 < level < 1.0:
        raise BadValue(f"the level of an interval is between 0 and 1, and not {level:g}")
    if count < 1 or resamples < 1:
        raise BadValue(f"{count} images and {resamples} resamples give no interval")
    values = np.array([statistic(_drawn(seed, number, count)) for number in range(resamples)])
    low, high = np.quantile(values, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return Interval(float(low), float(high))


def mean_interval(
    values: npt.NDArray[np.floating],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """`bootstrap_interval` of the mean of one value for each image, (N,)."""
    return bootstrap_interval(
        lambda drawn: float(values[drawn].mean()),
        len(values),
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _drawn(seed: int, number: int, count: int) -> Indices:
    words = random_bytes((number << 64) | seed, 8 * count).view("<u4").reshape(-1, 2)
    # Two words are a number below 2^53, as NumPy makes doubles of them.
    uniform = ((words[:, 0] >> 5) * 67108864.0 + (words[:, 1] >> 6)) * 2.0**-53
    return (uniform * count).astype(np.intp)
