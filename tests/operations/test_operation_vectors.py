"""Operations and chains of them against the golden vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augcli.operations import geometry, magnitudes, tone
from augcli.operations.enhance import blend
from augcli.operations.table import OPERATIONS, operate

REFERENCE = Path(__file__).parent.parent / "reference"
SINGLE = sorted(REFERENCE.glob("*/ops_*.npz"))
CHAINS = sorted((REFERENCE / "randaugment").glob("chain_*.npz"))
PAIRS = sorted((REFERENCE / "samplepairing").glob("case_*.npz"))


def test_all_vectors_are_there() -> None:
    assert (len(SINGLE), len(CHAINS), len(PAIRS)) == (7, 4, 6)


@pytest.mark.parametrize("path", SINGLE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_single_operations(path: Path) -> None:
    case = np.load(path)
    resample, fill = case["resample"].item().lower(), tuple(case["fill"].tolist())
    for name, argument, output in zip(case["op"], case["arg"], case["output"], strict=True):
        result = operate(case["input"], str(name), float(argument), resample=resample, fill=fill)
        np.testing.assert_array_equal(result, output, err_msg=f"{name} {argument}", strict=True)


def test_solarize_add() -> None:
    case = np.load(REFERENCE / "randaugment" / "solarize_add.npz")
    for addition, output in zip(case["addition"], case["output"], strict=True):
        result = tone.solarize_add(case["input"], float(addition), int(case["threshold"]))
        np.testing.assert_array_equal(result, output)
        np.testing.assert_array_equal(operate(case["input"], "SolarizeAdd", addition), output)


@pytest.mark.parametrize("path", CHAINS, ids=lambda path: path.stem)
def test_randaugment_chains_from_level_and_sign(path: Path) -> None:
    case = np.load(path)
    image = case["input"]
    for name, sign, resolved in zip(case["op"], case["sign"], case["resolved_arg"], strict=True):
        argument = magnitudes.argument(
            magnitudes.TORCHVISION_RANDAUGMENT, str(name), int(case["m"]), image.shape, sign < 0
        )
        assert argument == pytest.approx(float(resolved), abs=1e-4)
        image = operate(image, str(name), argument, fill=tuple(case["fill"].tolist()))
    np.testing.assert_array_equal(image, case["output"])


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_blend_is_the_samplepairing_operation(path: Path) -> None:
    case = np.load(path)
    mixed = blend(case["image_a"], case["image_b"], float(case["blend_v"]))
    np.testing.assert_array_equal(mixed, case["blend_pil"])


def test_flips() -> None:
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(geometry.flip_horizontal(image), image[:, ::-1])
    np.testing.assert_array_equal(geometry.flip_vertical(image), image[::-1])


def test_names() -> None:
    assert {*OPERATIONS} > magnitudes.GEOMETRIC | magnitudes.ENHANCEMENTS
    image = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(KeyError, match="Twirl"):
        operate(image, "Twirl")
    with pytest.raises(ValueError, match="centre"):
        operate(image, "Cutout", 0.2)
