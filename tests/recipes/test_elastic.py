"""Elastic distortion against its golden vectors, and how strong it is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augcli.operations import elastic
from augcli.recipes.elastic import Elastic, Params
from tests.helpers.reference_vectors import Vectors, fitted, load
from tests.helpers.single_images import KEPT, check, draws, p_between, photo, shown

SIMARD = [pytest.param(load(f"elastic/case_simard_{n:02}"), id=str(n)) for n in range(3)]
CORRUPTIONS = [pytest.param(load(f"elastic/case_imagenetc_{n:02}"), id=str(n)) for n in range(8)]
RECIPES = {"imagenet": "imagenet-c", "tinyimagenet": "tiny-imagenet-c", "cifar": "cifar-c"}


@pytest.fixture
def noise_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every seed stand for the noise of a case."""

    def replace(case: Vectors) -> None:
        noise = np.stack([case["noise_dx"], case["noise_dy"]])
        monkeypatch.setattr(elastic, "uniform_field", lambda *_: (noise + 1.0) / 2.0)

    return replace


@pytest.mark.parametrize("case", SIMARD)
def test_simard(case: Vectors, noise_of: Any) -> None:
    noise_of(case)
    params = Params(1, float(case["alpha"]), float(case["sigma"]))
    augmented = Elastic().apply(fitted(case["input"]), params)
    assert np.abs(augmented.image - case["output_reflect"]).max() <= 0.5 + 1e-3
    assert (augmented.weights, augmented.boxes) == ((1.0,), ())


@pytest.mark.parametrize("case", CORRUPTIONS)
def test_imagenet_c(case: Vectors, noise_of: Any) -> None:
    noise_of(case)
    first, second, third = (tuple(offset) for offset in case["affine_point_noise"].tolist())
    params = Params(1, float(case["alpha"]), float(case["sigma"]), (first, second, third))
    augmented = Elastic().apply(fitted(case["input"]), params)
    assert np.abs(augmented.image - case["output_full"]).max() <= 0.5 + 1e-2
    truncated = case["output_full_u8_trunc"].astype(int)
    assert np.abs(augmented.image - truncated).max() <= 1


@pytest.mark.parametrize("case", CORRUPTIONS)
def test_severities(case: Vectors) -> None:
    recipe = Elastic(variant=RECIPES[str(case["variant"])], severity=int(case["severity"]))
    side = case["input"].shape[0]
    reach = float(case["affine_range"])
    drawn = draws(recipe, (side, 2 * side), 700)
    for params in drawn:
        assert params.alpha == pytest.approx(float(case["alpha"]))
        assert params.sigma == pytest.approx(float(case["sigma"]))
    offsets = np.array([params.jitter for params in drawn])
    assert offsets.shape == (700, 3, 2)
    assert p_between(offsets.ravel(), -reach, reach) > KEPT
    assert np.abs(np.corrcoef(offsets.reshape(700, 6).T) - np.eye(6)).max() < 5 / np.sqrt(700)


def test_strength_scales_with_the_shorter_side() -> None:
    (params,) = draws(Elastic(), (58, 290), 1)
    assert (params.alpha, params.sigma, params.jitter) == (136.0, 8.0, None)
    (params,) = draws(Elastic(alpha=10, sigma=2), (87, 29), 1)
    assert (params.alpha, params.sigma) == (10.0, 2.0)


def test_seeds() -> None:
    seeds = [params.seed for params in draws(Elastic(), (9, 9), 2000)]
    assert len(set(seeds)) == 2000
    assert p_between(seeds, 0, 2**63) > KEPT
    image = photo((30, 40))
    first, second, again = (
        shown(Elastic(), image, Params(seed, 60.0, 4.0)) for seed in (seeds[0], seeds[1], seeds[0])
    )
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


def test_no_strength_changes_nothing() -> None:
    image = photo((31, 20))
    for params in draws(Elastic(alpha=0), (31, 20), 2):
        np.testing.assert_array_equal(shown(Elastic(), image, params), image)


@pytest.mark.parametrize(
    "options",
    [{}, {"alpha": 100.0, "sigma": 0.5}, *({"variant": name} for name in RECIPES.values())],
)
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(Elastic(**options), 4)
