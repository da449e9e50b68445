"""What a recipe is: options, a draw, and an apply."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from augcli.arrays.types import Floats, Pixels, SaliencyMap, Shape
from augcli.image.box import Box, Places, places_around
from augcli.image.collage import Image, laid_over, pixels_of
from augcli.image.fit import Fitted
from augcli.saliency.regions import saliency_peak


class SaliencySpec(NamedTuple):
    """Which saliency map of an image: a detector's name, and the shorter side in pixels that it
    works on (None: the image's own)."""

    detector: str
    size: int | None = None

    def __str__(self) -> str:
        return self.detector if self.size is None else f"{self.detector}@{self.size}"


DETECTOR_DESCRIPTION = "what finds the salient pixels; the last three need a classifier (--model)"


class SourceView(NamedTuple):
    """What `draw` may look at of one source: its shape on the target's canvas and its saliency."""

    fitted: Fitted
    detect: Callable[[SaliencySpec], SaliencyMap]

    @property
    def shape(self) -> Shape:
        """Rows and columns of the canvas, which is the target's."""
        return self.fitted.canvas

    def saliency(self, spec: SaliencySpec) -> SaliencyMap:
        """The saliency map (H, W) in the source's own pixels."""
        return self.detect(spec)

    def peaks(self, spec: SaliencySpec, apart: Shape = (1, 1)) -> Iterator[tuple[int, int]]:
        """Canvas pixels (row, column) in the order of their saliency, the first in raster order of
        equal ones, each at least `apart` rows or columns from those before it.

        Only what lies on the canvas is looked at. Where that is flat, there is none.
        """
        placement = self.fitted.placement
        visible, canvas_box = placement.visible, placement.canvas_box
        levels = self.detect(spec)[visible.slices]
        rows = max(1, round(apart[0] * visible.height / canvas_box.height))
        columns = max(1, round(apart[1] * visible.width / canvas_box.width))
        while (peak := saliency_peak(levels)) is not None:
            row, column = peak
            yield placement.on_canvas(visible.top + row, visible.left + column)
            around = (
                slice(max(row - rows + 1, 0), row + rows),
                slice(max(column - columns + 1, 0), column + columns),
            )
            levels = levels.copy()
            levels[around] = levels.min()


class Mark(NamedTuple):
    """What was chosen by a saliency map, on the canvas: a box, and a pixel (row, column) that was
    the most salient one, or drawn uniformly where the map was flat."""

    box: Box | None = None
    pixel: tuple[int, int] | None = None
    flat: bool = False


class Augmented(NamedTuple):
    """One output: its content, which is pixels on the target's canvas or parts that make these, the
    label weight of each source (summing to 1), and the boxes that came from another source or were
    covered.

    Where pixels have different weights, `shares_in` sums the weights of each source over a box, and
    `blend` does with one channel what was done with the pixels.
    """

    content: Image
    weights: tuple[float, ...]
    boxes: tuple[Box, ...] = ()
    shares_in: Callable[[Box], tuple[float, ...]] | None = None
    blend: Callable[[Sequence[Fitted]], Floats] | None = None

    @property
    def image(self) -> Pixels:
        """The pixels, uint8 RGB (H, W, 3)."""
        return pixels_of(self.content)


# Mixes the layers of a recipe's sources (see `shares`), (H, W) each, as it mixes their pixels.
Blend = Callable[[Sequence[Fitted]], Floats]

Alpha = Annotated[float, Field(ge=1e-6, le=1e9)]  # of a Beta(alpha, alpha)
# The shorter side of a saliency map, which no image that can be decoded exceeds.
MapSide = Annotated[int, Field(ge=1, le=1 << 15)]


class Recipe(BaseModel):
    """A method: its fields are its options, declared once, with types, bounds and descriptions.

    The first paragraph of a subclass's docstring names the paper. `draw` makes every choice;
    `apply` computes pixels and label weights from them and contains no randomness.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    sources: ClassVar[int] = 1
    saliency_options: ClassVar[tuple[str, str] | None] = None
    """The options, if there are any, that name the detector of the saliency maps that `draw` looks
    at, and the shorter side that it works on."""

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Any:
        """Draw a `Params` record for these sources, of which the first is the target."""
        raise TypeError(f"{type(self).__name__} does not draw")

    def apply(self, images: Sequence[Fitted], params: Any) -> Augmented:
        """Make the output that `params` describes."""
        raise TypeError(f"{type(self).__name__} does not apply")

    @property
    def params_type(self) -> Any:
        """The record that `draw` returns, as its annotation says; raises TypeError where it does
        not say."""
        return returned_by(type(self), "draw")

    def looks_at(self) -> Mapping[int, SaliencySpec]:
        """The sources, by number, of whose saliency `draw` looks at a map, and at which. It is
        shown no other."""
        return {}

    def marks(self, params: Any) -> Mapping[int, Mark]:
        """What `draw` chose by the saliency of which source, to be marked on its map."""
        return dict.fromkeys(self.looks_at(), Mark())

    def moves(self, params: Any) -> bool:
        """Whether the target's pixels may lie elsewhere afterwards: regions that earlier steps
        covered are then no longer where they were. A recipe that does not say so may do it."""
        return True

    def goes_in(self, params: Any, shape: Shape) -> tuple[bool, ...]:
        """Which sources any pixel of an output of `shape` is made of. The target counts always: the
        canvas is its own."""
        return (True,) * self.sources

    def output_views(self) -> tuple[str, ...]:
        """The views that one copy of a target consists of: "orig" is the target itself."""
        return ("aug1",)

    def drawn_per_batch(self) -> bool:
        """Whether the outputs of a batch share what is drawn: `draw` is then given the batch's
        generator, and the batch's leading image in the place of those whose saliency it looks
        at."""
        return False


class RegionRecipe(Recipe):
    """A recipe that covers one region of the target: it draws a size, then a place for it.

    KeepAugment, which chooses the place itself, calls `region_size`, `places` and `cover`. `Params`
    have a `box`.
    """

    @property
    def params_type(self) -> Any:
        """The record that `cover` returns, which `draw` passes on."""
        inherited = type(self).draw is RegionRecipe.draw
        return returned_by(type(self), "cover" if inherited else "draw")

    def moves(self, params: Any) -> bool:
        return False

    def goes_in(self, params: Any, shape: Shape) -> tuple[bool, ...]:
        covers = params.box is not None and params.box.area > 0
        return (True,) + (covers,) * (self.sources - 1)

    def region_size(self, rng: np.random.Generator, shape: Shape) -> tuple[int, int] | None:
        """Draw the height and width of the region, before clipping at the border; None where the
        draw is to leave the image alone."""
        raise TypeError(f"{type(self).__name__} draws no region size")

    def place(self, rng: np.random.Generator, size: tuple[int, int], shape: Shape) -> Box:
        """Draw a place for a region of this size: around any pixel, clipped at the border."""
        return box_around(uniform_pixel(rng, shape), size, shape)

    def places(self, size: tuple[int, int], shape: Shape) -> Places:
        """All places that `place` draws from, each as likely as any other."""
        return places_around(size, shape)

    def cover(self, rng: np.random.Generator, box: Box | None) -> Any:
        """The `Params` record for covering `box`; for None, that of an image left alone."""
        raise TypeError(f"{type(self).__name__} covers nothing")

    def cover_spared(
        self, rng: np.random.Generator, box: Box, sources: Sequence[SourceView]
    ) -> Any:
        """The `Params` record for covering a box that KeepAugment chose."""
        return self.cover(rng, box)

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Any:
        shape = sources[0].shape
        size = self.region_size(rng, shape)
        return self.cover(rng, None if size is None else self.place(rng, size, shape))


def declared_sources(recipe: Recipe, sources: Sequence[SourceView]) -> list[SourceView]:
    """The views, each with the saliency map that the recipe declares to look at, and no other."""
    looks_at = recipe.looks_at()

    def showing(number: int, source: SourceView) -> SourceView:
        def detect(spec: SaliencySpec) -> SaliencyMap:
            if looks_at.get(number) != spec:
                raise TypeError(
                    f"{type(recipe).__name__} draws by the saliency map {spec} of source"
                    f" {number}; name it in looks_at"
                )
            return source.detect(spec)

        return SourceView(source.fitted, detect)

    return [showing(number, source) for number, source in enumerate(sources)]


@cache
def returned_by(recipe: type[Recipe], method: str) -> Any:
    """The type that a recipe's method is annotated to return; raises TypeError where it names
    none."""
    record = get_type_hints(getattr(recipe, method)).get("return", Any)
    if record is Any:
        raise TypeError(f"annotate {method} of {recipe.__name__} with the Params that it returns")
    return record


def uniform_pixel(rng: np.random.Generator, shape: Shape) -> tuple[int, int]:
    """A pixel (row, column), uniform over the whole image."""
    return int(rng.integers(shape[0])), int(rng.integers(shape[1]))


def box_around(centre: tuple[int, int], size: tuple[int, int], shape: Shape) -> Box:
    """The box of `size` (height, width) around `centre`, clipped to `shape`.

    Both sides extend by size // 2 from the centre, as in the published code of CutMix, SaliencyMix
    and Cutout: an odd size loses a pixel.
    """
    (row, column), (height, width) = centre, size
    return Box(
        min(max(row - height // 2, 0), shape[0]),
        min(max(column - width // 2, 0), shape[1]),
        min(max(row + height // 2, 0), shape[0]),
        min(max(column + width // 2, 0), shape[1]),
    )


def cut_size(lam: float, shape: Shape) -> tuple[int, int]:
    """Height and width that cover the share 1 - lam of an image: int(side * sqrt(1 - lam))."""
    ratio = math.sqrt(1.0 - lam)
    return int(shape[0] * ratio), int(shape[1] * ratio)


def paste(target: Fitted, partner: Fitted, box: Box | None, taken: Box | None = None) -> Augmented:
    """Put the partner's pixels inside `box` over the target's; labels follow the area.

    None and an empty box leave the target as it is. `taken` is a box of equal size, on the canvas,
    from which the partner's pixels come instead.
    """
    image = target.pixels()
    if box is None or box.area == 0:
        return Augmented(image, (1.0, 0.0))
    height, width = image.shape[:2]
    lam = 1.0 - box.area / (height * width)
    pasted = laid_over(image, box, partner.pixels(taken or box))

    def blend(layers: Sequence[Fitted]) -> Floats:
        mixed: Floats = layers[0].pixels().copy()
        mixed[box.slices] = layers[1].pixels(taken or box)
        return mixed

    return Augmented(pasted, (lam, 1.0 - lam), (box,), blend=blend)


def as_record(params: Any) -> dict[str, Any]:
    """A `Params` record as a dictionary for JSON."""
    return {name: getattr(params, name) for name in _field_names(params.__class__)}


@cache
def _field_names(params_type: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(params_type))
