"""Whether a classifier's confidence is its accuracy: calibration errors, Brier score, likelihood.

Labels are classes (N,) or soft labels (N, K), as in `metrics.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from augcli.arrays.types import Floats
from augcli.errors import BadValue
from augcli.metrics.errors import Labels, Values, check_labels, check_probabilities

_BINS = 15
_BIN_SIZE = 100
_ROWS = 4096
Norm = Literal["1", "2", "max"]


class Reliability(NamedTuple):
    """Bins of equal width over 0..1, (lower, upper]: how many images each holds, their mean
    confidence, and the share of them that is correct, both NaN in a bin without images."""

    counts: Floats
    confidence: Floats
    accuracy: Floats


def reliability(confidence: Floats, correct: Floats, bins: int = _BINS) -> Reliability:
    """The reliability diagram of images with these confidences (N,), 0 to 1, and how far each is
    correct (N,), 0 to 1; a confidence of 0 is in the first bin."""
    _check(confidence, correct)
    edges = np.linspace(0.0, 1.0, bins + 1)
    at = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(at, minlength=bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = (
            np.bincount(at, values, minlength=bins) / counts for values in (confidence, correct)
        )
        return Reliability(counts, *means)


def expected_calibration_error(confidence: Floats, correct: Floats, bins: int = _BINS) -> float:
    """ECE: |mean confidence - accuracy| of bins of equal width, weighted by their images."""
    counts, confidences, accuracies = reliability(confidence, correct, bins)
    gaps = np.nan_to_num(np.abs(confidences - accuracies))
    return float((counts * gaps).sum() / counts.sum())


def rms_calibration_error(
    confidence: Floats, correct: Floats, *, like_hendrycks: bool = False, bin_size: int = _BIN_SIZE
) -> float:
    """The root mean square of (mean confidence - accuracy) over bins of 100 images each, in the
    order of their confidence; the last bin takes the rest.

    With `like_hendrycks` the last bin, of the most confident images, is left out but for its
    weight, as the published code does, whose value is 0 for 100 to 199 images; that code ends with
    an error for less than 100, and this raises BadValue.
    """
    return binned_calibration_error(
        confidence, correct, norm="2", like_hendrycks=like_hendrycks, bin_size=bin_size
    )


def binned_calibration_error(
    confidence: Floats,
    correct: Floats,
    *,
    norm: Norm,
    like_hendrycks: bool = False,
    bin_size: int = _BIN_SIZE,
) -> float:
    """As `rms_calibration_error`, with the mean of absolute differences ("1"), the root of the mean
    of squares ("2"), or the greatest difference ("max")."""
    _check(confidence, correct)
    count = len(confidence)
    if like_hendrycks and count < bin_size:
        raise BadValue(
            f"the published calibration error needs {bin_size} images, and there are {count}"
        )
    order = np.argsort(confidence, kind="stable")
    starts = np.arange(max(1, count // bin_size)) * bin_size
    sizes = np.diff(np.append(starts, count))
    gaps = np.abs(
        np.add.reduceat(confidence[order], starts) - np.add.reduceat(correct[order], starts)
    )
    gaps /= sizes
    shares = sizes / count
    if like_hendrycks:
        gaps, shares = gaps[:-1], shares[:-1]
    if norm == "max":
        return float(gaps.max(initial=0.0))
    if norm == "1":
        return float((shares * gaps).sum())
    return float(np.sqrt((shares * gaps * gaps).sum()))


def brier_score(probabilities: Values, labels: Labels) -> float:
    """The mean over images (N, K) of `brier_values`."""
    return float(brier_values(probabilities, labels).mean())


def brier_values(probabilities: Values, labels: Labels) -> Floats:
    """The sum over classes of (probability - label)^2 for each image, (N,), 0 to 2; some divide by
    the number of classes."""
    check_probabilities(probabilities)
    check_labels(labels, probabilities.shape)
    values = np.empty(len(probabilities))
    for rows in _blocks(len(probabilities)):
        differences = probabilities[rows].astype(np.float64)
        if labels.ndim == 2:
            differences -= labels[rows]
        else:
            differences[np.arange(len(differences)), labels[rows].astype(np.intp)] -= 1.0
        values[rows] = np.einsum("nk,nk->n", differences, differences)
    return values


def negative_log_likelihood(probabilities: Values, labels: Labels) -> float:
    """The mean over images (N, K) of `log_losses`."""
    return float(log_losses(probabilities, labels).mean())


def log_losses(probabilities: Values, labels: Labels) -> Floats:
    """-sum label * log(probability) of each image, (N,), in nats; infinite where a class of a label
    has the probability 0."""
    check_probabilities(probabilities)
    check_labels(labels, probabilities.shape)
    with np.errstate(divide="ignore"):
        if labels.ndim == 1:
            at = labels[:, None].astype(np.intp)
            own = np.take_along_axis(probabilities, at, axis=1)[:, 0].astype(np.float64)
            return 0.0 - np.log(np.maximum(own, 0.0))
        values = np.empty(len(probabilities))
        for rows in _blocks(len(probabilities)):
            logs = np.log(np.maximum(probabilities[rows].astype(np.float64), 0.0))
            values[rows] = 0.0 - (labels[rows] * np.where(labels[rows] > 0, logs, 0.0)).sum(axis=1)
    return values


def _blocks(count: int) -> Iterator[slice]:
    """Slices of some rows each, so that copies of many predictions take little memory."""
    for start in range(0, count, _ROWS):
        yield slice(start, start + _ROWS)


def _check(confidence: Floats, correct: Floats) -> None:
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) == 0:
        raise BadValue(
            f"confidences have the shape {confidence.shape}, what is correct {correct.shape}; one"
            " number an image is needed of each"
        )
    if not (confidence.min() >= 0.0 and confidence.max() <= 1.0 + 1e-6):
        raise BadValue("a confidence is not from 0 to 1")
