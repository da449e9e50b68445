"""Order statistics of many values without sorting them: a sample of every 64th says between which
two values the one of a rank should lie, and only the values between these are sorted."""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Floats, Mask

_STEP = 8  # of the sample, along rows and along columns


def greatest(values: Floats, count: int) -> Mask:
    """A mask of the `count` greatest values (H, W); equal ones count in raster order."""
    return split(values, count)[0]


def split(values: Floats, count: int) -> tuple[Mask, float]:
    """A mask of the `count` greatest values (H, W), equal ones counting in raster order, and by how
    much the least of them exceeds the greatest of the others; infinite where there are none.
    """
    rank = values.size - count
    if rank == 0 or count == 0:
        return np.full(values.shape, count > 0), np.inf
    where, below, upto = _around(values, rank - 1, rank)
    among = values.ravel()[where]
    ranked = np.partition(among, (rank - 1 - below, rank - below))
    other, least = ranked[rank - 1 - below], ranked[rank - below]
    enough = where[among >= least]
    if surplus := enough.size - (among.size - (rank - below)):
        last = where[among == least][-surplus:]
        enough = np.setdiff1d(enough, last, assume_unique=True)
    is_upper = ~upto
    is_upper.ravel()[enough] = True
    return is_upper, float(least - other)


def of_rank(values: Floats, rank: int) -> tuple[float, float]:
    """The value (H, W) of a rank (the least has rank 0) and that of the next rank (the same value,
    where there is none)."""
    last = min(rank + 1, values.size - 1)
    where, below, _ = _around(values, rank, last)
    ranked = np.partition(values.ravel()[where], (rank - below, last - below))
    return float(ranked[rank - below]), float(ranked[last - below])


def _around(values: Floats, first: int, last: int) -> tuple[npt.NDArray[np.intp], int, Mask]:
    """The candidates for the ranks `first` to `last` of values (H, W): their indices in raster
    order, how many values are less than all of them, and a mask (H, W) of them and all lesser ones.

    The margin is twice the standard deviation of a random sample's median, in ranks; a grid over
    a smooth field errs far less. Where the margin is too small, all values are candidates.
    """
    sample = values[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP].ravel()
    margin = isqrt(sample.size) + 1
    lower = first * sample.size // values.size - margin
    upper = last * sample.size // values.size + margin
    low = np.partition(sample, lower)[lower] if lower >= 0 else -np.inf
    high = np.partition(sample, upper)[upper] if upper < sample.size else np.inf
    less, upto = values < low, values <= high
    where, below = np.flatnonzero(less ^ upto), int(np.count_nonzero(less))
    if below <= first and last < below + where.size:
        return where, below, upto
    return np.arange(values.size), 0, np.ones(values.shape, bool)
