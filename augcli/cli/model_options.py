"""Options about a classifier, and the specification that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from augcli.cli.amounts import parse_bytes
from augcli.cli.completion import complete_model
from augcli.cli.declare import choice, file_option, number, option
from augcli.cli.model_file import check_model_file
from augcli.cli.sizes import parse_size
from augcli.cli.values import text_of_path
from augcli.enums import OF_A_CLASSIFIER
from augcli.errors import UserError
from augcli.text import folded, listed

if TYPE_CHECKING:
    from augcli.classifier.settings import ModelSettings
    from augcli.classifier.spec import ClassifierSpec

NO_CACHE = "none"
_LARGEST_INPUT = 1 << 14
_MOST = 1_000_000  # of a scale, a mean or a standard deviation


class DeviceChoice(StrEnum):
    """Where a classifier runs; `auto` takes CUDA where all of the model runs there."""

    auto = "auto"
    cuda = "cuda"
    cpu = "cpu"


# What others call the first GPU, which is the one that is used.
_GPU = dict.fromkeys(("gpu", "cuda0", "gpu0"), DeviceChoice.cuda)


class Order(StrEnum):
    """The order of a classifier's channels."""

    rgb = "rgb"
    bgr = "bgr"


class TargetChoice(StrEnum):
    """Whose evidence is looked for: the label's, or that of what the classifier predicts."""

    label = "label"
    predicted = "predicted"


ModelFile = Annotated[
    Path | None,
    file_option(
        "model",
        f"the ONNX classifier that --saliency {listed(OF_A_CLASSIFIER)} asks",
        complete=complete_model,
    ),
]
Head = Annotated[
    str | None,
    option("head", "the model's output with the logits (default: its first)", metavar="TENSOR"),
]
Layer = Annotated[
    str | None,
    option(
        "layer",
        "the feature map that gradcam and feature-map read (default: the last)",
        metavar="TENSOR",
    ),
]
DeviceOption = Annotated[DeviceChoice, choice("device", "where the model runs", DeviceChoice, _GPU)]
ModelSize = Annotated[
    str | None,
    option("model-size", "pixels of the model's input, where it does not say", metavar="WxH"),
]
Mean = Annotated[
    str | None,
    option("mean", "the model's input is (pixel / scale - mean) / std: imagenet, a number or three,"
           " with commas between them", metavar="NUMBERS"),
]  # fmt: skip
Std = Annotated[str | None, option("std", "see --mean", metavar="NUMBERS")]
Scale = Annotated[
    float | None,
    number(
        "scale",
        "see --mean: 255 for pixels from 0 to 1, 1 for pixels as they are",
        metavar="NUMBER",
        least=1e-6,
        most=_MOST,
        kind=float,
    ),
]
ChannelOrder = Annotated[
    Order | None, choice("channel-order", "order of the channels of the model's input", Order)
]
ClassList = Annotated[
    Path | None,
    file_option("class-list", "a file that names the model's outputs, one a line"),
]
TargetOption = Annotated[
    TargetChoice,
    choice("target", "the class whose evidence the model looks for", TargetChoice),
]
SaliencyCache = Annotated[
    str | None,
    option(
        "saliency-cache",
        "the folder that keeps a classifier's maps (default: in the user's cache folder)",
        metavar="DIR|none",
        parser=text_of_path("--saliency-cache"),
    ),
]
SaliencyCacheSize = Annotated[
    str,
    option(
        "saliency-cache-size",
        "what the cache holds at most, as 500M or 10G; 0 for no cache",
        metavar="SIZE",
    ),
]
DEFAULT_CACHE_SIZE = "10G"


@dataclass(frozen=True)
class InputOptions:
    """How a classifier wants its images, where nothing beside it or in it says so."""

    model_size: ModelSize = None
    mean: Mean = None
    std: Std = None
    scale: Scale = None
    channel_order: ChannelOrder = None


@dataclass(frozen=True)
class ModelOptions:
    """The classifier that finds saliency, and what it is asked."""

    model: ModelFile = None
    head: Head = None
    layer: Layer = None
    device: DeviceOption = DeviceChoice.auto
    class_list: ClassList = None
    target: TargetOption = TargetChoice.label
    saliency_cache: SaliencyCache = None
    saliency_cache_size: SaliencyCacheSize = DEFAULT_CACHE_SIZE


def is_of_classifier(saliency: str) -> bool:
    """Whether this kind of saliency needs a classifier."""
    return saliency in OF_A_CLASSIFIER


def check_model(
    saliency_specs: Iterable[tuple[str, int | None]], asked: ModelOptions, pixels: InputOptions
) -> None:
    """Refuse what is wrong with the options of a classifier by themselves, before SOURCE is looked
    at; raises UserError."""
    parse_bytes(asked.saliency_cache_size, "saliency-cache-size")
    from augcli.image.opencv import require_contrib

    saliency_specs = list(saliency_specs)
    require_contrib(detector for detector, _ in saliency_specs)
    by_classifier = [detection[0] for detection in saliency_specs if is_of_classifier(detection[0])]
    if not by_classifier:
        return
    if asked.model is None:
        raise UserError(
            f"--saliency {by_classifier[0]} needs a classifier; give --model FILE.onnx."
        )
    from augcli.classifier.installed import require_onnx

    require_onnx()
    read_settings(pixels, head=asked.head, layer=asked.layer)
    check_model_file("--model", asked.model)


def read_classifier(
    saliency_specs: Iterable[tuple[str, int | None]],
    classes: Sequence[str],
    model_options: ModelOptions,
    pixels: InputOptions,
    warn: Callable[[str], None],
    source: Path | None,
    out: Path | None = None,
) -> ClassifierSpec | None:
    """The classifier that finds `saliency_specs` (each a name and a shorter side, or None) for a
    data set of these classes; None if none of them needs one.

    Raises UserError for whatever does not fit, as a cache inside SOURCE (None for a list) or OUT.
    `warn` is called where the CPU takes CUDA's place.
    """
    cache_size = parse_bytes(model_options.saliency_cache_size, "saliency-cache-size")
    needed = list(dict.fromkeys((d[0], d[1]) for d in saliency_specs if is_of_classifier(d[0])))
    if not needed:
        return None
    if model_options.model is None:
        raise UserError(f"--saliency {needed[0][0]} needs a classifier; give --model FILE.onnx.")
    from augcli.classifier.build import build_spec
    from augcli.data.destination import check_cache

    folder = model_options.saliency_cache
    no_cache = folder is not None and folded(folder) == NO_CACHE
    cache = None if no_cache else cache_folder(folder)
    check_cache(cache, source, out)
    return build_spec(
        model_options.model,
        classes,
        needed,
        options=read_settings(pixels, head=model_options.head, layer=model_options.layer),
        class_list=model_options.class_list,
        predicted=model_options.target is TargetChoice.predicted,
        device=model_options.device.value,
        cache=cache,
        cache_size=cache_size,
        warn=warn,
    )


def cache_folder(text: str | None) -> Path | None:
    """The folder that --saliency-cache says, or the user's own without it; None for none."""
    from augcli.classifier.cache import default_folder

    if text == NO_CACHE:
        return None
    return Path(text) if text else default_folder()


def read_settings(
    pixels: InputOptions, *, head: str | None = None, layer: str | None = None
) -> ModelSettings:
    """What options say about a model; raises UserError."""
    from augcli.classifier.settings import parse_settings

    values: dict[str, Any] = {
        "size": _size(pixels.model_size),
        "mean": _numbers("--mean", pixels.mean),
        "std": _numbers("--std", pixels.std),
        "scale": pixels.scale,
        "order": None if pixels.channel_order is None else pixels.channel_order.value,
        "head": head,
        "layer": layer,
    }
    return parse_settings(values, "The command line")


def _size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of WxH."""
    size = parse_size(text, "model-size", _LARGEST_INPUT)
    return None if size is None else size[::-1]


def _numbers(name: str, text: str | None) -> str | list[float] | None:
    if text is None or folded(text) == "imagenet":
        return text and "imagenet"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"{name} {text} is not imagenet, a number, or three numbers with commas between them."
        ) from error
    for one in numbers:
        if not -_MOST <= one <= _MOST:
            raise UserError(f"{name} {text}: give numbers from {-_MOST} to {_MOST}.")
    return numbers
