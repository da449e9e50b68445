"""Every operation gives Pillow's pixels, for any image, size and argument."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from augcli.operations import enhance
from augcli.operations.geometry import Geometry, affine
from augcli.operations.table import operate

Pixels = npt.NDArray[np.uint8]

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
thorough = settings(max_examples=200, deadline=None, derandomize=True)
SIDES = st.sampled_from([1, 2, 3, 4, 5, 7, 16, 33, 64, 101, 150])


@st.composite
def images(draw: st.DrawFn) -> Pixels:
    """Noise, few colours, gradients, one colour; from 1x1, with many odd sizes."""
    height, width = draw(SIDES), draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "posters", "gradient", "flat", "narrow"]))
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "posters":
        return rng.integers(0, 3, (height, width, 3), np.uint8) * np.uint8(rng.integers(1, 128))
    if kind == "gradient":
        steps = np.add.outer(np.arange(height), np.arange(width))[..., None]
        return (steps * rng.integers(1, 9, 3) + rng.integers(0, 256, 3)).astype(np.uint8)
    if kind == "narrow":
        return rng.integers(100, 104, (height, width, 3), np.uint8)
    return np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Any float, and the round ones on which rounding rules differ."""
    anything = st.floats(low, high, allow_subnormal=False)
    return st.one_of(
        anything, anything.map(lambda x: round(x, 1)), anything.map(lambda x: round(2 * x) / 2)
    )


fills = st.tuples(*[st.integers(0, 255)] * 3)


def moved(image: Pixels, matrix: tuple[float, ...], resample: str, fill: tuple[int, ...]) -> Pixels:
    height, width = image.shape[:2]
    transform = Image.fromarray(image).transform
    return np.array(
        transform(
            (width, height), Image.Transform.AFFINE, matrix, FILTERS[resample], fillcolor=fill
        )
    )


MATRICES: dict[str, Callable[[float], tuple[float, ...]]] = {
    "ShearX": lambda slope: (1, slope, 0, 0, 1, 0),
    "ShearY": lambda slope: (1, 0, 0, slope, 1, 0),
    "TranslateX": lambda pixels: (1, 0, pixels, 0, 1, 0),
    "TranslateY": lambda pixels: (1, 0, 0, 0, 1, pixels),
}


def check(
    image: Pixels, expected: Pixels, name: str, argument: float = 0.0, **options: object
) -> None:
    before = image.copy()
    result = operate(image, name, argument, **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(result, expected, strict=True)
    np.testing.assert_array_equal(image, before)
    assert not np.shares_memory(result, image)
    assert result.flags.c_contiguous and result.flags.writeable


@pytest.mark.parametrize("name", ["ShearX", "ShearY"])
@thorough
@given(images(), numbers(-2, 2), st.sampled_from(list(FILTERS)), fills)
def test_shear(
    name: str, image: Pixels, slope: float, resample: str, fill: tuple[int, int, int]
) -> None:
    expected = moved(image, MATRICES[name](slope), resample, fill)
    check(image, expected, name, slope, resample=resample, fill=fill)


@pytest.mark.parametrize("name", ["TranslateX", "TranslateY"])
@thorough
@given(images(), numbers(-200, 200), st.sampled_from(list(FILTERS)), fills)
@example(np.zeros((3, 4, 3), np.uint8), -0.5, "nearest", (1, 2, 3))
@example(np.zeros((3, 4, 3), np.uint8), -1e-17, "nearest", (1, 2, 3))
@example(np.zeros((3, 4, 3), np.uint8), 1e300, "bilinear", (1, 2, 3))
def test_translation(
    name: str, image: Pixels, distance: float, resample: str, fill: tuple[int, int, int]
) -> None:
    expected = moved(image, MATRICES[name](distance), resample, fill)
    check(image, expected, name, distance, resample=resample, fill=fill)


@thorough
@given(
    images(),
    st.one_of(numbers(-400, 400), st.sampled_from([0.0, 90.0, 180.0, 270.0, -90.0, 360.0, 1e-9])),
    st.sampled_from(list(FILTERS)),
    fills,
)
def test_rotation(image: Pixels, degrees: float, resample: str, fill: tuple[int, int, int]) -> None:
    rotate_bilinear = Image.fromarray(image).rotate(degrees, FILTERS[resample], fillcolor=fill)
    check(image, np.array(rotate_bilinear), "Rotate", degrees, resample=resample, fill=fill)


@pytest.mark.parametrize(
    ("shape", "matrix"),
    [
        ((1, 32766), (1, 0, 0, 0.0001, 1, 0)),
        ((2, 33000), (1, 0.3, 0, 0, 1, 0)),
        ((40, 30), (1, 0, 0, 900.0, 1, 0)),
        ((40, 30), (700.0, 3.0, -9000.0, 5.0, 600.0, -8000.0)),
        ((40, 30), (-1.0, 0.25, 29.0, 0.5, -1.0, 39.5)),
        ((40, 30), (0.5, 0, 0, 0, 0.5, 0)),
    ],
)
def test_matrices_within_and_beyond_fixed_point(
    shape: tuple[int, int], matrix: tuple[float, float, float, float, float, float]
) -> None:
    image = np.random.default_rng(5).integers(0, 256, (*shape, 3), np.uint8)
    expected = moved(image, matrix, "nearest", (9, 8, 7))
    np.testing.assert_array_equal(affine(image, matrix, Geometry("nearest", (9, 8, 7))), expected)


@thorough
@given(images())
def test_operations_without_argument(image: Pixels) -> None:
    pillow = Image.fromarray(image)
    check(image, image, "Identity")
    check(image, np.array(ImageOps.autocontrast(pillow)), "AutoContrast")
    check(image, np.array(ImageOps.equalize(pillow)), "Equalize")
    check(image, np.array(ImageOps.invert(pillow)), "Invert")
    check(image, np.array(ImageOps.mirror(pillow)), "HorizontalFlip")
    check(image, np.array(ImageOps.flip(pillow)), "VerticalFlip")


@thorough
@given(images(), numbers(-10, 270))
@example(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3), 0.0)
@example(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3), 255.0)
@example(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3), 255.5)
@example(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3), 256.0)
def test_solarize(image: Pixels, threshold: float) -> None:
    expected = np.array(ImageOps.solarize(Image.fromarray(image), threshold))  # type: ignore[arg-type]
    check(image, expected, "Solarize", threshold)


@thorough
@given(images(), st.floats(1, 8.99))
def test_posterize(image: Pixels, bits: float) -> None:
    expected = np.array(ImageOps.posterize(Image.fromarray(image), int(bits)))
    check(image, expected, "Posterize", bits)


@thorough
@given(images())
def test_posterize_beyond_eight_bits_and_to_none(image: Pixels) -> None:
    check(image, image, "Posterize", 12.0)
    check(image, np.zeros_like(image), "Posterize", 0.0)


@pytest.mark.parametrize("name", ["Color", "Contrast", "Brightness", "Sharpness"])
@thorough
@given(images(), numbers(-1, 6))
def test_enhancements(name: str, image: Pixels, factor: float) -> None:
    expected = np.array(getattr(ImageEnhance, name)(Image.fromarray(image)).enhance(factor))
    check(image, expected, name, factor)


@thorough
@given(images())
def test_grey(image: Pixels) -> None:
    np.testing.assert_array_equal(
        enhance.grey(image), np.array(Image.fromarray(image).convert("L")), strict=True
    )


def test_grey_and_colour_of_every_pair_of_extremes() -> None:
    # A colour per (r, g, b) of the 64 coarse levels, and the two ends of each channel.
    levels = np.unique(np.r_[0:256:4, 1, 127, 128, 253, 254, 255])
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).astype(np.uint8).reshape(-1, 69, 3)
    expected = np.array(Image.fromarray(cube).convert("L"))
    np.testing.assert_array_equal(enhance.grey(cube), expected)


@thorough
@given(images(), numbers(-0.5, 1.5), st.integers(0, 2**32))
def test_blend(image: Pixels, alpha: float, seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 256, image.shape, np.uint8)
    expected = np.array(Image.blend(Image.fromarray(image), Image.fromarray(other), alpha))
    np.testing.assert_array_equal(enhance.blend(image, other, alpha), expected, strict=True)


@thorough
@given(images(), st.floats(-0.5, 0.5))
def test_hue_is_torchvision_on_pillow_images(image: Pixels, turn: float) -> None:
    """The steps of torchvision's adjust_hue, whose addition wraps around in 8 bits."""
    hue, saturation, value = Image.fromarray(image).convert("HSV").split()
    turned = np.array(hue).astype(np.int64) + int(turn * 255)
    bands = (Image.fromarray((turned % 256).astype(np.uint8)), saturation, value)
    expected = np.array(Image.merge("HSV", bands).convert("RGB"))
    np.testing.assert_array_equal(enhance.hue(image, turn), expected, strict=True)


@thorough
@given(images(), st.permutations(["brightness", "contrast", "saturation"]))
def test_color_jitter_applies_in_the_order_given(image: Pixels, order: list[str]) -> None:
    names = {"brightness": "Brightness", "contrast": "Contrast", "saturation": "Color"}
    factors = {"brightness": 1.3, "contrast": 0.6, "saturation": 1.7}
    pillow = Image.fromarray(image)
    for adjustment in order:
        pillow = getattr(ImageEnhance, names[adjustment])(pillow).enhance(factors[adjustment])
    result = enhance.color_jitter(image, [(one, factors[one]) for one in order])  # type: ignore[misc]
    np.testing.assert_array_equal(result, np.array(pillow))


@pytest.mark.parametrize("ends", [(0, 255), (0, 254), (1, 255), (7, 7)])
def test_contrast_that_is_already_whole_in_some_channels(ends: tuple[int, int]) -> None:
    image = np.random.default_rng(2).integers(9, 200, (20, 30, 3), np.uint8)
    image[3, 4], image[5, 6] = 0, 255
    image[3, 4, 1], image[5, 6, 1] = ends
    check(image, np.array(ImageOps.autocontrast(Image.fromarray(image))), "AutoContrast")


def test_equalize_counts_more_pixels_than_float32_does() -> None:
    """One value 2^24 times and more: a count in float32 would stop there."""
    image = np.zeros((4100, 4200, 3), np.uint8)
    image[:3, :] = 7
    image[3:90, :] = 250
    np.testing.assert_array_equal(
        operate(image, "Equalize"), np.array(ImageOps.equalize(Image.fromarray(image)))
    )


def test_views_with_strides_are_read_right() -> None:
    rng = np.random.default_rng(3)
    whole = rng.integers(0, 256, (60, 80, 3), np.uint8)
    view = whole[50:5:-1, 3:70:2]
    straight = np.ascontiguousarray(view)
    for name, argument in [
        *[("ShearX", 0.3), ("TranslateY", 4.0), ("Rotate", 12.0), ("AutoContrast", 0.0)],
        *[("Equalize", 0.0), ("Invert", 0.0), ("Solarize", 99.0), ("Posterize", 3.0)],
        *[("Color", 1.4), ("Contrast", 0.3), ("Brightness", 1.2), ("Sharpness", 1.9)],
        *[("HorizontalFlip", 0.0), ("SolarizeAdd", 30.0)],
    ]:
        check(view, operate(straight, name, argument), name, argument)
    for name in ("Rotate", "ShearX", "ShearY"):
        check(
            view, operate(straight, name, 0.2, resample="bilinear"), name, 0.2, resample="bilinear"
        )
