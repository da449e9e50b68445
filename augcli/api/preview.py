"""`augcli.preview`: the command of that name, for Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from augcli.api.generate import choice_of, pipeline_of, read_source_path
from augcli.api.keywords import FilePath, SheetKeywords
from augcli.api.recipe import ArrayRecipe
from augcli.api.values import (
    chosen,
    python_sentences,
    read_bool,
    read_number,
    read_path,
    refuse_unknown,
    refuse_without_effect,
    types_of,
    warner,
)
from augcli.enums import Format
from augcli.errors import UserError
from augcli.tasks.classifier_choice import InputChoice, ModelChoice
from augcli.tasks.prepare import SheetChoice, prepare_sheet
from augcli.tasks.recipe_choice import RecipeChoice, every_pipeline
from augcli.tasks.source_choice import GroupedChoice

if TYPE_CHECKING:
    from PIL.Image import Image

    from augcli.data.listing import Listing
    from augcli.files import Standing
    from augcli.pipeline.pipeline import Pipeline

CHOICES = (RecipeChoice, ModelChoice, InputChoice, GroupedChoice, SheetChoice)


def preview(
    source: FilePath,
    recipe: str | ArrayRecipe | None = None,
    *,
    to: FilePath | None = None,
    examples: int = 6,
    all_recipes: bool = False,
    **options: Unpack[SheetKeywords],
) -> Image:
    """A contact sheet of what `generate` would make with the same seed and options: sources,
    saliency with the chosen box, result, and soft label, as a Pillow image (RGB).

    `examples` are the rows of the sheet; with `all_recipes` each row has one output of every
    recipe. With `to` the sheet is written there too: PNG, JPEG or WebP by its name. Raises as
    `generate` does.
    """
    given = dict(options)
    refuse_unknown(preview, given, *CHOICES)
    types = types_of(*CHOICES) | {"to": str, "examples": int, "all_recipes": bool}
    warn = warner(types, [])
    with python_sentences(types):
        from PIL import Image

        from augcli.image.drawing import draw_sheet
        from augcli.tasks.preview import draw
        from augcli.tasks.preview_file import place_for, sheet_format, write_sheet

        rows, place = int(read_number("examples", examples)), read_source_path(source)
        file = None if to is None else read_path("to", to)
        written = Format.png if file is None else sheet_format(file, "--to")
        drawn, choice = chosen(SheetChoice, given), choice_of(given)
        pipelines = _pipelines(recipe, given, every=read_bool("all_recipes", all_recipes))
        parts = (drawn, choice.reading, choice.model, choice.pixels)
        names = given if recipe is None else {*given, "recipe"}
        refuse_without_effect(
            names, given, pipelines, *parts, source=place, all_recipes=all_recipes
        )
        before: Standing = None

        def check_place(listing: Listing) -> None:
            nonlocal before
            if file is not None:
                before = place_for(file, "--to", listing, place)

        runs = prepare_sheet(place, pipelines, choice, drawn, warn, check_place)
        pixels = draw_sheet(draw(runs, rows, place, written, warn))
        if file is not None:
            write_sheet(file, pixels, before)
        return Image.fromarray(pixels)


def _pipelines(
    recipe: str | ArrayRecipe | None, given: Mapping[str, Any], *, every: bool
) -> list[Pipeline]:
    """The recipe that is drawn, or all; raises UserError."""
    if not every:
        return [pipeline_of(recipe, given)]
    if recipe is not None:
        raise UserError("recipe has no effect beside all_recipes=True; leave out one of them.")
    return every_pipeline(chosen(RecipeChoice, given))
