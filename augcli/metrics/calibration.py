"""Whether a classifier's confidence is its accuracy: calibration errors, Brier score, likelihood.

Labels are classes (N,) or soft labels (N, K), as in `metrics.errors`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from augcli.arrays.types import Floats
from augcli.errors import BadValue
from augcli.metrics.errors import Labels, Values, as_weights, check_probabilities

_BINS = 15
_BIN_SIZE = 100
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
    """The mean over images (N, K) of the sum over classes of (probability - label)^2, 0 to 2; some
    divide by the number of classes."""
    check_probabilities(probabilities)
    differences = probabilities - as_weights(labels, probabilities.shape)
    return float((differences * differences).sum(axis=1).mean())


def negative_log_likelihood(probabilities: Values, labels: Labels) -> float:
    """The mean over images (N, K) of -sum label * log(probability), in nats; infinite where a class
    of a label has the probability 0."""
    check_probabilities(probabilities)
    weights = as_weights(labels, probabilities.shape)
    with np.errstate(divide="ignore"):
        logs = np.where(weights > 0, np.log(np.maximum(probabilities, 0.0)), 0.0)
    return float(-(weights * logs).sum(axis=1).mean())


def _check(confidence: Floats, correct: Floats) -> None:
    if confidence.ndim != 1 or confidence.shape != correct.shape or len(confidence) == 0:
        raise BadValue(
            f"confidences have the shape {confidence.shape}, what is correct {correct.shape}; one"
            " number an image is needed of each"
        )
    if not (confidence.min() >= 0.0 and confidence.max() <= 1.0 + 1e-6):
        raise BadValue("a confidence is not from 0 to 1")
