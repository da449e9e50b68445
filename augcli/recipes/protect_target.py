"""SaliencyMix's option `protect_target`: which of several boxes hides little of what the target
shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from augcli.arrays.types import Mask, SaliencyMap
from augcli.image.box import Box
from augcli.saliency.regions import is_flat

_TRIES = 8


class Candidate(Protocol):
    """What has a box."""

    @property
    def box(self) -> Box | None: ...


AnyCandidate = TypeVar("AnyCandidate", bound=Candidate)


def least_hiding(
    candidates: Iterator[AnyCandidate], target_map: SaliencyMap, limit: float
) -> tuple[AnyCandidate, float]:
    """The first of 8 candidates whose box hides no more than `limit` of the target's salient
    region, else the one that hides least; and the share that it hides."""
    region = salient_region(target_map)
    tried: list[tuple[float, AnyCandidate]] = []
    for candidate in islice(candidates, _TRIES):
        hidden = hidden_share(region, candidate.box)
        if hidden <= limit:
            return candidate, hidden
        tried.append((hidden, candidate))
    hidden, candidate = min(tried, key=lambda pair: pair[0])
    return candidate, hidden


def salient_region(saliency_map: SaliencyMap) -> Mask:
    """The most salient pixels of a map (H, W), fewest first, that hold half of its sum, with all
    pixels as salient as the last of them; none of a map that is flat or not finite."""
    if is_flat(saliency_map):
        return np.zeros(saliency_map.shape, bool)
    ranked = np.sort(saliency_map, axis=None, kind="stable")[::-1]  # by radix, if of bytes
    cumulative = np.cumsum(ranked, dtype=np.float64)
    region: Mask = saliency_map >= ranked[np.searchsorted(cumulative, cumulative[-1] / 2)]
    return region


def hidden_share(region: Mask, box: Box | None) -> float:
    """The share of a region's pixels (H, W) that lie in the box; 0 without any."""
    if box is None or not region.any():
        return 0.0
    return float(np.count_nonzero(region[box.slices]) / np.count_nonzero(region))
