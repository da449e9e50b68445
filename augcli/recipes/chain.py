"""Operations in a row, and the recipes that draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from PIL import ImageColor
from pydantic import AfterValidator, Field

from augcli.arrays.types import Pixels, Shape
from augcli.image.fit import Fitted
from augcli.operations.geometry import NEAREST_ON_BLACK, Geometry, Resample
from augcli.operations.magnitudes import TRANSLATIONS, Magnitudes, argument
from augcli.operations.table import OPERATIONS, SEED, operate
from augcli.recipes.recipe import Augmented, Recipe, SourceView
from augcli.text import did_you_mean


class Operation(NamedTuple):
    """An operation as it was drawn: its name and arguments as `operate` takes them. Of `others`,
    whole numbers stay whole, as a seed must."""

    name: str
    argument: float = 0.0
    others: tuple[int | float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Operations in the order in which they are applied, and how the geometric ones read between
    pixels and what they show outside the image."""

    operations: tuple[Operation, ...]
    geometry: Geometry = NEAREST_ON_BLACK


def _solid(colour: str) -> str:
    try:
        channels = ImageColor.getrgb(colour)
    except ValueError as error:
        hint = did_you_mean(colour, ImageColor.colormap)
        raise ValueError(f"give the name of a colour, or one like #7f7f7f{hint}") from error
    if len(channels) != 3:
        raise ValueError("give a colour that is opaque, like #7f7f7f")
    if max(channels) > 255:
        raise ValueError("give a colour with channels up to 255, like #7f7f7f")
    return colour


# Options of recipes whose operations move pixels.
Resampling = Annotated[Resample, Field(description="how pixels are read from between others")]
Outside = Annotated[
    str,
    AfterValidator(_solid),
    Field(
        description="what is shown outside the image: black, grey, #7f7f7f, ...",
        json_schema_extra={"examples": [*ImageColor.colormap]},
    ),
]


class ChainRecipe(Recipe):
    """A recipe for one image that draws operations, and applies them one after another."""

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterable[Operation]:
        """Draw the operations for an image of `shape`."""
        raise TypeError(f"{type(self).__name__} draws no operations")

    def geometry(self) -> Geometry:
        """How geometric operations read between pixels and what they show outside the image."""
        return NEAREST_ON_BLACK

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Chain:
        return Chain(tuple(self.operations(rng, sources[0].shape)), self.geometry())

    def moves(self, params: Chain) -> bool:
        return any(OPERATIONS[operation.name].moves for operation in params.operations)

    def apply(self, images: Sequence[Fitted], params: Chain) -> Augmented:
        return Augmented(apply_chain(images[0].pixels(), params), (1.0,))


class GeometricRecipe(ChainRecipe):
    """A recipe with operations that move pixels. It declares the options `resample` and `fill`,
    each with its own default: `resample: Resampling = "nearest"`, `fill: Outside = "black"`."""

    if TYPE_CHECKING:  # else they would stand before a recipe's own options
        resample: Resampling
        fill: Outside

    def geometry(self) -> Geometry:
        red, green, blue = ImageColor.getrgb(self.fill)[:3]
        return Geometry(self.resample, (red, green, blue))


def apply_operation(image: Pixels, operation: Operation, geometry: Geometry) -> Pixels:
    """uint8 RGB (H, W, 3) after one operation, as an array of its own."""
    return operate(
        image,
        operation.name,
        operation.argument,
        resample=geometry.resample,
        fill=geometry.fill,
        others=operation.others or (),
    )


def apply_chain(image: Pixels, chain: Chain) -> Pixels:
    """uint8 RGB (H, W, 3) after all operations of the chain, as an array of its own."""
    result = image
    for operation in chain.operations:
        result = apply_operation(result, operation, chain.geometry)
    return result if chain.operations else image.copy()


def draw_operation(
    rng: np.random.Generator,
    magnitudes: Magnitudes,
    name: str,
    level: float,
    shape: Shape,
    published_for: int | None = None,
) -> Operation:
    """An operation at a level, with a sign drawn where the mapping has random signs.

    Translations that were published in pixels of an image whose side is `published_for` scale
    with the image. A seed is drawn too where the operation takes one; what else it takes is the
    recipe's to add.
    """
    value = argument(magnitudes, name, level, shape, negative=bool(rng.random() < 0.5))
    if published_for is not None and name in TRANSLATIONS:
        value *= (shape[1] if name == "TranslateX" else shape[0]) / published_for
    if SEED not in OPERATIONS[name].others:
        return Operation(name, value)
    return Operation(name, value, (int(rng.integers(1 << 63)),))


def any_of(rng: np.random.Generator, things: Sequence[Any]) -> Any:
    """One of `things`, all equally likely."""
    return things[int(rng.integers(len(things)))]
