"""augcli generate: augments a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.command import command_line
from augcli.cli.declare import choice, flag, number
from augcli.cli.groups import grouped
from augcli.cli.model_options import InputOptions, ModelOptions
from augcli.cli.options import (
    FitOption,
    Json,
    MaxErrors,
    Name,
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
from augcli.cli.output_format import OutputFormatOption, ShardSize
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.reading import read_pipeline
from augcli.cli.skipped import end_with_skipped, failure, skipped_text
from augcli.cli.source_lines import source_lines
from augcli.cli.source_options import GroupedReading
from augcli.cli.unused import refuse_unused
from augcli.enums import STDIN, Chroma, Fit, Format, Labels, Originals, OtherSplits, OutputFormat
from augcli.manifest.file_names import USUAL
from augcli.published import ERRORS, MANIFEST, TRAIN
from augcli.tasks.class_order import warn_of_missing
from augcli.text import count_text, listed

if TYPE_CHECKING:
    from augcli.engine.plan import Run
    from augcli.tasks.generate import Outcome


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
        number("copies", "outputs for each source image, at least 1", "-k"),
    ] = 1,
    per_class: Annotated[
        int | None,
        number(
            "per-class",
            "outputs for each class instead, at least 1, copied originals among them; views of"
            " a group count as one",
        ),
    ] = None,
    seed: Seed = 0,
    workers: Workers = None,
    name: Name = USUAL,
    size: Size = None,
    fit: FitOption = Fit.cover,
    format: Annotated[
        Format,
        choice("format", "the file format of outputs", Format, {"jpg": Format.jpeg}),
    ] = Format.jpeg,
    quality: Annotated[int, number("quality", "of JPEG and WebP, 1 to 100")] = 95,
    chroma: Annotated[Chroma, choice("chroma", "chroma sampling of JPEG", Chroma)] = Chroma.full,
    output_format: OutputFormatOption = OutputFormat.folder,
    shard_size: ShardSize = None,
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
        ),
    ] = 100,
    max_seconds: Annotated[
        float,
        number(
            "max-seconds",
            "give up on an image that takes longer to decode",
            metavar="SECONDS",
        ),
    ] = 60.0,
    memory: Annotated[
        int,
        number(
            "memory",
            "the most decoded images, in MiB, that a worker holds",
            metavar="MIB",
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
    from augcli.tasks.generate import check as check_run
    from augcli.tasks.generate import generate as generate_all
    from augcli.tasks.prepare import Choice, RunChoice, prepare

    run, existing, record = prepare(
        source,
        out,
        pipeline,
        Choice(reading, model, pixels),
        RunChoice(
            copies=copies,
            per_class=per_class,
            seed=seed,
            workers=workers,
            name=name,
            size=size,
            fit=fit,
            format=format,
            quality=quality,
            chroma=chroma,
            output_format=output_format,
            shard_size=shard_size,
            include_originals=include_originals,
            pair=pair,
            other_splits=other_splits,
            dense_labels=dense_labels,
            max_seconds=max_seconds,
            memory=memory,
            resume=resume,
            overwrite=overwrite,
        ),
        warn,
    )
    if dry_run:
        check_run(run, existing)
        _show_plan(report, run, source, sentences, replaces=overwrite)
        return
    with progress_bar(progress, quiet=quiet) as bar:
        outcome = generate_all(
            run,
            source=record,
            command=command_line(context),
            existing=existing,
            on_start=bar.start,
            on_report=lambda shard: bar.update(shard.outputs),
        )
    _show_outcome(report, run, out, outcome, max_errors)
    if output_format is OutputFormat.folder:
        warn_of_missing(report.warn, run.listing, out, outcome.others)
    end_with_skipped(report, run.listing, outcome.skipped, max_errors, out / ERRORS)


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
    lines = source_lines(name, facts, run.job.other_splits)
    report.result(values, "\n".join((*lines, "", plan)))


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
    least, most = (pick(range(len(mass)), key=mass.__getitem__) for pick in (min, max))
    return (mass[least], classes[least]), (mass[most], classes[most])
