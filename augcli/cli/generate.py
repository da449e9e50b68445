"""augcli generate: augments a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.class_order import order_warning, warn_of_missing
from augcli.cli.command import command_line
from augcli.cli.declare import choice, flag, number
from augcli.cli.groups import grouped
from augcli.cli.model_options import (
    InputOptions,
    ModelOptions,
    check_model,
    read_classifier,
)
from augcli.cli.options import (
    MOST_OUTPUTS,
    FitOption,
    Json,
    MaxErrors,
    Out,
    PairOrDefault,
    Quiet,
    RecipeOptions,
    Seed,
    Size,
    Source,
    Workers,
)
from augcli.cli.output import Output
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.reading import (
    check_sources,
    read_existing,
    read_pipeline,
    read_source,
    source_record,
)
from augcli.cli.sizes import parse_colour, parse_output_size
from augcli.cli.skipped import end_with_skipped, failure, skipped_text
from augcli.cli.source_options import ReadingOptions
from augcli.cli.unused import refuse_unused
from augcli.enums import STDIN, Chroma, Fit, Format, Originals, Pair
from augcli.errors import UserError
from augcli.published import ERRORS, MANIFEST, TRAIN
from augcli.text import count_text, listed

if TYPE_CHECKING:
    from augcli.engine.plan import Run
    from augcli.tasks.generate import Outcome


# MiB that a process can address at most (47 bits).
MOST_MEMORY = 1 << 27
_ORIGINALS = {
    **dict.fromkeys(("yes", "true", "all", "1"), Originals.copy),
    **dict.fromkeys(("no", "false", "0"), Originals.none),
    **dict.fromkeys(("hardlink", "symlink"), Originals.link),
}


@grouped
def generate(
    context: typer.Context,
    source: Source,
    out: Out,
    recipe_options: RecipeOptions,
    model: ModelOptions,
    pixels: InputOptions,
    reading: ReadingOptions,
    copies: Annotated[
        int,
        number(
            "copies", "outputs for each source image, at least 1", "-k", least=1, most=1_000_000
        ),
    ] = 1,
    per_class: Annotated[
        int | None,
        number(
            "per-class",
            "outputs for each class instead, at least 1, copied originals among them; views of"
            " a group count as one",
            least=1,
            most=MOST_OUTPUTS,
        ),
    ] = None,
    seed: Seed = 0,
    workers: Workers = None,
    size: Size = None,
    fit: FitOption = Fit.cover,
    format: Annotated[
        Format,
        choice("format", "the file format of outputs", Format, {"jpg": Format.jpeg}),
    ] = Format.jpeg,
    quality: Annotated[
        int, number("quality", "of JPEG and WebP, 1 to 100", least=1, most=100)
    ] = 95,
    chroma: Annotated[Chroma, choice("chroma", "chroma sampling of JPEG", Chroma)] = Chroma.full,
    include_originals: Annotated[
        Originals,
        choice(
            "include-originals", "put the source images in OUT too", Originals, meant=_ORIGINALS
        ),
    ] = Originals.none,
    pair: PairOrDefault = None,
    dense_labels: Annotated[
        int,
        number(
            "dense-labels",
            "write the column soft_label for up to N classes",
            least=0,
            most=1_000_000,
        ),
    ] = 100,
    max_seconds: Annotated[
        float,
        number(
            "max-seconds",
            "give up on an image that takes longer to decode",
            metavar="SECONDS",
            least=0.1,
            most=1_000_000,
            kind=float,
        ),
    ] = 60.0,
    memory: Annotated[
        int,
        number(
            "memory",
            "the most decoded images, in MiB, that a worker holds",
            metavar="MIB",
            least=16,
            most=MOST_MEMORY,
        ),
    ] = 512,
    max_errors: MaxErrors = 0,
    resume: Annotated[bool, flag("resume", "go on with the interrupted run in OUT")] = False,
    overwrite: Annotated[bool, flag("overwrite", "replace the run in OUT")] = False,
    dry_run: Annotated[bool, flag("dry-run", "say what would be made, write nothing")] = False,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[
        Progress, choice("progress", "when to show progress", Progress, meant=WHEN)
    ] = Progress.auto,
) -> None:
    """Augment the images of SOURCE into OUT, with a soft-label manifest.

    augcli generate sample_data mixed --recipe cutmix --copies 2
    augcli generate sample_data kept -r randaugment --set m=5 --keep
    """
    report = Output(json, quiet)
    pipeline = read_pipeline(recipe_options)
    refuse_unused(context, [pipeline], pipeline.saliency_specs)
    from augcli.engine.executors.pool import available_cpus
    from augcli.store.journal import check_apart, check_linkable, check_out
    from augcli.tasks.generate import generate as generate_all

    # What is wrong with options comes first, then with SOURCE, then with OUT.
    output_size, background = parse_output_size(size, format), parse_colour(reading.background)
    if pair is None:
        pair = Pair.any if per_class is None else Pair.balanced
    check_model(pipeline.saliency_specs, model, pixels)
    folder = None if source == STDIN else Path(source)
    listing = read_source(source, reading, report.warn)
    check_sources(listing, pipeline, source, pair)
    if listing.others:
        splits = listed((other.split for other in listing.others), "and")
        are = "is" if len(listing.others) == 1 else "are"
        report.warn(
            f"only the split {listing.split} of SOURCE is augmented; {splits} {are} not put into"
            " OUT: use what is in SOURCE."
        )
    _warn_of_alike(report, listing.classes)
    if warning := order_warning(listing):
        report.warn(warning)
    if include_originals is Originals.link and not listing.are_files:
        raise UserError(
            f"--include-originals link cannot link to what lies in the archive {source}; copy it."
        )
    existing = read_existing(resume=resume, overwrite=overwrite)
    check_out(out, folder, existing)
    check_apart(out, listing)
    if include_originals is Originals.link:
        check_linkable(out, listing)
    classifier = read_classifier(
        pipeline.saliency_specs, listing.classes, model, pixels, report.warn, folder, out
    )
    from augcli.engine.job import Job, Runtime
    from augcli.engine.plan import Run
    from augcli.store.layout import Place

    job = Job(
        recipe=pipeline,
        seed=seed,
        copies=copies,
        per_class=per_class,
        pair=pair,
        size=output_size,
        fit=fit,
        format=format,
        quality=quality,
        chroma=chroma,
        include_originals=include_originals,
        background=background,
        dense_labels=dense_labels,
        max_pixels=reading.max_pixels,
        classifier=None if classifier is None else classifier.identity(),
    )
    workers = workers or available_cpus()
    runtime = Runtime(Place(out), memory << 20, classifier, workers, max_seconds)
    run = Run(listing, job, runtime)
    if run.plan.outputs == 0:
        raise UserError(
            f"--per-class {per_class} counts the copied originals, and each class has as many:"
            " nothing is left to augment; raise it, or leave out --include-originals."
        )
    if include_originals is not Originals.none and size is not None:
        report.warn("the originals in OUT keep their own sizes, whatever --size says.")
    if run.plan.outputs > MOST_OUTPUTS:
        raise UserError(
            f"That is {run.plan.outputs} outputs, more than {MOST_OUTPUTS}; lower --copies or"
            " --per-class."
        )
    if dry_run:
        _show_plan(report, run, out, overwrite=overwrite)
        return
    with progress_bar(progress, quiet=quiet) as bar:
        outcome = generate_all(
            run,
            source=source_record(source, reading),
            command=command_line(context),
            existing=existing,
            on_start=bar.start,
            on_report=lambda shard: bar.update(shard.outputs),
        )
    _show_outcome(report, run, out, outcome, max_errors)
    warn_of_missing(report.warn, out / TRAIN, listing.classes)
    end_with_skipped(report, listing, outcome.skipped, max_errors, out / ERRORS)


def _warn_of_alike(report: Output, classes: Sequence[str]) -> None:
    """Name classes whose folders in OUT would be one on file systems that ignore case."""
    from augcli.data.labels import classes_alike
    from augcli.text import shorten

    alike = classes_alike(classes)
    if alike:
        names = " and ".join(shorten(name, 80) for name in alike[0][:3])
        more = f" (and {len(alike) - 1} more such groups)" if len(alike) > 1 else ""
        report.warn(
            f"the classes {names}{more} differ only in case or Unicode normal form; some file"
            " systems would hold their folders for one."
        )


def _show_plan(report: Output, run: Run, out: Path, *, overwrite: bool) -> None:
    from augcli.store.folders import replaced_run

    listing, replaced = run.listing, replaced_run(out) if overwrite else None
    values: dict[str, Any] = {
        "out": str(out),
        "recipe": run.job.pipeline.name,
        "images": len(listing),
        "classes": len(listing.classes),
        "outputs": run.plan.outputs,
    }
    before = ""
    if replaced is not None:
        recipe, images = replaced
        values["replaces"] = {"recipe": recipe, "outputs": images}
        of = "an unfinished run" if images is None else f"the run of {count_text(images, 'image')}"
        before = f"Would remove {of} with {recipe} from {out}. "
    report.result(
        values,
        f"{before}Would make {count_text(run.plan.outputs, 'image')} in {out / TRAIN} with"
        f" {run.job.pipeline.name}, from {count_text(len(listing), 'image')} of"
        f" {count_text(len(listing.classes), 'class')}.",
    )


def _show_outcome(report: Output, run: Run, out: Path, outcome: Outcome, max_errors: int) -> None:
    skipped = skipped_text(outcome.skipped, out / ERRORS) if outcome.skipped else ""
    values = {
        "out": str(out),
        "recipe": run.job.pipeline.name,
        "images": len(run.listing),
        "classes": len(run.listing.classes),
        "outputs": outcome.outputs,
        "skipped": outcome.skipped,
        "seconds": round(outcome.seconds, 3),
        "resumed": outcome.resumed,
        **failure(outcome.skipped, max_errors),
    }
    mass = ""
    if outcome.was_complete:
        values["was_complete"] = True
    elif outcome.label_mass is not None:
        (least, rare), (most, common) = _least_and_most(outcome.label_mass, run.listing.classes)
        values["label_mass"] = {"min": least, "max": most}
        mass = f" Label mass of a class: {least:.2f} ({rare}) to {most:.2f} ({common})."
        if f"{least:.2f}" == f"{most:.2f}":
            mass = f" The label mass of each class is {least:.2f}."
    classes = count_text(len(run.listing.classes), "class")
    text = f"{count_text(outcome.outputs, 'image')} of {classes} in {out / TRAIN}"
    of_skipped = f"; {skipped}" if skipped else ""
    if outcome.was_complete:
        text = f"Already complete: {text}{of_skipped}."
    else:
        labels = out / TRAIN / MANIFEST
        text += f", labels in {labels} ({outcome.seconds:.1f} s{of_skipped}).{mass}"
    report.result(values, text, done=f"OUT {out} is complete")


def _least_and_most(
    mass: Sequence[float], classes: Sequence[str]
) -> tuple[tuple[float, str], tuple[float, str]]:
    """The label masses of the classes that have least and most, with the classes' names."""
    numbers = range(len(classes))
    least, most = min(numbers, key=mass.__getitem__), max(numbers, key=mass.__getitem__)
    return (mass[least], classes[least]), (mass[most], classes[most])
