"""Flip, rotation, shear, translation, crop and the operations on tones, each by its own name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from augcli.image.box import Box
from augcli.image.fit import resize
from augcli.operations.enhance import hue
from augcli.operations.geometry import Geometry
from augcli.recipes import color_jitter, crop
from augcli.recipes.catalogue import build_recipe
from augcli.recipes.chain import Operation
from augcli.recipes.color_jitter import ColorJitter
from augcli.recipes.crop import Crop, cropped_size
from tests.helpers.single_images import KEPT, check, draws, p_between, p_uniform, photo, shown

BILINEAR = Image.Resampling.BILINEAR


def moved(image: Image.Image, *matrix: float, resample: int, fill: tuple[int, ...]) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample=resample, fillcolor=fill
    )


PILLOW: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "invert": lambda image, _: ImageOps.invert(image),
    "solarize": lambda image, value: ImageOps.solarize(image, value),  # type: ignore[arg-type]
    "posterize": lambda image, value: ImageOps.posterize(image, int(value)),
    "brightness": lambda image, value: ImageEnhance.Brightness(image).enhance(value),
    "contrast": lambda image, value: ImageEnhance.Contrast(image).enhance(value),
    "color": lambda image, value: ImageEnhance.Color(image).enhance(value),
    "sharpness": lambda image, value: ImageEnhance.Sharpness(image).enhance(value),
    "rotate": lambda image, value: image.rotate(value, BILINEAR, fillcolor=(0, 0, 0)),
}


@pytest.mark.parametrize("name", PILLOW)
def test_one_operation_with_pillows_pixels(name: str) -> None:
    recipe = build_recipe(name, {})
    image = photo((37, 53), 5)
    different = set()
    for params in draws(recipe, (37, 53), 8):
        (operation,) = params.operations
        expected = np.asarray(PILLOW[name](Image.fromarray(image), operation.argument))
        np.testing.assert_array_equal(shown(recipe, image, params), expected)
        different.add(expected.tobytes())
    assert len(different) > (0 if name in ("autocontrast", "equalize", "invert") else 2)


# Name, options, operation, and the range of its argument on an image of 200x500.
RANGES = [
    ("rotate", {}, "Rotate", -30.0, 30.0),
    ("rotate", {"degrees": 180}, "Rotate", -180.0, 180.0),
    ("shear", {"axis": "horizontal"}, "ShearX", -0.3, 0.3),
    ("shear", {"axis": "vertical", "slope": 0.1}, "ShearY", -0.1, 0.1),
    ("translate", {"axis": "horizontal"}, "TranslateX", -100.0, 100.0),
    ("translate", {"axis": "vertical", "share": 0.5}, "TranslateY", -100.0, 100.0),
    ("solarize", {}, "Solarize", 128.0, 256.0),
    ("solarize", {"threshold": 200}, "Solarize", 200.0, 256.0),
    ("brightness", {}, "Brightness", 0.5, 1.5),
    ("contrast", {"strength": 1}, "Contrast", 0.0, 2.0),
    ("color", {"strength": 0.2}, "Color", 0.8, 1.2),
    ("sharpness", {}, "Sharpness", 0.5, 1.5),
]


@pytest.mark.parametrize(("name", "options", "operation", "low", "high"), RANGES)
def test_arguments_are_uniform(
    name: str, options: dict[str, Any], operation: str, low: float, high: float
) -> None:
    drawn = [p.operations for p in draws(build_recipe(name, options), (200, 500), 1500)]
    assert {len(chain) for chain in drawn} == {1}
    assert {chain[0].name for chain in drawn} == {operation}
    assert p_between([chain[0].argument for chain in drawn], low, high) > KEPT


@pytest.mark.parametrize(("name", "stem"), [("shear", "Shear"), ("translate", "Translate")])
def test_both_axes(name: str, stem: str) -> None:
    drawn = [params.operations for params in draws(build_recipe(name, {}), (100, 100), 1500)]
    assert {tuple(operation.name for operation in chain) for chain in drawn} == {
        (f"{stem}X", f"{stem}Y")
    }
    along, down = ([chain[axis].argument for chain in drawn] for axis in (0, 1))
    assert abs(stats.spearmanr(along, down).statistic) < 5 / np.sqrt(1500)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bits(bits: int) -> None:
    drawn = [p.operations[0] for p in draws(build_recipe("posterize", {"bits": bits}), (4, 4), 900)]
    assert {operation.argument for operation in drawn} == set(map(float, range(bits, 9)))
    assert bits == 8 or p_uniform((operation.argument for operation in drawn), 9 - bits) > KEPT


def test_shears_and_translations_with_pillows_pixels() -> None:
    image = photo((37, 53), 2)
    grey = (128, 128, 128)
    for resample in ("nearest", "bilinear"):
        options = {"resample": resample, "fill": "grey"}
        kind = {"nearest": Image.Resampling.NEAREST, "bilinear": BILINEAR}[resample]
        for name in ("shear", "translate"):
            recipe = build_recipe(name, options)
            for params in draws(recipe, (37, 53), 6):
                (_, along, _), (_, down, _) = params.operations
                first = (1, along, 0, 0, 1, 0) if name == "shear" else (1, 0, along, 0, 1, 0)
                second = (1, 0, 0, down, 1, 0) if name == "shear" else (1, 0, 0, 0, 1, down)
                expected = Image.fromarray(image)
                for matrix in (first, second):
                    expected = moved(expected, *matrix, resample=kind, fill=grey)
                np.testing.assert_array_equal(shown(recipe, image, params), expected)
                assert params.geometry == Geometry(resample, grey)


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_flips(direction: str, probability: float) -> None:
    recipe = build_recipe("flip", {"direction": direction, "probability": probability})
    drawn = draws(recipe, (9, 14), 2000)
    flipped = [params for params in drawn if params.operations]
    assert stats.binomtest(len(flipped), 2000, probability).pvalue > KEPT
    image = photo((9, 14))
    for params in drawn[:12]:
        expected = image
        if params.operations:
            expected = image[:, ::-1] if direction == "horizontal" else image[::-1]
        np.testing.assert_array_equal(shown(recipe, image, params), expected)


def test_crops_are_drawn_as_the_paper_does() -> None:
    """Against the rule, drawn independently: uniform area, log-uniform aspect, again where too
    large; places uniform."""
    huge = 10**6, 3 * 10**6
    boxes = [params.box for params in draws(Crop(), huge, 4000)]
    areas = [box.area / (huge[0] * huge[1]) for box in boxes]
    aspects = [math.log(box.width / box.height / 3) for box in boxes]
    rng = np.random.default_rng(1)
    area = rng.uniform(0.08, 1, 60_000)
    aspect = rng.uniform(-math.log(4 / 3), math.log(4 / 3), 60_000)
    fits = (area * np.exp(aspect) <= 1) & (area * np.exp(-aspect) <= 1)
    assert stats.ks_2samp(areas, area[fits]).pvalue > KEPT
    assert stats.ks_2samp(aspects, aspect[fits]).pvalue > KEPT
    for start, size, whole in [
        ([box.top for box in boxes], [box.height for box in boxes], huge[0]),
        ([box.left for box in boxes], [box.width for box in boxes], huge[1]),
    ]:
        shares = [s / (whole - n) for s, n in zip(start, size, strict=True) if n < whole]
        assert p_between(shares, 0, 1) > KEPT
    assert max(area for area, box in zip(areas, boxes, strict=True) if box.area) < 1


def test_crops_of_the_same_aspect() -> None:
    boxes = [p.box for p in draws(Crop(area=0.25, aspect=1), (300_000, 500_000), 1500)]
    shares = [box.height / 300_000 for box in boxes]
    assert [box.width / 500_000 for box in boxes] == pytest.approx(shares, abs=1e-5)
    assert p_between([share**2 for share in shares], 0.25, 1) > KEPT


def test_places_of_crops_are_inclusive() -> None:
    boxes = [params.box for params in draws(Crop(area=0.05, aspect=1), (6, 6), 4000)]
    small = [box for box in boxes if (box.height, box.width) == (4, 4)]
    assert p_uniform(((box.top, box.left) for box in small), 9) > KEPT
    assert all(0 <= box.top < box.bottom <= 6 and 0 <= box.left < box.right <= 6 for box in boxes)


def test_what_a_crop_shows() -> None:
    image = photo((40, 60))
    box = Box(3, 10, 23, 40)
    expected = resize(image[box.slices], (40, 60))
    assert expected.shape == image.shape
    np.testing.assert_array_equal(shown(Crop(), image, crop.Params(box)), expected)
    whole = shown(Crop(), image, crop.Params(Box(0, 0, 40, 60)))
    np.testing.assert_array_equal(whole, image)


def test_crops_that_do_not_fit() -> None:
    """Ten draws that are too wide leave the whole image."""
    drawn = draws(Crop(area=1, aspect=100), (50, 50), 50)
    assert {params.box for params in drawn} == {Box(0, 0, 50, 50)}
    assert cropped_size(0.25, 1.0, (100, 60)) == (50, 30)
    assert cropped_size(0.25, 4.0, (100, 60)) == (25, 60)
    assert cropped_size(1e-9, 1.0, (3, 4)) == (1, 1)


def test_colour_jitter_is_drawn_as_torchvisions() -> None:
    drawn = [params.adjustments for params in draws(ColorJitter(), (4, 4), 3000)]
    orders = [tuple(name for name, _ in adjustments) for adjustments in drawn]
    assert p_uniform(orders, 24) > KEPT
    for name, low, high in [
        ("brightness", 0.6, 1.4),
        ("contrast", 0.6, 1.4),
        ("saturation", 0.6, 1.4),
        ("hue", -0.1, 0.1),
    ]:
        assert p_between([dict(adjustments)[name] for adjustments in drawn], low, high) > KEPT
    strong = draws(ColorJitter(brightness=3, contrast=0, saturation=0, hue=0), (4, 4), 900)
    assert {tuple(name for name, _ in p.adjustments) for p in strong} == {("brightness",)}
    assert p_between([p.adjustments[0][1] for p in strong], 0.0, 4.0) > KEPT
    assert draws(ColorJitter(brightness=0, contrast=0, saturation=0, hue=0), (4, 4), 1) == [
        color_jitter.Params(())
    ]


def test_colour_jitter_applies_its_adjustments_in_order() -> None:
    image = photo((23, 31))
    enhance = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }
    results = set()
    for params in draws(ColorJitter(), (23, 31), 10):
        expected = Image.fromarray(image)
        for name, value in params.adjustments:
            if name == "hue":
                expected = Image.fromarray(hue(np.asarray(expected), value))
            else:
                expected = enhance[name](expected).enhance(value)
        np.testing.assert_array_equal(shown(ColorJitter(), image, params), expected)
        results.add(expected.tobytes())
    assert len(results) == 10


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in sorted({*PILLOW, "flip", "shear", "translate", "crop"})),
        ("rotate", {"resample": "nearest", "fill": "#102030"}),
        ("shear", {"resample": "bicubic", "slope": 1.5, "fill": "white"}),
        ("translate", {"share": 1, "resample": "bilinear", "fill": "grey"}),
        ("flip", {"direction": "vertical"}),
        ("crop", {"area": 0.001, "aspect": 5}),
        ("color_jitter", {}),
        ("color_jitter", {"hue": 0.5, "brightness": 2}),
    ],
)
def test_all_shapes_and_replays(name: str, options: dict[str, Any]) -> None:
    check(build_recipe(name, options), 6)


def test_level_less_operations_record_their_name_alone() -> None:
    for name, operation in [("autocontrast", "AutoContrast"), ("equalize", "Equalize"),
                            ("invert", "Invert")]:  # fmt: skip
        (params,) = draws(build_recipe(name, {}), (4, 4), 1)
        assert params.operations == (Operation(operation),)
