"""The published tables of magnitudes, by formula, against the golden tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augcli.operations import magnitudes
from augcli.operations.magnitudes import Magnitudes, argument
from augcli.operations.table import OPERATIONS

REFERENCE = Path(__file__).parent.parent / "reference"
TABLES = {
    "torchvision31": (
        magnitudes.TORCHVISION_RANDAUGMENT,
        "randaugment/magnitudes_torchvision31.npz",
        "arg",
        "sign_random",
    ),
    "torchvision10": (
        magnitudes.TORCHVISION_AUTOAUGMENT,
        "autoaugment/magnitudes_linspace10.npz",
        "arg_torchvision",
        "sign_random_torchvision",
    ),
    "research-cifar": (
        magnitudes.RESEARCH_CIFAR,
        "autoaugment/magnitudes_research_cifar.npz",
        "arg",
        "sign_random",
    ),
    "tpu": (magnitudes.TPU, "randaugment/magnitudes_tpu.npz", "arg", "sign_random"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    mapping, path, values, signs = TABLES[name]
    table = np.load(REFERENCE / path)
    assert mapping.names == tuple(table["op"].tolist())
    # The raw values: translations as shares, that is on a side of 1, enhancements as deltas.
    computed = [
        [mapping.formulas[operation](level, 1) for level in range(len(table["level"]))]
        for operation in mapping.names
    ]
    # Their origin is float32.
    np.testing.assert_allclose(computed, table[values], rtol=1e-6, atol=1e-6)
    assert [operation in mapping.signed for operation in mapping.names] == table[signs].tolist()
    if "enhance_is_delta_from_one" in table:
        assert mapping.enhances_by_delta == bool(table["enhance_is_delta_from_one"])
    else:
        assert not mapping.enhances_by_delta


def test_trivialaugment_is_the_wide_space() -> None:
    wide = magnitudes.TRIVIALAUGMENT_WIDE
    assert wide.names == magnitudes.TORCHVISION_RANDAUGMENT.names
    top = {name: wide.formulas[name](30, 500) for name in wide.names}
    assert top == {
        **dict.fromkeys(("ShearX", "ShearY", "Color", "Contrast", "Brightness", "Sharpness"), 0.99),
        **{"TranslateX": 32, "TranslateY": 32, "Rotate": 135, "Posterize": 2, "Solarize": 0},
        **{"Identity": 0, "AutoContrast": 0, "Equalize": 0},
    }
    assert [wide.formulas["Posterize"](level, 1) for level in (0, 2, 3, 15, 27, 28)] == [
        *(8, 8, 7, 5, 3, 2),
    ]
    assert wide.formulas["Solarize"](0, 1) == 255


def test_fast_autoaugment_ranges() -> None:
    table = np.load(REFERENCE / "fast_autoaugment" / "ranges.npz")
    mapping = magnitudes.FAST_AUTOAUGMENT
    assert mapping.names == tuple(table["op"].tolist())
    for name, low, high, flips in zip(*(table[key] for key in table.files), strict=True):
        assert mapping.formulas[str(name)](0.0, 1) == pytest.approx(low, abs=1e-12)
        assert mapping.formulas[str(name)](1.0, 1) == pytest.approx(high, abs=1e-12)
        assert (str(name) in mapping.signed) == flips


def test_augmix_levels() -> None:
    table = np.load(REFERENCE / "augmix" / "level_to_arg.npz")
    ours = {
        **{"autocontrast": "AutoContrast", "equalize": "Equalize", "posterize": "Posterize"},
        **{"rotate": "Rotate", "solarize": "Solarize", "shear_x": "ShearX", "shear_y": "ShearY"},
        **{"translate_x": "TranslateX", "translate_y": "TranslateY", "color": "Color"},
        **{"contrast": "Contrast", "brightness": "Brightness", "sharpness": "Sharpness"},
    }
    assert set(magnitudes.AUGMIX.names) == set(ours.values())
    for name, side, level, negated, expected in zip(*(table[k] for k in table.files), strict=True):
        actual = argument(magnitudes.AUGMIX, ours[str(name)], level, (side, side), bool(negated))
        assert actual == pytest.approx(expected, abs=1e-12), (name, side, level)


def test_argument_resolves_sides_signs_and_factors() -> None:
    torchvision = magnitudes.TORCHVISION_AUTOAUGMENT
    shape = (100, 200, 3)
    assert argument(torchvision, "TranslateX", 9, shape) == pytest.approx(200 * 150 / 331)
    assert argument(torchvision, "TranslateY", 9, shape, True) == pytest.approx(-100 * 150 / 331)
    assert argument(torchvision, "Color", 9, shape) == pytest.approx(1.9)
    assert argument(torchvision, "Color", 9, shape, True) == pytest.approx(0.1)
    assert argument(torchvision, "Solarize", 9, shape, True) == 0.0
    assert argument(torchvision, "Posterize", 9, shape, True) == 4.0
    assert argument(magnitudes.RESEARCH_CIFAR, "Color", 9, shape, True) == pytest.approx(1.72)
    with pytest.raises(KeyError, match="Cutout"):
        argument(torchvision, "Cutout", 1, shape)


ALL = [value for value in vars(magnitudes).values() if isinstance(value, Magnitudes)]


def test_every_operation_of_every_mapping_has_its_function() -> None:
    assert len(ALL) == 7
    for mapping in ALL:
        assert set(mapping.names) <= {*OPERATIONS}
        assert mapping.signed <= magnitudes.GEOMETRIC | magnitudes.ENHANCEMENTS
