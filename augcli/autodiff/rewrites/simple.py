"""Operators without a CUDA kernel of their own."""

# A rewrite has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

import numpy as np

from augcli.autodiff.graph import Value
from augcli.autodiff.ops import cast, softplus, tanh
from augcli.autodiff.rewrite import dims, integers, join_tensors, plain, rewrite_of


@rewrite_of("Mish")
def mish(x: Value) -> Value:
    return x * tanh(softplus(x))


@rewrite_of("Celu")
def celu(x: Value, *, alpha: float = 1.0) -> Value:
    return alpha * plain(x, "Elu", x / alpha)


@rewrite_of("CastLike")
def cast_like(x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Value:
    return cast(x, like.dtype)


@rewrite_of("GroupNormalization")
def group_normalisation(
    x: Value, scale: Value, b: Value, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Value:
    """Scale and bias have an entry per group in operator set 18, one per channel from 21 on."""
    grouped = plain(x, "Reshape", x, integers(x, 0, num_groups, -1))
    if x.graph.opset < 21:
        result = plain(x, "InstanceNormalization", grouped, scale, b, epsilon=epsilon)
    else:
        ones, zeros = np.ones(num_groups, np.float32), np.zeros(num_groups, np.float32)
        constants = x.graph.constant(ones), x.graph.constant(zeros)
        normal = plain(x, "InstanceNormalization", grouped, *constants, epsilon=epsilon)
        channels = plain(
            x, "Reshape", normal, join_tensors(x, integers(x, 0), dims(x, 1, 2), integers(x, -1))
        )
        result = channels * plain(x, "Unsqueeze", scale, integers(x, 1)) + plain(
            x, "Unsqueeze", b, integers(x, 1)
        )
    return plain(x, "Reshape", result, plain(x, "Shape", x, dtype=np.int64))
