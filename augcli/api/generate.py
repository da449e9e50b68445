"""`augcli.generate`: the command of that name, for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from augcli.api.keywords import FilePath, GenerateKeywords
from augcli.api.recipe import ArrayRecipe
from augcli.api.values import (
    chosen,
    python_sentences,
    read_bool,
    read_number,
    read_path,
    refuse_unknown,
    refuse_without_effect,
    types_of,
    warner,
)
from augcli.enums import STDIN, OutputFormat
from augcli.errors import RunFailed, UserError
from augcli.processes import refuse_daemon
from augcli.published import ERRORS
from augcli.tasks.class_order import warn_of_missing
from augcli.tasks.classifier_choice import InputChoice, ModelChoice
from augcli.tasks.lost_classes import lost_classes
from augcli.tasks.prepare import Choice, RunChoice, prepare
from augcli.tasks.recipe_choice import RecipeChoice, build_pipeline
from augcli.tasks.source_choice import GroupedChoice
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.engine.shard import ShardReport
    from augcli.pipeline.pipeline import Pipeline

CHOICES = (RecipeChoice, ModelChoice, InputChoice, GroupedChoice, RunChoice)


@dataclass(frozen=True)
class Generated:
    """What `generate` left in `path`: rows in the manifest (`outputs`), inputs that could not be
    used (`skipped`, listed in `path`/errors.jsonl), and the images of other splits by their names.

    `resumed` says whether an interrupted run went on, `was_complete` whether nothing was left to
    do. `label_mass` are the label weights of each class together, of a run that balances classes.
    `warnings` are the sentences that were issued as `augcli.AugcliWarning`.
    """

    path: Path
    outputs: int
    skipped: int
    splits: Mapping[str, int]
    seconds: float
    resumed: bool
    was_complete: bool
    label_mass: Mapping[str, float] | None
    warnings: tuple[str, ...]


def generate(
    source: FilePath,
    out: FilePath,
    recipe: str | ArrayRecipe | None = None,
    *,
    max_errors: int | None = None,
    progress: bool = False,
    dry_run: bool = False,
    **options: Unpack[GenerateKeywords],
) -> Generated:
    """Augment the images of `source` into the folder `out`, with a soft-label manifest, as the
    command `augcli generate` does with the same options: same bytes.

    Options have the names of the command's, with underscores, and its defaults; what each does
    stands in `augcli generate --help`. Neither the environment (AUGCLI_...) nor a configuration
    file is read.

    - of the recipe: `set={"alpha": 0.4}` for its own options, recipe_file, label_smoothing, keep,
      tau, keep_size, keep_candidates, saliency, saliency_size. `recipe` may also be what
      `load_recipe` returned.
    - of what is made: copies, per_class, seed, `size=(width, height)`, fit, format, quality,
      chroma, output_format, shard_size, name, include_originals, pair, other_splits, dense_labels.
    - of the source: classes, classes_include, classes_exclude, limit, split, path_column,
      label_column, weights_column, images, suffix, allow_empty_classes, multi_label,
      label_separator, unlabelled, `group_by=r"patient_(\\d+)"`, background, max_pixels.
    - of a classifier that finds saliency: model, head, layer, device, class_list, target,
      saliency_cache, saliency_cache_size, model_size, mean, std, scale, channel_order.
    - of how it is made, which changes no byte: workers, memory, max_seconds, resume, overwrite.

    Raises `augcli.UserError` before any work for a wrong value, source or `out`; TypeError for an
    option that there is not; `augcli.RunFailed` for a run that cannot go on, as when the disk is
    full. Inputs that cannot be used cost themselves: they are counted and warned of, and with
    `max_errors` RunFailed is raised behind the end where there are more. Warnings are issued as
    `augcli.AugcliWarning`, and stand in the result. Nothing is printed but a bar with `progress`.
    With `dry_run` all is checked, nothing written, and the result says what would be made.

    Worker processes are forked where this process has one thread (Linux), else they are fresh
    interpreters; they never import the calling script, which needs no `if __name__ == "__main__"`.
    Any thread may call. Ctrl-C raises KeyboardInterrupt, and `resume=True` goes on.
    """
    given = dict(options)
    refuse_unknown(generate, given, *CHOICES)
    types = types_of(*CHOICES) | {"max_errors": int}
    sentences: list[str] = []
    warn = warner(types, sentences)
    with python_sentences(types):
        from augcli.tasks.generate import check as check_run
        from augcli.tasks.generate import generate as generate_all
        from augcli.tasks.generate import planned

        refuse_daemon()
        most = None if max_errors is None else read_number("max_errors", max_errors)
        read_bool("progress", progress)
        place = read_source_path(source)
        folder = read_path("out", out)
        made = chosen(RunChoice, given)
        choice = choice_of(given)
        pipeline = pipeline_of(recipe, given)
        names = given if recipe is None else {*given, "recipe"}
        parts = (made, choice.reading, choice.model, choice.pixels)
        refuse_without_effect(names, given, [pipeline], *parts, source=place)
        if made.resume and made.overwrite:
            raise UserError("resume=True and overwrite=True exclude each other; give one of them.")
        run, existing, record = prepare(place, folder, pipeline, choice, made, warn)
        if read_bool("dry_run", dry_run):
            check_run(run, existing)
            splits = {split.name: len(split.listing) for split in run.others}
            planned_rows, said = planned(run), tuple(sentences)
            return Generated(folder, planned_rows, 0, splits, 0.0, False, False, None, said)
        with _bar(shown=progress) as (start, update):
            outcome = generate_all(
                run, source=record, existing=existing, on_start=start, on_report=update
            )
        if made.output_format is OutputFormat.folder:
            warn_of_missing(warn, run.listing, folder, outcome.others)
        if outcome.skipped:
            if lost := lost_classes(run.listing, outcome.skipped, folder / ERRORS):
                warn(lost)
            skipped = f"{count_text(outcome.skipped, 'input')} skipped"
            if most is not None and outcome.skipped > most:
                raise RunFailed(f"{skipped}, max_errors is {most}; see {folder / ERRORS}.")
            warn(f"{skipped}, see {folder / ERRORS}")
    mass = outcome.label_mass
    return Generated(
        folder,
        outcome.outputs,
        outcome.skipped,
        dict(outcome.others),
        outcome.seconds,
        outcome.resumed,
        outcome.was_complete,
        None if mass is None else dict(zip(run.listing.classes, mass, strict=True)),
        tuple(sentences),
    )


def read_source_path(source: Any) -> str:
    """The text of SOURCE; raises UserError for what is no path."""
    if source == STDIN:
        raise UserError(
            "source - is a list of paths on standard input, which only the command reads; give a"
            " folder, or a table of the paths."
        )
    return str(read_path("source", source))


def choice_of(options: Mapping[str, Any]) -> Choice:
    """What is chosen beside the recipe; raises UserError."""
    return Choice(
        chosen(GroupedChoice, options), chosen(ModelChoice, options), chosen(InputChoice, options)
    )


def pipeline_of(recipe: str | ArrayRecipe | None, options: Mapping[str, Any]) -> Pipeline:
    """The steps that a name, a recipe file or a loaded recipe stand for; raises UserError."""
    if not isinstance(recipe, ArrayRecipe):
        if recipe is not None and not isinstance(recipe, str):
            raise UserError(
                f"recipe={recipe!r} is neither the name of a recipe nor what load_recipe returned."
            )
        return build_pipeline(chosen(RecipeChoice, {**options, "recipe": recipe}))
    for name in (field.name for field in fields(RecipeChoice)):
        if name in options:
            raise UserError(
                f"{name} has no effect beside a recipe that is loaded; give it to load_recipe."
            )
    return recipe.pipeline


@contextmanager
def _bar(
    *, shown: bool
) -> Iterator[tuple[Callable[[int, int], None], Callable[[ShardReport], None]]]:
    """What is called at the start, with the images and those that are there, and with each report:
    a bar shows them, in a notebook one of its own."""
    if not shown:
        yield lambda *_: None, lambda _: None
        return
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread beside processes that fork

    with Bar(unit=" images", dynamic_ncols=True) as bar:

        def start(total: int, before: int) -> None:
            bar.total, bar.n, bar.initial = total, before, before
            bar.refresh()

        def update(report: ShardReport) -> None:
            bar.update(report.outputs)

        yield start, update
