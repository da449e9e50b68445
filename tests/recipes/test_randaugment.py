"""RandAugment against its golden vectors and the distributions of its paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augcli.operations.geometry import Geometry
from augcli.operations.magnitudes import TORCHVISION_RANDAUGMENT
from augcli.recipes.chain import Chain, Operation
from augcli.recipes.randaugment import RandAugment
from tests.helpers.reference_vectors import Scripted, fitted, load, views
from tests.helpers.single_images import KEPT, check, draws, p_half, p_uniform, photo, shown, table

GREY = Geometry("nearest", (128, 128, 128))
NAMES = (
    *("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness"),
    *("Color", "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"),
)
SIGNED = {*NAMES[1:10]}


def test_defaults() -> None:
    recipe = RandAugment()
    assert (recipe.n, recipe.m, recipe.ops, recipe.resample) == (2, 9, "paper", "nearest")
    assert recipe.geometry() == GREY


@pytest.mark.parametrize("number", range(4))
def test_chains(number: int) -> None:
    case = load(f"randaugment/chain_{number:02}")
    names, signs = case["op"].tolist(), case["sign"].tolist()
    recipe = RandAugment(n=int(case["n"]), m=int(case["m"]))
    rng = Scripted(
        integers=[TORCHVISION_RANDAUGMENT.names.index(name) for name in names],
        random=[0.4999 if sign < 0 else 0.5 for sign in signs],
    )
    params = recipe.draw(rng, views(case["input"]))
    assert rng.all_drawn()
    assert [operation.name for operation in params.operations] == names
    arguments = [operation.argument for operation in params.operations]
    assert arguments == pytest.approx(case["resolved_arg"].tolist(), abs=1e-6)
    assert params.geometry == Geometry("nearest", tuple(case["fill"].tolist()))
    augmented = recipe.apply(fitted(case["input"]), params)
    np.testing.assert_array_equal(augmented.image, case["output"], strict=True)
    assert (augmented.weights, augmented.boxes) == ((1.0,), ())


@pytest.mark.parametrize("m", [0, 9, 30])
def test_draws(m: int) -> None:
    """14 operations, equally likely at each place, at magnitude m; half of the signed negative."""
    vectors = load("randaugment/magnitudes_torchvision31")
    arguments, signed = table(vectors), table(vectors, "sign_random")
    assert set(arguments) == set(NAMES)
    assert {name for name in NAMES if signed[name]} == SIGNED
    height, width = 200, 300
    chains = [params.operations for params in draws(RandAugment(m=m), (height, width), 3000, m)]
    assert {len(chain) for chain in chains} == {2}
    pairs = [tuple(operation.name for operation in chain) for chain in chains]
    assert p_uniform(pairs, 14 * 14) > KEPT
    negative: dict[str, list[bool]] = {}
    for name, argument, centre in (operation for chain in chains for operation in chain):
        expected = float(arguments[name][m])
        if name in ("TranslateX", "TranslateY"):
            expected *= width if name == "TranslateX" else height
        difference = argument - (name in ("Brightness", "Color", "Contrast", "Sharpness"))
        assert abs(difference) == pytest.approx(expected, abs=1e-4)
        assert centre is None
        negative.setdefault(name, []).append(bool(np.signbit(difference)))
    for name in SIGNED if m else ():
        assert p_half(negative[name]) > KEPT
    assert not any(sum(negative[name]) for name in set(NAMES) - SIGNED)


@pytest.mark.parametrize("level", range(0, 31, 3))
def test_tpu_magnitudes(level: int) -> None:
    """Those of the authors' code at 224 pixels; at another side its pixels scale."""
    vectors = load("randaugment/magnitudes_tpu")
    arguments, signed = table(vectors), table(vectors, "sign_random")
    assert int(vectors["translate_px_for_image_side"]) == 224
    recipe = RandAugment(n=40, m=level, ops="tpu")
    for shape, down, along in [((224, 224), 1.0, 1.0), ((112, 448), 0.5, 2.0)]:
        scales = {"TranslateX": along, "TranslateY": down, "Cutout": min(down, along)}
        names = set()
        for params in draws(recipe, shape, 10):
            for name, argument, _ in params.operations:
                names.add(name)
                expected = arguments[name][level] * scales.get(name, 1.0)
                actual = abs(argument) if signed[name] else argument
                assert actual == pytest.approx(expected, abs=0.5 if name == "Cutout" else 1e-4)
        assert names == set(arguments)


def test_tpu_draws() -> None:
    drawn = [
        operation
        for params in draws(RandAugment(ops="tpu"), (5, 7), 9000)
        for operation in params.operations
    ]
    assert p_uniform((operation.name for operation in drawn), 16) > KEPT
    for name in ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY"):
        assert p_half(np.signbit(actual.argument) for actual in drawn if actual.name == name) > KEPT
    centres = [actual.others for actual in drawn if actual.name == "Cutout"]
    assert p_uniform(centres, 5 * 7) > KEPT
    assert all(actual.others is None for actual in drawn if actual.name != "Cutout")


def test_tpu_cutout_is_a_grey_square_around_its_centre() -> None:
    image = photo((20, 30))
    params = Chain((Operation("Cutout", 4.0, (2, 25)),), Geometry("nearest", (1, 2, 3)))
    expected = image.copy()
    expected[0:6, 21:29] = (1, 2, 3)
    np.testing.assert_array_equal(shown(RandAugment(ops="tpu"), image, params), expected)


@pytest.mark.parametrize(
    "options",
    [{}, {"ops": "tpu", "n": 4}, {"n": 3, "m": 25, "resample": "bilinear", "fill": "#123456"}],
)
def test_all_shapes_and_replays(options: dict[str, Any]) -> None:
    check(RandAugment(**options))
