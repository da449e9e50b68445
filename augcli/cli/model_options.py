"""Options about a classifier, and the specification that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from augcli.cli.options import option, parse_size
from augcli.errors import UserError

if TYPE_CHECKING:
    from augcli.recipes.pipeline import Pipeline
    from augcli.saliency.classifier import ClassifierSpec
    from augcli.saliency.settings import ModelSettings

# As in augcli.saliency.graphs, which is not imported for --help.
_OF_A_CLASSIFIER = ("gradient", "gradcam", "feature-map")
NO_CACHE = "none"


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
    option("saliency-size", "find saliency on a copy with this shorter side", min=1),
]
ModelFile = Annotated[
    Path | None, option("model", "the ONNX classifier of --saliency", metavar="FILE")
]
Head = Annotated[
    str | None,
    option("head", "the model's output with the logits; else its first", metavar="TENSOR"),
]
Layer = Annotated[
    str | None,
    option("layer", "the feature map of gradcam, feature-map; else the last", metavar="TENSOR"),
]
DeviceOption = Annotated[DeviceChoice, option("device", "where the model runs")]
ModelSize = Annotated[
    str | None,
    option("model-size", "size of the model's input, if it does not say", metavar="WxH"),
]
Mean = Annotated[
    str | None,
    option("mean", "of the model's input (pixel / scale - mean) / std: imagenet or numbers, by"
           " commas", metavar="NUMBERS"),
]  # fmt: skip
Std = Annotated[str | None, option("std", "see --mean", metavar="NUMBERS")]
Scale = Annotated[
    float | None, option("scale", "see --mean: 255 for pixels as 0..1, 1 for pixels as they are")
]
ChannelOrder = Annotated[Order | None, option("channel-order", "of the model's input")]
ClassList = Annotated[
    Path | None,
    option("class-list", "file that names the model's outputs, one a line", metavar="FILE"),
]
TargetOption = Annotated[TargetChoice, option("target", "whose evidence the model looks for")]
SaliencyCache = Annotated[
    str | None,
    option("saliency-cache", "folder that keeps a classifier's maps, or none", metavar="DIR|none"),
]


def is_of_classifier(saliency: str) -> bool:
    """Whether this kind of saliency needs a classifier."""
    return saliency in _OF_A_CLASSIFIER


def check_saliency(pipeline: Pipeline) -> None:
    """Refuse saliency that nothing finds; raises UserError that names the closest right one."""
    from augcli.saliency.detectors import detect

    for detection in pipeline.detections:
        if not is_of_classifier(detection.detector):
            detect(detection.detector, [])


def read_classifier(
    detections: Iterable[tuple[str, int | None]],
    classes: Sequence[str],
    *,
    model: Path | None,
    head: str | None = None,
    layer: str | None = None,
    device: DeviceChoice = DeviceChoice.auto,
    model_size: str | None = None,
    mean: str | None = None,
    std: str | None = None,
    scale: float | None = None,
    channel_order: Order | None = None,
    class_list: Path | None = None,
    target: TargetChoice = TargetChoice.label,
    saliency_cache: str | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> ClassifierSpec | None:
    """The classifier that finds `detections` (each a name and a shorter side, or None) for a data
    set of these classes; None if none of them needs one.

    Raises UserError for whatever does not fit. `warn` is told where the CPU takes CUDA's place, and
    where a model is given that nothing asks for.
    """
    wanted = list(dict.fromkeys((d[0], d[1]) for d in detections if is_of_classifier(d[0])))
    if not wanted:
        if model is not None:
            warn(f"--model {model} is not used; --saliency gradient, for one, asks for it")
        return None
    if model is None:
        raise UserError(f"--saliency {wanted[0][0]} needs a classifier; give --model FILE.onnx.")
    from augcli.saliency.cache import default_folder
    from augcli.saliency.classifier import build_spec

    cache = default_folder() if saliency_cache is None else Path(saliency_cache)
    return build_spec(
        model,
        classes,
        wanted,
        options=read_settings(
            head=head, layer=layer, model_size=model_size, mean=mean, std=std, scale=scale,
            channel_order=channel_order,
        ),
        class_list=class_list,
        predicted=target is TargetChoice.predicted,
        device=device.value,
        cache=None if saliency_cache == NO_CACHE else cache,
        warn=warn,
    )  # fmt: skip


def read_settings(
    *,
    head: str | None = None,
    layer: str | None = None,
    model_size: str | None,
    mean: str | None,
    std: str | None,
    scale: float | None,
    channel_order: Order | None,
) -> ModelSettings:
    """What options say about a model; raises UserError."""
    from augcli.saliency.settings import parse_settings

    said: dict[str, Any] = {
        "size": _size(model_size),
        "mean": _numbers("--mean", mean),
        "std": _numbers("--std", std),
        "scale": scale,
        "order": None if channel_order is None else channel_order.value,
        "head": head,
        "layer": layer,
    }
    return parse_settings(said, "The command line")


def _size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of WxH."""
    if text is None:
        return None
    try:
        size = parse_size(text)
    except UserError as error:
        raise UserError(
            f"--model-size {text} is not a size; write width x height, as in 224x224."
        ) from error
    return None if size is None else size[::-1]


def _numbers(name: str, text: str | None) -> str | list[float] | None:
    if text is None or text == "imagenet":
        return text
    try:
        return [float(number) for number in text.split(",")]
    except ValueError as error:
        raise UserError(
            f"{name} {text} is not imagenet, a number, or three numbers with commas between them."
        ) from error
