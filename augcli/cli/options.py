"""Options that several commands share, and what they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.completion import (
    complete_detector,
    complete_recipe,
    complete_setting,
    complete_toml,
)
from augcli.cli.declare import choice, file_option, flag, number, option
from augcli.cli.output import expect_json
from augcli.cli.values import path_reader, text_of_path
from augcli.enums import (
    DEFAULT_DETECTOR,
    DETECTORS,
    OF_A_CLASSIFIER,
    OF_THE_IMAGE,
    STDIN,
    Fit,
    Format,
    LabelsFrom,
    Pair,
)
from augcli.errors import UserError
from augcli.text import did_you_mean, listed, shorten, spelled

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.pipeline.pipeline import Pipeline


# What OpenCV decodes at most.
MOST_PIXELS = 1 << 30
# What a run may make: file systems hold no more, and a thousand CPUs take months for it.
MOST_OUTPUTS = 10_000_000_000
# The shorter side of a map, which no image that can be decoded exceeds.
LARGEST_MAP = 1 << 15


def _expected_json(wanted: bool) -> bool:
    expect_json(wanted)
    return wanted


def _detector(name: str) -> str:
    """The saliency detector that a name spells; raises UserError."""
    found = spelled(name, DETECTORS)
    if found is None and name.strip():
        raise UserError(
            f"There is no saliency detector '{shorten(name)}'{did_you_mean(name, DETECTORS)};"
            f" give one of {listed(DETECTORS)}."
        )
    return found or name


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        parser=text_of_path("SOURCE"),
        envvar="AUGCLI_SOURCE",
        show_envvar=False,
        help="a folder with one folder of images for each class, a .tar, a .csv or .tsv; - reads"
        " paths from standard input",
    ),
]
Out = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        parser=path_reader("OUT"),
        envvar="AUGCLI_OUT",
        show_envvar=False,
        help="the folder that is written",
    ),
]
RecipeName = Annotated[
    str | None,
    option(
        "recipe",
        "the recipe's name; `augcli recipes` lists them",
        "-r",
        metavar="NAME",
        complete=complete_recipe,
    ),
]
Settings = Annotated[
    list[str] | None,
    option(
        "set",
        "an option of the recipe, as in alpha=0.4; give --set again for another one",
        metavar="KEY=VALUE",
        complete=complete_setting,
    ),
]
RecipeFile = Annotated[
    Path | None,
    file_option("recipe-file", "a TOML file of steps, instead of --recipe", complete=complete_toml),
]
LabelSmoothing = Annotated[
    float | None,
    number(
        "label-smoothing",
        "share of the label's weight, 0 to 1, that is spread evenly over all classes; else that of"
        " --recipe-file, or 0",
        metavar="SHARE",
        least=0,
        most=1,
        kind=float,
    ),
]
KeepOption = Annotated[
    bool, flag("keep", "KeepAugment around the recipe: what is salient for the label stays")
]
Tau = Annotated[
    float | None,
    number(
        "tau",
        "with --keep: the quantile of importance, 0 to 1, above which nothing is cut (default:"
        " 0.6)",
        metavar="SHARE",
        least=0,
        most=1,
        kind=float,
    ),
]
KeepSize = Annotated[
    float | None,
    number(
        "keep-size",
        "with --keep: sides of the region that is put back, as a share of the image's (default:"
        " 0.5)",
        metavar="SHARE",
        least=0,
        most=1,
        kind=float,
    ),
]
SaliencyName = Annotated[
    str | None,
    option(
        "saliency",
        f"what finds the salient pixels: {listed(OF_THE_IMAGE)}; with a --model also"
        f" {listed(OF_A_CLASSIFIER)} (default: {DEFAULT_DETECTOR})",
        metavar="NAME",
        complete=complete_detector,
        parser=_detector,
    ),
]
SaliencySize = Annotated[
    int | None,
    number(
        "saliency-size",
        "find saliency on a copy whose shorter side has N pixels (default: the image itself)",
        least=1,
        most=LARGEST_MAP,
    ),
]
Seed = Annotated[int, number("seed", "the same seed gives the same bytes", least=0, most=2**63 - 1)]
Size = Annotated[
    str | None,
    option("size", "pixels of all outputs, as in 224x224 (default: the target's)", metavar="WxH"),
]
FitOption = Annotated[
    Fit,
    choice("fit", "how an image fills another shape: it is cropped, padded or stretched", Fit),
]
PairOption = Annotated[Pair, choice("pair", "which images may be partners of a target", Pair)]
PairOrDefault = Annotated[
    Pair | None,
    choice(
        "pair",
        "which images may be partners of a target (default: any, and balanced under --per-class)",
        Pair,
    ),
]
LabelsFromOption = Annotated[
    LabelsFrom,
    choice("labels-from", "the part of a path on standard input that names its class", LabelsFrom),
]
Background = Annotated[
    str, option("background", "the colour behind transparent pixels", metavar="#RRGGBB")
]
MaxPixels = Annotated[
    int,
    number("max-pixels", "refuse images of more than N pixels", least=1, most=MOST_PIXELS),
]
Workers = Annotated[
    int | None,
    number(
        "workers",
        "processes, at least 1 (default: one for each CPU)",
        "-j",
        least=1,
        most=1024,
    ),
]
MaxErrors = Annotated[
    int,
    number("max-errors", "exit 1 if more than N inputs cannot be used", least=0, most=MOST_OUTPUTS),
]
Json = Annotated[
    bool,
    flag(
        "json", "print one JSON object on standard output", callback=_expected_json, is_eager=True
    ),
]
Quiet = Annotated[bool, flag("quiet", "print errors and warnings only", "-q")]


@dataclass(frozen=True)
class RecipeOptions:
    """The recipe or recipe file, and what goes around it."""

    recipe: RecipeName = None
    set: Settings = None
    recipe_file: RecipeFile = None
    label_smoothing: LabelSmoothing = None
    keep: KeepOption = False
    tau: Tau = None
    keep_size: KeepSize = None
    saliency: SaliencyName = None
    saliency_size: SaliencySize = None


@dataclass(frozen=True)
class ReadingOptions:
    """How the images of SOURCE are read."""

    labels_from: LabelsFromOption = LabelsFrom.parent
    background: Background = "#ffffff"
    max_pixels: MaxPixels = 100_000_000


def parse_size(
    size: str | None, name: str, limit: int, of: str = "", most: int = MOST_PIXELS
) -> tuple[int, int] | None:
    """(width, height) of WxH, or of one number for a square, as the option --`name` says it.

    Raises UserError for what is none, has a side over `limit`, which is the most `of` something, or
    more than `most` pixels.
    """
    if size is None:
        return None
    match = re.fullmatch(r"(\d{1,18})(?:[xX](\d{1,18}))?", size, re.ASCII)
    if not match or int(match[1]) < 1 or int(match[2] or match[1]) < 1:
        raise UserError(f"--{name} {size} is not a size; write width x height, as in 224x224.")
    width, height = int(match[1]), int(match[2] or match[1])
    if max(width, height) > limit:
        raise UserError(f"--{name} {size} has a side of more than {limit} pixels, the most{of}.")
    if width * height > most:
        raise UserError(f"--{name} {size} is {width * height} pixels, more than {most}.")
    return width, height


def parse_output_size(size: str | None, written: Format) -> tuple[int, int] | None:
    """(width, height) of --size, where outputs are `written` so; raises UserError for what no
    such file holds."""
    if size is None:
        return None
    from augcli.image.codec import largest_side

    whose = "" if written is Format.same else f" that a {written.value} file holds"
    return parse_size(size, "size", largest_side(written), whose)


def parse_colour(colour: str) -> tuple[int, int, int]:
    """(red, green, blue) of #rrggbb; raises UserError."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise UserError(f"--background {colour} is not a colour; write it like #ffffff.")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def read_source(source: str, labels_from: LabelsFrom, warn: Callable[[str], None]) -> Listing:
    """List the images of SOURCE; `warn` is called with each sentence about what of it is not read.

    Raises UserError.
    """
    from augcli.data.source import list_paths, list_source

    if source == STDIN:
        import sys

        if sys.stdin.isatty():
            raise UserError("SOURCE - reads paths from standard input; pipe a list into it.")
        return list_paths(sys.stdin.buffer, labels_from)
    from augcli.store.folders import refuse_as_source

    refuse_as_source(Path(source))
    listing = list_source(Path(source))
    for sentence in listing.warnings:
        warn(sentence)
    return listing


def read_pipeline(chosen: RecipeOptions) -> Pipeline:
    """The recipe that --recipe and --set, or --recipe-file, ask for; raises UserError.

    Options that have no effect beside the others are passed over; see `refuse_unused`.
    """
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.pipeline.keep import build_keep
    from augcli.pipeline.pipeline import Pipeline, Step
    from augcli.recipes.catalogue import build_recipe, recipe_class
    from augcli.recipes.names import recipe_of, spelled_options

    smoothing = chosen.label_smoothing
    if chosen.recipe_file is not None:
        from augcli.pipeline.recipefile import read_recipe_file

        pipeline = read_recipe_file(chosen.recipe_file)
        return pipeline if smoothing is None else replace(pipeline, label_smoothing=smoothing)
    if chosen.recipe is None:
        raise UserError("No recipe is given; add --recipe NAME (`augcli recipes` lists them).")
    recipe = recipe_class(recipe_of(chosen.recipe))
    options = spelled_options(recipe.name, _parse_settings(chosen.set or []))
    probability = 1.0
    if "probability" in options and "probability" not in recipe.model_fields:
        probability = _parse_probability(options.pop("probability"))
    looked_for = _said(saliency=chosen.saliency, saliency_size=chosen.saliency_size)
    if recipe.saliency_options is not None:
        own = zip(recipe.saliency_options, ("saliency", "saliency_size"), strict=True)
        options = {k: looked_for[v] for k, v in own if v in looked_for} | options
    built = build_recipe(recipe.name, options)
    keep = None
    if chosen.keep:
        keep = build_keep(looked_for | _said(tau=chosen.tau, size=chosen.keep_size), [built])
    return Pipeline(built.name, (Step(built, probability, keep=keep),), smoothing or 0.0)


def every_pipeline(chosen: RecipeOptions) -> list[Pipeline]:
    """Every recipe by itself with its default options; raises UserError."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_names

    return [
        read_pipeline(replace(chosen, recipe=name, set=None, recipe_file=None))
        for name in recipe_names()
    ]


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _parse_settings(settings: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(f"--set {setting} is not key=value; write it like --set alpha=0.4.")
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


def check_sources(listing: Listing, pipeline: Pipeline, source: str, pair: Pair) -> None:
    """Refuse a source that has too few images for the recipe; raises UserError."""
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
    if pair is Pair.different_class and pipeline.sources > 1 and len(listing.classes) < 2:
        raise UserError(
            f"--pair different-class needs two classes, but SOURCE {source} has only"
            f" {listing.classes[0]}; add a class or use --pair any."
        )
