"""TrivialAugment's wide space and its uniform choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augcli.operations.geometry import Geometry
from augcli.recipes.trivialaugment import TrivialAugment
from tests.helpers.single_images import KEPT, check, draws, p_half, p_uniform

# Of the paper's table of the wide space: the argument at the 31st magnitude.
WIDEST = {
    **dict.fromkeys(("ShearX", "ShearY"), 0.99),
    **dict.fromkeys(("TranslateX", "TranslateY"), 32.0),
    **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99),
    "Rotate": 135.0,
}


def test_one_operation_at_a_uniform_magnitude() -> None:
    chains = [params.operations for params in draws(TrivialAugment(), (300, 300), 12000)]
    assert {len(chain) for chain in chains} == {1}
    drawn = [chain[0] for chain in chains]
    assert p_uniform((operation.name for operation in drawn), 14) > KEPT
    for name, widest in WIDEST.items():
        enhances = name in ("Brightness", "Color", "Contrast", "Sharpness")
        values = [actual.argument - enhances for actual in drawn if actual.name == name]
        levels = [round(abs(value) / widest * 30) for value in values]
        assert [abs(value) for value in values] == pytest.approx([n / 30 * widest for n in levels])
        assert p_uniform(levels, 31) > KEPT
        # A magnitude of 0 has no sign that shows where it was added to 1.
        assert p_half(value < 0 for value in values if abs(value) > 1e-9) > KEPT


def test_unsigned_operations() -> None:
    drawn = [params.operations[0] for params in draws(TrivialAugment(), (50, 60), 20000)]
    actual = {
        name: sorted({operation.argument for operation in drawn if operation.name == name})
        for name in ("Posterize", "Solarize", "AutoContrast", "Equalize", "Identity")
    }
    assert actual["Posterize"] == [2, 3, 4, 5, 6, 7, 8]
    assert actual["Solarize"] == pytest.approx(np.arange(31) * 8.5)
    assert [actual[name] for name in ("AutoContrast", "Equalize", "Identity")] == [[0.0]] * 3


@pytest.mark.parametrize("options", [{}, {"resample": "bicubic", "fill": "#ff0001"}])
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(TrivialAugment(**options), 30)


def test_geometry_is_recorded() -> None:
    params = draws(TrivialAugment(resample="bilinear", fill="#ff0001"), (4, 4), 1)[0]
    assert params.geometry == Geometry("bilinear", (255, 0, 1))
    assert draws(TrivialAugment(), (4, 4), 1)[0].geometry == Geometry("nearest", (0, 0, 0))
