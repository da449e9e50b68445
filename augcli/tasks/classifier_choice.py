"""The classifier that finds saliency, as it is chosen, and the specification that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augcli.enums import OF_A_CLASSIFIER
from augcli.errors import UserError
from augcli.tasks.amounts import parse_bytes
from augcli.tasks.limits import MOST_OF_PIXELS
from augcli.tasks.model_file import check_model_file
from augcli.tasks.sizes import parse_size
from augcli.text import folded

if TYPE_CHECKING:
    from augcli.classifier.settings import ModelSettings
    from augcli.classifier.spec import ClassifierSpec

NO_CACHE = "none"
DEFAULT_CACHE_SIZE = "10G"
_LARGEST_INPUT = 1 << 14


class DeviceChoice(StrEnum):
    """Where a classifier runs; `auto` takes CUDA where all of the model runs there."""

    auto = "auto"
    cuda = "cuda"
    cpu = "cpu"


class Order(StrEnum):
    """The order of a classifier's channels."""

    rgb = "rgb"
    bgr = "bgr"


class TargetChoice(StrEnum):
    """Whose evidence is looked for: the label's, or that of what the classifier predicts."""

    label = "label"
    predicted = "predicted"


@dataclass(frozen=True)
class InputChoice:
    """How a classifier wants its images, where nothing beside it or in it says so."""

    model_size: str | None = None
    mean: str | None = None
    std: str | None = None
    scale: float | None = None
    channel_order: Order | None = None


@dataclass(frozen=True)
class ModelChoice:
    """The classifier that finds saliency, and how it is used."""

    model: Path | None = None
    head: str | None = None
    layer: str | None = None
    device: DeviceChoice = DeviceChoice.auto
    class_list: Path | None = None
    target: TargetChoice = TargetChoice.label
    saliency_cache: str | None = None
    saliency_cache_size: str = DEFAULT_CACHE_SIZE


def is_of_classifier(saliency: str) -> bool:
    """Whether this kind of saliency needs a classifier."""
    return saliency in OF_A_CLASSIFIER


def check_model(
    saliency_specs: Iterable[tuple[str, int | None]], choice: ModelChoice, pixels: InputChoice
) -> None:
    """Refuse what is wrong with the options of a classifier by themselves, before SOURCE is looked
    at; raises UserError."""
    parse_bytes(choice.saliency_cache_size, "saliency-cache-size")
    from augcli.image.opencv import require_contrib

    saliency_specs = list(saliency_specs)
    require_contrib(detector for detector, _ in saliency_specs)
    by_classifier = [detection[0] for detection in saliency_specs if is_of_classifier(detection[0])]
    if not by_classifier:
        return
    if choice.model is None:
        raise UserError(
            f"--saliency {by_classifier[0]} needs a classifier; give --model FILE.onnx."
        )
    from augcli.classifier.installed import require_onnx

    require_onnx()
    read_settings(pixels, head=choice.head, layer=choice.layer)
    check_model_file("--model", choice.model)


def read_classifier(
    saliency_specs: Iterable[tuple[str, int | None]],
    classes: Sequence[str],
    model_options: ModelChoice,
    pixels: InputChoice,
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
    pixels: InputChoice, *, head: str | None = None, layer: str | None = None
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
        if not -MOST_OF_PIXELS <= one <= MOST_OF_PIXELS:
            raise UserError(
                f"{name} {text}: give numbers from {-MOST_OF_PIXELS} to {MOST_OF_PIXELS}."
            )
    return numbers
