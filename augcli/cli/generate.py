"""augcli generate: augments a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    check_target,
    read_existing,
    read_pipeline,
    read_source,
    source_record,
)
from augcli.cli.sizes import parse_colour, parse_output_size
from augcli.cli.skipped import end_with_skipped, failure, skipped_text
from augcli.cli.source_lines import source_lines
from augcli.cli.source_options import GroupedReading
from augcli.cli.unused import refuse_unused
from augcli.enums import STDIN, Chroma, Fit, Format, Labels, Originals, OtherSplits, Pair
from augcli.errors import UserError
from augcli.published import ERRORS, MANIFEST, TRAIN
from augcli.text import count_text, listed, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing
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
    reading: GroupedReading,
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
    other_splits: Annotated[
        OtherSplits,
        choice(
            "other-splits",
            "put the splits of SOURCE that are not augmented in OUT, as they are",
            OtherSplits,
        ),
    ] = OtherSplits.link,
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
    dry_run: Annotated[
        bool, flag("dry-run", "show SOURCE, say what would be made, write nothing")
    ] = False,
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
    report, sentences = Output(json, quiet), list[str]()

    def warn(sentence: str) -> None:
        sentences.append(sentence)
        report.warn(sentence)

    pipeline = read_pipeline(recipe_options)
    refuse_unused(context, [pipeline], pipeline.saliency_specs)
    from augcli.cpus import available_cpus
    from augcli.store.journal import check_apart, check_linkable, check_out
    from augcli.tasks.generate import check as check_run
    from augcli.tasks.generate import generate as generate_all

    # What is wrong with options comes first, then with SOURCE, then with OUT.
    output_size, background = parse_output_size(size, format), parse_colour(reading.background)
    if pair is None:
        pair = Pair.any if per_class is None else Pair.balanced
    check_model(pipeline.saliency_specs, model, pixels)
    folder = None if source == STDIN else Path(source)
    if pipeline.sources == 1:
        reading = replace(reading, group_by=None)  # of a configuration file
    listing = read_source(source, reading, warn, out)
    check_sources(listing, pipeline, source, pair, per_class)
    check_target(listing, pipeline.saliency_specs, model)
    if other_splits is OtherSplits.none or not listing.others:
        other_splits = OtherSplits.none
    else:
        _warn_of_other_training(warn, listing)
    has_folders = listing.labels is Labels.single
    if has_folders:
        _warn_of_alike(warn, listing.classes)
        if warning := order_warning(listing):
            warn(warning)
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
        pipeline.saliency_specs, listing.classes, model, pixels, warn, folder, out
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
        other_splits=other_splits,
        background=background,
        dense_labels=dense_labels,
        max_pixels=reading.max_pixels,
        classifier=None if classifier is None else classifier.identity(),
        labels=listing.labels,
    )
    workers = workers or available_cpus()
    runtime = Runtime(Place(out), memory << 20, classifier, workers, max_seconds)
    run = Run(listing, job, runtime)
    if not run.others:  # all of them are training splits, or empty
        run = replace(run, job=job.model_copy(update={"other_splits": OtherSplits.none}))
    if run.plan.outputs == 0:
        raise UserError(
            f"--per-class {per_class} counts the copied originals, and each class has as many:"
            " nothing is left to augment; raise it, or leave out --include-originals."
        )
    if include_originals is not Originals.none and size is not None:
        warn("the originals in OUT keep their own sizes, whatever --size says.")
    if run.plan.outputs > MOST_OUTPUTS:
        raise UserError(
            f"That is {run.plan.outputs} outputs, more than {MOST_OUTPUTS}; lower --copies or"
            " --per-class."
        )
    if dry_run:
        check_run(run, existing)
        _show_plan(report, run, source, sentences, replaces=overwrite)
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
    for split in (TRAIN, *outcome.others) if has_folders else ():
        warn_of_missing(report.warn, out / split, listing.classes)
    end_with_skipped(report, listing, outcome.skipped, max_errors, out / ERRORS)


def _warn_of_other_training(warn: Callable[[str], None], listing: Listing) -> None:
    """Name training splits beside the one that is augmented: they do not go along."""
    from augcli.data.split_names import is_training

    names = [other.split for other in listing.others if is_training(other.split)]
    if names:
        are = "is another training split" if len(names) == 1 else "are other training splits"
        warn(
            f"{listed(map(shorten, names), 'and')} of SOURCE {are} beside {listing.split}, and not"
            " put into OUT; choose with --split."
        )


def _warn_of_alike(warn: Callable[[str], None], classes: Sequence[str]) -> None:
    """Name classes whose folders in OUT would be one on file systems that ignore case."""
    from augcli.data.labels import classes_alike

    alike = classes_alike(classes)
    if alike:
        names = " and ".join(shorten(name, 80) for name in alike[0][:3])
        more = f" (and {len(alike) - 1} more such groups)" if len(alike) > 1 else ""
        warn(
            f"the classes {names}{more} differ only in case or Unicode normal form; some file"
            " systems would hold their folders for one."
        )


def _show_plan(
    report: Output, run: Run, source: str, warnings: list[str], *, replaces: bool
) -> None:
    """What a dry run says: what SOURCE holds, as `augcli inspect` shows it, and what would be
    made of it."""
    from augcli.store.folders import replaced_run
    from augcli.tasks.inspect import inspect, to_json

    listing, out = run.listing, run.runtime.place.out
    facts = inspect(listing, deep=False, max_pixels=run.job.max_pixels)
    replaced = replaced_run(out) if replaces else None
    originals = 0 if run.job.include_originals is Originals.none else len(listing)
    values: dict[str, Any] = {
        "out": str(out),
        "recipe": run.job.pipeline.name,
        "images": len(listing),
        "classes": len(listing.classes),
        "outputs": run.plan.outputs,
        "originals": originals,
        "inspection": {"source": source, **to_json(facts), "warnings": warnings},
    }
    splits = {split.name: len(split.listing) for split in run.others}
    if splits:
        values["splits"] = splits
    before = ""
    if replaced is not None:
        recipe, images = replaced
        values["replaces"] = {"recipe": recipe, "outputs": images}
        of = "an unfinished run" if images is None else f"the run of {count_text(images, 'image')}"
        before = f"Would remove {of} with {recipe} from {out}. "
    originals_text = f", and put {count_text(originals, 'original')} beside" if originals else ""
    plan = (
        f"{before}Would make {count_text(run.plan.outputs, 'image')} in {out / TRAIN} with"
        f" {run.job.pipeline.name}, from {count_text(len(listing), 'image')}{_of_classes(run)}"
        f"{originals_text}{_splits_text(splits)}."
    )
    name = "paths from stdin" if source == STDIN else source
    report.result(values, "\n".join((*source_lines(name, facts), "", plan)))


def _splits_text(splits: Mapping[str, int]) -> str:
    """The images of other splits, as the end of a sentence."""
    if not splits:
        return ""
    return f"; beside it {listed((f'{count} of {name}' for name, count in splits.items()), 'and')}"


def _of_classes(run: Run) -> str:
    if run.job.labels is Labels.none:
        return " without labels"
    return f" of {count_text(len(run.listing.classes), 'class')}"


def _show_outcome(report: Output, run: Run, out: Path, outcome: Outcome, max_errors: int) -> None:
    skipped = skipped_text(outcome.skipped, out / ERRORS) if outcome.skipped else ""
    values = {
        "out": str(out),
        "recipe": run.job.pipeline.name,
        "images": len(run.listing),
        "classes": len(run.listing.classes),
        "outputs": outcome.outputs,
        "skipped": outcome.skipped,
        **({"splits": outcome.others} if outcome.others else {}),
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
    text = f"{count_text(outcome.outputs, 'image')}{_of_classes(run)} in {out / TRAIN}"
    of_skipped = f"; {skipped}" if skipped else ""
    beside = _splits_text(outcome.others)
    if outcome.was_complete:
        text = f"Already complete: {text}{of_skipped}{beside}."
    else:
        labels = out / TRAIN / MANIFEST
        what = "rows" if run.job.labels is Labels.none else "labels"
        text += f", {what} in {labels} ({outcome.seconds:.1f} s{of_skipped}){beside}.{mass}"
    report.result(values, text, done=f"OUT {out} is complete")


def _least_and_most(
    mass: Sequence[float], classes: Sequence[str]
) -> tuple[tuple[float, str], tuple[float, str]]:
    """The label masses of the classes that have least and most, with the classes' names."""
    numbers = range(len(classes))
    least, most = min(numbers, key=mass.__getitem__), max(numbers, key=mass.__getitem__)
    return (mass[least], classes[least]), (mass[most], classes[most])
