"""The most salient pixel of a map, and KeepAugment's regions of little and of great importance.

KeepAugment (Gong et al., CVPR 2021, https://arxiv.org/abs/2011.11778): the importance of a region
is the sum of the saliency map over it; regions of one size are compared with a quantile of all of
their scores. A region is drawn directly from those that qualify: rejection would never end on a
flat map.
"""

from __future__ import annotations

import cv2
import numpy as np

from augcli.arrays.select import of_rank
from augcli.arrays.types import Floats, SaliencyMap
from augcli.image.box import Places

Scores = Floats


def saliency_peak(saliency_map: SaliencyMap) -> tuple[int, int] | None:
    """(row, column) of the first maximum in raster order; None where no pixel stands out: the
    map (H, W) is constant, or one of its values is not finite."""
    if saliency_map.dtype == np.uint8:  # in one pass, also over parts of rows
        lowest, highest, _, (column, row) = cv2.minMaxLoc(saliency_map)
        return None if lowest == highest else (row, column)
    if is_flat(saliency_map):
        return None
    row, column = divmod(int(saliency_map.argmax()), saliency_map.shape[1])
    return row, column


def is_flat(saliency_map: SaliencyMap) -> bool:
    """Whether a map (H, W) is constant, or one of its values is not finite."""
    lowest, highest = float(saliency_map.min()), float(saliency_map.max())
    return lowest == highest or not np.isfinite(highest - lowest)


def region_scores(saliency_map: SaliencyMap, height: int, width: int) -> Scores:
    """The sum of a map (H, W) over every region of height x width that lies inside it.

    Returns float64 (H - height + 1, W - width + 1), indexed by the region's top left corner.
    Raises ValueError if no region fits.
    """
    rows, columns = saliency_map.shape
    if not (0 < height <= rows and 0 < width <= columns):
        raise ValueError(f"no region of {height} x {width} fits into a map of {rows} x {columns}")
    table = cv2.integral(saliency_map, sdepth=cv2.CV_64F)
    bands = cv2.subtract(table[height:], table[:-height])
    # OpenCV takes parts of rows three times as fast as NumPy.
    scores: Scores = cv2.subtract(bands[:, width:], bands[:, :-width])
    return scores


def place_scores(saliency_map: SaliencyMap, places: Places) -> Scores:
    """The sum of a map (H, W) over each of some places, which may be clipped at its border.

    Returns float64 (rows, columns), as many as there are of each in `places`.
    """
    table = cv2.integral(saliency_map, sdepth=cv2.CV_64F)
    bands = cv2.subtract(table[places.bottoms], table[places.tops])
    scores: Scores = cv2.subtract(bands[:, places.rights], bands[:, places.lefts])
    return scores


def threshold(scores: Scores, tau: float) -> float:
    """The tau-quantile of all scores, linear between neighbours: ``numpy.quantile``, but faster.

    `tau` is from 0 to 1; 0.6 in the paper.
    """
    position = (scores.size - 1) * tau
    below = int(position)
    lower, upper = of_rank(scores, below)
    share = position - below
    if share < 0.5:
        return lower + (upper - lower) * share
    return upper - (upper - lower) * (1 - share)


def draw_region(
    rng: np.random.Generator, scores: Scores, limit: float, below: bool, or_at: bool = False
) -> tuple[int, int] | None:
    """The place of a score, uniform over those that are strictly below (or above) the limit, or
    also at it.

    None, and nothing drawn, if there is no such region.
    """
    if or_at:
        admissible = scores <= limit if below else scores >= limit
    else:
        admissible = scores < limit if below else scores > limit
    upto = np.cumsum(cv2.reduce(admissible.view(np.uint8), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S))
    if not upto[-1]:
        return None
    number = int(rng.integers(upto[-1]))
    top = int(np.searchsorted(upto, number, side="right"))
    before = int(upto[top - 1]) if top else 0
    return top, int(np.flatnonzero(admissible[top])[number - before])


def best_region(scores: Scores) -> tuple[int, int]:
    """(top, left) of the region that scores highest, the first in raster order."""
    top, left = divmod(int(scores.argmax()), scores.shape[1])
    return top, left
