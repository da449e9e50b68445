"""Sequences of ImageNet-P and its smaller siblings: an image that changes little from frame to
frame (Hendrycks and Dietterich, ICLR 2019, https://arxiv.org/abs/1903.12261).

`TEST` are the ten on which classifiers are compared; the evaluation of CIFAR-P takes spatter in the
place of snow. `EXTRA` are four more. Frames are made one after another, from an image of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from augcli.arrays.noise import normal_field
from augcli.arrays.types import Floats, Pixels, Shape
from augcli.errors import BadValue
from augcli.operations.corruptions.blur import Motion, motion_blur
from augcli.operations.corruptions.extra import (
    Spatter,
    apply_speckle,
    gaussian_blur,
    liquid,
    spatter,
)
from augcli.operations.corruptions.noise import apply_gaussian, apply_shot
from augcli.operations.corruptions.values import truncated, unit32
from augcli.operations.corruptions.variants import AnyVariant, Drawn, resolve
from augcli.operations.corruptions.weather import Snow, brightness, flakes_of, snow
from augcli.operations.geometry import Geometry, affine
from augcli.operations.projections import affine_matrix, tilt

OfP = Literal["imagenet", "tiny", "cifar"]
_FRAMES = 31
_BILINEAR = Geometry("bilinear")


class Perturbation(NamedTuple):
    """Its group, its frames, its strengths by variant, whether something is drawn, whether it is
    noise, and how many frames there are.

    `frames` takes (H, W, 3) uint8 pixels, which stay as they are, a number of frames, a strength,
    and the seed where one is drawn. The first frame of noise is the image itself, with which the
    others, each independent, are compared where flips are counted; noise has three strengths, whose
    levels are sequences of their own.
    """

    group: Literal["test", "extra"]
    frames: Callable[..., Iterator[Pixels]]
    strengths: Mapping[OfP, Any]
    is_drawn: bool = False
    is_noise: bool = False
    counts: Mapping[OfP, int] = MappingProxyType(
        {"imagenet": _FRAMES, "tiny": _FRAMES, "cifar": _FRAMES}
    )


def draw_sequence(name: str, rng: np.random.Generator) -> Drawn:
    """All that is random in a sequence; raises KeyError for an unknown name."""
    return {"seed": int(rng.integers(1 << 63))} if PERTURBATIONS[name].is_drawn else {}


def perturb(
    image: Pixels,
    name: str,
    drawn: Drawn,
    variant: AnyVariant = "auto",
    *,
    level: int = 1,
    crop: Shape | None = None,
) -> Iterator[Pixels]:
    """The frames of sequence `name` of (H, W, 3) uint8 `image`, with what was `drawn` for it; each
    is an array of its own.

    `crop` is the (height, width) of the middle that is shown of each, as ImageNet-P shows 224 of
    256 pixels, where what moves in comes from the image; without it, that is black. `level`, 1 to
    3, is that of noise. Raises BadValue for another one, for a crop that is larger than the image,
    and for the variant inception, which has no published sequences; KeyError for an unknown name.
    """
    perturbation = PERTURBATIONS[name]
    height, width = image.shape[:2]
    known = resolve(variant, crop or (height, width))
    if known == "inception":
        raise BadValue("there are no published sequences of the variant inception")
    if level not in ((1, 2, 3) if perturbation.is_noise else (1,)):
        raise BadValue(f"{name} has no level {level}")
    rows, columns = crop or (height, width)
    if rows > height or columns > width:
        raise BadValue(f"a crop of {columns}x{rows} does not fit into an image of {width}x{height}")
    top, left = round((height - rows) / 2), round((width - columns) / 2)
    strength, count = perturbation.strengths[known], perturbation.counts[known]
    if perturbation.is_noise:
        strength = strength[level - 1]
    for frame in perturbation.frames(image, count, strength, **drawn):
        yield frame[top : top + rows, left : left + columns].copy()


def _noise(apply: Callable[[Pixels, float, int], Pixels]) -> Callable[..., Iterator[Pixels]]:
    def frames(image: Pixels, count: int, strength: float, seed: int) -> Iterator[Pixels]:
        yield image
        for number in range(1, count):
            # Each frame has a seed of its own, which is none of another sequence.
            yield apply(image, strength, (number << 64) | seed)

    return frames


def _motion_blur(image: Pixels, count: int, strength: tuple[Motion, float]) -> Iterator[Pixels]:
    line, degrees = strength
    for number in range(count):
        yield motion_blur(image, line, (number - count + 1) * degrees)


def _zoom_blur(image: Pixels, count: int, step: float) -> Iterator[Pixels]:
    """The mean of ever more enlargements."""
    yield image
    total = unit32(image)
    for number in range(1, count):
        matrix = affine_matrix(_shape(image), scale=1 + step * number)
        total += unit32(affine(image, matrix, _BILINEAR))
        yield truncated(total / np.float32(number + 1))


def _snow(image: Pixels, count: int, strength: Snow, seed: int) -> Iterator[Pixels]:
    """The same flakes, whose direction turns."""
    noise = strength.mean + strength.deviation * normal_field(seed, _shape(image))
    flakes, line = flakes_of(noise, strength), Motion(strength.radius, strength.blur)
    for number in range(count):
        yield snow(image, motion_blur(flakes, line, number * 4 - 150), strength.keep)


def _brightness(image: Pixels, count: int, step: float) -> Iterator[Pixels]:
    for number in range(count):
        yield brightness(image, (number - count // 2) * step / 100.0)


def _translate(image: Pixels, count: int, middle: int) -> Iterator[Pixels]:
    for number in range(count):
        yield affine(image, affine_matrix(_shape(image), right=number - middle))


def _rotate(image: Pixels, count: int, step: float) -> Iterator[Pixels]:
    for number in range(count):
        matrix = affine_matrix(_shape(image), degrees=(number - count // 2) * step)
        yield affine(image, matrix, _BILINEAR)


def _tilt(image: Pixels, count: int, step: float) -> Iterator[Pixels]:
    for number in range(count):
        yield tilt(image, step * (number - count // 2))


def _scale(image: Pixels, count: int, strength: tuple[float, float]) -> Iterator[Pixels]:
    first, step = strength
    for number in range(count):
        matrix = affine_matrix(_shape(image), scale=(number * step + first) / 100.0)
        yield affine(image, matrix, _BILINEAR)


def _shear(image: Pixels, count: int, step: float) -> Iterator[Pixels]:
    for number in range(count):
        matrix = affine_matrix(_shape(image), shear=(number - count // 2) * step)
        yield affine(image, matrix, _BILINEAR)


def _gaussian_blur(
    image: Pixels, count: int, strength: tuple[float, float, float]
) -> Iterator[Pixels]:
    first, step, truncate = strength
    for number in range(count):
        yield gaussian_blur(image, first + step * number, truncate)


def _spatter(
    image: Pixels, count: int, strength: tuple[Spatter, tuple[float, ...]], seed: int
) -> Iterator[Pixels]:
    """Drops that run down."""
    of_drops, weights = strength
    noise = of_drops.mean + of_drops.deviation * normal_field(seed, _shape(image))
    drops = liquid(noise, of_drops)
    for _ in range(count):
        yield spatter(image, of_drops, drops)
        drops = run_down(drops, weights)


def run_down(drops: Floats, weights: tuple[float, ...]) -> Floats:
    """(H, W) `drops` convolved down the columns, 0 beyond the image, as `numpy.convolve` does it
    with mode "same"."""
    kernel = np.array(weights[::-1])[:, None]
    # Of an even number of weights, the one just before the middle stays where it is.
    at = len(weights) - 1 - (len(weights) - 1) // 2
    moved: Floats = cv2.filter2D(drops, -1, kernel, anchor=(0, at), borderType=cv2.BORDER_CONSTANT)
    return moved


def _shape(image: Pixels) -> Shape:
    return image.shape[0], image.shape[1]


def _three(imagenet: Any, tiny: Any, cifar: Any) -> dict[OfP, Any]:
    return {"imagenet": imagenet, "tiny": tiny, "cifar": cifar}


PERTURBATIONS: dict[str, Perturbation] = {
    "gaussian_noise": Perturbation(
        "test",
        _noise(apply_gaussian),
        _three((0.03, 0.05, 0.08), (0.025, 0.05, 0.075), (0.02, 0.04, 0.06)),
        is_drawn=True,
        is_noise=True,
    ),
    "shot_noise": Perturbation(
        "test",
        _noise(apply_shot),
        _three((300, 120, 60), (500, 250, 125), (700, 400, 200)),
        is_drawn=True,
        is_noise=True,
    ),
    # By how many degrees the line turns from frame to frame, to end at 0.
    "motion_blur": Perturbation(
        "test",
        _motion_blur,
        _three((Motion(10, 3), 4), (Motion(14, 3), 5), (Motion(6, 1.8), 9)),
        counts=_three(31, 31, 21),
    ),
    "zoom_blur": Perturbation("test", _zoom_blur, _three(0.004, 0.004, 0.004)),
    "snow": Perturbation(
        "test",
        _snow,
        _three(
            Snow(0.05, 0.3, 3, 0.5, 14, 4, 0.85),
            Snow(0.05, 0.28, 2, 0.5, 10, 2.5, 0.85),
            Snow(0.05, 0.3, 2, 0.5, 10, 2, 0.85),
        ),
        is_drawn=True,
    ),
    # Per cent of white from frame to frame.
    "brightness": Perturbation("test", _brightness, _three(2, 2, 1.5)),
    # A pixel from frame to frame; this one lies where the image does.
    "translate": Perturbation("test", _translate, _three(20, 15, 7), counts=_three(41, 31, 16)),
    # Degrees from frame to frame.
    "rotate": Perturbation("test", _rotate, _three(1, 1, 1)),
    "tilt": Perturbation("test", _tilt, _three(1, 1, 0.75)),
    # Per cent of the first frame, and by how much it grows.
    "scale": Perturbation("test", _scale, _three((40, 2.5), (40, 2.5), (70, 2))),
    "speckle_noise": Perturbation(
        "extra",
        _noise(apply_speckle),
        _three((0.05, 0.1, 0.15), (0.05, 0.1, 0.15), (0.05, 0.07, 0.1)),
        is_drawn=True,
        is_noise=True,
    ),
    # The first standard deviation, by how much it grows, and where the Gaussian ends.
    "gaussian_blur": Perturbation(
        "extra", _gaussian_blur, _three((0.25, 0.035, 6), (0.35, 0.014, 7), (0.3, 0.015, 7))
    ),
    # And with which weights drops move down from frame to frame.
    "spatter": Perturbation(
        "extra",
        _spatter,
        _three(
            (Spatter(0.65, 0.27, 3.7, 0.69, 0.6, False), (0.05, 0.1, 0.15, 0.7)),
            (Spatter(0.6, 0.25, 1.75, 0.7, 0.6, False), (0.2, 0.8)),
            (Spatter(0.6, 0.265, 1.75, 0.7, 0.6, False), (0.2, 0.8)),
        ),
        is_drawn=True,
    ),
    "shear": Perturbation("extra", _shear, _three(1, 1, 1)),
}
TEST = tuple(name for name, one in PERTURBATIONS.items() if one.group == "test")
EXTRA = tuple(name for name, one in PERTURBATIONS.items() if one.group == "extra")
# The ten that CIFAR-10-P is evaluated by.
CIFAR_TEST = tuple("spatter" if name == "snow" else name for name in TEST)
