"""augcli model: looks at an ONNX classifier, and fits an early head to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.completion import complete_model
from augcli.cli.declare import choice, file_option, flag, option
from augcli.cli.groups import grouped
from augcli.cli.help import Command, Group
from augcli.cli.model_options import Head, InputOptions
from augcli.cli.options import Json, MaxErrors, Quiet, Source
from augcli.cli.output import Output
from augcli.cli.progress import WHEN, Progress, progress_bar
from augcli.cli.skipped import failure
from augcli.cli.source_options import ReadingOptions
from augcli.cli.unused import refuse_unused
from augcli.cli.usage import require_command
from augcli.cli.values import path_reader
from augcli.enums import STDIN, Labels
from augcli.errors import RunFailed, UnreadableImage, UserError
from augcli.files import replace_only, standing
from augcli.tasks.classifier_choice import read_settings
from augcli.tasks.model_file import check_model_file
from augcli.tasks.sizes import parse_colour
from augcli.tasks.source_choice import read_source
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.classifier.settings import ModelSettings
    from augcli.data.listing import Listing

_SHOWN_NODES = 6
_FIELDS = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"  # tags that may follow that of the version

model_app = typer.Typer(
    name="model",
    cls=Group,
    help="Look at an ONNX classifier, or fit an early head to it.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    callback=require_command,
)

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        parser=path_reader("MODEL"),
        envvar="AUGCLI_MODEL",
        show_envvar=False,
        help="an ONNX image classifier",
        autocompletion=complete_model,
    ),
]


def _is_model(start: bytes) -> bool:
    """Whether a file begins like an ONNX model: the version of its format, then another field."""
    return len(start) > 2 and start[0] == 0x08 and 0 < start[1] < 0x80 and start[2] in _FIELDS


@model_app.command("inspect", cls=Command)
@grouped
def inspect_model(
    model: Model,
    pixels: InputOptions,
    head: Head = None,
    json: Json = False,
) -> None:
    """Say what MODEL takes and returns, what its gradient needs, and what that costs.

    augcli model inspect sample_data/classifier.onnx
    augcli model inspect sample_data/classifier.onnx --json
    """
    report = Output(json)
    from augcli.classifier.installed import require_onnx
    from augcli.image.opencv import require_opencv

    require_opencv()
    require_onnx()
    settings = read_settings(pixels, head=head)
    check_model_file("MODEL", model)
    from augcli.autodiff.child import in_child

    values, unknown = in_child(_look_at, model, settings, head)
    report.result(values, "\n".join(_page(values, unknown)))


def _look_at(model: Path, options: ModelSettings, head: str | None) -> tuple[dict[str, Any], str]:
    """All that inspect shows, and why the preprocessing is not known where it is not."""
    from augcli.autodiff.inspect import inspect
    from augcli.classifier.graphs import declared
    from augcli.classifier.settings import preprocessing_of, settings_of

    declaration = declared(model, head)
    settings = options.over(settings_of(model, declaration.metadata))
    size = settings.size or declaration.size or (224, 224)
    facts = inspect(model, size=size, output=settings.head)
    preprocessing: dict[str, Any] = {}
    unknown = ""
    try:
        sized = settings.model_copy(update={"size": size})
        preprocessing = asdict(
            preprocessing_of(sized, model, declared=declaration.size, raw=declaration.raw)
        )
    except UserError as error:
        unknown = str(error)
    values = {
        "model": str(model),
        "opset": facts.opset,
        "inputs": [asdict(tensor) for tensor in facts.inputs],
        "outputs": [asdict(tensor) for tensor in facts.outputs],
        "layout": facts.layout,
        "declared_size": declaration.size,
        "size": size,
        "size_from": _size_from(settings.size, declaration.size),
        "batch": facts.batch,
        "head": settings.head,
        "classes": facts.classes,
        "class_names": settings.classes,
        "preprocessing": preprocessing or None,
        "heads": [asdict(tensor) for tensor in facts.heads],
        "feature_maps": [asdict(tensor) for tensor in facts.features],
        "operators": facts.operators,
        "missing_rules": facts.missing,
        **_cost(model, size, settings.head, facts.missing),
    }
    return values, unknown


def _size_from(setting: tuple[int, int] | None, declared: tuple[int, int] | None) -> str:
    if declared is not None and setting in (None, declared):
        return "declared"
    return "the model takes any; an example" if setting is None else "as set"


def _cost(
    model: Path, size: tuple[int, int], head: str | None, missing: dict[str, list[str]]
) -> dict[str, Any]:
    """Costs of the logits and of a saliency map, None where a rule is missing."""
    if missing:
        return {"parameters": None, "forward": None, "saliency": None, "refusal": None}
    from augcli.autodiff import differentiate
    from augcli.classifier.cost import cost_of, parameters
    from augcli.classifier.gradcam import part

    try:
        gradient = differentiate(model, size=size, target="predicted", output=head)
    except UserError as error:
        return {"parameters": None, "forward": None, "saliency": None, "refusal": str(error)}
    saliency = cost_of(gradient)
    forward = part(gradient, "logits")
    return {
        "parameters": parameters(forward.model),
        "forward": asdict(cost_of(forward)),
        "saliency": asdict(saliency),
        "refusal": None,
    }


def _page(facts: dict[str, Any], unknown: str) -> list[str]:
    height, width = facts["size"]
    batch = "any number" if facts["batch"] is None else facts["batch"]
    classes = count_text(facts["classes"], "class")
    lines = [f"{facts['model']}: {classes}, operator set {facts['opset']}", ""]
    for kind in ("inputs", "outputs"):
        for tensor in facts[kind]:
            what = f"{tensor['name']}: {tensor['dtype']} {tensor['shape']}"
            lines.append(f"{kind[:-1]:8} {what}")
    lines += [
        f"images   {height} x {width} ({facts['size_from']}), {facts['layout']}, {batch} at a time",
        f"pixels   {_pixels(facts['preprocessing']) or unknown}",
    ]
    if facts["class_names"]:
        lines.append(f"classes  {_some(facts['class_names'])}")
    for kind, title in (("heads", "head"), ("feature_maps", "feature")):
        lines += [f"{title:8} {t['name']}: {t['shape']}" for t in facts[kind]]
    operators = (f"{name} {count}" for name, count in facts["operators"].items())
    lines.append(f"nodes    {', '.join(operators)}")
    for operator, nodes in facts["missing_rules"].items():
        lines.append(f"no rule  {operator}: {_some(nodes)}")
    if facts["refusal"]:
        lines.append(f"refused  {facts['refusal']}")
    if facts["saliency"]:
        lines.append(f"cost     {facts['parameters']:,} parameters; on one core of this machine:")
        for kind in ("forward", "saliency"):
            cost = facts[kind]
            lines.append(
                f"         {kind}: {cost['multiply_adds']:.0f} million multiply-adds,"
                f" {cost['milliseconds']:.2f} ms an image"
            )
    return lines


def _pixels(facts: dict[str, Any]) -> str:
    if not facts:
        return ""
    mean, std = (" ".join(f"{n:g}" for n in facts[name]) for name in ("mean", "std"))
    return f"(pixel / {facts['scale']:g} - [{mean}]) / [{std}], {facts['order']}"


def _some(names: Any) -> str:
    more = len(names) - _SHOWN_NODES
    return ", ".join(names[:_SHOWN_NODES]) + (f" and {more} more" if more > 0 else "")


@model_app.command("fit-head", cls=Command)
@grouped
def fit_head(
    context: typer.Context,
    model: Model,
    source: Source,
    pixels: InputOptions,
    reading: ReadingOptions,
    at: Annotated[
        str, option("at", "the tensor that the head reads; inspect lists them", metavar="TENSOR")
    ],
    output: Annotated[Path, file_option("output", "the ONNX file that is written", "-o")],
    name: Annotated[str, option("name", "what the new output is called", metavar="NAME")] = "early",
    overwrite: Annotated[bool, flag("overwrite", "replace the file")] = False,
    max_errors: MaxErrors = 0,
    json: Json = False,
    quiet: Quiet = False,
    progress: Annotated[
        Progress, choice("progress", "when to show progress", Progress, meant=WHEN)
    ] = Progress.auto,
) -> None:
    """Fit a linear classifier of SOURCE's classes to a tensor of MODEL; write both as one model.

    With it, --saliency gradient runs only what lies before the tensor.

        augcli model fit-head sample_data/classifier.onnx sample_data \
            --at relu2 --output early.onnx
        augcli model fit-head sample_data/classifier.onnx sample_data \
            --at relu1 --name first --output first.onnx
    """
    report = Output(json, quiet)
    refuse_unused(context)
    from augcli.classifier.installed import require_onnx
    from augcli.image.opencv import require_opencv

    require_opencv()
    require_onnx()
    from augcli.autodiff.child import in_child
    from augcli.autodiff.load import files_of
    from augcli.data.destination import (
        check_destination,
        check_not_in_run,
        check_other,
        check_outside,
    )

    options, background = read_settings(pixels, layer=at), parse_colour(reading.background)
    from augcli.classifier.head import add_head
    from augcli.cpus import available_cpus
    from augcli.image.decoder_output import decoders_silent

    check_model_file("MODEL", model)
    weights = in_child(files_of, model)  # beside the model
    listing = read_source(source, reading, report.warn)
    if listing.labels is not Labels.single:
        given = "--multi-label" if listing.labels is Labels.multi else "--unlabelled"
        raise UserError(f"A head is fitted to one class an image; leave out {given}.")
    for what, file in [("MODEL", model), *((f"{one}, which MODEL reads,", one) for one in weights)]:
        check_other(output, "--output", {what: file})
    if output.exists() and not overwrite:
        raise UserError(f"{output} exists; give --overwrite or another --output.")
    check_destination(output, "--output", _is_model)
    check_outside(output, "--output", listing, None if source == STDIN else Path(source))
    check_not_in_run(output, "--output")
    before, left_out = standing(output), list[int]()
    with decoders_silent(), progress_bar(progress, quiet=quiet) as bar:
        bar.start(len(listing))
        fitted, data = add_head(
            model,
            listing.classes,
            listing.class_of.astype("int64"),
            _loader(listing, reading.max_pixels, background, report, left_out),
            at=at,
            name=name,
            options=options,
            threads=available_cpus(),
            on_image=lambda: bar.update(1),
        )
    try:
        replace_only(output, data, before)
    except OSError as error:
        raise RunFailed(f"--output {output} cannot be written: {error.strerror}.") from error
    failed = failure(len(left_out), max_errors)
    values = {
        "model": str(output),
        "head": name,
        **asdict(fitted),
        "skipped": len(left_out),
        **failed,
    }
    accuracy = "unknown" if fitted.accuracy is None else f"{fitted.accuracy:.3f}"
    text = (
        f"{output} with output {name}: {count_text(len(listing.classes), 'class')} from"
        f" {count_text(fitted.features, 'feature')} of {count_text(fitted.images, 'image')}."
        f" Accuracy on every fifth image of a class, when fitted to the others: {accuracy};"
        " the head that is written is fitted to all."
    )
    report.result(values, text, done=f"{output} is written")
    if failed:
        report.fail(f"exit 1: {failed['error']['message']}.")
        raise typer.Exit(1)


def _loader(
    listing: Listing,
    max_pixels: int,
    background: tuple[int, int, int],
    report: Output,
    left_out: list[int],
) -> Callable[[int], Any]:
    """A function that decodes image i, and warns of what it cannot, which it adds to `left_out`."""
    from augcli.data.source import read_image
    from augcli.image.codec import decode

    def load(index: int) -> Any:
        try:
            data = read_image(listing, index, max_pixels)
            return decode(data, max_pixels=max_pixels, background=background)
        except UnreadableImage as error:
            if index not in left_out:
                left_out.append(index)
            report.warn(f"{listing.sample(index).relative} is left out: {error}")
            return None

    return load
