"""Metrics where their values are known by hand, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augcli.errors import BadValue
from augcli.metrics.calibration import (
    brier_score,
    brier_values,
    expected_calibration_error,
    log_losses,
    negative_log_likelihood,
    reliability,
    rms_calibration_error,
)
from augcli.metrics.errors import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERRORS,
    by_class,
    correctness,
    corruption_errors,
    error,
    mean_corruption_error,
    relative_corruption_errors,
    relative_mean_corruption_error,
    top_k_error,
)
from augcli.metrics.flips import (
    flip_probability,
    mean_flip_rate,
    ranked,
    top5_distance,
    zipf_distance,
)
from augcli.metrics.intervals import bootstrap_interval, mean_interval

SURE = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.25, 0.25, 0.5]])
LABELS = np.array([0, 1, 2, 0])


def test_errors() -> None:
    assert error(SURE, LABELS) == 0.5
    assert top_k_error(SURE, LABELS, 2) == 0.0  # of equal probabilities the first is greater
    assert top_k_error(SURE, np.array([0, 1, 1, 1]), 2) == 0.5
    assert top_k_error(SURE, LABELS, 5) == 0.0
    soft = np.array([[0.8, 0.2, 0.0], [0.0, 0.4, 0.6], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
    assert correctness(SURE, soft).tolist() == [0.8, 0.4, 1.0, 0.5]
    assert error(SURE, soft) == pytest.approx(1 - 2.7 / 4, abs=1e-15)
    assert error(SURE.astype(np.float32), LABELS) == 0.5


def test_many_images_are_counted_as_few_are() -> None:
    """Of each label the place among equal probabilities, and copies in blocks of rows."""
    rng = np.random.default_rng(0)
    probabilities = rng.integers(0, 4, (9000, 6)).astype(np.float32) / 4
    labels = rng.integers(0, 6, 9000)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    for k in (1, 3):
        expected = (order[:, :k] == labels[:, None]).any(axis=1)
        np.testing.assert_array_equal(correctness(probabilities, labels, k), expected)
        hot = np.eye(6)[labels]
        np.testing.assert_array_equal(correctness(probabilities, hot, k), expected)
    squares = ((probabilities - hot) ** 2).sum(axis=1)
    np.testing.assert_allclose(brier_values(probabilities, labels), squares, atol=1e-12)
    np.testing.assert_allclose(brier_values(probabilities, hot), squares, atol=1e-12)
    losses = log_losses(probabilities, labels)
    np.testing.assert_allclose(log_losses(probabilities, hot), losses, atol=1e-12)
    assert 0 < np.isinf(losses).sum() < 9000


def test_errors_of_classes() -> None:
    wrong = 1.0 - correctness(SURE, LABELS)
    means = by_class(wrong, LABELS, 4)
    assert means[:3].tolist() == [0.5, 0.0, 1.0]
    assert math.isnan(means[3])


def test_alexnet_has_a_mean_corruption_error_of_one() -> None:
    alexnet = {name: np.full(5, value) for name, value in ALEXNET_ERRORS.items()}
    assert mean_corruption_error(alexnet) == pytest.approx(1.0, abs=1e-15)
    assert relative_mean_corruption_error(alexnet, ALEXNET_CLEAN_ERROR) == pytest.approx(1.0)
    halved = {name: values / 2 for name, values in alexnet.items()}
    assert mean_corruption_error(halved) == pytest.approx(0.5, abs=1e-15)
    # It rises from 10 % to 30 %, AlexNet from 20 % to 60 %.
    errors = {"fog": np.array([0.2, 0.4])}
    assert corruption_errors(errors, {"fog": 0.6})["fog"] == pytest.approx(0.5)
    relative = relative_corruption_errors(errors, 0.1, {"fog": 0.6}, 0.2)
    assert relative["fog"] == pytest.approx(0.5)


def test_flips_by_hand() -> None:
    predictions = np.array([[1, 1, 2, 1], [3, 3, 3, 3]])
    assert flip_probability(predictions) == pytest.approx((2 / 3 + 0) / 2)
    assert flip_probability(predictions, noise=True) == pytest.approx((1 / 3 + 0) / 2)
    assert flip_probability(predictions, difficulty=2) == pytest.approx((1 / 2 + 0) / 2)
    assert flip_probability(predictions, difficulty=3) == 0.0


def test_distances_by_hand() -> None:
    first = [1, 2, 3, 4, 5, 6]
    # The first two change places: |0 - 1| + |1 - 0|. The first falls to the end: 5 + 4 * 1.
    swapped, fallen = [2, 1, 3, 4, 5, 6], [6, 1, 2, 3, 4, 5]
    assert top5_distance(np.array([[first, swapped]])) == 2.0
    assert top5_distance(np.array([[first, fallen]])) == 9.0
    assert top5_distance(np.array([[first, first]])) == 0.0
    assert top5_distance(np.array([[first, swapped, fallen]]), noise=True) == 5.5
    expected = (1 - 1 / 2) / 1 + (1 - 1 / 2) / 2
    assert zipf_distance(np.array([[first, swapped]])) == pytest.approx(expected, abs=1e-15)
    # What counts is the order of the frame before, not the numbers of classes.
    assert top5_distance(np.array([[swapped, first]])) == 2.0


def test_ranks() -> None:
    assert ranked(np.array([0.1, 0.5, 0.4])).tolist() == [3, 1, 2]
    assert ranked(np.array([[0.2, 0.2, 0.6]])).tolist() == [[2, 3, 1]]
    assert ranked(np.zeros(70_000))[-1] == 70_000


def test_flip_rates() -> None:
    assert mean_flip_rate({"snow": 0.1, "tilt": 0.3}) == pytest.approx(0.2)
    assert mean_flip_rate({"snow": 0.1, "tilt": 0.3}, {"snow": 0.2, "tilt": 0.3}) == 0.75


def test_scores_by_hand() -> None:
    expected = (0.3**2 + 0.2**2 + 0.1**2) + (0.1**2 + 0.4**2 + 0.3**2)
    assert brier_score(SURE[:2], LABELS[:2]) == pytest.approx(expected / 2, abs=1e-15)
    assert brier_score(np.array([[1.0, 0.0]]), np.array([1])) == 2.0
    assert brier_score(SURE, SURE) == 0.0  # a soft label that is predicted
    likelihood = negative_log_likelihood(SURE[:2], LABELS[:2])
    assert likelihood == pytest.approx(-(math.log(0.7) + math.log(0.6)) / 2, abs=1e-15)
    soft = negative_log_likelihood(np.array([[0.5, 0.25, 0.25]]), np.array([[0.5, 0.5, 0.0]]))
    assert soft == pytest.approx(1.5 * math.log(2), abs=1e-15)
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == math.inf
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def test_calibration_by_hand() -> None:
    confidence = np.repeat([0.55, 0.95], 100)
    correct = np.concatenate([np.ones(50), np.zeros(50), np.ones(75), np.zeros(25)])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.05 / 2 + 0.2 / 2)
    rms = rms_calibration_error(confidence, correct)
    assert rms == pytest.approx(math.sqrt((0.05**2 + 0.2**2) / 2))
    published = rms_calibration_error(confidence, correct, like_hendrycks=True)
    assert published == pytest.approx(math.sqrt(0.05**2 / 2))


def test_bins_include_their_upper_ends() -> None:
    bins = reliability(np.array([0.0, 0.2, 0.2000001, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]), 5)
    assert bins.counts.tolist() == [2, 1, 0, 0, 1]
    assert bins.accuracy[[0, 1, 4]].tolist() == [0.5, 1.0, 1.0]
    assert np.isnan(bins.confidence[2])


def test_intervals() -> None:
    values = (np.arange(1000) < 300).astype(np.float64)
    low, high = mean_interval(values, resamples=2000)
    deviation = math.sqrt(0.3 * 0.7 / 1000)
    assert (low, high) == pytest.approx((0.3 - 1.96 * deviation, 0.3 + 1.96 * deviation), abs=0.004)
    assert mean_interval(values, resamples=2000) == (low, high)
    assert mean_interval(values, resamples=2000, seed=1) != (low, high)
    narrow = mean_interval(values, resamples=500, level=0.5)
    assert low < narrow.low < 0.3 < narrow.high < high
    assert mean_interval(np.full(7, 0.25)) == (0.25, 0.25)
    seen = set[int]()

    def note(drawn: Any) -> float:
        seen.update(drawn.tolist())
        return 0.0

    bootstrap_interval(note, 10, resamples=50)
    assert seen == set(range(10))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: error(SURE, LABELS[:3]), "there are 3 labels for 4 predictions"),
        (lambda: error(SURE, LABELS + 1), "a label is class 3, and there are 3 classes, 0 to 2"),
        (lambda: error(SURE, LABELS - 1), "a label is class -1, and there are 3 classes"),
        (lambda: error(SURE[0], LABELS), r"probabilities have the shape \(3,\)"),
        (lambda: error(SURE[:0], LABELS[:0]), r"probabilities have the shape \(0, 3\)"),
        (lambda: error(SURE * np.nan, LABELS), "a probability is infinite, or no number"),
        (lambda: error(SURE, SURE[:, :2]), "labels are of 2 classes, predictions of 3"),
        (lambda: error(SURE, LABELS.astype(float)), r"labels have .* the type float64"),
        (lambda: by_class(np.ones(3), LABELS, 3), "3 values for the labels of 4 images"),
        (lambda: corruption_errors({"sleet": np.ones(5)}), "reference has no error for sleet"),
        (lambda: corruption_errors({"fog": np.ones(0)}), "errors of fog are no list"),
        (lambda: mean_corruption_error({"fog": np.ones(5)}), "gaussian_noise, .* are missing"),
        (lambda: flip_probability(np.zeros((2, 1), int)), "of 1 frames has no step of difficulty"),
        (lambda: flip_probability(np.zeros((2, 9), int), difficulty=0), "1 or more, and not 0"),
        (lambda: flip_probability(np.zeros((0, 9), int)), r"sequences have the shape \(0, 9\)"),
        (lambda: top5_distance(np.ones((1, 2, 4), int)), "needs 5 classes, and there are 4"),
        (lambda: mean_flip_rate({}), "there is no perturbation"),
        (lambda: mean_flip_rate({"tilt": 0.1}, {}), "the reference has no value for tilt"),
        (lambda: rms_calibration_error(np.ones(3), np.ones(2)), "one number an image is needed"),
        (lambda: rms_calibration_error(2 * np.ones(3), np.ones(3)), "is not from 0 to 1"),
        (lambda: mean_interval(np.ones(3), level=1.0), "between 0 and 1, and not 1"),
        (lambda: mean_interval(np.ones(0)), "0 images and 1000 resamples give no interval"),
    ],
)
def test_what_is_refused(call: Any, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        call()
