"""Which share each source image has in an output, counted in pixels also where images that are
mixed are mixtures themselves.

A source whose share is the same everywhere needs no more than that number. Else it has a layer: its
share of each pixel, float64 (H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from augcli.arrays.types import Floats, Shape
from augcli.enums import Fit
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Augmented, Blend

Layers = Mapping[int, Floats]

_ROUNDING = 1e-9  # shares that are smaller come of rounding


class Mixture(NamedTuple):
    """What an image consists of: the share of each source, and the layers of those whose share is
    not the same everywhere."""

    shares: Mapping[int, float]
    layers: Layers = MappingProxyType({})


def mixed(
    inputs: Sequence[Mixture], augmented: Augmented, canvas: Shape, fit: Fit, *, layers: bool
) -> Mixture:
    """What an output consists of whose sources were mixed by a recipe; with the `layers`, where
    another step will need them.

    What pads an image (`fit` contain) counts as the image does on the whole.
    """
    blend = augmented.blend
    if not any(one.layers for one in inputs) and (blend is None or not layers):
        return Mixture(
            {
                source: weight * share
                for one, weight in zip(inputs, augmented.weights, strict=True)
                for source, share in one.shares.items()
            }
        )
    if blend is None:
        blend = evenly(augmented.weights)
    shares: dict[int, float] = {}
    of_source: dict[int, Floats] = {}
    for number, (one, weight) in enumerate(zip(inputs, augmented.weights, strict=True)):
        whole = blend(_alone(number, np.ones(canvas), len(inputs), canvas, fit))
        for source, share in one.shares.items():
            layer, total = share * whole, weight * share
            if source in one.layers:
                # Beside its mean: a canvas is padded with 0.
                beside = blend(_alone(number, one.layers[source] - share, len(inputs), canvas, fit))
                layer += beside
                total += float(beside.mean())
            shares[source] = total if total > _ROUNDING else 0.0
            of_source[source] = layer
    return Mixture(shares, of_source if layers else {})


def _alone(number: int, layer: Floats, count: int, canvas: Shape, fit: Fit) -> list[Fitted]:
    """A layer in the place of one of `count` images, of which the others are 0."""
    nothing = Fitted(np.zeros(canvas), canvas, fit)
    return [Fitted(layer, canvas, fit) if i == number else nothing for i in range(count)]


def evenly(weights: Sequence[float]) -> Blend:
    """The blend of a recipe that mixes all pixels by the same weights."""

    def blend(layers: Sequence[Fitted]) -> Floats:
        total: Floats = np.zeros(layers[0].canvas)
        for weight, layer in zip(weights, layers, strict=True):
            total += weight * layer.pixels()
        return total

    return blend


def with_target_in(blend: Blend, box: Box) -> Blend:
    """The blend, with the target alone inside `box`."""

    def put_back(layers: Sequence[Fitted]) -> Floats:
        result = blend(layers).copy()
        result[box.slices] = layers[0].pixels(box)
        return result

    return put_back
