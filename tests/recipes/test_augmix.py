"""AugMix against its golden vectors, its distributions, and the triplets that a run writes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from augcli.errors import UserError
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.augmix import AugMix, Params, mix
from augcli.recipes.catalogue import build_recipe
from augcli.recipes.chain import Operation
from augcli.recipes.cutout import Cutout
from tests.conftest import Augcli
from tests.helpers.reference_vectors import Vectors, fitted, load
from tests.helpers.single_images import (
    KEPT,
    check,
    draws,
    p_beta,
    p_between,
    p_half,
    p_uniform,
    photo,
    shown,
)

NAMES = {
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
    "posterize": "Posterize",
    "rotate": "Rotate",
    "solarize": "Solarize",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
}
ENHANCEMENTS = {"Color", "Contrast", "Brightness", "Sharpness"}
CASES = [pytest.param(load(f"augmix/mix_{number:02}"), id=str(number)) for number in range(6)]


def chains(case: Vectors) -> tuple[tuple[Operation, ...], ...]:
    rows = zip(case["chain_op"].tolist(), case["chain_arg"].tolist(), strict=True)
    return tuple(
        tuple(Operation(NAMES[name], value) for name, value in zip(*row, strict=True) if name)
        for row in rows
    )


def test_defaults() -> None:
    recipe = AugMix()
    actual = recipe.width, recipe.depth, recipe.severity, recipe.alpha, recipe.all_ops, recipe.views
    assert actual == (3, -1, 3, 1.0, False, 1)


@pytest.mark.parametrize("case", CASES)
def test_mixes(case: Vectors) -> None:
    params = Params(chains(case), tuple(case["dirichlet_w"].tolist()), float(case["beta_m"]))
    augmented = AugMix().apply(fitted(case["input"]), params)
    assert (augmented.weights, augmented.boxes) == ((1.0,), ())
    # One rounding: half a level from the unrounded mix, which is good to a hundredth.
    difference = np.abs(augmented.image - case["mixed_float"].astype(np.float64))
    assert difference.max() <= 0.5 + 1e-2
    assert np.abs(augmented.image.astype(int) - case["mixed_u8"]).max() <= 1
    assert (augmented.image == case["mixed_u8"]).mean() > 0.99


@pytest.mark.parametrize("case", CASES)
def test_each_chain(case: Vectors) -> None:
    """With all the weight on one chain, the mix is what that chain leads to."""
    every = chains(case)
    for number, expected in enumerate(case["aug_output"]):
        weights = tuple(float(number == other) for other in range(len(every)))
        augmented = AugMix().apply(fitted(case["input"]), Params(every, weights, 1.0))
        np.testing.assert_array_equal(augmented.image, expected, strict=True)
        clean = AugMix().apply(fitted(case["input"]), Params(every, weights, 0.0))
        np.testing.assert_array_equal(clean.image, case["input"], strict=True)


def test_mix_rounds_half_to_even_and_once() -> None:
    first, second = np.indices((256, 256), np.uint8)
    images = [np.repeat(values[..., None], 3, axis=2) for values in (first, second)]
    actual = mix(images, [0.5, 0.5])[..., 0]
    np.testing.assert_array_equal(actual, np.rint((first.astype(float) + second) / 2))
    # Rounded after each image, 1/4 + 1/4 + 1/4 + 1/4 would stay 0.
    ones = np.ones((3, 5, 3), np.uint8)
    np.testing.assert_array_equal(mix([ones] * 4, [0.25] * 4), ones)
    whites = np.full((3, 5, 3), 255, np.uint8)
    weights = np.random.default_rng(0).dirichlet(np.ones(30)).tolist()
    np.testing.assert_array_equal(mix([whites] * 30, weights), whites)


@pytest.mark.parametrize(("alpha", "width"), [(1.0, 3), (0.3, 2), (2.0, 4), (1.0, 1)])
def test_weights(alpha: float, width: int) -> None:
    drawn = draws(AugMix(alpha=alpha, width=width, depth=1), (8, 8), 3000)
    assert p_beta([params.m for params in drawn], alpha) > KEPT
    for number in range(width):
        weights = [params.weights[number] for params in drawn]
        if width == 1:
            assert weights == pytest.approx([1.0] * 3000, abs=1e-15)
            continue
        # One coordinate of a Dirichlet distribution is a Beta; not that of normalised uniforms.
        expected = stats.beta(alpha, alpha * (width - 1))
        assert stats.kstest(weights, expected.cdf).pvalue > KEPT
        assert abs(stats.spearmanr(weights, [params.m for params in drawn]).statistic) < 0.09
    assert all(sum(params.weights) == pytest.approx(1.0, abs=1e-12) for params in drawn)


def test_depths() -> None:
    drawn = draws(AugMix(), (8, 8), 2000)
    depths = [tuple(len(chain) for chain in params.chains) for params in drawn]
    assert p_uniform(depths, 3**3) > KEPT
    fixed = draws(AugMix(depth=5, width=2), (8, 8), 20)
    assert {tuple(map(len, params.chains)) for params in fixed} == {(5, 5)}


@pytest.mark.parametrize(("all_ops", "kinds"), [(False, 9), (True, 13)])
def test_operations(all_ops: bool, kinds: int) -> None:
    drawn = draws(AugMix(all_ops=all_ops, depth=2, width=2), (8, 8), 5000)
    pairs = [tuple(operation.name for operation in p.chains[0]) for p in drawn]
    assert p_uniform(pairs, kinds**2) > KEPT
    expected = {*NAMES.values(), *(ENHANCEMENTS if all_ops else ())}
    assert {name for pair in pairs for name in pair} == expected


@pytest.mark.parametrize("severity", [1, 3, 10])
def test_levels(severity: int) -> None:
    """Levels are uniform from 0.1 to the severity, and drawn for each operation."""
    height, width = 3000, 6000
    actual: dict[str, list[float]] = {}
    same = []
    for params in draws(AugMix(severity=severity, all_ops=True), (height, width), 4000):
        for chain in params.chains:
            for name, value, _ in chain:
                actual.setdefault(name, []).append(value)
            slopes = [abs(value) for name, value, _ in chain if name.startswith("Shear")]
            same += [slopes[0] == slopes[1]] if len(slopes) == 2 else []
    assert len(same) > 200
    assert not any(same)
    for name in ("ShearX", "ShearY"):
        levels = [abs(value) / 0.03 for value in actual[name]]
        assert p_between(levels, 0.1, severity) > KEPT
    for name, side in [("TranslateX", width), ("TranslateY", height)]:
        assert all(value == int(value) for value in actual[name])
        levels = [abs(value) / (side / 30) for value in actual[name]]
        assert stats.kstest(levels, stats.uniform(0.1, severity - 0.1).cdf).statistic < 0.05
        assert max(levels) <= severity
    for name in ("ShearX", "ShearY", "TranslateX", "TranslateY"):
        assert p_half(value < 0 for value in actual[name]) > KEPT
    for name in ENHANCEMENTS:
        assert p_between([(value - 0.1) / 0.18 for value in actual[name]], 0.1, severity) > KEPT
    assert set(actual["Posterize"]) == {float(4 - n) for n in range(int(severity * 0.4 - 1e-9) + 1)}
    assert max(actual["Solarize"]) == 256 - int(25.6 * 0.1)
    assert min(actual["Solarize"]) >= 256 - 25.6 * severity
    assert max(map(abs, actual["Rotate"])) == 3 * severity - 1


def test_views() -> None:
    assert AugMix().output_views() == ("aug1",)
    assert AugMix(views=2).output_views() == ("orig", "aug1", "aug2")
    assert Pipeline("augmix", (Step(AugMix()),)).views == ("aug1",)
    several = Pipeline("chain", (Step(Cutout()), Step(AugMix(views=2))))
    assert several.views == ("orig", "aug1", "aug2")
    with pytest.raises(UserError, match="views=3 of recipe augmix"):
        build_recipe("augmix", {"views": "3"})


@pytest.mark.parametrize("depth", ["0", "-2"])
def test_depths_that_are_none(depth: str) -> None:
    with pytest.raises(UserError, match=f"depth={depth} of recipe augmix is wrong"):
        build_recipe("augmix", {"depth": depth})


@pytest.mark.parametrize(
    "options",
    [{}, {"all_ops": True, "severity": 10, "views": 2}, {"width": 1, "depth": 4, "alpha": 0.05}],
)
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(AugMix(**options))


def test_an_image_beside_itself() -> None:
    """Chains that change nothing leave the image, whatever the weights."""
    image = photo((40, 50))
    still = (Operation("TranslateX", 0.0), Operation("Rotate", 0.0))
    for params in draws(AugMix(), (40, 50), 20):
        same = Params((still,) * 3, params.weights, params.m)
        np.testing.assert_array_equal(shown(AugMix(), image, same), image)


@pytest.mark.slow
def test_a_run_writes_triplets(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--recipe", "augmix", "--set", "views=2", "--copies", "2", "--format", "png")
    augmented = augcli("generate", photos, out, *options)
    assert augmented.returncode == 0, augmented.stderr
    rows = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    assert Counter(row["view"] for row in rows) == {"orig": 30, "aug1": 30, "aug2": 30}
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group_id"], {})[row["view"]] = row
    assert len(groups) == 30
    for group in groups.values():
        assert set(group) == {"orig", "aug1", "aug2"}
        assert len({tuple(row["source_ids"]) for row in group.values()}) == 1
        assert all(row["label_weights"] == [1.0] for row in group.values())
        clean = group["orig"]
        assert json.loads(clean["params"]) is None
        with Image.open(photos / clean["source_paths"][0]) as source, \
                Image.open(out / "train" / clean["file_name"]) as copy:  # fmt: skip
            difference = np.abs(np.asarray(source.convert("RGB")).astype(int) - np.asarray(copy))
            assert difference.max() <= 3  # of decoding a JPEG
        drawn = [json.loads(group[view]["params"]) for view in ("aug1", "aug2")]
        assert drawn[0] != drawn[1]
    assert len({row["sha256"] for row in rows if row["view"] != "orig"}) == 60
    again = augcli("verify", out, "--replay")
    assert again.returncode == 0, again.stdout + again.stderr
