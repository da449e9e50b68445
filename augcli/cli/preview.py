"""augcli preview: a contact sheet of what generate would write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from augcli.choices import Fit, Pair
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions, read_classifier
from augcli.cli.options import (
    FitOption,
    Json,
    PairOption,
    Quiet,
    ReadingOptions,
    RecipeOptions,
    Seed,
    Size,
    Source,
    check_sources,
    every_pipeline,
    flag,
    option,
    parse_colour,
    parse_size,
    read_pipeline,
    read_source,
)
from augcli.cli.output import Output, draw_picture
from augcli.cli.output_file import check_file, write_file
from augcli.errors import UserError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@grouped
def preview(
    source: Source,
    chosen: RecipeOptions,
    model: ModelOptions,
    pixels: InputOptions,
    reading: ReadingOptions,
    examples: Annotated[int, option("examples", "rows of the sheet", "-n", min=1, max=200)] = 6,
    to: Annotated[
        Path,
        option(
            "to",
            "the file that is written: PNG, JPEG or WebP by its name",
            metavar="FILE",
            dir_okay=False,
        ),
    ] = Path("preview.png"),
    all_recipes: Annotated[
        bool, flag("all-recipes", "one picture of every recipe instead, on the same targets")
    ] = False,
    show: Annotated[bool, flag("show", "draw it in the terminal too")] = False,
    seed: Seed = 0,
    size: Size = None,
    fit: FitOption = Fit.cover,
    pair: PairOption = Pair.any,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a contact sheet: sources, saliency with the chosen box, result, and soft label.

    It shows the pixels that generate would write with the same seed and options.
    """
    shown = Output(json, quiet)
    if to.suffix.lower() not in _SUFFIXES:
        raise UserError(f"--to {to} is no PNG, JPEG or WebP file; name it like preview.png.")
    check_file("--to", to, source)
    pipelines = every_pipeline(chosen) if all_recipes else [read_pipeline(chosen)]
    listing = read_source(source, reading.labels_from)
    for pipeline in pipelines:
        check_sources(listing, pipeline, source, pair)
    detections = [d for pipeline in pipelines for d in pipeline.detections]
    classifier = read_classifier(detections, listing.classes, model, pixels, shown.warn)
    import cv2

    from augcli.image.remarks import decoders_silent
    from augcli.run.plan import Run
    from augcli.run.preview import preview as draw_preview
    from augcli.run.preview import preview_recipes

    runs = [
        Run(
            listing=listing,
            pipeline=pipeline,
            state=Path(),
            seed=seed,
            pair=pair,
            size=parse_size(size),
            fit=fit,
            background=parse_colour(reading.background),
            max_pixels=reading.max_pixels,
            classifier=classifier,
        )
        for pipeline in pipelines
    ]
    with decoders_silent():
        sheet = preview_recipes(runs, examples) if all_recipes else draw_preview(runs[0], examples)
    data = cv2.imencode(to.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    write_file("--to", to, data)
    if show:
        draw_picture(sheet)
    values = {"file": str(to), "width": sheet.shape[1], "height": sheet.shape[0]}
    shown.result(values, f"{to} ({sheet.shape[1]} x {sheet.shape[0]})")
