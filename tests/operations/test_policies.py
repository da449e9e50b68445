"""The published policies: complete, unchanged, and with the published outcome."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from augcli.operations import magnitudes, policies
from augcli.operations.policies import DataSet, Search, SubPolicy, sub_policies
from augcli.operations.table import OPERATIONS, operate
from tests.helpers.deepvoltaire import DEEPVOLTAIRE

REFERENCE = Path(__file__).parent.parent / "reference"
DATA_SETS: tuple[DataSet, ...] = ("imagenet", "cifar10", "svhn")
SEARCHES: tuple[Search, ...] = ("autoaugment", "fast_autoaugment")


def canonical(search: Search, policy: tuple[SubPolicy, ...]) -> str:
    if search == "autoaugment":
        return ";".join(
            "|".join(f"{step.name},{step.probability:.1f},{step.level}" for step in steps)
            for steps in policy
        )
    return ";".join(
        "|".join(f"{step.name},{step.probability!r},{step.level!r}" for step in steps)
        for steps in policy
    )


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_digests(search: Search, data_set: DataSet) -> None:
    expected = np.load(REFERENCE / search / f"policy_{data_set}_digest.npz")
    policy = sub_policies(search, data_set)
    assert len(policy) == expected["n_subpolicies"]
    digest = hashlib.sha256(canonical(search, policy).encode()).hexdigest()
    assert digest == str(expected["canonical_sha256"])
    published = np.load(REFERENCE / search / f"policy_{data_set}.npz")
    for field, column in (("name", "op"), ("probability", "prob"), ("level", "level")):
        actual = [[getattr(step, field) for step in steps] for steps in policy]
        np.testing.assert_array_equal(actual, published[column])
    assert {step.name for steps in policy for step in steps} <= {*OPERATIONS}
    assert sub_policies(search, data_set) is policy


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_fast_autoaugment_carries_its_licence(data_set: DataSet) -> None:
    path = Path(policies.__file__).parent / f"fast_autoaugment_{data_set}.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    assert about["copyright"] == "Copyright (c) 2019 Ildoo Kim"
    assert about["licence"].startswith("MIT License: Permission is hereby granted, free of charge")


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_autoaugment_in_deepvoltaires_transcription(data_set: DataSet) -> None:
    case = np.load(REFERENCE / "autoaugment" / f"subpolicy_deepvoltaire_{data_set}.npz")
    fill = tuple(case["fill"].tolist())
    # The vectors give rotations a sign, which the upstream transcription does not.
    for row in range(len(case["input"])):
        image = case["input"][row]
        steps = sub_policies("autoaugment", data_set)[case["subpolicy_index"][row]]
        for step, applied, sign in zip(steps, case["applied"][row], case["sign"][row], strict=True):
            if not applied:
                continue
            argument = magnitudes.argument(
                DEEPVOLTAIRE, step.name, step.level, image.shape, sign < 0
            )
            shears = step.name in ("ShearX", "ShearY")
            resample = case["shear_resample" if shears else "other_resample"]
            image = operate(image, step.name, argument, resample=resample.item().lower(), fill=fill)
        np.testing.assert_array_equal(image, case["output"][row], err_msg=f"{row} {steps}")


def test_autoaugment_with_the_research_codes_magnitudes() -> None:
    case = np.load(REFERENCE / "autoaugment" / "subpolicy_research_cifar10.npz")
    for row in range(len(case["input"])):
        image = case["input"][row]
        steps = sub_policies("autoaugment", "cifar10")[case["subpolicy_index"][row]]
        for step, sign, resolved in zip(
            steps, case["sign"][row], case["resolved_arg"][row], strict=True
        ):
            argument = magnitudes.argument(
                magnitudes.RESEARCH_CIFAR, step.name, step.level, image.shape, sign < 0
            )
            assert argument == pytest.approx(resolved, abs=1e-9)
            image = operate(image, step.name, argument, fill=tuple(case["fill"].tolist()))
        np.testing.assert_array_equal(image, case["output"][row], err_msg=f"{row} {steps}")


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_fast_autoaugment(data_set: DataSet) -> None:
    case = np.load(REFERENCE / "fast_autoaugment" / f"subpolicy_{data_set}.npz")
    for row in range(len(case["input"])):
        image = case["input"][row]
        steps = sub_policies("fast_autoaugment", data_set)[case["subpolicy_index"][row]]
        assert [step.name for step in steps] == case["op"][row].tolist()
        for step, negated, (x, y) in zip(
            steps, case["negated"][row], case["cutout_centre_xy"][row], strict=True
        ):
            argument = magnitudes.argument(
                magnitudes.FAST_AUTOAUGMENT, step.name, step.level, image.shape, bool(negated)
            )
            image = operate(
                image, step.name, argument, fill=tuple(case["fill"].tolist()), others=(y, x)
            )
        np.testing.assert_array_equal(image, case["output"][row], err_msg=f"{row} {steps}")
