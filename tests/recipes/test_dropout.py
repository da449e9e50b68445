"""Dropout of pixels and of channels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from augcli.recipes import channel_dropout, pixel_dropout
from augcli.recipes.channel_dropout import ChannelDropout
from augcli.recipes.pixel_dropout import PixelDropout
from tests.helpers.reference_vectors import Vectors, cases, fitted
from tests.helpers.single_images import KEPT, check, draws, p_between, p_uniform, photo, shown


@pytest.mark.parametrize("case", cases("dropout", 5))
def test_pixels(case: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = {2: case["pixel_mask"], 3: case["pixel_channel_mask"]}
    rate = float(case["p"])

    def mask(seed: int, asked: float, shape: tuple[int, ...]) -> Any:
        assert (seed, asked, shape) == (7, rate, masks[len(shape)].shape)
        return masks[len(shape)]

    monkeypatch.setattr(pixel_dropout, "dropout_mask", mask)
    for per_channel, expected in [(False, "output_pixel"), (True, "output_pixel_per_channel")]:
        params = pixel_dropout.Params(7, rate, per_channel)
        augmented = PixelDropout().apply(fitted(case["input"]), params)
        np.testing.assert_array_equal(augmented.image, case[expected], strict=True)
        assert (augmented.weights, augmented.boxes) == ((1.0,), ())


@pytest.mark.parametrize("case", cases("dropout", 5))
def test_channels(case: Vectors) -> None:
    dropped = tuple(case["channel_drop"].tolist())
    for fill in (0, 128):
        augmented = ChannelDropout().apply(
            fitted(case["input"]), channel_dropout.Params(dropped, fill)
        )
        np.testing.assert_array_equal(
            augmented.image, case[f"output_channel_fill{fill}"], strict=True
        )
        assert (augmented.weights, augmented.boxes) == ((1.0,), ())


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("per_channel", [False, True])
def test_rates_of_pixels(rate: float, per_channel: bool) -> None:
    image = np.full((120, 90, 3), 200, np.uint8)
    recipe = PixelDropout(rate=rate, per_channel=per_channel)
    maps = [shown(recipe, image, params) == 0 for params in draws(recipe, (120, 90), 5)]
    assert len({dropped.tobytes() for dropped in maps}) == (1 if rate in (0, 1) else 5)
    for dropped in maps:
        if not per_channel:
            assert (dropped == dropped[..., :1]).all()
            dropped = dropped[..., 0]
        count = int(np.count_nonzero(dropped))
        assert stats.binomtest(count, dropped.size, rate).pvalue > KEPT
        if per_channel and 0 < rate < 1:
            red, green = dropped[..., 0].ravel(), dropped[..., 1].ravel()
            assert abs(np.corrcoef(red, green)[0, 1]) < 5 / np.sqrt(red.size)


def test_seeds() -> None:
    drawn = draws(PixelDropout(), (4, 4), 2000)
    assert p_between([params.seed for params in drawn], 0, 2**63) > KEPT
    assert {(params.rate, params.per_channel) for params in drawn} == {(0.2, False)}


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_rates_of_channels(rate: float) -> None:
    """Independent, but for the one that stays where all three would go."""
    drawn = Counter(params.dropped for params in draws(ChannelDropout(rate=rate), (4, 4), 6000))
    assert (True, True, True) not in drawn
    for dropped in np.ndindex(2, 2, 2):
        pattern, count = tuple(map(bool, dropped)), sum(dropped)
        if count < 3:
            expected = rate**count * (1 - rate) ** (3 - count) + (count == 2) * rate**3 / 3
            assert stats.binomtest(drawn[pattern], 6000, min(expected, 1.0)).pvalue > KEPT


def test_which_channel_stays_is_uniform() -> None:
    always = [params.dropped for params in draws(ChannelDropout(rate=1), (4, 4), 3000)]
    assert p_uniform(always, 3) > KEPT
    assert {sum(dropped) for dropped in always} == {2}
    image = photo((5, 6))
    actual = shown(ChannelDropout(), image, channel_dropout.Params((True, False, True), 9))
    np.testing.assert_array_equal(actual[..., 1], image[..., 1])
    assert (actual[..., [0, 2]] == 9).all()


@pytest.mark.parametrize(
    "recipe",
    [
        PixelDropout(),
        PixelDropout(rate=0.5, per_channel=True),
        ChannelDropout(),
        ChannelDropout(rate=0.9, fill=255),
    ],
    ids=str,
)
def test_all_shapes_and_replays(recipe: PixelDropout | ChannelDropout) -> None:
    check(recipe)
