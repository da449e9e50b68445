"""Order statistics by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from augcli.arrays.select import greatest, of_rank, split


def test_greatest_values() -> None:
    field = np.array([[3.0, 1.0, 2.0], [2.0, 2.0, 0.0]])
    chosen = [np.flatnonzero(greatest(field, count)).tolist() for count in range(7)]
    assert chosen == [
        [],
        [0],
        [0, 2],
        [0, 2, 3],
        [0, 2, 3, 4],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4, 5],
    ]


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-12, 0.0])
def test_greatest_values_among_many(spread: float) -> None:
    """Also where most values are close together, or equal."""
    rng = np.random.default_rng(8)
    field = 0.3 + spread * np.round(rng.standard_normal((40, 50)), 2)
    field[7, 7] = 1.0
    order = np.argsort(-field.ravel(), kind="stable")
    for count in (1, 2, 999, 1000, 1001, 1999, 2000):
        chosen = np.flatnonzero(greatest(field, count))
        np.testing.assert_array_equal(chosen, np.sort(order[:count]))


def test_how_far_a_split_is_apart() -> None:
    field = np.array([[3.0, 1.0, 2.25], [2.0, 2.0, 0.0]])
    assert [split(field, count)[1] for count in range(7)] == [
        math.inf, 0.75, 0.25, 0.0, 1.0, 1.0, math.inf,
    ]  # fmt: skip
    many = np.random.default_rng(3).permutation(5000).reshape(50, 100) * np.float64(0.5)
    for count in (0, 1, 77, 2500, 4999, 5000):
        mask, apart = split(many, count)
        np.testing.assert_array_equal(mask, many >= (5000 - count) * 0.5)
        assert apart == (0.5 if 0 < count < 5000 else math.inf)


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-12, 0.0])
@pytest.mark.parametrize("size", [1, 2, 3, 2000])
def test_values_of_a_rank(spread: float, size: int) -> None:
    rng = np.random.default_rng(size)
    values = 7.0 + spread * np.round(rng.standard_normal((1, size)), 2)
    if size > 3:
        values[0, 5] = -1e6
    ranked = np.sort(values, axis=None)
    for rank in {0, size // 3, size // 2, size - 2, size - 1} - {-1}:
        after = min(rank + 1, size - 1)
        assert of_rank(values, rank) == (ranked[rank], ranked[after])


@pytest.mark.parametrize("shape", [(90, 70), (8, 900), (3, 2000), (2000, 1)])
@pytest.mark.parametrize("kind", ["smooth", "noise", "ties", "grid"])
def test_ranks_by_a_sample(shape: tuple[int, int], kind: str) -> None:
    """Also where the sample of every eighth row and column tells nothing, or the contrary."""
    rng = np.random.default_rng(9)
    values = rng.standard_normal(shape)
    if kind == "smooth":
        values = np.cumsum(np.cumsum(values, axis=0), axis=1)
    elif kind == "ties":
        values = np.round(values)
    elif kind == "grid":
        values[4::8, 4::8] += 100.0
    kept = values.copy()
    ranked = np.sort(values, axis=None)
    order = np.argsort(-values.ravel(), kind="stable")
    size = values.size
    for rank in (0, 1, size // 50, size // 3, size // 2, size - size // 50, size - 2, size - 1):
        assert of_rank(values, rank) == (ranked[rank], ranked[min(rank + 1, size - 1)])
        chosen = np.flatnonzero(greatest(values, rank + 1))
        np.testing.assert_array_equal(chosen, np.sort(order[: rank + 1]))
    np.testing.assert_array_equal(values, kept)
