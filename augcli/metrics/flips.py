"""How much the predictions of a classifier change along sequences of ImageNet-P (Hendrycks and
Dietterich, ICLR 2019).

A step compares a frame with the one `difficulty` before it, from every frame on; of a sequence of
noise, whose frames are independent, each frame is compared with the first, whatever the difficulty.
Steps are averaged over a sequence, then over sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Floats
from augcli.errors import BadValue
from augcli.text import shorten

Ranks = npt.NDArray[np.integer]
_TOP = 5


def flip_probability(
    predictions: npt.NDArray[np.integer], *, difficulty: int = 1, noise: bool = False
) -> float:
    """The share of steps at which the predicted class changes; (sequences, frames) classes.

    Raises BadValue where a sequence has no step.
    """
    first, second = _steps(predictions, difficulty, noise, 2)
    return float((first != second).mean(axis=1).mean())


def top5_distance(ranks: Ranks, *, difficulty: int = 1, noise: bool = False) -> float:
    """By how much the five most probable classes move, (sequences, frames, classes) as `ranked`
    gives ranks: the sum over these of |i - j|, where i is a class's rank before and j that after,
    six for all beyond five. Raises BadValue as `flip_probability`, and for less than 5 classes."""
    if ranks.ndim == 3 and ranks.shape[2] < _TOP:
        raise BadValue(f"a top-5 distance needs 5 classes, and there are {ranks.shape[2]}")
    places = np.arange(_TOP)

    def distance(after: Ranks) -> Floats:
        moved = np.abs(places - np.minimum(after[..., :_TOP].astype(int) - 1, _TOP))
        return moved.sum(axis=-1).astype(np.float64)

    return _mean_distance(ranks, difficulty, noise, distance)


def zipf_distance(ranks: Ranks, *, difficulty: int = 1, noise: bool = False) -> float:
    """As `top5_distance`, over all classes: the sum of |1/i - 1/j| / i."""

    def distance(after: Ranks) -> Floats:
        before = 1.0 / np.arange(1, after.shape[-1] + 1)
        result: Floats = (np.abs(before - 1.0 / after) * before).sum(axis=-1)
        return result

    return _mean_distance(ranks, difficulty, noise, distance)


def ranked(probabilities: npt.NDArray[np.floating]) -> Ranks:
    """The rank of each class along the last axis, 1 for the most probable; of equal ones the first
    is taken for the greater. uint16 or, for more classes, uint32."""
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    count = probabilities.shape[-1]
    kind = np.uint16 if count < 1 << 16 else np.uint32
    ranks = np.empty(order.shape, kind)
    numbers = np.broadcast_to(np.arange(1, count + 1, dtype=kind), order.shape)
    np.put_along_axis(ranks, order, numbers, axis=-1)
    return ranks


def mean_flip_rate(
    probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None
) -> float:
    """mFR: the mean over perturbations of the flip probability, each divided by that of a
    reference, AlexNet for ImageNet-P; without one it is the plain mean, as for CIFAR-10-P. Top-5
    distances give the mT5D likewise. Raises BadValue where the reference lacks a perturbation."""
    if not probabilities:
        raise BadValue("there is no perturbation to take a mean over")
    rates = []
    for name, probability in probabilities.items():
        if reference is not None and name not in reference:
            raise BadValue(f"the reference has no value for {shorten(name)}")
        rates.append(probability / (1.0 if reference is None else reference[name]))
    return float(np.mean(rates))


def _mean_distance(ranks: Ranks, difficulty: int, noise: bool, distance: Any) -> float:
    means = []
    for sequence in _sequences(ranks, 3):
        first, second = _steps(sequence[None], difficulty, noise, 3)
        # The ranks afterwards of the classes in the order that they had before.
        after = np.take_along_axis(second, np.argsort(first, axis=-1), axis=-1)
        means.append(distance(after).mean())
    return float(np.mean(means))


def _sequences(frames: npt.NDArray[Any], dimensions: int) -> Iterator[npt.NDArray[Any]]:
    if frames.ndim != dimensions or len(frames) == 0:
        raise BadValue(f"sequences have the shape {frames.shape}, and {dimensions} axes are needed")
    yield from frames


def _steps(
    frames: npt.NDArray[Any], difficulty: int, noise: bool, dimensions: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What is compared: (sequences, steps, ...) of the frames before, and of those after."""
    for _ in _sequences(frames, dimensions):
        break
    if difficulty < 1:
        raise BadValue(f"a difficulty is 1 or more, and not {difficulty}")
    step = 1 if noise else difficulty
    if frames.shape[1] <= step:
        raise BadValue(f"a sequence of {frames.shape[1]} frames has no step of difficulty {step}")
    after = frames[:, step:]
    before = np.broadcast_to(frames[:, :1], after.shape) if noise else frames[:, :-step]
    return before, after
