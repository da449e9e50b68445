"""Regions that are covered by a colour or by noise."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from augcli.arrays.noise import random_bytes
from augcli.arrays.types import Colour, Pixels, Shape
from augcli.image.box import Box
from augcli.image.collage import laid_over
from augcli.recipes.recipe import Augmented
from augcli.text import did_you_mean

# The per-channel means that training code subtracts, so that these colours become zero.
_NAMED: dict[str, Colour] = {
    "mean": (124, 116, 104),
    "cifar-mean": (125, 123, 114),
    "black": (0, 0, 0),
}
NOISE = "noise"


def _checked(fill: str) -> str:
    if fill not in _NAMED and fill != NOISE and not re.fullmatch(r"#[0-9a-fA-F]{6}", fill):
        hint = did_you_mean(fill, (*_NAMED, NOISE))
        raise ValueError(f"give {', '.join(_NAMED)}, {NOISE} or a colour like #7f7f7f{hint}")
    return fill


Fill = Annotated[
    str, AfterValidator(_checked), Field(json_schema_extra={"examples": [*_NAMED, NOISE]})
]
FILL_DESCRIPTION = "mean (ImageNet's), cifar-mean, black, noise, or a colour like #7f7f7f"


def draw_fill(rng: np.random.Generator, fill: str) -> Colour | int:
    """The RGB colour of an option's value; for noise, the seed of it, drawn below
    2**63 so that any reader's integers hold it."""
    if fill == NOISE:
        return int(rng.integers(1 << 63))
    return _NAMED.get(fill) or (int(fill[1:3], 16), int(fill[3:5], 16), int(fill[5:7], 16))


def cover(image: Pixels, box: Box | None, fill: Colour | int) -> Augmented:
    """uint8 RGB (H, W, 3) with `box` erased, if there is one; its label stays."""
    if box is None or box.area == 0:
        return Augmented(image, (1.0,))
    return Augmented(laid_over(image, box, _patch(box, fill)), (1.0,), (box,))


def erase(image: Pixels, box: Box, fill: Colour | int) -> Pixels:
    """A copy of uint8 RGB (H, W, 3) with `box` filled by a colour, or by the noise of a seed."""
    erased = image.copy()
    erased[box.slices] = _patch(box, fill)
    return erased


def _patch(box: Box, fill: Colour | int) -> Pixels:
    shape = box.height, box.width
    return noise(fill, shape) if isinstance(fill, int) else np.full((*shape, 3), fill, np.uint8)


def noise(seed: int, shape: Shape) -> Pixels:
    """Uniform random uint8 RGB pixels (H, W, 3), for a seed as `random_bytes` takes it."""
    return random_bytes(seed, 3 * shape[0] * shape[1]).reshape(*shape, 3)
