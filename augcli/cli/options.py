"""Options that several commands share, and what they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.choices import STDIN, Fit, Format, LabelsFrom, Pair
from augcli.cli.output import expect_json
from augcli.errors import UserError

if TYPE_CHECKING:
    from augcli.dataset.listing import Listing
    from augcli.recipes.pipeline import Pipeline


# What OpenCV decodes at most.
MOST_PIXELS = 1 << 30
# What a run may make: file systems hold no more, and a thousand CPUs take months for it.
MOST_OUTPUTS = 10_000_000_000
# The shorter side of a map, which no image that can be decoded exceeds.
LARGEST_MAP = 1 << 15


def option(name: str, help: str, *short: str, **more: Any) -> Any:
    """An option that the environment (AUGCLI_NAME) and the configuration file can set too."""
    variable = f"AUGCLI_{name.replace('-', '_').upper()}"
    return typer.Option(f"--{name}", *short, help=help, envvar=variable, show_envvar=False, **more)


def number(name: str, help: str, *short: str, least: float, most: float, **more: Any) -> Any:
    """An option whose number is from `least` to `most`; UserError says so, whatever it comes from.

    Its type is int or float; NaN lies between no bounds.
    """

    def checked(value: float | None) -> float | None:
        if value is None or least <= value <= most:
            return value
        amiss = "is not a number"
        if value > most or value < least:
            amiss = f"is more than {most}" if value > most else f"is less than {least}"
        raise UserError(f"--{name} {value} {amiss}; give a number from {least} to {most}.")

    range_ = f"{help}  [{least} to {most}]"
    return option(name, range_, *short, callback=checked, **more)


def flag(name: str, help: str, *short: str) -> Any:
    """A switch without a --no- form."""
    return option(name, help, *short)


def _expected_json(wanted: bool) -> bool:
    expect_json(wanted)
    return wanted


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        envvar="AUGCLI_SOURCE",
        show_envvar=False,
        help="folder with one folder of images a class, .tar or .csv; - reads paths from stdin",
    ),
]
Out = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", envvar="AUGCLI_OUT", show_envvar=False, help="folder that is written"
    ),
]
RecipeName = Annotated[
    str | None, option("recipe", "name of the recipe; `augcli recipes` lists them", "-r")
]
Settings = Annotated[
    list[str] | None,
    option("set", "an option of the recipe, key=value; may be repeated", metavar="KEY=VALUE"),
]
RecipeFile = Annotated[
    Path | None, option("recipe-file", "a TOML file of steps, instead of --recipe", metavar="FILE")
]
LabelSmoothing = Annotated[
    float, number("label-smoothing", "weight spread evenly over all classes", least=0, most=1)
]
KeepOption = Annotated[
    bool, flag("keep", "KeepAugment around the recipe: what is salient for the label stays")
]
Tau = Annotated[
    float | None,
    number(
        "tau",
        "with --keep: quantile of importance that divides what may be cut; else 0.6",
        least=0,
        most=1,
    ),
]
KeepSize = Annotated[
    float | None,
    number(
        "keep-size",
        "with --keep: sides of the region put back, as a share; else 0.5",
        least=0,
        most=1,
    ),
]
SaliencyName = Annotated[
    str | None,
    option(
        "saliency",
        "what finds the salient pixels: fine-grained, opencv-fine-grained, spectral-residual, or"
        " with a --model gradient, gradcam, feature-map",
        metavar="NAME",
    ),
]
SaliencySize = Annotated[
    int | None,
    number(
        "saliency-size",
        "find saliency on a copy with this shorter side",
        least=1,
        most=LARGEST_MAP,
    ),
]
Seed = Annotated[int, number("seed", "same seed, same bytes", least=0, most=2**63 - 1)]
Size = Annotated[
    str | None, option("size", "size of all outputs; else the target's own", metavar="WxH")
]
FitOption = Annotated[Fit, option("fit", "how an image meets another shape")]
PairOption = Annotated[Pair, option("pair", "which images may be partners")]
PairOrDefault = Annotated[
    Pair | None,
    option("pair", "which images may be partners; else any, and balanced under --per-class"),
]
LabelsFromOption = Annotated[
    LabelsFrom, option("labels-from", "what names the class of a path on stdin")
]
Background = Annotated[
    str, option("background", "colour behind transparent pixels", metavar="#RRGGBB")
]
MaxPixels = Annotated[
    int,
    number("max-pixels", "refuse images with more pixels than this", least=1, most=MOST_PIXELS),
]
Workers = Annotated[
    int | None,
    number("workers", "processes; else the CPUs this one may use", "-j", least=1, most=1024),
]
MaxErrors = Annotated[
    int,
    number(
        "max-errors", "exit 1 if more inputs than this cannot be used", least=0, most=MOST_OUTPUTS
    ),
]
Json = Annotated[
    bool,
    option("json", "print one JSON object on stdout", callback=_expected_json, is_eager=True),
]
Quiet = Annotated[bool, flag("quiet", "print errors and warnings only", "-q")]


@dataclass(frozen=True)
class RecipeOptions:
    """The recipe or recipe file, and what goes around it."""

    recipe: RecipeName = None
    set: Settings = None
    recipe_file: RecipeFile = None
    label_smoothing: LabelSmoothing = 0.0
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
    if source == STDIN:
        import sys

        from augcli.dataset.pathlist import read_path_list

        if sys.stdin.isatty():
            raise UserError("SOURCE - reads paths from standard input; pipe a list into it.")
        return read_path_list(sys.stdin.buffer, labels_from)
    from augcli.dataset.source import list_source

    listing = list_source(Path(source))
    for sentence in listing.warnings:
        warn(sentence)
    return listing


def read_pipeline(chosen: RecipeOptions) -> Pipeline:
    """The recipe that --recipe and --set, or --recipe-file, ask for; raises UserError."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import build_recipe, recipe_class
    from augcli.recipes.keep import build_keep
    from augcli.recipes.pipeline import Pipeline, Step

    keep = _said_of_keep(chosen)
    looked_for = _said(saliency=chosen.saliency, saliency_size=chosen.saliency_size)
    smoothing = chosen.label_smoothing
    if chosen.recipe_file is not None:
        from augcli.recipes.recipefile import read_recipe_file

        if chosen.set:
            raise UserError("--set changes a --recipe; write options into the --recipe-file.")
        if keep is not None:
            raise UserError("--keep goes around a --recipe; write keep into the --recipe-file.")
        if looked_for:
            raise UserError("--saliency is that of a --recipe; write it into the --recipe-file.")
        pipeline = read_recipe_file(chosen.recipe_file)
        return replace(pipeline, label_smoothing=smoothing) if smoothing else pipeline
    if chosen.recipe is None:
        raise UserError("No recipe is given; add --recipe NAME (`augcli recipes` lists them).")
    recipe = recipe_class(chosen.recipe)
    options = _parse_settings(chosen.set or [])
    probability = 1.0
    if "probability" in options and "probability" not in recipe.model_fields:
        probability = _parse_probability(options.pop("probability"))
    looks = "detector" in recipe.model_fields
    if looked_for and keep is None and not looks:
        raise UserError(
            f"Neither recipe {recipe.name} nor --keep looks for saliency; leave out --saliency."
        )
    if looks:
        own = {"detector": "saliency", "saliency_size": "saliency_size"}
        options = {k: looked_for[v] for k, v in own.items() if v in looked_for} | options
    built = build_recipe(chosen.recipe, options)
    kept = None if keep is None else build_keep(looked_for | keep, [built])
    return Pipeline(built.name, (Step(built, probability, keep=kept),), smoothing)


def every_pipeline(chosen: RecipeOptions) -> list[Pipeline]:
    """Every recipe by itself with its default options; raises UserError."""
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_class, recipe_names

    pipelines = []
    for name in recipe_names():
        one = replace(chosen, recipe=name, set=None, recipe_file=None)
        if not chosen.keep and "detector" not in recipe_class(name).model_fields:
            one = replace(one, saliency=None, saliency_size=None)
        pipelines.append(read_pipeline(one))
    return pipelines


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _said_of_keep(chosen: RecipeOptions) -> dict[str, Any] | None:
    """What --keep and its options say; raises UserError for an option without --keep."""
    given = _said(tau=chosen.tau, size=chosen.keep_size)
    if given and not chosen.keep:
        named = ", ".join({"tau": "--tau", "size": "--keep-size"}[name] for name in given)
        raise UserError(f"{named} says how to keep; add --keep.")
    return given if chosen.keep else None


def _parse_settings(settings: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(f"--set {setting} is not key=value; write it like --set alpha=0.4.")
        options[key.strip().replace("-", "_")] = value.strip()
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
            near = get_close_matches(class_name, listing.classes, 1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise UserError(
                f"The recipe file changes options for class '{class_name}', which SOURCE {source}"
                f" does not have{hint}."
            )
    if pair is Pair.different_class and pipeline.sources > 1 and len(listing.classes) < 2:
        raise UserError(
            f"--pair different-class needs two classes, but SOURCE {source} has only"
            f" {listing.classes[0]}; add a class or use --pair any."
        )
