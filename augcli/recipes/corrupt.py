"""Corruptions of ImageNet-C."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from augcli.arrays.types import Pixels
from augcli.errors import BadValue, UnreadableImage
from augcli.image.fit import Fitted
from augcli.operations.corruptions.overlay_files import overlay_files, read_overlay
from augcli.operations.corruptions.table import COMMON, CORRUPTIONS, EXTRA, corrupt, draw
from augcli.operations.corruptions.variants import AnyVariant, Variant, resolve
from augcli.recipes.chain import any_of
from augcli.recipes.recipe import Augmented, Recipe, SourceView
from augcli.text import did_you_mean, shorten, spelled

_GROUPS = {"common": COMMON, "extra": EXTRA, "all": (*COMMON, *EXTRA)}
_RANGE = re.compile(r"([1-5])(?:-([1-5]))?")


class Ice(NamedTuple):
    """The file of an overlay for frost, and the SHA-256 of its bytes."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Params:
    """The corruption, its severity, the images that its strength was published for, and what was
    drawn for it: seeds, angles, places. `ice` is an overlay of the user's."""

    corruption: str
    severity: int
    variant: Variant
    drawn: dict[str, int | float]
    ice: Ice | None = None


def _text(value: Any) -> Any:
    """A list as the text that --set takes."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def corruptions_named(text: str) -> tuple[str, ...]:
    """The corruptions that a text names, or its groups, in the order of the table.

    Raises ValueError that says what to give.
    """
    chosen: set[str] = set()
    for part in text.split(","):
        known = spelled(part.strip(), [*_GROUPS, *CORRUPTIONS])
        if known is None:
            hint = did_you_mean(part, [*CORRUPTIONS, *_GROUPS])
            raise ValueError(
                f"'{shorten(part.strip(), 60)}' is no corruption{hint}; give names with commas"
                " between them, or common, extra or all"
            )
        chosen |= set(_GROUPS.get(known, (known,)))
    return tuple(name for name in CORRUPTIONS if name in chosen)


def _names(text: str) -> str:
    names = corruptions_named(text)
    groups = (group for group, of_group in _GROUPS.items() if of_group == names)
    return next(groups, ",".join(names))


def _severities(text: str) -> str:
    match = _RANGE.fullmatch(re.sub(r"\s", "", text).replace(":", "-").replace("..", "-"))
    if match is None or int(match[1]) > int(match[2] or match[1]):
        raise ValueError("give a severity from 1 to 5, or a range of them as 2-4")
    return match[1] if match[2] in (None, match[1]) else f"{match[1]}-{match[2]}"


def _folder(folder: str | None) -> str | None:
    if folder is None:
        return None
    for file in overlay_files(folder):
        try:
            read_overlay(file)
        except UnreadableImage as error:
            raise BadValue(str(error)) from error
    return str(Path(folder).absolute())


class Corrupt(Recipe):
    """Corruptions of ImageNet-C (Hendrycks and Dietterich, ICLR 2019,
    https://arxiv.org/abs/1903.12261).

    One of the corruptions is drawn, and a severity. common are the fifteen on which classifiers are
    compared, extra are speckle_noise, gaussian_blur, spatter and saturate. What is trained on a
    corruption is no longer tested by it.

    Strengths differ with the images that they were published for; variant=auto takes those of
    CIFAR-C for a shorter side below 48 pixels, of Tiny ImageNet-C below 128, else of ImageNet-C.
    """

    name = "corrupt"

    corruption: Annotated[
        str,
        BeforeValidator(_text),
        AfterValidator(_names),
        Field(json_schema_extra={"examples": [*_GROUPS, *CORRUPTIONS]}),
    ] = Field(
        "common", description="common, extra, all, or names with commas between them, as fog,snow"
    )
    severity: Annotated[str, BeforeValidator(_text), AfterValidator(_severities)] = Field(
        "1-5", description="1 to 5, or a range of which one is drawn, as 2-4"
    )
    variant: AnyVariant = Field("auto", description="which images' strengths")
    frost: Annotated[str | None, AfterValidator(_folder)] = Field(
        None, description="a folder with five overlays for frost, in place of those drawn here"
    )

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
        name = any_of(rng, corruptions_named(self.corruption))
        low, high = int(self.severity[0]), int(self.severity[-1])
        severity = int(rng.integers(low, high + 1))
        drawn = dict(draw(name, rng))
        ice = None
        if name == "frost" and self.frost is not None:
            file = overlay_files(self.frost)[int(drawn["overlay"])]
            ice = Ice(str(file), read_overlay(file).sha256)
        return Params(name, severity, resolve(self.variant, sources[0].shape), drawn, ice)

    def moves(self, params: Params) -> bool:
        return CORRUPTIONS[params.corruption].moves

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        overlay = None if params.ice is None else _overlay_of(params.ice)
        image = images[0].pixels()
        return Augmented(
            corrupt(
                image, params.corruption, params.severity, params.drawn, params.variant, overlay
            ),
            (1.0,),
        )


def _overlay_of(ice: Ice) -> Pixels:
    """The overlay that was drawn; raises BadValue where it is no longer that."""
    try:
        overlay, sha256 = read_overlay(Path(ice.file))
    except UnreadableImage as error:
        raise BadValue(str(error)) from error
    if sha256 != ice.sha256:
        raise BadValue(f"the frost overlay {shorten(ice.file)} is another one than was drawn")
    return overlay


def of_the_benchmark(recipes: Iterable[Recipe]) -> list[str]:
    """The corruptions of `common` that recipes apply, in the order of the table."""
    applied: set[str] = set()
    for recipe in recipes:
        if isinstance(recipe, Corrupt):
            applied |= set(corruptions_named(recipe.corruption))
        elif recipe.name == "elastic" and getattr(recipe, "variant", "") != "simard":
            applied.add("elastic_transform")
    return [name for name in COMMON if name in applied]
