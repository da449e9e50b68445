"""Order statistics of many values without sorting them: a sample of every 64th says between which
two values the one that is asked for should lie, and only what does lie there is ranked."""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

_STEP = 8  # of the sample, along rows and along columns

Floats = npt.NDArray[np.float64]


def greatest(values: Floats, count: int) -> npt.NDArray[np.bool_]:
    """Where the `count` greatest values (H, W) stand; equal ones count in raster order."""
    if count == 0:
        return np.zeros(values.shape, bool)
    rank = values.size - count
    among, below = _around(values, rank, rank)
    least = np.partition(among, rank - below)[rank - below]
    chosen: npt.NDArray[np.bool_] = values >= least
    surplus = rank - below - np.count_nonzero(among < least)
    if surplus:
        chosen.flat[np.flatnonzero(values == least)[-surplus:]] = False
    return chosen


def of_rank(values: Floats, rank: int) -> tuple[float, float]:
    """The value (H, W) that stands at `rank` when all are sorted, the least at 0, and the one
    after it (the same, where it is the last)."""
    last = min(rank + 1, values.size - 1)
    among, below = _around(values, rank, last)
    ranked = np.partition(among, (rank - below, last - below))
    return float(ranked[rank - below]), float(ranked[last - below])


def _around(values: Floats, first: int, last: int) -> tuple[Floats, int]:
    """The values (H, W) that stand between two ranks, with some before and after them, in no order;
    and how many values are less than all of these.

    A rank is as uncertain as that of the median of a random sample, at most: fields are smooth, and
    the sample is a grid. Where it misleads all the same, these are all values.
    """
    sample = values[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP].ravel()
    margin = isqrt(sample.size) + 1
    lower = first * sample.size // values.size - margin
    upper = last * sample.size // values.size + margin
    low = np.partition(sample, lower)[lower] if lower >= 0 else -np.inf
    high = np.partition(sample, upper)[upper] if upper < sample.size else np.inf
    less = values < low
    below = int(np.count_nonzero(less))
    among = values.ravel()[np.flatnonzero(less ^ (values <= high))]
    if below <= first and last < below + among.size:
        return among, below
    return values.ravel(), 0
