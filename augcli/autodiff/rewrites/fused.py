"""ONNX Runtime's own fused operators, which models that it has optimised are made of."""

# A rewrite has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

import math
from typing import Any

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import clip, erf, sigmoid, tanh
from augcli.autodiff.rewrite import MICROSOFT, dims, integers, join_tensors, plain, rewrite_of


@rewrite_of("Gelu", MICROSOFT)
def gelu(x: Value) -> Value:
    cumulative: Value = 0.5 * (erf(x / math.sqrt(2)) + 1)
    return x * cumulative


@rewrite_of("BiasGelu", MICROSOFT)
def bias_gelu(x: Value, b: Value) -> Value:
    return gelu(x + b)


@rewrite_of("FastGelu", MICROSOFT)
def fast_gelu(x: Value, b: Value | None = None) -> Value:
    x = x if b is None else x + b
    return 0.5 * x * (1 + tanh(x * (0.7978845608 + 0.035677408 * x * x)))


@rewrite_of("QuickGelu", MICROSOFT)
def quick_gelu(x: Value, *, alpha: float = 1.702) -> Value:
    return x * sigmoid(x * alpha)


@rewrite_of("FusedMatMul", MICROSOFT)
def fused_matmul(
    a: Value,
    b: Value,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> Value:
    if transBatchA or transBatchB:
        raise NoRule("its batches are transposed")
    left, right = _swap(a) if transA else a, _swap(b) if transB else b
    return alpha * plain(a, "MatMul", left, right)


def _swap(x: Value) -> Value:
    """Matrices transposed, however many axes lie before them."""
    lead, rows, columns = dims(x, 0, -2), dims(x, -2, -1), dims(x, -1)
    stack = plain(x, "Reshape", x, join_tensors(x, integers(x, -1), rows, columns))
    return plain(
        x,
        "Reshape",
        plain(x, "Transpose", stack, perm=[0, 2, 1]),
        join_tensors(x, lead, columns, rows),
    )


@rewrite_of("FusedConv", MICROSOFT)
def fused_conv(
    x: Value,
    w: Value,
    b: Value | None = None,
    z: Value | None = None,
    *,
    activation: str = "",
    activation_params: list[float] | None = None,
    **window: Any,
) -> Value:
    y = plain(x, "Conv", x, w, b, **window)
    return _activate(y if z is None else y + z, activation, activation_params or [])


@rewrite_of("FusedGemm", MICROSOFT)
def fused_gemm(
    a: Value,
    b: Value,
    c: Value | None = None,
    *,
    activation: str = "",
    activation_alpha: float = 0.0,
    activation_beta: float = 0.0,
    activation_gamma: float = 0.0,
    **gemm: Any,
) -> Value:
    y = plain(a, "Gemm", a, b, c, **gemm)
    return _activate(y, activation, [activation_alpha, activation_beta])


def _activate(y: Value, activation: str, numbers: list[float]) -> Value:
    names = {"LeakyRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}
    if activation == "":
        return y
    if activation in ("Relu", "Sigmoid", "Tanh", *names):
        return plain(
            y, activation, y, **dict(zip(names.get(activation, []), numbers, strict=False))
        )
    if activation == "Clip":
        return clip(y, *numbers)
    raise NoRule(f"its activation is {activation}")


@rewrite_of("SkipLayerNormalization", MICROSOFT)
def skip_layer_normalisation(
    x: Value,
    skip: Value,
    scale: Value,
    b: Value | None = None,
    bias: Value | None = None,
    *,
    epsilon: float = 1e-12,
) -> Value:
    total = x + skip if bias is None else x + skip + bias
    return plain(x, "LayerNormalization", total, scale, b, axis=-1, epsilon=epsilon)
