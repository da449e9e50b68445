"""Soft labels in half precision, or rounded: divided by their sum, and said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.data.weights import is_near
from augcli.errors import UserError

Weights = np.ndarray[Any, Any]
BY_COLUMN = SourceOptions(weights_column="w")


def softmax(rows: int, classes: int, spread: float) -> Weights:
    logits = np.random.default_rng(classes).normal(0, spread, (rows, classes))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def write_arrays(folder: Path, weights: Weights) -> Path:
    np.save(folder / "images.npy", np.zeros((len(weights), 8, 8), np.uint8))
    np.save(folder / "labels.npy", weights)
    return folder


def write_csv(folder: Path, weights: list[list[float]]) -> Path:
    cells = [f'"{json.dumps(row)}"' for row in weights]
    rows = "".join(f"{number}.jpg,{cell}\n" for number, cell in enumerate(cells))
    (folder / "t.csv").write_text(f"path,w\n{rows}")
    return folder / "t.csv"


def write_parquet(folder: Path, weights: Weights) -> Path:
    kind = pa.list_(pa.from_numpy_dtype(weights.dtype))
    column = pa.array([list(row) for row in weights], kind)
    names = [f"{number}.jpg" for number in range(len(weights))]
    pq.write_table(pa.table({"path": names, "w": column}), folder / "t.parquet")
    return folder / "t.parquet"


def check(listing: Listing, exact: Weights, off: float) -> None:
    """Each label has the sum 1, and is near to what was rounded."""
    for index, row in enumerate(exact):
        label = listing.label(index)
        assert abs(sum(label.weights) - 1) < 1e-12
        dense = np.zeros(len(row))
        dense[list(label.ids)] = label.weights
        assert np.abs(dense - row).max() <= off
        assert label.dominant == int(np.argmax(dense))


def test_half_precision(tmp_path: Path) -> None:
    exact = softmax(6, 20, 2.0)
    half = exact.astype(np.float16)
    sums = half.astype(np.float64).sum(axis=1)
    off = np.abs(sums - 1)
    assert off.min() > 1e-6 and off.max() < 5e-4
    sentence = (
        "{}: 6 rows have weights whose sum is not exactly 1, but within 0.01 of it, as after"
        " rounding; they are divided by their sum."
    )
    for source, options in (
        (write_arrays(tmp_path, half), SourceOptions()),
        (write_parquet(tmp_path, half), BY_COLUMN),
        (write_csv(tmp_path, half.astype(float).tolist()), BY_COLUMN),
    ):
        listing = list_source(source, options)
        check(listing, exact, 1e-3)
        assert listing.warnings == (sentence.format(source),)
    source = write_arrays(tmp_path, np.eye(4, dtype=np.float16))
    assert list_source(source).warnings == ()


@pytest.mark.parametrize("classes", [10, 1000])
def test_four_digits(tmp_path: Path, classes: int) -> None:
    """The sum of a thousand flat weights of 0.001 and less is off by more than 0.01."""
    exact = softmax(5, classes, 1.0)
    rounded = exact.round(4)
    for source, options in (
        (write_csv(tmp_path, rounded.tolist()), BY_COLUMN),
        (write_parquet(tmp_path, rounded.astype(np.float32)), BY_COLUMN),
        (write_parquet(tmp_path, rounded), BY_COLUMN),
        (write_arrays(tmp_path, rounded.astype(np.float32)), SourceOptions()),
    ):
        check(list_source(source, options), exact, 1e-4)


def test_far_from_1_is_explained_by_the_digits_of_many_classes_alone(tmp_path: Path) -> None:
    weights = np.full((1, 1000), 0.00104).round(4)  # each is 0.00004 less, together 0.04
    weights[0, :20] = 0.0
    assert abs(weights.sum() - 0.98) < 1e-9
    for source, options in (
        (write_csv(tmp_path, weights.tolist()), BY_COLUMN),
        (write_arrays(tmp_path, weights), SourceOptions()),
    ):
        (warning,) = list_source(source, options).warnings
        assert "1 row has weights whose sum is not exactly 1, but within 0.02 of it" in warning
    for wrong in ([0.5, 0.48], [*[0.00098] * 1000], [*[0.0009] * 1000], [*[0.1234] * 8]):
        source = write_csv(tmp_path, [wrong])
        with pytest.raises(UserError, match=r"not positive with the sum 1 \(within 0.01, or what"):
            list_source(source, BY_COLUMN)
        with pytest.raises(UserError, match=r"not positive with the sum 1 \(within 0.01, or what"):
            list_source(write_arrays(tmp_path, np.array([wrong])))


@pytest.mark.parametrize(
    ("difference", "weight", "classes", "near"),
    [
        (0.01, 0.3, 2, True),
        (0.0101, 0.3, 2, False),
        (0.049, 0.001, 1000, True),
        (0.051, 0.001, 1000, False),
        (0.02, 0.00123, 1000, False),  # five digits: 0.005 at most
        (0.02, 0.001, 39, False),
        (0.02, 0.001, 40, True),
        (float("nan"), 0.001, 1000, False),
    ],
)
def test_how_far_is_near(difference: float, weight: float, classes: int, near: bool) -> None:
    assert is_near(difference, [weight], classes) is near
