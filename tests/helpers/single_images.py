"""How recipes are drawn, applied and replayed in tests, what holds for each that makes one image of
one, and the p-values of what is drawn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from scipy import stats

from augcli.arrays.types import Pixels
from augcli.enums import Fit
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Recipe, SourceView, as_record
from tests.helpers.reference_vectors import fitted

KEPT = 1e-3  # at a smaller p a null hypothesis is given up
SHAPES = [(1, 1), (1, 23), (17, 1), (2, 2), (31, 45), (64, 48)]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def draws(recipe: Recipe, shape: tuple[int, int], count: int, seed: int = 0) -> list[Any]:
    """What is drawn, again and again, for flat images on a canvas of this shape."""
    flat = Fitted(np.zeros((2, 2, 3), np.uint8), shape, Fit.stretch)
    rng, view = generator(seed), SourceView(flat, lambda _: np.zeros((2, 2), np.uint8))
    return [recipe.draw(rng, [view] * recipe.sources) for _ in range(count)]


def photo(shape: tuple[int, int], seed: int = 0) -> Pixels:
    """Noise that cannot be written to."""
    image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    image.flags.writeable = False
    return image


def shown(recipe: Recipe, image: Pixels, params: Any) -> Pixels:
    """The output for these parameters, whose label is the image's own."""
    augmented = recipe.apply(fitted(image), params)
    assert augmented.weights == (1.0,)
    assert augmented.image.dtype == np.uint8
    assert augmented.image.shape == image.shape
    assert not np.shares_memory(augmented.image, image)
    return augmented.image


def from_row(recipe: Recipe, params: Any) -> Any:
    """The parameters as they come back from the text in a manifest row."""
    text = json.dumps(as_record(params), allow_nan=False)
    assert all(-(2**63) <= number < 2**63 for number in integers(json.loads(text)))
    return TypeAdapter(recipe.params_type).validate_python(json.loads(text))


def integers(value: Any) -> Iterable[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from integers(inner)
    elif isinstance(value, int):
        yield value


def check(recipe: Recipe, count: int = 12) -> None:
    """Images of all shapes stay as they are, and a row's parameters make the output again, without
    the recipe's options."""
    for shape in SHAPES:
        image = photo(shape)
        for params in draws(recipe, shape, count):
            first = shown(recipe, image, params)
            again = shown(type(recipe)(), image, from_row(recipe, params))
            np.testing.assert_array_equal(again, first, err_msg=str(params))


def p_uniform(values: Iterable[Any], kinds: int) -> float:
    """Chi-squared test that all of so many possible values are drawn equally often."""
    counts = Counter(values)
    assert len(counts) <= kinds, f"more than {kinds}: {sorted(counts)}"
    return float(stats.chisquare([*counts.values(), *[0] * (kinds - len(counts))]).pvalue)


def p_half(values: Iterable[bool]) -> float:
    """Binomial test that half of the values are true."""
    drawn = list(values)
    return float(stats.binomtest(sum(drawn), len(drawn), 0.5).pvalue)


def p_between(values: Iterable[float], low: float, high: float) -> float:
    """Kolmogorov and Smirnov's test that values are uniform from `low` to `high`."""
    return float(stats.kstest(list(values), stats.uniform(low, high - low).cdf).pvalue)


def p_beta(values: Iterable[float], alpha: float) -> float:
    """Kolmogorov and Smirnov's test that values are those of Beta(alpha, alpha)."""
    return float(stats.kstest(list(values), stats.beta(alpha, alpha).cdf).pvalue)


def table(vectors: dict[str, npt.NDArray[Any]], key: str = "arg") -> dict[str, npt.NDArray[Any]]:
    """Rows of a table of golden magnitudes by the name of their operation."""
    return dict(zip(vectors["op"].tolist(), vectors[key], strict=True))


class Recorded(np.random.Generator):
    """A generator that remembers what its `integers` drew."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(np.random.Philox(seed))
        self.integers_drawn: list[int] = []

    def integers(self, *arguments: Any, **options: Any) -> Any:
        drawn = super().integers(*arguments, **options)
        self.integers_drawn.append(int(drawn))
        return drawn


def policy_draws(recipe: Recipe, shape: tuple[int, int], count: int) -> list[tuple[int, Any]]:
    """The number of the sub-policy that each draw chose, and the operations that it led to."""
    flat = Fitted(np.zeros((2, 2, 3), np.uint8), shape, Fit.stretch)
    view = SourceView(flat, lambda _: np.zeros((2, 2), np.uint8))
    rng, drawn = Recorded(), list[tuple[int, Any]]()
    for _ in range(count):
        rng.integers_drawn.clear()
        params = recipe.draw(rng, [view])
        (number,) = rng.integers_drawn
        drawn.append((number, params.operations))
    return drawn


def p_applied(drawn: list[tuple[int, Any]], policy: Any) -> float:
    """Test that each step of each sub-policy is applied with its own probability.

    For every step, the squared difference between how often it was applied and how often that is
    expected, in variances; their sum is close to normal.
    """
    actual = [[0, 0, 0] for _ in policy]
    for number, operations in drawn:
        names, steps = [operation.name for operation in operations], policy[number]
        assert set(names) <= {step.name for step in steps}
        if steps[0].name != steps[1].name:  # else it does not tell which of the two it is
            assert len(names) < 2 or names == [step.name for step in steps]
            actual[number][0] += 1
            for place, step in enumerate(steps, 1):
                actual[number][place] += step.name in names
    total, variance = 0.0, 0.0
    for (count, *applied), steps in zip(actual, policy, strict=True):
        for times, step in zip(applied, steps, strict=True):
            expected, spread = count * step.probability, step.probability * (1 - step.probability)
            if spread * count == 0:
                if times != expected:
                    return 0.0
                continue
            total += (times - expected) ** 2 / (count * spread) - 1
            variance += 2 + (1 - 6 * spread) / (count * spread)
    return float(stats.norm.sf(total / np.sqrt(variance)))
