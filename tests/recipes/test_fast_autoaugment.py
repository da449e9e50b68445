"""Fast AutoAugment against its golden vectors and the probabilities of its policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augcli.operations.geometry import Geometry
from augcli.operations.policies import DataSet, sub_policies
from augcli.recipes.fast_autoaugment import FastAutoAugment
from tests.helpers.reference_vectors import Scripted, fitted, load, views
from tests.helpers.single_images import (
    KEPT,
    check,
    p_applied,
    p_between,
    p_half,
    p_uniform,
    policy_draws,
    table,
)

DATA_SETS: tuple[DataSet, ...] = ("imagenet", "cifar10", "svhn")


def test_defaults() -> None:
    assert FastAutoAugment().policy == "imagenet"
    assert FastAutoAugment().geometry() == Geometry("nearest", (0, 0, 0))


@pytest.mark.parametrize("policy", DATA_SETS)
def test_sub_policies(policy: DataSet) -> None:
    """Both operations of twelve sub-policies, from what is drawn to the pixels."""
    case = load(f"fast_autoaugment/subpolicy_{policy}")
    signed = table(load("fast_autoaugment/ranges"), "sign_flip_half")
    recipe = FastAutoAugment(policy=policy)
    cut_out = 0
    for row in range(12):
        image, names = case["input"][row], case["op"][row].tolist()
        cutouts = [i for i in (0, 1) if names[i] == "Cutout"]
        cut_out += len(cutouts)
        (first, second) = (0.49 if negated else 0.51 for negated in case["negated"][row])
        rng = Scripted(
            integers=[case["subpolicy_index"][row]],
            random=[-1.0, first, -1.0, second],
            uniform=[float(case["cutout_centre_xy"][row, i, axis]) for i in cutouts
                     for axis in (1, 0)],
        )  # fmt: skip
        params = recipe.draw(rng, views(image))
        assert rng.all_drawn()
        for operation, name, value, negated in zip(
            params.operations, names, case["value"][row], case["negated"][row], strict=True
        ):
            scale = 32 if policy != "imagenet" else 48
            pixels = scale if name.startswith("Translate") else 1
            sign = -1 if negated and signed[name] else 1
            assert operation.name == name
            assert operation.argument == pytest.approx(value * pixels * sign, abs=1e-9)
        augmented = recipe.apply(fitted(image), params)
        np.testing.assert_array_equal(augmented.image, case["output"][row], strict=True)
        assert (augmented.weights, augmented.boxes) == ((1.0,), ())
    assert cut_out > 0


@pytest.mark.parametrize(("name", "count"), [("imagenet", 498), ("cifar10", 493), ("svhn", 497)])
def test_draws(name: DataSet, count: int) -> None:
    policy = sub_policies("fast_autoaugment", name)
    drawn = policy_draws(FastAutoAugment(policy=name), (40, 60), 12000)
    assert p_uniform((number for number, _ in drawn), count) > KEPT
    assert p_applied(drawn, policy) > KEPT
    exchanged = tuple((first._replace(probability=second.probability),
                       second._replace(probability=first.probability))
                      for first, second in policy)  # fmt: skip
    assert p_applied(drawn, exchanged) < 1e-6


def test_signs_and_centres() -> None:
    vectors = load("fast_autoaugment/ranges")
    signed = table(vectors, "sign_flip_half")
    policy = sub_policies("fast_autoaugment", "imagenet")
    negated: dict[str, list[bool]] = {}
    centres = []
    for number, operations in policy_draws(FastAutoAugment(), (40, 60), 12000):
        steps = {step.name: step for step in policy[number]}
        for name, value, centre in operations:
            if name == "Cutout":
                centres.append(centre)
            else:
                assert centre is None
            if policy[number][0].name == policy[number][1].name:
                continue
            low, high = float(table(vectors, "low")[name]), float(table(vectors, "high")[name])
            sides = {"TranslateX": 60, "TranslateY": 40}
            plain = (low + steps[name].level * (high - low)) * sides.get(name, 1)
            if signed[name] and abs(plain) > 1e-9:
                assert abs(value) == pytest.approx(abs(plain))
                negated.setdefault(name, []).append((value < 0) != (plain < 0))
            else:
                assert value == pytest.approx(plain, abs=1e-12)
    assert set(negated) == {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}
    for flags in negated.values():
        assert p_half(flags) > KEPT
    assert len(centres) > 500
    assert p_between([row for row, _ in centres], 0, 40) > KEPT
    assert p_between([column for _, column in centres], 0, 60) > KEPT


@pytest.mark.parametrize(
    "options", [{}, {"policy": "svhn"}, {"policy": "cifar10", "fill": "red", "resample": "bicubic"}]
)
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(FastAutoAugment(**options), 20)
