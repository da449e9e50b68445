"""Reads what options name: the source, and the recipe with all that is said of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augcli.cli.model_options import ModelOptions, TargetChoice, is_of_classifier
from augcli.cli.options import RecipeOptions
from augcli.cli.source_options import ReadingOptions
from augcli.enums import (
    STDIN,
    Existing,
    Labels,
    Pair,
)
from augcli.errors import UserError
from augcli.text import count_text, did_you_mean, listed, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.pipeline.pipeline import Pipeline

_NAMED = 3


def read_source(source: str, reading: ReadingOptions, warn: Callable[[str], None]) -> Listing:
    """List the images of SOURCE; `warn` is called with each sentence about what of it is not read.

    Raises UserError.
    """
    from augcli.data.source import list_paths, list_source

    if source == STDIN:
        import sys

        if sys.stdin.isatty():
            raise UserError("SOURCE - reads paths from standard input; pipe a list into it.")
        listing = list_paths(sys.stdin.buffer, reading.labels_from, options=reading.of_source())
    else:
        from augcli.store.folders import refuse_as_source

        refuse_as_source(Path(source))
        listing = list_source(Path(source), reading.of_source())
    from augcli.data.missing_images import refuse_all_missing

    refuse_all_missing(listing, source)
    for sentence in listing.warnings:
        warn(sentence)
    return listing


def source_record(source: str, reading: ReadingOptions) -> dict[str, Any]:
    """What run.json says of SOURCE, by which it is read again."""
    record: dict[str, Any] = {"source": source}
    if source == STDIN:
        record |= {"root": str(Path.cwd()), "labels_from": reading.labels_from.value}
    else:
        record["source"] = str(Path(source).resolve())
    options = reading.of_source().record()
    return record | ({"source_options": options} if options else {})


def read_existing(*, resume: bool, overwrite: bool) -> Existing:
    """What is to become of a run in OUT; of the two at most one is given."""
    if resume:
        return Existing.resume
    return Existing.overwrite if overwrite else Existing.refuse


def read_pipeline(recipe_options: RecipeOptions) -> Pipeline:
    """The recipe that --recipe and --set, or --recipe-file, ask for; raises UserError.

    Options that have no effect beside the others are passed over; see `refuse_unused`.
    """
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.pipeline.keep import build_keep
    from augcli.pipeline.pipeline import Pipeline, Step
    from augcli.recipes.catalogue import build_recipe, recipe_class
    from augcli.recipes.names import recipe_of, spelled_options

    smoothing = recipe_options.label_smoothing
    if recipe_options.recipe_file is not None:
        from augcli.pipeline.recipefile import read_recipe_file

        pipeline = read_recipe_file(recipe_options.recipe_file)
        return pipeline if smoothing is None else replace(pipeline, label_smoothing=smoothing)
    if recipe_options.recipe is None:
        raise UserError("No recipe is given; add --recipe NAME (`augcli recipes` lists them).")
    recipe = recipe_class(recipe_of(recipe_options.recipe))
    options = spelled_options(recipe.name, _parse_settings(recipe_options.set or []))
    probability = 1.0
    if "probability" in options and "probability" not in recipe.model_fields:
        probability = _parse_probability(options.pop("probability"))
    looked_for = _said(saliency=recipe_options.saliency, saliency_size=recipe_options.saliency_size)
    if recipe.saliency_options is not None:
        own = zip(recipe.saliency_options, ("saliency", "saliency_size"), strict=True)
        options = {k: looked_for[v] for k, v in own if v in looked_for} | options
    built = build_recipe(recipe.name, options)
    keep = None
    if recipe_options.keep:
        keep = build_keep(
            looked_for
            | _said(
                tau=recipe_options.tau,
                size=recipe_options.keep_size,
                candidates=recipe_options.keep_candidates,
            ),
            [built],
        )
    return Pipeline(built.name, (Step(built, probability, keep=keep),), smoothing or 0.0)


def every_pipeline(recipe_options: RecipeOptions) -> list[Pipeline]:
    """Every recipe by itself with its default options; raises UserError."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_names

    return [
        read_pipeline(replace(recipe_options, recipe=name, set=None, recipe_file=None))
        for name in recipe_names()
    ]


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


# A setting without =, as alpha:0.4, and the next one behind a comma or a blank.
_SPLIT_OTHERWISE = re.compile(r"([A-Za-z_][\w-]*)\s*(?:[:\s]|->)\s*([^\s:]+)")
_FURTHER = re.compile(r"[,;&\s]\s*([A-Za-z_][\w-]*)\s*=")
_CUT = "\0"  # in no word of a command line


def _parse_settings(settings: list[str]) -> dict[str, Any]:
    from augcli.recipes.names import written_settings

    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            pair = _SPLIT_OTHERWISE.fullmatch(setting.strip())
            like = f"--set {pair[1]}={pair[2]}" if pair is not None else "it like --set alpha=0.4"
            raise UserError(f"--set {setting} is not key=value; write {like}.")
        if _FURTHER.search(value):
            each = _FURTHER.sub(lambda match: f"{_CUT}{match[1]}=", setting).split(_CUT)
            raise UserError(
                f"--set {setting} holds several settings, and takes one; write"
                f"{written_settings(each)}."
            )
        name, value = key.strip().replace("-", "_"), value.strip()
        if options.setdefault(name, value) != value:
            raise UserError(
                f"--set {name} is given twice, as {options[name]} and as {value}; give one of them."
            )
    return options


def _parse_probability(text: str) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0.0 <= probability <= 1.0:
        raise UserError(f"--set probability={text} is not a number from 0 to 1.")
    return probability


def _check_same_class(listing: Listing, source: str) -> None:
    """Refuse classes with one image, which has no partner of its class; raises UserError."""
    counts = Counter(listing.class_of.tolist())
    alone = [name for class_id, name in enumerate(listing.classes) if counts[class_id] == 1]
    if not alone:
        return
    some = [shorten(name, 40) for name in alone[:_NAMED]]
    if len(alone) > _NAMED:
        some.append(f"{len(alone) - _NAMED} more")
    has = "has" if len(alone) == 1 else "have"
    them = "it" if len(alone) == 1 else "them"
    raise UserError(
        f"--pair same-class needs two images of each class, and {listed(some, 'and')} of SOURCE"
        f" {source} {has} one; add images, leave {them} out with --classes-exclude, or choose"
        " another --pair."
    )


def check_sources(
    listing: Listing, pipeline: Pipeline, source: str, pair: Pair, per_class: int | None = None
) -> None:
    """Refuse a source that has too few images for the recipe, or labels of another kind; raises
    UserError."""
    if listing.labels is not Labels.single:
        _check_labels(listing.labels, pipeline, source, pair, per_class)
    if len(listing) < pipeline.sources:
        raise UserError(
            f"Recipe {pipeline.name} mixes {pipeline.sources} images, but SOURCE {source} has"
            f" {len(listing)}; add images or choose a recipe for single images."
        )
    for class_name in pipeline.by_class:
        if class_name not in listing.classes:
            hint = did_you_mean(class_name, listing.classes)
            raise UserError(
                f"The recipe file changes options for class '{class_name}', which SOURCE {source}"
                f" does not have{hint}."
            )
    if pair is Pair.same_class and pipeline.sources > 1:
        _check_same_class(listing, source)
    if pipeline.sources > 1 and listing.group_of is not None:
        check_groups(listing, pipeline, source, pair)
    if pair is Pair.different_class and pipeline.sources > 1 and len(listing.classes) < 2:
        raise UserError(
            f"--pair different-class needs two classes, but SOURCE {source} has only"
            f" {listing.classes[0]}; add a class or use --pair any."
        )


def _check_labels(
    labels: Labels, pipeline: Pipeline, source: str, pair: Pair, per_class: int | None
) -> None:
    """Refuse what needs one class an image where images have several or none; raises UserError."""
    if labels is Labels.none:
        why = f"and SOURCE {source} has none (--unlabelled)"
        if pipeline.sources > 1:
            raise UserError(
                f"Recipe {pipeline.name} mixes the labels of {pipeline.sources} images, {why};"
                " choose a recipe for single images, as randaugment."
            )
    else:
        why = "and with --multi-label an image may have several, or none"
    needs = []
    if per_class is not None:
        needs.append(
            (f"--per-class {per_class} counts outputs by the class of an image", "--copies")
        )
    if pair is not Pair.any:
        needs.append((f"--pair {pair.value} compares the classes of two images", "--pair any"))
    if pipeline.by_class:
        needs.append(("The recipe file changes options by the class of an image", ""))
    if pipeline.label_smoothing:
        needs.append(("Label smoothing spreads the weight of one class over all", ""))
    for what, instead in needs:
        remedy = f"give {instead}" if instead else "leave that out"
        raise UserError(f"{what}, {why}; {remedy}.")


def check_target(
    listing: Listing, saliency_specs: Iterable[tuple[str, int | None]], model: ModelOptions
) -> None:
    """Refuse a classifier that is asked for the label of an image that has none; raises
    UserError."""
    if listing.labels is not Labels.none or model.target is TargetChoice.predicted:
        return
    for detector, _ in saliency_specs:
        if is_of_classifier(detector):
            raise UserError(
                f"--saliency {detector} asks the classifier for the label of an image, and SOURCE"
                " has none (--unlabelled); give --target predicted."
            )


def check_groups(listing: Listing, pipeline: Pipeline, source: str, pair: Pair) -> None:
    """Refuse a source with too few groups (`--group-by`) for a recipe that mixes images of as many,
    which differ; raises UserError."""
    from augcli.data.groups import fewest_partners

    needed = pipeline.sources - 1
    counts = fewest_partners(listing, None)
    fewest = min(counts.values()) + 1
    if fewest <= needed:
        raise UserError(
            f"Recipe {pipeline.name} mixes images of {pipeline.sources} groups, but by --group-by"
            f" SOURCE {source} has {count_text(fewest, 'group')}; choose another --group-by, or a"
            " recipe for fewer images."
        )
    if pair in (Pair.same_class, Pair.different_class):
        for class_id, fewest in fewest_partners(listing, pair is Pair.same_class).items():
            if fewest < needed:
                where = "in it" if pair is Pair.same_class else "in other classes"
                raise UserError(
                    f"--pair {pair.value} leaves an image of class"
                    f" {shorten(listing.classes[class_id])} of SOURCE {source} no"
                    f" {count_text(needed, 'other group')} {where} to be mixed with (--group-by);"
                    " use --pair any, or choose other classes."
                )
