"""augcli preview: a contact sheet of what generate would write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.declare import file_option, flag, number
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions, check_model, read_classifier
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
from augcli.cli.reading import (
    check_sources,
    check_target,
    every_pipeline,
    read_pipeline,
    read_source,
)
from augcli.cli.sizes import parse_colour, parse_output_size
from augcli.cli.source_options import GroupedReading
from augcli.cli.unused import refuse_unused
from augcli.enums import STDIN, Fit, Format, Labels, Pair
from augcli.errors import RunFailed, UserError
from augcli.files import Standing, standing
from augcli.streams import StdoutLost
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.image.sheet import Sheet

_FORMATS = {
    ".png": Format.png,
    ".jpg": Format.jpeg,
    ".jpeg": Format.jpeg,
    ".webp": Format.webp,
}


@grouped
def preview(
    context: typer.Context,
    source: Source,
    recipe_options: RecipeOptions,
    model: ModelOptions,
    pixels: InputOptions,
    reading: GroupedReading,
    examples: Annotated[
        int, number("examples", "rows of the sheet, at least 1", "-n", least=1, most=200)
    ] = 6,
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
    if to.suffix.lower() not in _FORMATS:
        raise UserError(f"--to {to} is no PNG, JPEG or WebP file; name it like preview.png.")
    from augcli.data.destination import (
        LARGEST_SHEET,
        check_destination,
        check_not_in_run,
        check_outside,
    )
    from augcli.image.sheet_file import is_sheet

    pipelines = every_pipeline(recipe_options) if all_recipes else [read_pipeline(recipe_options)]
    saliency_specs = [d for pipeline in pipelines for d in pipeline.saliency_specs]
    refuse_unused(context, pipelines, saliency_specs)
    output_size, background = parse_output_size(size, Format.same), parse_colour(reading.background)
    check_model(saliency_specs, model, pixels)
    if all(pipeline.sources == 1 for pipeline in pipelines):
        reading = replace(reading, group_by=None)  # of a configuration file
    listing = read_source(source, reading, report.warn)
    if all_recipes and listing.labels is Labels.none:
        pipelines = [pipeline for pipeline in pipelines if pipeline.sources == 1]
    for pipeline in pipelines:
        check_sources(listing, pipeline, source, pair)
    check_target(listing, saliency_specs, model)
    check_destination(to, "--to", is_sheet, LARGEST_SHEET)
    check_outside(to, "--to", listing, None if source == STDIN else Path(source))
    check_not_in_run(to, "--to")
    before = standing(to)
    folder = None if source == STDIN else Path(source)
    classifier = read_classifier(
        saliency_specs, listing.classes, model, pixels, report.warn, folder
    )
    from augcli.engine.job import Job, Runtime
    from augcli.engine.plan import Run
    from augcli.image.codec import largest_side
    from augcli.image.decoder_output import decoders_silent
    from augcli.image.drawing import draw_sheet
    from augcli.store.layout import Place
    from augcli.tasks.preview import most_examples, preview_recipes
    from augcli.tasks.preview import preview as draw_preview

    runs = [
        Run(
            listing,
            Job(
                recipe=pipeline,
                seed=seed,
                pair=pair,
                size=output_size,
                fit=fit,
                background=background,
                max_pixels=reading.max_pixels,
                classifier=None if classifier is None else classifier.identity(),
                labels=listing.labels,
            ),
            Runtime(Place(Path()), classifier=classifier),
        )
        for pipeline in pipelines
    ]
    name = "paths from stdin" if source == STDIN else source
    file_format = _FORMATS[to.suffix.lower()]
    side = largest_side(file_format)
    if examples > (most := most_examples(runs, side)):
        raise UserError(
            f"--examples {examples} do not fit into {file_format.value}, which has at most {side}"
            f" pixels a side; {most} fit, or name a .png file with --to."
        )
    with decoders_silent():
        if all_recipes:
            drawing = preview_recipes(runs, examples, name)
        else:
            drawing = draw_preview(runs[0], examples, name)
    if drawing.unreadable:
        (path, reason), *others = drawing.unreadable.items()
        more = f" (and {count_text(len(others), 'more image')})" if others else ""
        report.warn(
            f"{path}{more} of SOURCE cannot be read and has no place on the sheet: {reason}"
        )
    pixels_drawn = draw_sheet(drawing.sheet)
    height, width = pixels_drawn.shape[:2]
    _write_sheet(to, pixels_drawn, before)
    done = f"The sheet {to} is written"
    say_if_stopped(f"{done[0].lower()}{done[1:]}.")
    if show:
        _show(report, drawing.sheet, done)
    values = {"file": str(to), "width": width, "height": height}
    report.result(values, f"{to} ({width} x {height})", done=done)


def _write_sheet(to: Path, sheet: Any, before: Standing) -> None:
    """Write the sheet whole, or leave what stood there; raises RunFailed."""
    from augcli.files import replace_only
    from augcli.image.sheet_file import encode_sheet

    try:
        data = encode_sheet(sheet, to.suffix)
    except (OSError, ValueError) as error:
        height, width = sheet.shape[:2]
        raise RunFailed(
            f"--to {to} cannot hold {width} x {height} pixels; name a .png file, or draw fewer"
            " --examples."
        ) from error
    try:
        replace_only(to, data, before)
    except OSError as error:
        raise RunFailed(
            f"--to {to} cannot be written: {error.strerror or error}; name another file."
        ) from error


def _show(report: Output, sheet: Sheet, done: str) -> None:
    from augcli.cli.pictures import show

    try:
        show(sheet)
    except StdoutLost as lost:
        report.warn(f"{done}, but cannot be drawn on {lost}.")
