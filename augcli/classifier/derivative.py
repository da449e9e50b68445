"""What each saliency method of a classifier takes the derivative of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from onnx import ModelProto

from augcli.arrays.types import Shape
from augcli.autodiff.differentiate import Target


class Derivative(NamedTuple):
    """The derivative of the logits of `model` that `target` chooses, for images of `size` (height,
    width). `head` names the tensor with the logits, None its output; `layer` the feature map at
    which a method looks, None its last."""

    model: ModelProto | Path
    size: Shape
    target: Target
    head: str | None
    layer: str | None
