"""The operations that Pillow and torchvision name, each as a recipe of its own.

Their arguments are drawn uniformly, from a range that one option of each recipe sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from augcli.arrays.types import Shape
from augcli.recipes.chain import ChainRecipe, GeometricRecipe, Operation, Outside, Resampling

Axis = Literal["horizontal", "vertical", "both"]
_AXIS_DESCRIPTION = "both: first horizontal, then vertical"


class Flip(ChainRecipe):
    """Mirror image (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html)."""

    name = "flip"

    direction: Literal["horizontal", "vertical"] = Field(
        "horizontal", description="horizontal swaps left and right, vertical top and bottom"
    )
    probability: float = Field(0.5, ge=0, le=1, description="of flipping the image")

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        if rng.random() < self.probability:
            yield Operation(f"{self.direction.title()}Flip")


class Rotate(GeometricRecipe):
    """Rotation about the centre, either way
    (https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.rotate).

    The image keeps its size, so its corners may be lost.
    """

    name = "rotate"

    degrees: float = Field(30.0, ge=0, le=180, description="the largest angle")
    resample: Resampling = "bilinear"
    fill: Outside = "black"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        yield Operation("Rotate", rng.uniform(-self.degrees, self.degrees))


class Shear(GeometricRecipe):
    """Shear, either way, with the top left corner in place, as in AutoAugment
    (https://arxiv.org/abs/1805.09501)."""

    name = "shear"

    slope: float = Field(0.3, ge=0, le=10, description="the largest slope, in pixels per pixel")
    axis: Axis = Field("both", description=_AXIS_DESCRIPTION)
    resample: Resampling = "bilinear"
    fill: Outside = "black"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        if self.axis != "vertical":
            yield Operation("ShearX", rng.uniform(-self.slope, self.slope))
        if self.axis != "horizontal":
            yield Operation("ShearY", rng.uniform(-self.slope, self.slope))


class Translate(GeometricRecipe):
    """Translation, either way, as in AutoAugment (https://arxiv.org/abs/1805.09501)."""

    name = "translate"

    share: float = Field(0.2, ge=0, le=1, description="the largest share of the width or height")
    axis: Axis = Field("both", description=_AXIS_DESCRIPTION)
    resample: Resampling = "nearest"
    fill: Outside = "black"

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        if self.axis != "vertical":
            yield Operation("TranslateX", rng.uniform(-self.share, self.share) * shape[1])
        if self.axis != "horizontal":
            yield Operation("TranslateY", rng.uniform(-self.share, self.share) * shape[0])


class Solarize(ChainRecipe):
    """Solarisation: values from a threshold on are inverted
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.solarize)."""

    name = "solarize"

    threshold: float = Field(
        128.0, ge=0, le=256, description="the lowest threshold, which is drawn from this to 256"
    )

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        yield Operation("Solarize", rng.uniform(self.threshold, 256.0))


class Posterize(ChainRecipe):
    """Posterisation: each value keeps only its highest bits
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.posterize)."""

    name = "posterize"

    bits: int = Field(
        4, ge=1, le=8, description="the fewest bits that are kept, drawn from this to 8"
    )

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        yield Operation("Posterize", float(rng.integers(self.bits, 8, endpoint=True)))


class Enhancement(ChainRecipe):
    """One of Pillow's enhancements, by a factor around 1, which leaves the image as it is."""

    operation: ClassVar[str]

    strength: float = Field(
        0.5, ge=0, le=1, description="the factor is drawn from 1 - strength to 1 + strength"
    )

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        yield Operation(self.operation, rng.uniform(1.0 - self.strength, 1.0 + self.strength))


class Brightness(Enhancement):
    """Brightness: factor 0 is black
    (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html)."""

    name, operation = "brightness", "Brightness"


class Contrast(Enhancement):
    """Contrast: factor 0 is the mean grey
    (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html)."""

    name, operation = "contrast", "Contrast"


class Color(Enhancement):
    """Saturation: factor 0 is black and white
    (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html)."""

    name, operation = "color", "Color"


class Sharpness(Enhancement):
    """Sharpness: factor 0 is blurred
    (https://pillow.readthedocs.io/en/stable/reference/ImageEnhance.html)."""

    name, operation = "sharpness", "Sharpness"


class Unconditional(ChainRecipe):
    """One operation that has no argument."""

    operation: ClassVar[str]

    def operations(self, rng: np.random.Generator, shape: Shape) -> Iterator[Operation]:
        yield Operation(self.operation)


class AutoContrast(Unconditional):
    """Each channel stretched to 0..255
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.autocontrast)."""

    name, operation = "autocontrast", "AutoContrast"


class Equalize(Unconditional):
    """The histogram of each channel flattened
    (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.equalize)."""

    name, operation = "equalize", "Equalize"


class Invert(Unconditional):
    """The negative (https://pillow.readthedocs.io/en/stable/reference/ImageOps.html)."""

    name, operation = "invert", "Invert"
