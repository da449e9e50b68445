"""Maps from a classifier's last feature map: Grad-CAM, and the strength of its cells.

Grad-CAM (Selvaraju et al., ICCV 2017, https://arxiv.org/abs/1610.02391) weights the channels of a
feature map by the mean of their gradients and keeps what speaks for the label. The strength of a
cell is the length of its feature vector, whatever the label; readers of SaliencyMix propose its
strongest cell as the place of the patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from onnx import ModelProto

from augcli.arrays.types import Float32, Shape
from augcli.autodiff import Differentiated, differentiate
from augcli.autodiff.images import channel_axis
from augcli.autodiff.inspect import inspect
from augcli.autodiff.nodes import names_read
from augcli.classifier.derivative import Derivative
from augcli.errors import UserError


def cam_model(of: Derivative) -> Differentiated:
    """The model that returns a layer's activation and its gradient; raises UserError.

    The layer is by default the last feature map before the logits.
    """
    layer = of.layer
    if layer is None:
        features = inspect(of.model, size=of.size, output=of.head).features
        if not features:
            raise UserError(
                "The model has no feature map of more than one cell, which Grad-CAM and feature-map"
                " need; use --saliency gradient."
            )
        layer = features[-1].name
    return differentiate(
        of.model, size=of.size, target=of.target, result="gradient", wrt=layer, output=of.head
    )


def strength_model(of: Derivative) -> Differentiated:
    """The part of `cam_model` that makes the activation."""
    return part(cam_model(of), "activation")


def part(result: Differentiated, output: str) -> Differentiated:
    """The part of a model that computes one output."""
    model = ModelProto()
    model.CopyFrom(result.model)
    graph, needed, nodes = model.graph, {output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed |= names_read(node)
            nodes.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    declared = next(known for known in graph.output if known.name == output)
    del graph.node[:], graph.initializer[:], graph.input[1:], graph.output[:]
    graph.node.extend(nodes[::-1])
    graph.initializer.extend(weights)
    graph.output.append(declared)
    return replace(result, model=model, inputs=("image",), outputs=(output,))


def grad_cam(outputs: Mapping[str, Float32], size: Shape) -> Float32:
    """Grad-CAM (N, h, w) from "activation" and "gradient", both (N, C, h, w) or (N, h, w, C)."""
    activation, gradient = _channels_first(outputs["activation"], size), outputs["gradient"]
    weights = _channels_first(gradient, size).mean(axis=(2, 3), keepdims=True)
    return np.maximum((weights * activation).sum(axis=1), 0.0)


def cell_strength(outputs: Mapping[str, Float32], size: Shape) -> Float32:
    """The length of each cell's feature vector (N, h, w), from "activation"."""
    activation = _channels_first(outputs["activation"], size)
    return np.sqrt(np.square(activation).sum(axis=1))


def _channels_first(tensor: Float32, size: Shape) -> Float32:
    if tensor.ndim != 4 or min(tensor.shape) == 0:
        shape = " x ".join(map(str, tensor.shape[1:]))
        raise UserError(f"Grad-CAM needs a layer with channels, rows and columns, not {shape}.")
    return np.moveaxis(tensor, 3, 1) if channel_axis(tensor.shape[1:], size) == 2 else tensor
