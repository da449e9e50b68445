"""Metrics against the numbers of the published code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.errors import BadValue
from augcli.metrics.calibration import (
    Norm,
    binned_calibration_error,
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    rms_calibration_error,
)
from augcli.metrics.errors import (
    ALEXNET_ERRORS,
    correctness,
    corruption_errors,
    error,
    mean_corruption_error,
    plain_mean_error,
)
from augcli.metrics.flips import flip_probability, ranked, top5_distance, zipf_distance
from augcli.operations.corruptions.table import COMMON
from tests.helpers.corruption_vectors import WHOLE
from tests.helpers.reference_vectors import REFERENCE

NORMS: tuple[Norm, ...] = ("1", "2", "max")


def files(pattern: str) -> list[Any]:
    """Those of this checkout, and all where they lie beside it."""
    paths = {path.name: path for path in sorted((WHOLE / "metrics").glob(pattern))}
    paths |= {path.name: path for path in sorted((REFERENCE / "metrics").glob(pattern))}
    return [pytest.param(path, id=path.stem) for path in paths.values()]


def read(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return dict(archive)


@pytest.mark.parametrize("path", files("calibration_*.npz"))
def test_calibration(path: Path) -> None:
    case = read(path)
    probabilities, labels = case["probabilities"], case["labels"]
    confidence = probabilities.max(axis=1)
    correct = correctness(probabilities, labels)
    for norm in NORMS:
        for key, published in (("published", True), ("all_bins", False)):
            actual = binned_calibration_error(
                confidence, correct, norm=norm, like_hendrycks=published
            )
            assert actual == pytest.approx(float(case[f"calibration_{key}_{norm}"]), abs=1e-12)
    rms = rms_calibration_error(confidence, correct)
    assert rms == pytest.approx(float(case["calibration_all_bins_2"]), abs=1e-12)
    ece = expected_calibration_error(confidence, correct)
    assert ece == pytest.approx(float(case["ece_15"]), abs=1e-12)
    brier = brier_score(probabilities, labels)
    assert brier == pytest.approx(float(case["brier_sum"]), abs=1e-12)
    assert brier / 10 == pytest.approx(float(case["brier_mean_over_classes"]), abs=1e-12)
    nll = negative_log_likelihood(probabilities, labels)
    assert nll == pytest.approx(float(case["nll"]), abs=1e-12)
    assert error(probabilities, labels) == pytest.approx(float(case["error"]), abs=1e-12)


def test_the_published_calibration_error_leaves_out_the_most_confident() -> None:
    case = read(REFERENCE / "metrics/calibration_199.npz")
    confidence = case["probabilities"].max(axis=1)
    correct = correctness(case["probabilities"], case["labels"])
    assert rms_calibration_error(confidence, correct, like_hendrycks=True) == 0.0
    assert rms_calibration_error(confidence, correct) > 0.1
    few, correct = confidence[:99], correct[:99]
    with pytest.raises(BadValue, match="needs 100 images, and there are 99"):
        rms_calibration_error(few, correct, like_hendrycks=True)
    gap = abs(few.mean() - correct.mean())
    assert rms_calibration_error(few, correct) == pytest.approx(gap, abs=1e-12)


def test_mean_corruption_error() -> None:
    case = read(REFERENCE / "metrics/mce.npz")
    names = case["corruption"].tolist()
    assert tuple(ALEXNET_ERRORS) == COMMON == tuple(names)
    assert [*ALEXNET_ERRORS.values()] == pytest.approx(case["alexnet_error"].tolist(), abs=1e-12)
    errors = dict(zip(names, case["error"], strict=True))
    ces = corruption_errors(errors)
    assert [*ces.values()] == pytest.approx(case["ce"].tolist(), abs=1e-9)
    mce = 100 * mean_corruption_error(errors)
    assert mce == pytest.approx(float(case["mce_percent"]), abs=1e-9)
    plain = plain_mean_error(errors)
    assert plain == pytest.approx(float(case["mean_error_unnormalised"]), abs=1e-9)


@pytest.mark.parametrize("path", files("sequence_*.npz"))
def test_flips(path: Path) -> None:
    case = read(path)
    logits = case["logits"]
    ranks = ranked(logits)
    if "ranks" in case:
        np.testing.assert_array_equal(ranks, case["ranks"])
    predictions = logits.argmax(axis=-1)
    np.testing.assert_array_equal(predictions, case["predictions"])
    checked = 0
    for difficulty in (1, 2, 3):
        for noise in (False, True):
            key = f"{'noise_' if noise else ''}difficulty{difficulty}"
            if f"flip_probability_{key}" not in case:
                continue
            options: dict[str, Any] = {"difficulty": difficulty, "noise": noise}
            flips = flip_probability(predictions, **options)
            assert flips == pytest.approx(float(case[f"flip_probability_{key}"]), abs=1e-12)
            moved = top5_distance(ranks, **options)
            assert moved == pytest.approx(float(case[f"top5_distance_{key}"]), abs=1e-12)
            moved = zipf_distance(ranks, **options)
            assert moved == pytest.approx(float(case[f"zipf_distance_{key}"]), abs=1e-12)
            checked += 1
    assert checked >= 4
