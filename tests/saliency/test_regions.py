"""Peaks, region scores, thresholds and draws against golden vectors, NumPy and brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augcli.saliency.regions import (
    best_region,
    draw_region,
    is_flat,
    region_scores,
    saliency_peak,
    threshold,
)

REFERENCE = Path(__file__).resolve().parent.parent / "reference"
MIXES = [
    *sorted((REFERENCE / "saliencymix").glob("case_*.npz")),
    REFERENCE / "saliencymix" / "saliency_map_224.npz",
]
KEEPS = sorted((REFERENCE / "keepaugment").glob("case_*.npz"))


def test_all_vectors_are_there() -> None:
    assert (len(MIXES), len(KEEPS)) == (11, 8)


def tops_and_lefts(mask: npt.NDArray[np.bool_]) -> set[tuple[int, int]]:
    return {(int(top), int(left)) for top, left in np.argwhere(mask)}


@pytest.mark.parametrize("path", MIXES, ids=lambda path: path.stem)
def test_golden_peaks(path: Path) -> None:
    case = np.load(path)
    for suffix in ("bgr", "rgb", "f32norm"):
        if f"saliency_{suffix}" in case:
            saliency = case[f"saliency_{suffix}"]
            expected = tuple(case[f"peak_{suffix}"].tolist())
            assert saliency_peak(saliency) == expected
            assert saliency_peak(saliency.astype(np.float32) / 255) == expected


def test_golden_peaks_have_ties() -> None:
    assert max(int(np.load(path)["n_peak_ties_bgr"]) for path in MIXES) > 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_peak_is_the_first_of_equals_in_raster_order(dtype: type[np.generic]) -> None:
    saliency = np.zeros((40, 70), dtype)
    saliency[[5, 30, 30], [60, 0, 1]] = 9
    assert saliency_peak(saliency) == (5, 60)
    saliency[5, 60] = 8
    assert saliency_peak(saliency) == (30, 0)
    assert saliency_peak(saliency[:, 1:]) == (30, 0)


def test_peak_below_zero() -> None:
    assert saliency_peak(np.array([[-3.0, -2.0], [-4.0, -2.5]])) == (0, 1)


@pytest.mark.parametrize(
    "saliency",
    [
        np.zeros((4, 5), np.uint8),
        np.full((4, 5), 7, np.uint8),
        np.full((4, 5), 0.25, np.float32),
        np.ones((1, 1), np.uint8),
        np.array([[0.0, np.nan, 1.0]]),
        np.array([[0.0, np.inf, 1.0]]),
        np.array([[0.0, -np.inf, 1.0]], np.float32),
        np.array([[-np.inf, np.inf]]),
    ],
)
def test_maps_without_a_peak(saliency: npt.NDArray[np.float64]) -> None:
    assert saliency_peak(saliency) is None
    assert is_flat(saliency)


def test_a_map_that_is_not_flat() -> None:
    assert not is_flat(np.array([[0.0, 0.0], [0.0, 1e-300]]))
    assert not is_flat(np.array([[7, 7], [7, 8]], np.uint8))


@pytest.mark.parametrize("path", KEEPS, ids=lambda path: path.stem)
def test_golden_regions(path: Path) -> None:
    case = np.load(path)
    scores = region_scores(case["saliency"], int(case["region_h"]), int(case["region_w"]))
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, case["score"], rtol=1e-6, atol=1e-9)
    limit = threshold(scores, float(case["tau"]))
    np.testing.assert_allclose(limit, case["threshold"], rtol=1e-6)
    clear = ~case["near_threshold"]
    np.testing.assert_array_equal((scores < limit)[clear], case["admissible_cut"][clear])
    np.testing.assert_array_equal((scores > limit)[clear], case["admissible_paste"][clear])


@pytest.mark.parametrize("path", KEEPS, ids=lambda path: path.stem)
def test_golden_draws_are_admissible(path: Path) -> None:
    case = np.load(path)
    rng = np.random.default_rng(3)
    limit = float(case["threshold"])
    for below, name in ((True, "admissible_cut"), (False, "admissible_paste")):
        drawn = {draw_region(rng, case["score"], limit, below) for _ in range(400)}
        admissible = tops_and_lefts(case[name])
        assert len(drawn) > min(len(admissible), 400) / 2
        assert drawn == {None} if not admissible else drawn <= admissible


def test_scores_are_sums() -> None:
    saliency = np.arange(20, dtype=np.uint8).reshape(4, 5)
    assert region_scores(saliency, 4, 5).tolist() == [[190.0]]
    assert region_scores(saliency, 3, 4).tolist() == [[78.0, 90.0], [138.0, 150.0]]
    np.testing.assert_array_equal(region_scores(saliency, 1, 1), saliency)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_scores_equal_brute_force(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    height, width = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    bytes_map = rng.integers(0, 256, (rows, columns), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(bytes_map, (height, width))
    expected = windows.sum(axis=(2, 3), dtype=np.int64)
    np.testing.assert_array_equal(region_scores(bytes_map, height, width), expected)
    float_map = bytes_map.astype(np.float32) / np.float32(7)
    windows = np.lib.stride_tricks.sliding_window_view(float_map, (height, width))
    actual = region_scores(float_map, height, width)
    np.testing.assert_allclose(
        actual, windows.sum(axis=(2, 3), dtype=np.float64), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(("height", "width"), [(5, 1), (1, 7), (0, 3), (3, 0)])
def test_regions_that_do_not_fit(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"no region of {height} x {width} fits .* 4 x 6"):
        region_scores(np.ones((4, 6), np.uint8), height, width)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(1, 60),
    st.floats(0, 1),
    st.sampled_from(["distinct", "ties"]),
    st.integers(0, 10_000),
)
def test_threshold_is_numpys_linear_quantile(
    count: int, tau: float, values: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((count, 3))
    if values == "ties":
        scores = np.rint(5 * scores)
    kept = scores.copy()
    assert threshold(scores, tau) == np.quantile(scores, tau, method="linear")
    np.testing.assert_array_equal(scores, kept)


def test_threshold_at_the_ends() -> None:
    scores = np.array([[3.0, 1.0], [2.0, 7.0]])
    assert threshold(scores, 0.0) == 1.0
    assert threshold(scores, 1.0) == 7.0
    assert threshold(np.array([[4.5]]), 0.6) == 4.5


@pytest.mark.parametrize("below", [True, False])
def test_draws_are_uniform_over_the_admissible_set(below: bool) -> None:
    """Chi-square of 20,000 draws stays below its 0.9999 quantile for these degrees of freedom."""
    scores = np.random.default_rng(4).random((11, 13))
    limit = threshold(scores, 0.4)
    admissible = tops_and_lefts(scores < limit if below else scores > limit)
    rng = np.random.default_rng(5)
    counts = dict.fromkeys(admissible, 0)
    for _ in range(20_000):
        region = draw_region(rng, scores, limit, below)
        assert region is not None
        counts[region] += 1
    expected = 20_000 / len(admissible)
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    freedom = len(admissible) - 1
    normal = 3.72  # Wilson and Hilferty's approximation at 0.9999
    limit_of_chance = freedom * (1 - 2 / (9 * freedom) + normal * (2 / (9 * freedom)) ** 0.5) ** 3
    assert chi_square < limit_of_chance


@pytest.mark.parametrize("shape", [(11, 13), (1, 40), (40, 1), (1, 1)])
def test_a_draw_counts_in_raster_order(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(6).random(shape)
    for limit in (0.2, 0.9):
        for below in (True, False):
            admissible = np.argwhere(scores < limit if below else scores > limit)
            for seed in range(20):
                drawn = draw_region(np.random.default_rng(seed), scores, limit, below)
                if not len(admissible):
                    assert drawn is None
                    continue
                number = np.random.default_rng(seed).integers(len(admissible))
                assert drawn == tuple(admissible[number])


def test_bounds_are_strict_and_the_empty_set_draws_nothing() -> None:
    scores = np.array([[1.0, 2.0, 3.0]])
    rng = np.random.default_rng(0)
    assert {draw_region(rng, scores, 2.0, below=True) for _ in range(30)} == {(0, 0)}
    assert {draw_region(rng, scores, 2.0, below=False) for _ in range(30)} == {(0, 2)}
    state = rng.bit_generator.state
    flat = np.full((5, 5), 2.0)
    assert draw_region(rng, flat, threshold(flat, 0.6), below=True) is None
    assert draw_region(rng, flat, threshold(flat, 0.6), below=False) is None
    assert rng.bit_generator.state == state


def test_best_region_is_the_first_maximum() -> None:
    scores = np.zeros((6, 9))
    scores[[2, 4], [8, 1]] = 5.0
    assert best_region(scores) == (2, 8)
