"""AutoAugment against its golden vectors and the probabilities of its policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from augcli.operations.geometry import Geometry, Resample
from augcli.operations.magnitudes import argument
from augcli.operations.policies import DataSet, sub_policies
from augcli.recipes.autoaugment import AutoAugment
from augcli.recipes.chain import Chain, Operation
from tests.helpers.deepvoltaire import DEEPVOLTAIRE
from tests.helpers.reference_vectors import Scripted, fitted, load, views
from tests.helpers.single_images import (
    KEPT,
    check,
    p_applied,
    p_half,
    p_uniform,
    policy_draws,
    table,
)

DATA_SETS: tuple[DataSet, ...] = ("imagenet", "cifar10", "svhn")
ENHANCEMENTS = ("Brightness", "Color", "Contrast", "Sharpness")
GREY = (128, 128, 128)


def test_defaults() -> None:
    recipe = AutoAugment()
    assert (recipe.policy, recipe.magnitudes) == ("imagenet", "torchvision")
    assert recipe.geometry() == Geometry("nearest", GREY)


def test_the_research_codes_magnitudes() -> None:
    case = load("autoaugment/subpolicy_research_cifar10")
    recipe = AutoAugment(policy="cifar10", magnitudes="research-cifar")
    assert recipe.geometry().fill == tuple(case["fill"].tolist())
    for row in range(10):
        image, resolved = case["input"][row], case["resolved_arg"][row].tolist()
        first, second = (0.49 if sign < 0 else 0.51 for sign in case["sign"][row])
        rng = Scripted(integers=[case["subpolicy_index"][row]], random=[-1.0, first, -1.0, second])
        params = recipe.draw(rng, views(image))
        assert rng.all_drawn()
        assert [operation.argument for operation in params.operations] == pytest.approx(resolved)
        augmented = recipe.apply(fitted(image), params)
        np.testing.assert_array_equal(augmented.image, case["output"][row], strict=True)
        assert (augmented.weights, augmented.boxes) == ((1.0,), ())


def test_the_research_codes_translations_scale() -> None:
    """Ten pixels of 32, which the authors' code was written for."""
    recipe = AutoAugment(policy="cifar10", magnitudes="research-cifar")
    actual: dict[str, set[float]] = {"TranslateX": set(), "TranslateY": set()}
    for _, operations in policy_draws(recipe, (64, 320), 4000):
        for name, value, _ in operations:
            if name in actual:
                actual[name].add(abs(value))
    levels = {
        (step.name, int(step.level)) for steps in sub_policies("autoaugment", "cifar10")
        for step in steps
    }  # fmt: skip
    for name, scale in [("TranslateX", 10), ("TranslateY", 2)]:
        assert actual[name] == {level * scale for known, level in levels if known == name}


@pytest.mark.parametrize("policy", DATA_SETS)
def test_the_transcription_in_pytorch(policy: DataSet) -> None:
    """Sub-policies with some steps skipped. That code solarises from 256 instead of 255, and shears
    by BICUBIC."""
    case = load(f"autoaugment/subpolicy_deepvoltaire_{policy}")
    assert tuple(case["fill"].tolist()) == GREY
    for row in range(8):
        image = case["input"][row]
        rows = zip(
            sub_policies("autoaugment", policy)[case["subpolicy_index"][row]],
            case["applied"][row].tolist(),
            case["sign"][row].tolist(),
            strict=True,
        )
        for (name, _, level), applied, sign in rows:
            if not applied:
                continue
            value = argument(DEEPVOLTAIRE, name, level, image.shape, sign < 0)
            kind: Resample = "bicubic" if name.startswith("Shear") else "nearest"
            params = Chain((Operation(name, value),), Geometry(kind, GREY))
            image = AutoAugment().apply(fitted(image), params).image
        np.testing.assert_array_equal(image, case["output"][row], strict=True)


@pytest.mark.parametrize("name", DATA_SETS)
def test_draws(name: DataSet) -> None:
    policy = sub_policies("autoaugment", name)
    drawn = policy_draws(AutoAugment(policy=name), (70, 90), 8000)
    assert p_uniform((number for number, _ in drawn), 25) > KEPT
    assert p_applied(drawn, policy) > KEPT
    exchanged = tuple((first._replace(probability=second.probability),
                       second._replace(probability=first.probability))
                      for first, second in policy)  # fmt: skip
    assert p_applied(drawn, exchanged) < 1e-6


def test_steps_are_skipped_independently() -> None:
    number = 0  # Posterize with 0.4, Rotate with 0.6
    first, second = sub_policies("autoaugment", "imagenet")[number]
    assert (first.probability, second.probability) == (0.4, 0.6)
    chains = [
        {operation.name for operation in operations}
        for actual, operations in policy_draws(AutoAugment(), (8, 8), 40000)
        if actual == number
    ]
    counts = [
        sum(names == wanted for names in chains)
        for wanted in (set(), {first.name}, {second.name}, {first.name, second.name})
    ]
    expected = np.array([0.6 * 0.4, 0.4 * 0.4, 0.6 * 0.6, 0.4 * 0.6]) * len(chains)
    assert stats.chisquare(counts, expected).pvalue > KEPT


def test_arguments_and_signs() -> None:
    vectors = load("autoaugment/magnitudes_linspace10")
    arguments, signed = table(vectors, "arg_torchvision"), table(vectors, "sign_random_torchvision")
    height, width = 70, 90
    sides = {"TranslateX": width, "TranslateY": height}
    levels: dict[str, set[int]] = {}
    for policy in DATA_SETS:
        for steps in sub_policies("autoaugment", policy):
            for step in steps:
                levels.setdefault(step.name, set()).add(int(step.level))
    negative: dict[str, list[bool]] = {}
    for policy in DATA_SETS:
        for _, operations in policy_draws(AutoAugment(policy=policy), (height, width), 4000):
            for name, value, centre in operations:
                difference = value - (name in ENHANCEMENTS)
                allowed = [arguments[name][level] * sides.get(name, 1) for level in levels[name]]
                assert np.abs(np.array(allowed) - abs(difference)).min() < 1e-4
                assert centre is None
                if abs(difference) > 1e-9:
                    negative.setdefault(name, []).append(difference < 0)
    assert set(negative) >= {name for name, is_signed in signed.items() if is_signed} - {
        # No published policy has these.
        *({"TranslateX", "TranslateY"} - set(levels)),
    }
    for name, signs in negative.items():
        if signed[name]:
            assert p_half(signs) > KEPT
        else:
            assert not any(signs)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"policy": "svhn", "resample": "bilinear", "fill": "#010203"},
        {"policy": "cifar10", "magnitudes": "research-cifar"},
    ],
)
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(AutoAugment(**options), 20)
