"""augcli preview: a contact sheet of what generate would write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from augcli.choices import Fit, LabelsFrom, Pair
from augcli.cli.model_options import (
    ChannelOrder,
    ClassList,
    DeviceChoice,
    DeviceOption,
    Head,
    Layer,
    Mean,
    ModelFile,
    ModelSize,
    SaliencyCache,
    SaliencyName,
    SaliencySize,
    Scale,
    Std,
    TargetChoice,
    TargetOption,
    check_saliency,
    read_classifier,
)
from augcli.cli.options import (
    Background,
    FitOption,
    Json,
    KeepOption,
    KeepSize,
    LabelsFromOption,
    LabelSmoothing,
    MaxPixels,
    PairOption,
    Quiet,
    RecipeFile,
    RecipeName,
    Seed,
    Settings,
    Size,
    Source,
    Tau,
    check_sources,
    every_pipeline,
    flag,
    option,
    parse_colour,
    parse_size,
    read_keep,
    read_pipeline,
    read_saliency,
    read_source,
)
from augcli.cli.output import Output, draw_picture
from augcli.errors import UserError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def preview(
    source: Source,
    recipe: RecipeName = None,
    set: Settings = None,
    recipe_file: RecipeFile = None,
    label_smoothing: LabelSmoothing = 0.0,
    keep: KeepOption = False,
    tau: Tau = None,
    keep_size: KeepSize = None,
    saliency: SaliencyName = None,
    saliency_size: SaliencySize = None,
    model: ModelFile = None,
    head: Head = None,
    layer: Layer = None,
    device: DeviceOption = DeviceChoice.auto,
    model_size: ModelSize = None,
    mean: Mean = None,
    std: Std = None,
    scale: Scale = None,
    channel_order: ChannelOrder = None,
    class_list: ClassList = None,
    target: TargetOption = TargetChoice.label,
    saliency_cache: SaliencyCache = None,
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
    labels_from: LabelsFromOption = LabelsFrom.parent,
    background: Background = "#ffffff",
    max_pixels: MaxPixels = 100_000_000,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a contact sheet: sources, saliency with the chosen box, result, and soft label.

    It shows the pixels that generate would write with the same seed and options.
    """
    shown = Output(json, quiet)
    if to.suffix.lower() not in _SUFFIXES:
        raise UserError(f"--to {to} is no PNG, JPEG or WebP file; name it like preview.png.")
    kept = read_keep(keep, tau=tau, size=keep_size)
    looked_for = read_saliency(saliency, saliency_size)
    if all_recipes:
        pipelines = every_pipeline(label_smoothing, kept, looked_for)
    else:
        pipelines = [read_pipeline(recipe, set, recipe_file, label_smoothing, kept, looked_for)]
    listing = read_source(source, labels_from)
    for pipeline in pipelines:
        check_sources(listing, pipeline, source, pair)
        check_saliency(pipeline)
    detections = [d for pipeline in pipelines for d in pipeline.detections]
    classifier = read_classifier(
        detections, listing.classes, model=model, head=head, layer=layer,
        device=device, model_size=model_size, mean=mean, std=std, scale=scale,
        channel_order=channel_order, class_list=class_list, target=target,
        saliency_cache=saliency_cache, warn=shown.warn,
    )  # fmt: skip
    import cv2

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
            background=parse_colour(background),
            max_pixels=max_pixels,
            classifier=classifier,
        )
        for pipeline in pipelines
    ]
    sheet = preview_recipes(runs, examples) if all_recipes else draw_preview(runs[0], examples)
    data = cv2.imencode(to.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    try:
        to.write_bytes(data)
    except OSError as error:
        raise UserError(f"--to {to} cannot be written: {error.strerror}.") from error
    if show:
        draw_picture(sheet)
    values = {"file": str(to), "width": sheet.shape[1], "height": sheet.shape[0]}
    shown.result(values, f"{to} ({sheet.shape[1]} x {sheet.shape[0]})")
