"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    Candidates,
    Fit,
    Pair,
)
from augcli.errors import UserError
from augcli.manifest.file_names import read_template
from augcli.saliency.names import why_no_detector
from augcli.text import listed, spelled

if TYPE_CHECKING:
    pass


# What others call the same.
_FITS = {
    **dict.fromkeys(("crop", "fill", "centercrop"), Fit.cover),
    **dict.fromkeys(("pad", "letterbox", "inside", "fit"), Fit.contain),
    **dict.fromkeys(("resize", "squash", "squeeze", "scale"), Fit.stretch),
}
_PAIRS = {
    **dict.fromkeys(("same", "class", "intra"), Pair.same_class),
    **dict.fromkeys(("different", "other", "inter"), Pair.different_class),
    **dict.fromkeys(("random", "all"), Pair.any),
    "equal": Pair.balanced,
}


def _expected_json(value: bool) -> bool:
    expect_json(value)
    return value


def _name_template(text: str) -> str:
    """The template of names that a text is, with the id last; raises UserError."""
    return read_template(text)


def _detector(name: str) -> str:
    """The saliency detector that a name spells; raises UserError."""
    spelling = spelled(name, DETECTORS)
    if spelling is None and name.strip():
        raise UserError(why_no_detector(name))
    return spelling or name


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        parser=text_of_path("SOURCE"),
        envvar="AUGCLI_SOURCE",
        show_envvar=False,
        help="a folder with one folder of images for each class, a table, an archive, arrays (see"
        " README, Sources); - reads paths from standard input",
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
    ),
]
KeepSize = Annotated[
    float | None,
    number(
        "keep-size",
        "with --keep: sides of the region that is put back, as a share of the image's (default:"
        " 0.5)",
        metavar="SHARE",
    ),
]
KeepCandidates = Annotated[
    Candidates | None,
    choice(
        "keep-candidates",
        "with --keep: the regions that are compared: all that the recipe may draw, or those wholly"
        " inside the image (default: recipe)",
        Candidates,
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
    ),
]
Seed = Annotated[int, number("seed", "the same seed gives the same bytes")]
Name = Annotated[
    str,
    option(
        "name",
        "what output files are called, of {source}, {recipe}, {copy}, {view}, {class}; the output's"
        " {id} comes last",
        metavar="TEMPLATE",
        parser=_name_template,
    ),
]
Size = Annotated[
    str | None,
    option("size", "pixels of all outputs, as in 224x224 (default: the target's)", metavar="WxH"),
]
FitOption = Annotated[
    Fit,
    choice(
        "fit",
        "how an image fills another shape: it is cropped, padded or stretched",
        Fit,
        meant=_FITS,
    ),
]
PairOption = Annotated[
    Pair, choice("pair", "which images may be partners of a target", Pair, meant=_PAIRS)
]
PairOrDefault = Annotated[
    Pair | None,
    choice(
        "pair",
        "which images may be partners of a target (default: any, and balanced under --per-class)",
        Pair,
        meant=_PAIRS,
    ),
]
Workers = Annotated[
    int | None,
    number(
        "workers",
        "processes, at least 1 (default: one for each CPU)",
        "-j",
    ),
]
MaxErrors = Annotated[
    int,
    number("max-errors", "exit 1 if more than N inputs cannot be used"),
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
    keep_candidates: KeepCandidates = None
    saliency: SaliencyName = None
    saliency_size: SaliencySize = None
