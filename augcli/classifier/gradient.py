"""Vanilla gradient saliency: the greatest absolute derivative of the label's logit over channels.

Simonyan et al., "Deep Inside Convolutional Networks" (ICLR Workshop 2014,
https://arxiv.org/abs/1312.6034); it is the saliency of KeepAugment (Gong et al., CVPR 2021,
https://arxiv.org/abs/2011.11778). The derivative is taken with respect to the tensor that the model
takes, after preprocessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnx import ModelProto

from augcli.arrays.types import Float32
from augcli.autodiff import Differentiated, differentiate
from augcli.autodiff.differentiate import Target


def gradient_model(
    model: ModelProto | Path,
    size: tuple[int, int],
    target: Target,
    head: str | None,
    layer: str | None,  # noqa: ARG001 - other methods need it
) -> Differentiated:
    """The model that returns the saliency of its input; raises UserError."""
    return differentiate(model, size=size, target=target, output=head)


def gradient_maps(outputs: Mapping[str, Float32], size: tuple[int, int]) -> Float32:  # noqa: ARG001
    """The maps (N, h, w) among what `gradient_model` returns."""
    return outputs["saliency"]
