"""Options about a classifier, and the specification that they become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from augcli.cli.completion import complete_model
from augcli.cli.declare import choice, file_option, number, option
from augcli.cli.values import text_of_path
from augcli.enums import OF_A_CLASSIFIER
from augcli.tasks.classifier_choice import (
    DEFAULT_CACHE_SIZE,
    DeviceChoice,
    InputChoice,
    ModelChoice,
    Order,
    TargetChoice,
)
from augcli.text import listed

# What others call the first GPU, which is the one that is used.
_GPU = dict.fromkeys(("gpu", "cuda0", "gpu0"), DeviceChoice.cuda)


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


@dataclass(frozen=True)
class InputOptions(InputChoice):
    """How a classifier wants its images, where nothing beside it or in it says so."""

    model_size: ModelSize = None
    mean: Mean = None
    std: Std = None
    scale: Scale = None
    channel_order: ChannelOrder = None


@dataclass(frozen=True)
class ModelOptions(ModelChoice):
    """The classifier that finds saliency, and how it is used."""

    model: ModelFile = None
    head: Head = None
    layer: Layer = None
    device: DeviceOption = DeviceChoice.auto
    class_list: ClassList = None
    target: TargetOption = TargetChoice.label
    saliency_cache: SaliencyCache = None
    saliency_cache_size: SaliencyCacheSize = DEFAULT_CACHE_SIZE
