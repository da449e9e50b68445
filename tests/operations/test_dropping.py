"""Dropout, Fast AutoAugment's cutout, and the noise fields behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from augcli.arrays.noise import uniform_field
from augcli.operations.dropout import cutout, drop_channels, drop_pixels, dropout_mask

REFERENCE = Path(__file__).parent.parent / "reference"
thorough = settings(max_examples=200, deadline=None, derandomize=True)
CASES = sorted((REFERENCE / "dropout").glob("case_*.npz"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_dropout(path: Path) -> None:
    case = np.load(path)
    image = case["input"]
    before = image.copy()
    for result, expected in [
        (drop_pixels(image, case["pixel_mask"]), "output_pixel"),
        (drop_pixels(image, case["pixel_channel_mask"]), "output_pixel_per_channel"),
        (drop_channels(image, case["channel_drop"]), "output_channel_fill0"),
        (drop_channels(image, case["channel_drop"], 128), "output_channel_fill128"),
    ]:
        np.testing.assert_array_equal(result, case[expected], strict=True)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_masks_drop_their_share(path: Path) -> None:
    case = np.load(path)
    low, high = case["pixel_count_5sigma"]
    rate, shape = float(case["p"]), case["pixel_mask"].shape
    counts = [dropout_mask(seed, rate, shape).sum() for seed in range(20)]
    assert low <= min(counts) < max(counts) <= high


def test_masks_at_the_ends_of_the_rate() -> None:
    assert not dropout_mask(7, 0.0, (40, 30)).any()
    assert dropout_mask(7, 1.0, (40, 30, 3)).all()
    assert dropout_mask(7, 0.5, (40, 30, 3)).shape == (40, 30, 3)


def test_cutout_vectors() -> None:
    case = np.load(REFERENCE / "fast_autoaugment" / "cutout_op.npz")
    for image, (share, x, y), expected in zip(
        case["input"], case["v_cx_cy"], case["output"], strict=True
    ):
        np.testing.assert_array_equal(cutout(image, share, (y, x)), expected, strict=True)


@thorough
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0, 0.2),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_cutout_is_pillows_rectangle(
    height: int, width: int, share: float, down: float, along: float
) -> None:
    x, y, side = along * width, down * height, share * width
    image = np.full((height, width, 3), 7, np.uint8)
    expected = Image.fromarray(image)
    if share > 0:
        left, top = int(max(0, x - side / 2)), int(max(0, y - side / 2))
        corners = (left, top, min(width, left + side), min(height, top + side))
        ImageDraw.Draw(expected).rectangle(corners, (125, 123, 114))
    np.testing.assert_array_equal(cutout(image, share, (y, x)), np.array(expected), strict=True)
    assert (image == 7).all()


def philox_words(key: int) -> Iterator[int]:
    """Philox-4x64-10 as its paper (Salmon et al., SC 2011) defines it, counting from 1."""
    limit = 2**64 - 1
    counter = 1
    while True:
        words, round_key = [counter & limit, counter >> 64, 0, 0], [key & limit, key >> 64]
        for _ in range(10):
            first, second = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
            words = [
                (second >> 64) ^ words[1] ^ round_key[0],
                second & limit,
                (first >> 64) ^ words[3] ^ round_key[1],
                first & limit,
            ]
            round_key = [
                (round_key[0] + 0x9E3779B97F4A7C15) & limit,
                (round_key[1] + 0xBB67AE8584CAA73B) & limit,
            ]
        yield from words
        counter += 1


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1, 2**64 - 1])
def test_fields_are_philox_halves(seed: int) -> None:
    """Fields that manifests refer to by seed must stay the same in all versions."""
    words = philox_words(seed)
    halves: list[float] = []
    while len(halves) < 15:
        word = next(words)
        halves += [(word % 2**32) / 2**32, (word >> 32) / 2**32]
    np.testing.assert_array_equal(
        uniform_field(seed, (3, 5)), np.array(halves[:15]).reshape(3, 5), strict=True
    )


def test_fields_are_uniform_and_independent() -> None:
    fields = np.stack([uniform_field(seed, (100, 100)) for seed in range(20)])
    assert fields.min() >= 0
    assert fields.max() < 1
    counts = np.histogram(fields, 20, (0, 1))[0]
    # 5 sigma of a binomial with n = 200000, p = 1/20.
    assert np.abs(counts - 10000).max() < 5 * np.sqrt(200000 * 0.05 * 0.95)
    correlation = np.corrcoef(fields.reshape(20, -1)) - np.eye(20)
    assert np.abs(correlation).max() < 5 / np.sqrt(10000)
