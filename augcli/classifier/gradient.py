"""Vanilla gradient saliency: the greatest absolute derivative of the label's logit over channels.

Simonyan et al., "Deep Inside Convolutional Networks" (ICLR Workshop 2014,
https://arxiv.org/abs/1312.6034); it is the saliency of KeepAugment (Gong et al., CVPR 2021,
https://arxiv.org/abs/2011.11778). The derivative is taken with respect to the tensor that the model
takes, after preprocessing.
"""

from __future__ import annotations

from collections.abc import Mapping

from augcli.arrays.types import Float32
from augcli.autodiff import Differentiated, differentiate
from augcli.classifier.derivative import Derivative


def gradient_model(of: Derivative) -> Differentiated:
    """The model that returns the saliency of its input; raises UserError."""
    return differentiate(of.model, size=of.size, target=of.target, output=of.head)


def gradient_maps(outputs: Mapping[str, Float32], size: tuple[int, int]) -> Float32:  # noqa: ARG001
    """The maps (N, h, w) among what `gradient_model` returns."""
    return outputs["saliency"]
