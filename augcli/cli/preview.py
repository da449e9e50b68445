"""augcli preview: a contact sheet of what generate would write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augcli.cli.declare import file_option, flag, number
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions
from augcli.cli.options import (
    FitOption,
    Json,
    PairOption,
    Quiet,
    RecipeOptions,
    Seed,
    Size,
    Source,
)
from augcli.cli.output import Output, say_if_stopped
from augcli.cli.reading import read_every_pipeline, read_pipeline
from augcli.cli.source_options import GroupedReading
from augcli.cli.unused import refuse_unused
from augcli.enums import STDIN, Fit, Pair
from augcli.streams import StdoutLost

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.files import Standing
    from augcli.image.sheet import Sheet


@grouped
def preview(
    context: typer.Context,
    source: Source,
    recipe_options: RecipeOptions,
    model: ModelOptions,
    pixels: InputOptions,
    reading: GroupedReading,
    examples: Annotated[int, number("examples", "rows of the sheet, at least 1", "-n")] = 6,
    to: Annotated[
        Path,
        file_option("to", "the file that is written: PNG, JPEG or WebP by its name"),
    ] = Path("preview.png"),
    all_recipes: Annotated[
        bool, flag("all-recipes", "one picture of every recipe instead, on the same targets")
    ] = False,
    show: Annotated[bool, flag("show", "draw targets and results in the terminal too")] = False,
    seed: Seed = 0,
    size: Size = None,
    fit: FitOption = Fit.cover,
    pair: PairOption = Pair.any,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a contact sheet: sources, saliency with the chosen box, result, and soft label.

    It shows the pixels that generate would write with the same seed and options.

        augcli preview sample_data --recipe saliencymix
        augcli preview sample_data --all-recipes -n 1 --to recipes.jpg
    """
    report = Output(json, quiet)
    if show:
        from augcli.cli.pictures import require_colours

        require_colours()
    from augcli.tasks.preview_file import place_for, sheet_format, write_sheet

    written = sheet_format(to, "--to")
    if all_recipes:
        pipelines = read_every_pipeline(recipe_options)
    else:
        pipelines = [read_pipeline(recipe_options)]
    saliency_specs = [d for pipeline in pipelines for d in pipeline.saliency_specs]
    refuse_unused(context, pipelines, saliency_specs)
    from augcli.image.drawing import draw_sheet
    from augcli.tasks.prepare import Choice, SheetChoice, prepare_sheet
    from augcli.tasks.preview import draw

    before: Standing = None

    def check_place(listing: Listing) -> None:
        nonlocal before
        before = place_for(to, "--to", listing, source)

    runs = prepare_sheet(
        source,
        pipelines,
        Choice(reading, model, pixels),
        SheetChoice(seed, size, fit, pair),
        report.warn,
        check_place,
    )
    name = "paths from stdin" if source == STDIN else source
    sheet = draw(runs, examples, name, written, report.warn)
    pixels_drawn = draw_sheet(sheet)
    height, width = pixels_drawn.shape[:2]
    write_sheet(to, pixels_drawn, before)
    done = f"The sheet {to} is written"
    say_if_stopped(f"{done[0].lower()}{done[1:]}.")
    if show:
        _show(report, sheet, done)
    values = {"file": str(to), "width": width, "height": height}
    report.result(values, f"{to} ({width} x {height})", done=done)


def _show(report: Output, sheet: Sheet, done: str) -> None:
    from augcli.cli.pictures import show

    try:
        show(sheet)
    except StdoutLost as lost:
        report.warn(f"{done}, but cannot be drawn on {lost}.")
