"""Published mappings from a level to the argument of an operation, computed by their formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

# From a level and the side in pixels along which a translation moves (other operations ignore it)
# to a raw value.
Formula = Callable[[float, int], float]

TRANSLATIONS = frozenset({"TranslateX", "TranslateY"})
ENHANCEMENTS = frozenset({"Color", "Contrast", "Brightness", "Sharpness"})
GEOMETRIC = frozenset({"ShearX", "ShearY", "Rotate"}) | TRANSLATIONS


class Magnitudes(NamedTuple):
    """One published mapping, its operations in their published order."""

    formulas: Mapping[str, Formula]
    signed: frozenset[str]
    """The operations whose raw value gets a random sign."""
    enhances_by_delta: bool
    """Whether the values of enhancements are differences from a factor of 1, and not factors."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.formulas)


def argument(
    magnitudes: Magnitudes, name: str, level: float, shape: tuple[int, ...], negative: bool = False
) -> float:
    """What `table.operate` takes as the argument of operation `name` at `level`, on an image of
    `shape` (H, W, ...).

    `negative` turns the raw value's sign; operations that have no random sign in this mapping
    ignore it. Raises KeyError for an operation that is not in the mapping.
    """
    side = shape[1] if name == "TranslateX" else shape[0]
    value = magnitudes.formulas[name](level, side)
    if negative and name in magnitudes.signed:
        value = -value
    if magnitudes.enhances_by_delta and name in ENHANCEMENTS:
        value += 1.0
    return value


def _none(_level: float, _side: int) -> float:
    return 0.0


def _line(start: float, end: float, steps: float) -> Formula:
    """`start` at level 0, `end` at level `steps`."""
    return lambda level, _side: start + (end - start) * (level / steps)


def _whole(end: float, steps: float, start: int = 0, direction: int = 1) -> Formula:
    """`start` plus (or, with direction -1, minus) the truncated part of `end` that the level has
    reached.
    """
    return lambda level, _side: float(start + direction * int(level * end / steps))


def _tenths(end: float) -> Formula:
    """The truncated part of `end` that a level out of ten has reached, dividing first: in floats
    that is not always what `_whole` gives.
    """
    return lambda level, _side: float(int(level / 10 * end))


def _share(end: float, steps: float) -> Formula:
    """A translation by a share of the side."""
    return lambda level, side: end * (level / steps) * side


def _fewer_bits(most: float, steps: float) -> Formula:
    return lambda level, _side: float(8 - round(level * most / steps))


def _torchvision(names: tuple[str, ...], levels: int) -> dict[str, Formula]:
    top = levels - 1
    formulas = {
        **dict.fromkeys(("ShearX", "ShearY"), _line(0.0, 0.3, top)),
        **dict.fromkeys(TRANSLATIONS, _share(150 / 331, top)),
        **dict.fromkeys(ENHANCEMENTS, _line(0.0, 0.9, top)),
        **dict.fromkeys(("Identity", "AutoContrast", "Equalize", "Invert"), _none),
        "Rotate": _line(0.0, 30.0, top),
        "Posterize": _fewer_bits(4, top),
        "Solarize": _line(255.0, 0.0, top),
    }
    return {name: formulas[name] for name in names}


_GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_RANDAUGMENT = (
    *("Identity", *_GEOMETRIC, "Brightness", "Color", "Contrast", "Sharpness"),
    *("Posterize", "Solarize", "AutoContrast", "Equalize"),
)
_AUTOAUGMENT = (
    *(*_GEOMETRIC, "AutoContrast", "Equalize", "Invert", "Posterize", "Solarize"),
    *("Color", "Contrast", "Brightness", "Sharpness"),
)

TORCHVISION_RANDAUGMENT = Magnitudes(
    _torchvision(_RANDAUGMENT, 31), GEOMETRIC | ENHANCEMENTS, enhances_by_delta=True
)
"""RandAugment (Cubuk et al., 2019, arXiv:1909.13719) as in torchvision: 14 operations, 31 levels.
"""

TORCHVISION_AUTOAUGMENT = Magnitudes(
    _torchvision(_AUTOAUGMENT, 10), GEOMETRIC | ENHANCEMENTS, enhances_by_delta=True
)
"""AutoAugment (Cubuk et al., CVPR 2019, arXiv:1805.09501) as in torchvision: ten levels."""

TRIVIALAUGMENT_WIDE = Magnitudes(
    {
        **TORCHVISION_RANDAUGMENT.formulas,
        **dict.fromkeys(("ShearX", "ShearY"), _line(0.0, 0.99, 30)),
        **dict.fromkeys(TRANSLATIONS, _line(0.0, 32.0, 30)),
        **dict.fromkeys(ENHANCEMENTS, _line(0.0, 0.99, 30)),
        "Rotate": _line(0.0, 135.0, 30),
        "Posterize": _fewer_bits(6, 30),
    },
    GEOMETRIC | ENHANCEMENTS,
    enhances_by_delta=True,
)
"""TrivialAugment's wide space (Müller and Hutter, ICCV 2021, arXiv:2103.10158); translations in
pixels.
"""

RESEARCH_CIFAR = Magnitudes(
    {
        **dict.fromkeys(("ShearX", "ShearY"), _line(0.0, 0.3, 10)),
        **dict.fromkeys(("TranslateX", "TranslateY"), _whole(10, 10)),
        "Rotate": _whole(30, 10),
        **dict.fromkeys(("AutoContrast", "Equalize", "Invert"), _none),
        "Posterize": _whole(4, 10, start=4, direction=-1),
        "Solarize": _whole(256, 10, start=256, direction=-1),
        **dict.fromkeys(("Color", "Contrast", "Brightness", "Sharpness"), _line(0.1, 1.9, 10)),
        "Cutout": _whole(20, 10),
    },
    GEOMETRIC,
    enhances_by_delta=False,
)
"""AutoAugment's authors' code for CIFAR: translations of up to ten pixels of 32. "Cutout" is a side
in pixels.
"""

TPU = Magnitudes(
    {
        **dict.fromkeys(("AutoContrast", "Equalize", "Invert"), _none),
        "Rotate": _line(0.0, 30.0, 10),
        "Posterize": _tenths(4),
        "Solarize": _tenths(256),
        **dict.fromkeys(("Color", "Contrast", "Brightness", "Sharpness"), _line(0.1, 1.9, 10)),
        **dict.fromkeys(("ShearX", "ShearY"), _line(0.0, 0.3, 10)),
        **dict.fromkeys(("TranslateX", "TranslateY"), _line(0.0, 100.0, 10)),
        "Cutout": _tenths(40),
        "SolarizeAdd": _tenths(110),
    },
    GEOMETRIC,
    enhances_by_delta=False,
)
"""RandAugment's authors' code for TPUs, its constants for images of 224 pixels. "Cutout" is half a
side in pixels.
"""

AUGMIX = Magnitudes(
    {
        **dict.fromkeys(("AutoContrast", "Equalize"), _none),
        "Posterize": _whole(4, 10, start=4, direction=-1),
        "Rotate": _whole(30, 10),
        "Solarize": _whole(256, 10, start=256, direction=-1),
        **dict.fromkeys(("ShearX", "ShearY"), _line(0.0, 0.3, 10)),
        **dict.fromkeys(
            ("TranslateX", "TranslateY"), lambda level, side: float(int(level * (side / 3) / 10))
        ),
        **dict.fromkeys(("Color", "Contrast", "Brightness", "Sharpness"), _line(0.1, 1.9, 10)),
    },
    GEOMETRIC,
    enhances_by_delta=False,
)
"""AugMix (Hendrycks et al., ICLR 2020, arXiv:1912.02781): levels are real, uniform from 0.1 to the
severity.

The enhancements, which overlap ImageNet-C, belong to its `all_ops` only.
"""

FAST_AUTOAUGMENT = Magnitudes(
    {
        **dict.fromkeys(("ShearX", "ShearY"), _line(-0.3, 0.3, 1)),
        **dict.fromkeys(
            ("TranslateX", "TranslateY"), lambda level, side: (-0.45 + level * 0.9) * side
        ),
        "Rotate": _line(-30.0, 30.0, 1),
        **dict.fromkeys(("AutoContrast", "Invert", "Equalize"), _line(0.0, 1.0, 1)),
        "Solarize": _line(0.0, 256.0, 1),
        "Posterize": _line(4.0, 8.0, 1),
        **dict.fromkeys(("Contrast", "Color", "Brightness", "Sharpness"), _line(0.1, 1.9, 1)),
        "Cutout": _line(0.0, 0.2, 1),
    },
    GEOMETRIC,
    enhances_by_delta=False,
)
"""Fast AutoAugment (Lim et al., NeurIPS 2019, arXiv:1905.00397): levels are real, 0 to 1. "Cutout"
is a share of the width.
"""
