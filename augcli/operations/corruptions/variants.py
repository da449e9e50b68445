"""For which images a corruption's strengths were published, and what that is for an image at hand.

ImageNet-C and its siblings: Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from augcli.arrays.types import Shape

Variant = Literal["imagenet", "tiny", "cifar", "inception"]
AnyVariant = Literal["auto", Variant]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
SEVERITIES = (1, 2, 3, 4, 5)

# What was drawn for one image: whole numbers (seeds, indices) and others (angles, shares).
Drawn = Mapping[str, int | float]
# The strengths of severities 1 to 5.
Five = tuple[Any, Any, Any, Any, Any]
Strengths = Mapping[Variant, Five]

# Shorter sides from which on an image is no longer taken for one of CIFAR, of Tiny ImageNet.
_TINY_FROM, _IMAGENET_FROM = 48, 128


def five(kind: Callable[..., Any], *strengths: tuple[float, ...]) -> Five:
    """Five strengths, each a `kind` of these numbers."""
    first, second, third, fourth, fifth = (kind(*numbers) for numbers in strengths)
    return first, second, third, fourth, fifth


def resolve(variant: AnyVariant, shape: Shape) -> Variant:
    """The variant itself; for "auto" the one for images of about this (height, width)."""
    if variant != "auto":
        return variant
    side = min(shape)
    return "cifar" if side < _TINY_FROM else "tiny" if side < _IMAGENET_FROM else "imagenet"
