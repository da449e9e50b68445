"""augcli saliency: writes the saliency maps of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augcli.cli.declare import choice, flag
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions
from augcli.cli.options import (
    Json,
    MaxErrors,
    Out,
    Quiet,
    SaliencyName,
    SaliencySize,
    Source,
    Workers,
)
from augcli.cli.output import Output
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.skipped import end_with_skipped, failure, skipped_text
from augcli.cli.source_options import ReadingOptions
from augcli.cli.unused import refuse_unused
from augcli.enums import DEFAULT_DETECTOR, STDIN, MapFormat
from augcli.published import ERRORS
from augcli.tasks.checks import check_target
from augcli.tasks.classifier_choice import check_model, is_of_classifier, read_classifier
from augcli.tasks.sizes import parse_colour
from augcli.tasks.source_choice import read_existing, read_source
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.recipes.recipe import SaliencySpec
    from augcli.tasks.maps import Written


@grouped
def saliency(
    context: typer.Context,
    source: Source,
    out: Out,
    model: ModelOptions,
    pixels: InputOptions,
    reading: ReadingOptions,
    saliency: SaliencyName = None,
    saliency_size: SaliencySize = None,
    map_format: Annotated[
        MapFormat, choice("map-format", "16-bit PNG, scaled, or NPY, as it is", MapFormat)
    ] = MapFormat.png,
    overlay: Annotated[bool, flag("overlay", "draw each map over its image too")] = False,
    workers: Workers = None,
    max_errors: MaxErrors = 0,
    resume: Annotated[bool, flag("resume", "go on with the interrupted maps in OUT")] = False,
    overwrite: Annotated[bool, flag("overwrite", "replace the maps in OUT")] = False,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[
        Progress, choice("progress", "when to show progress", Progress, meant=WHEN)
    ] = Progress.auto,
) -> None:
    """Write the saliency map of every image of SOURCE into OUT, and an index of them.

        augcli saliency sample_data maps --saliency spectral-residual
        augcli saliency sample_data gradients --saliency gradient \
            --model sample_data/classifier.onnx --overlay
    """
    report = Output(json, quiet)
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.cpus import available_cpus
    from augcli.engine.job import Job, Runtime
    from augcli.engine.plan import Run
    from augcli.pipeline.pipeline import Pipeline
    from augcli.recipes.recipe import SaliencySpec
    from augcli.saliency.detectors import detect
    from augcli.store.journal import check_apart
    from augcli.store.layout import MAPS_STATE, Place
    from augcli.store.map_store import check_maps_out
    from augcli.tasks.maps import Maps, write_maps

    spec = SaliencySpec(saliency or DEFAULT_DETECTOR, saliency_size)
    if not is_of_classifier(spec.detector):
        detect(spec.detector, [])  # refuses an unknown name
    refuse_unused(context, saliency_specs=[spec])
    background = parse_colour(reading.background)
    check_model([spec], model, pixels)
    listing = read_source(source, reading, report.warn, out)
    check_target(listing, [spec], model)
    folder = None if source == STDIN else Path(source)
    existing = read_existing(resume=resume, overwrite=overwrite)
    check_maps_out(out, folder, existing)
    check_apart(out, listing)
    classifier = read_classifier([spec], listing.classes, model, pixels, report.warn, folder, out)
    job = Job(
        recipe=Pipeline("saliency", ()),
        background=background,
        max_pixels=reading.max_pixels,
        classifier=None if classifier is None else classifier.identity(),
        labels=listing.labels,
    )
    place = Place(out, MAPS_STATE)
    runtime = Runtime(place, classifier=classifier, workers=workers or available_cpus())
    run = Run(listing, job, runtime)
    with progress_bar(progress, quiet=quiet) as bar:
        written = write_maps(
            Maps(run, spec, map_format, overlay),
            existing=existing,
            on_start=bar.start,
            on_done=bar.update,
        )
    _show_written(report, spec, out, written, max_errors)
    end_with_skipped(report, listing, written.skipped, max_errors, out / ERRORS)


def _show_written(
    report: Output, spec: SaliencySpec, out: Path, written: Written, max_errors: int
) -> None:
    from augcli.store.layout import MAPS_INDEX

    values = {
        "out": str(out),
        "method": str(spec),
        "maps": written.maps,
        "flat": written.flat,
        "skipped": written.skipped,
        "resumed": written.resumed,
        **failure(written.skipped, max_errors),
    }
    skipped = skipped_text(written.skipped, out / ERRORS)
    text = f"{count_text(written.maps, 'map')} in {out}, listed in {out / MAPS_INDEX}"
    if written.was_complete:
        values["was_complete"] = True
        text = f"Already complete: {text}"
    flat = f", {written.flat} of them flat" if written.flat else ""
    report.result(
        values,
        f"{text}{flat}{f'; {skipped}' if written.skipped else ''}.",
        done=f"OUT {out} is complete",
    )
