"""augcli generate: augments a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from augcli.choices import STDIN, Chroma, Fit, Format, Originals, Pair
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions, read_classifier
from augcli.cli.options import (
    FitOption,
    Json,
    MaxErrors,
    Out,
    PairOption,
    Quiet,
    ReadingOptions,
    RecipeOptions,
    Seed,
    Size,
    Source,
    Workers,
    check_sources,
    flag,
    option,
    parse_colour,
    parse_size,
    read_pipeline,
    read_source,
)
from augcli.cli.output import Output
from augcli.cli.progress import Progress, progress_bar
from augcli.errors import UserError

if TYPE_CHECKING:
    from augcli.run.generate import Outcome
    from augcli.run.plan import Run


@grouped
def generate(
    source: Source,
    out: Out,
    chosen: RecipeOptions,
    model: ModelOptions,
    pixels: InputOptions,
    reading: ReadingOptions,
    copies: Annotated[int, option("copies", "outputs a source image", "-k", min=1)] = 1,
    per_class: Annotated[
        int | None, option("per-class", "outputs a class instead, to balance classes", min=1)
    ] = None,
    seed: Seed = 0,
    workers: Workers = None,
    size: Size = None,
    fit: FitOption = Fit.cover,
    format: Annotated[Format, option("format", "file format of outputs")] = Format.jpeg,
    quality: Annotated[int, option("quality", "of JPEG and WebP", min=1, max=100)] = 95,
    chroma: Annotated[Chroma, option("chroma", "JPEG chroma sampling")] = Chroma.full,
    include_originals: Annotated[
        Originals, option("include-originals", "put the source images in OUT too")
    ] = Originals.none,
    pair: PairOption = Pair.any,
    dense_labels: Annotated[
        int, option("dense-labels", "write soft_label for up to this many classes", min=0)
    ] = 100,
    max_seconds: Annotated[
        float, option("max-seconds", "give up on an image that takes longer to decode", min=0.1)
    ] = 60.0,
    memory: Annotated[
        int, option("memory", "MiB of decoded images that a worker holds at most", min=16)
    ] = 512,
    max_errors: MaxErrors = 0,
    resume: Annotated[bool, flag("resume", "go on with the interrupted run in OUT")] = False,
    overwrite: Annotated[bool, flag("overwrite", "replace the run in OUT")] = False,
    dry_run: Annotated[bool, flag("dry-run", "say what would be made, write nothing")] = False,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[Progress, option("progress", "when to show progress")] = Progress.auto,
) -> None:
    """Augment the images of SOURCE into OUT, with a soft-label manifest."""
    shown = Output(json, quiet)
    pipeline = read_pipeline(chosen)
    from augcli.run.generate import generate as generate_all
    from augcli.run.local import available_cpus
    from augcli.run.resume import check_apart, check_linkable, check_out

    folder = None if source == STDIN else Path(source)
    listing = read_source(source, reading.labels_from)
    check_out(out, folder, resume=resume, overwrite=overwrite)
    check_apart(out, listing)
    check_sources(listing, pipeline, source, pair)
    if include_originals is Originals.link and listing.spans is not None:
        raise UserError(
            f"--include-originals link cannot link to what lies in the archive {source}; copy it."
        )
    if include_originals is Originals.link:
        check_linkable(out, listing)
    classifier = read_classifier(pipeline.detections, listing.classes, model, pixels, shown.warn)
    from augcli.image.codec import Encoding
    from augcli.run.layout import STATE
    from augcli.run.plan import Run

    run = Run(
        listing=listing,
        pipeline=pipeline,
        state=out / STATE,
        seed=seed,
        copies=copies,
        per_class=per_class,
        pair=pair,
        size=parse_size(size),
        fit=fit,
        encoding=Encoding(format, quality, chroma),
        originals=include_originals,
        background=parse_colour(reading.background),
        dense_labels=dense_labels,
        max_pixels=reading.max_pixels,
        memory=memory << 20,
        classifier=classifier,
    )
    if dry_run:
        _show_plan(shown, run, out)
        return
    with progress_bar(progress, quiet=quiet) as bar:
        outcome = generate_all(
            run,
            out,
            source=(
                {"source": STDIN, "root": str(Path.cwd()), "labels_from": reading.labels_from.value}
                if folder is None
                else {"source": str(folder.resolve())}
            ),
            workers=workers or available_cpus(),
            seconds_an_image=max_seconds,
            resume=resume,
            overwrite=overwrite,
            on_start=bar.start,
            on_report=lambda report: bar.update(report.shard.stop - report.shard.start),
        )
    _show_outcome(shown, run, out, outcome)
    if outcome.skipped > max_errors:
        raise typer.Exit(1)


def _show_plan(shown: Output, run: Run, out: Path) -> None:
    listing = run.listing
    values = {
        "out": str(out),
        "recipe": run.pipeline.name,
        "images": len(listing),
        "classes": len(listing.classes),
        "outputs": run.plan.outputs,
    }
    shown.result(
        values,
        f"Would make {run.plan.outputs} images in {out / 'train'} with {run.pipeline.name}, from"
        f" {len(listing)} images of {len(listing.classes)} classes.",
    )


def _show_outcome(shown: Output, run: Run, out: Path, outcome: Outcome) -> None:
    skipped = f"; {outcome.skipped} inputs skipped, see {out / 'errors.jsonl'}"
    values = {
        "out": str(out),
        "recipe": run.pipeline.name,
        "images": len(run.listing),
        "classes": len(run.listing.classes),
        "outputs": outcome.outputs,
        "skipped": outcome.skipped,
        "seconds": round(outcome.seconds, 3),
        "resumed": outcome.resumed,
    }
    if outcome.was_complete:
        text = f"Already complete: {outcome.outputs} images in {out / 'train'}."
        shown.result({**values, "was_complete": True}, text)
        return
    shown.result(
        values,
        f"{outcome.outputs} images in {out / 'train'}, labels in {out / 'train/metadata.jsonl'}"
        f" ({outcome.seconds:.1f} s{skipped if outcome.skipped else ''}).",
    )
    if outcome.skipped and (shown.as_json or shown.quiet):
        shown.warn(f"{outcome.skipped} inputs skipped, see {out / 'errors.jsonl'}")
