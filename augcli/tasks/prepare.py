"""From options to a run: what is wrong with them, with SOURCE or with OUT is refused before any
work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augcli.enums import (
    STDIN,
    Chroma,
    Existing,
    Fit,
    Format,
    Labels,
    Originals,
    OtherSplits,
    OutputFormat,
    Pair,
)
from augcli.errors import UserError
from augcli.manifest.file_names import ONLY_ID, USUAL, read_template
from augcli.tasks.checks import (
    check_name,
    check_sources,
    check_target,
    warn_of_alike,
    warn_of_other_training,
)
from augcli.tasks.class_order import order_warning
from augcli.tasks.classifier_choice import InputChoice, ModelChoice, check_model, read_classifier
from augcli.tasks.limits import MOST_OUTPUTS
from augcli.tasks.output_format import check_links, parse_shard_size
from augcli.tasks.overlap import overlap_warning
from augcli.tasks.sizes import parse_colour, parse_output_size
from augcli.tasks.source_choice import GroupedChoice, read_existing, read_source, source_record

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.engine.plan import Run
    from augcli.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Choice:
    """What is chosen beside the recipe: how SOURCE is read, the classifier, and its `pixels`."""

    reading: GroupedChoice = GroupedChoice()
    model: ModelChoice = ModelChoice()
    pixels: InputChoice = InputChoice()


@dataclass(frozen=True)
class RunChoice:
    """What is made, and how fast; `size` is WxH, `memory` are MiB a worker. `workers` None are as
    many as there are CPUs."""

    copies: int = 1
    per_class: int | None = None
    seed: int = 0
    workers: int | None = None
    name: str = USUAL
    size: str | None = None
    fit: Fit = Fit.cover
    format: Format = Format.jpeg
    quality: int = 95
    chroma: Chroma = Chroma.full
    output_format: OutputFormat = OutputFormat.folder
    shard_size: str | None = None
    include_originals: Originals = Originals.none
    pair: Pair | None = None
    other_splits: OtherSplits = OtherSplits.link
    dense_labels: int = 100
    max_seconds: float = 60.0
    memory: int = 512
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class SheetChoice:
    """What is shown on a contact sheet; `size` is WxH."""

    seed: int = 0
    size: str | None = None
    fit: Fit = Fit.cover
    pair: Pair = Pair.any


class Prepared(NamedTuple):
    """A run that may begin: what becomes of one in OUT, and what run.json says of SOURCE."""

    run: Run
    existing: Existing
    source: dict[str, Any]


def prepare(
    source: str,
    out: Path,
    pipeline: Pipeline,
    choice: Choice,
    made: RunChoice,
    warn: Callable[[str], None],
) -> Prepared:
    """The run that these options ask for; nothing is written.

    Raises UserError for what is wrong with the options first, then with SOURCE, then with OUT.
    `warn` is called with each sentence about what is not as it may be expected.
    """
    from augcli.cpus import available_cpus
    from augcli.engine.job import Job, Runtime
    from augcli.engine.plan import Run
    from augcli.store.journal import check_apart, check_linkable, check_out
    from augcli.store.layout import Place

    size = parse_output_size(made.size, made.format)
    background = parse_colour(choice.reading.background)
    shard_size = parse_shard_size(made.shard_size, made.output_format)
    check_links(made.output_format, made.include_originals)
    are_files = made.output_format is OutputFormat.folder
    name = read_template(made.name) if are_files else ONLY_ID
    if warning := overlap_warning(pipeline):
        warn(warning)
    pair = made.pair
    if pair is None:
        pair = Pair.any if made.per_class is None else Pair.balanced
    check_model(pipeline.saliency_specs, choice.model, choice.pixels)
    reading = reading_for([pipeline], choice.reading)
    listing = read_source(source, reading, warn, out)
    check_sources(listing, pipeline, source, pair, made.per_class)
    check_target(listing, pipeline.saliency_specs, choice.model)
    check_name(name, listing)
    other_splits = made.other_splits if listing.others else OtherSplits.none
    if other_splits is not OtherSplits.none:
        warn_of_other_training(warn, listing)
        if not are_files:  # archives hold no links
            other_splits = OtherSplits.copy
    if are_files and listing.labels is Labels.single:
        warn_of_alike(warn, listing.classes)
        if warning := order_warning(listing):
            warn(warning)
    if made.include_originals is Originals.link and not listing.are_files:
        raise UserError(
            f"--include-originals link cannot link to what lies in the archive {source}; copy it."
        )
    folder = folder_of(source)
    existing = read_existing(resume=made.resume, overwrite=made.overwrite)
    check_out(out, folder, existing)
    check_apart(out, listing)
    if made.include_originals is Originals.link:
        check_linkable(out, listing)
    classifier = read_classifier(
        pipeline.saliency_specs, listing.classes, choice.model, choice.pixels, warn, folder, out
    )
    job = Job(
        recipe=pipeline,
        seed=made.seed,
        copies=made.copies,
        per_class=made.per_class,
        pair=pair,
        size=size,
        fit=made.fit,
        format=made.format,
        quality=made.quality,
        chroma=made.chroma,
        include_originals=made.include_originals,
        other_splits=other_splits,
        background=background,
        dense_labels=made.dense_labels,
        max_pixels=reading.max_pixels,
        classifier=None if classifier is None else classifier.identity(),
        sink=made.output_format.value,
        shard_size=shard_size,
        labels=listing.labels,
        name=name,
    )
    workers = made.workers or available_cpus()
    runtime = Runtime(Place(out), made.memory << 20, classifier, workers, made.max_seconds)
    run = Run(listing, job, runtime)
    if not run.others:  # all of them are training splits, or empty
        run = replace(run, job=job.model_copy(update={"other_splits": OtherSplits.none}))
    _check_outputs(run, made)
    if made.include_originals is not Originals.none and size is not None:
        warn("the originals in OUT keep their own sizes, whatever --size says.")
    return Prepared(run, existing, source_record(source, reading))


def _check_outputs(run: Run, made: RunChoice) -> None:
    """Refuse a run that makes nothing, or more than can be; raises UserError."""
    outputs = run.plan.outputs
    if outputs == 0:
        raise UserError(
            f"--per-class {made.per_class} counts the copied originals, and each class has as many:"
            " nothing is left to augment; raise it, or leave out --include-originals."
        )
    if outputs > MOST_OUTPUTS:
        raise UserError(
            f"That is {outputs} outputs, more than {MOST_OUTPUTS}; lower --copies or --per-class."
        )


def prepare_sheet(
    source: str,
    pipelines: Sequence[Pipeline],
    choice: Choice,
    drawn: SheetChoice,
    warn: Callable[[str], None],
    check_place: Callable[[Listing], None] = lambda _: None,
) -> list[Run]:
    """A run for each of these recipes over one source, for a contact sheet; of a source without
    labels those recipes only that mix none, where there are several.

    `check_place` is called with what SOURCE lists, and may raise UserError, as this does.
    """
    from augcli.engine.job import Job, Runtime
    from augcli.engine.plan import Run
    from augcli.store.layout import Place

    specs = [spec for pipeline in pipelines for spec in pipeline.saliency_specs]
    size = parse_output_size(drawn.size, Format.same)
    background = parse_colour(choice.reading.background)
    check_model(specs, choice.model, choice.pixels)
    reading = reading_for(pipelines, choice.reading)
    listing = read_source(source, reading, warn)
    if len(pipelines) > 1 and listing.labels is Labels.none:
        pipelines = [pipeline for pipeline in pipelines if pipeline.sources == 1]
    for pipeline in pipelines:
        check_sources(listing, pipeline, source, drawn.pair)
    check_target(listing, specs, choice.model)
    check_place(listing)
    classifier = read_classifier(
        specs, listing.classes, choice.model, choice.pixels, warn, folder_of(source)
    )
    return [
        Run(
            listing,
            Job(
                recipe=pipeline,
                seed=drawn.seed,
                pair=drawn.pair,
                size=size,
                fit=drawn.fit,
                background=background,
                max_pixels=reading.max_pixels,
                classifier=None if classifier is None else classifier.identity(),
                labels=listing.labels,
            ),
            Runtime(Place(Path()), classifier=classifier),
        )
        for pipeline in pipelines
    ]


def folder_of(source: str) -> Path | None:
    """The path of SOURCE; None for a list on standard input."""
    return None if source == STDIN else Path(source)


def reading_for(pipelines: Sequence[Pipeline], reading: GroupedChoice) -> GroupedChoice:
    """How SOURCE is read for these recipes: which images belong together is of no account where
    none are mixed, as with a --group-by of a configuration file."""
    mixes = any(pipeline.sources > 1 for pipeline in pipelines)
    return reading if mixes else replace(reading, group_by=None)
