"""An image on its way through the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.image.box import Box
from augcli.image.collage import Image, pixels_of
from augcli.recipes.recipe import SaliencySpec
from augcli.recipes.shares import Layers

Record = dict[str, Any]  # what was drawn for a step, and for the steps before it


class Picture(NamedTuple):
    """An image on its way through the steps, with the share that each source image has in it.

    `content` is its pixels; of an output of the last step, which is only encoded, it may be parts
    that make these. `class_name` is the class of the first source, the target. `boxes` are the
    regions that steps covered or put back, in their order, since the last step that moved the
    target's pixels; `saliency_specs` are the saliency maps that its steps used, in the order of the
    steps.
    """

    content: Image
    shares: dict[int, float]
    detect: Callable[[SaliencySpec], SaliencyMap]
    class_name: str = ""
    boxes: tuple[Box, ...] = ()
    record: Record | None = None
    layers: Layers = MappingProxyType({})
    saliency_specs: tuple[SaliencySpec, ...] = ()

    @property
    def image(self) -> Pixels:
        """The pixels, uint8 RGB (H, W, 3)."""
        return pixels_of(self.content)

    @property
    def sources(self) -> list[int]:
        """The source images that went in, the target first. The share of one that was covered
        again is 0, as is that of a partner whose label does not count."""
        return list(self.shares)
