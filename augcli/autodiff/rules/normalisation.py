"""Normalisations. Their statistics are computed again in the backward graph, which is cheap."""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import (
    fixed,
    mean_over,
    over_channels,
    reshape,
    rsqrt,
    sign,
    size_of,
    sqrt,
    sum_over,
    unbroadcast,
)
from augcli.autodiff.registry import vjp


def standardised(x: Value, axes: Sequence[int], epsilon: float) -> tuple[Value, Value]:
    """x with mean 0 and variance 1 over axes, and the reciprocal of its standard deviation."""
    centred = x - mean_over(x, axes)
    scale = rsqrt(mean_over(centred * centred, axes) + epsilon)
    return centred * scale, scale


def standardised_gradient(g: Value, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """The gradient through `standardised` (Ioffe & Szegedy, arXiv:1502.03167, section 3)."""
    normal, scale = standardised(x, axes, epsilon)
    return scale * (g - mean_over(g, axes) - normal * mean_over(g * normal, axes))


def channelwise(parameter: Value, x: Value) -> Value:
    """A vector over channels, shaped to be broadcast against x (N, C, ...)."""
    return reshape(parameter, (x.dims[1], *(1,) * (len(x.dims) - 2)))


def _trailing(x: Value, axis: int) -> list[int]:
    rank = len(x.dims)
    return list(range(axis % rank, rank))


@vjp("BatchNormalization", argument=None)
def batch_norm(
    g: Value,
    y: Value,
    x: Value,
    scale: Value,
    b: Value,
    mean: Value,
    var: Value,
    *,
    argument: int,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Value:
    """y = (x - mean) / sqrt(var + epsilon) * scale + b, where mean and var are given."""
    if training_mode:
        raise NoRule("it is in training mode")
    factor = rsqrt(var + epsilon)
    match argument:
        case 0:
            return g * channelwise(scale * factor, x)
        case 1:
            return over_channels(g * (x - channelwise(mean, x)), scale) * factor
        case 2:
            return over_channels(g, b)
        case 3:
            return -over_channels(g, mean) * scale * factor
        case _:
            return -0.5 * over_channels(g * (x - channelwise(mean, x)), var) * scale * factor**3


@vjp("LayerNormalization", argument=None)
def layer_norm(
    g: Value,
    y: Value,
    x: Value,
    scale: Value,
    b: Value | None = None,
    *,
    argument: int,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Value:
    if argument == 2 and b is not None:
        return unbroadcast(g, b)
    if argument == 1:
        return unbroadcast(g * standardised(x, _trailing(x, axis), epsilon)[0], scale)
    return standardised_gradient(g * scale, x, _trailing(x, axis), epsilon)


@vjp("InstanceNormalization", argument=None)
def instance_norm(
    g: Value,
    y: Value,
    x: Value,
    scale: Value,
    b: Value,
    *,
    argument: int,
    epsilon: float = 1e-5,
) -> Value:
    if argument == 2:
        return over_channels(g, b)
    if argument == 1:
        return over_channels(g * standardised(x, _trailing(x, 2), epsilon)[0], scale)
    return standardised_gradient(g * channelwise(scale, x), x, _trailing(x, 2), epsilon)


@vjp("RMSNormalization", argument=None)
def rms_norm(
    g: Value,
    y: Value,
    x: Value,
    scale: Value,
    *,
    argument: int,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Value:
    """y = x * factor * scale, where factor is the reciprocal root mean square."""
    axes = _trailing(x, axis)
    factor = rsqrt(mean_over(x * x, axes) + epsilon)
    if argument == 1:
        return unbroadcast(g * x * factor, scale)
    scaled = g * scale
    return factor * (scaled - x * factor * factor * mean_over(scaled * x, axes))


@vjp("MeanVarianceNormalization")
def mean_variance_norm(g: Value, y: Value, x: Value, *, axes: Sequence[int] = (0, 2, 3)) -> Value:
    """y = (x - mean) / s, where s is the standard deviation plus 1e-9."""
    centred = x - mean_over(x, axes)
    spread = sqrt(mean_over(centred * centred, axes)) + 1e-9
    return (g - mean_over(g, axes) - y * mean_over(g * y, axes)) / spread


@vjp("LpNormalization")
def lp_norm(g: Value, y: Value, x: Value, *, axis: int = -1, p: int = 2) -> Value:
    slope = sign(x) if p == 1 else y
    norm = sum_over(abs(x), [axis]) if p == 1 else sqrt(sum_over(x * x, [axis]))
    return (g - slope * sum_over(g * y, [axis])) / norm


@vjp("LRN")
def local_response_norm(
    g: Value,
    y: Value,
    x: Value,
    *,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
) -> Value:
    """y = x * d ** -beta, d = bias + alpha / size * (sum of x ** 2 over channels nearby)."""
    channels = fixed(x.dims[1], "a batch of channels")
    places = np.arange(channels)
    offsets = places[None, :] - places[:, None]
    near = ((offsets >= -((size - 1) // 2)) & (offsets <= size // 2)).astype(np.float32)
    d = bias + (alpha / size) * _mix_channels(x * x, near)
    return g * d ** (-beta) - (2 * alpha * beta / size) * x * _mix_channels(g * y / d, near.T)


def _mix_channels(x: Value, matrix: npt.NDArray[np.float32]) -> Value:
    flat = reshape(x, (*x.dims[:2], size_of(x.dims[2:])))
    return reshape(x.graph.constant(matrix) @ flat, x)
