"""What an operation may take, by one that is added to the table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Pixels
from augcli.operations.magnitudes import Magnitudes
from augcli.operations.table import OPERATIONS, Entry, operate
from augcli.recipes.chain import Chain, Operation, apply_chain, draw_operation

SEED = (1 << 63) - 1  # which no float holds
GRAINY = Magnitudes({"Grain": lambda level, _side: 10.0 * level}, frozenset(), False)


def grain(image: Pixels, strength: float, threshold: float, seed: int) -> Pixels:
    """Brighter by `strength` where a field of noise exceeds the threshold."""
    assert isinstance(seed, int)
    where = uniform_field(seed, image.shape[:2]) > threshold
    return (image + np.uint8(strength) * where[..., None]).astype(np.uint8)


@pytest.fixture(autouse=True)
def _grain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "Grain", Entry(grain, others=("threshold", "seed")))


def test_an_operation_takes_further_arguments_and_a_seed() -> None:
    image = np.full((5, 8, 3), 7, np.uint8)
    expected = grain(image, 20.0, 0.25, SEED)
    assert 7 in expected
    assert 27 in expected
    actual = operate(image, "Grain", 20.0, others=(0.25, SEED))
    np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("others", [(), (0.25,), (0.25, 1, 2)])
def test_arguments_that_are_missing_or_too_many_are_refused(others: tuple[float, ...]) -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    count = len(others)
    with pytest.raises(ValueError, match=f"Grain needs threshold, seed; others has {count} num"):
        operate(image, "Grain", 20.0, others=others)


def test_a_row_of_the_manifest_makes_it_again() -> None:
    image = np.full((5, 8, 3), 7, np.uint8)
    chain = Chain((Operation("Grain", 20.0, (0.25, SEED)), Operation("Invert")))
    text = json.dumps([chain.operations, chain.geometry])
    operations, geometry = json.loads(text)
    again = TypeAdapter(Chain).validate_python({"operations": operations, "geometry": geometry})
    assert again == chain
    assert isinstance(again.operations[0].others[1], int)  # type: ignore[index]
    expected = 255 - grain(image, 20.0, 0.25, SEED)
    np.testing.assert_array_equal(apply_chain(image, again), expected, strict=True)


def test_a_seed_is_drawn() -> None:
    seeds = set()
    for number in range(20):
        rng = np.random.default_rng(number)
        operation = draw_operation(rng, GRAINY, "Grain", 2, (5, 8))
        assert operation.argument == 20.0
        assert operation.others is not None
        (seed,) = operation.others
        assert isinstance(seed, int)
        assert 0 <= seed < 1 << 63
        seeds.add(seed)
    assert len(seeds) == 20


def test_what_an_entry_says_is_what_its_function_takes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    for name, entry in OPERATIONS.items():
        actual = operate(image, name, 0.5, others=[1.0] * (len(entry.others) - 1) + [2])
        assert actual.shape == image.shape, name
        assert not np.shares_memory(actual, image), name
