"""ONNX Runtime's own quantised operators."""

# A rewrite has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import Any

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.rewrite import MICROSOFT, plain, rewrite_of
from augcli.autodiff.rewrites.quantised import accumulated, codes, real


@rewrite_of("QLinearAdd", MICROSOFT)
def qlinear_add(
    a: Value,
    a_scale: Value,
    a_zero: Value | None,
    b: Value,
    b_scale: Value,
    b_zero: Value | None,
    y_scale: Value,
    y_zero: Value | None = None,
) -> Value:
    return codes(real(a, a_scale, a_zero) + real(b, b_scale, b_zero), y_scale, y_zero)


@rewrite_of("QLinearMul", MICROSOFT)
def qlinear_mul(
    a: Value,
    a_scale: Value,
    a_zero: Value | None,
    b: Value,
    b_scale: Value,
    b_zero: Value | None,
    y_scale: Value,
    y_zero: Value | None = None,
) -> Value:
    return codes(real(a, a_scale, a_zero) * real(b, b_scale, b_zero), y_scale, y_zero)


@rewrite_of("QLinearConcat", MICROSOFT)
def qlinear_concat(y_scale: Value, y_zero: Value, *parts: Value, axis: int) -> Value:
    triples = zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
    values = [real(x, scale, zero) for x, scale, zero in triples]
    return codes(plain(values[0], "Concat", *values, axis=axis), y_scale, y_zero)


def _unary(quantised: str, op_type: str) -> None:
    """An operator of one input."""

    @rewrite_of(quantised, MICROSOFT)
    def rule(
        x: Value,
        x_scale: Value,
        x_zero: Value | None,
        y_scale: Value,
        y_zero: Value | None = None,
        *,
        channels_last: int = 0,
        opset: int = 0,
        **attributes: Any,
    ) -> Value:
        if channels_last:
            raise NoRule("its channels are last")
        return codes(plain(x, op_type, real(x, x_scale, x_zero), **attributes), y_scale, y_zero)


_unary("QLinearLeakyRelu", "LeakyRelu")
_unary("QLinearSigmoid", "Sigmoid")
_unary("QLinearSoftmax", "Softmax")
_unary("QLinearAveragePool", "AveragePool")
_unary("QLinearGlobalAveragePool", "GlobalAveragePool")


@rewrite_of("QGemm", MICROSOFT)
def qgemm(
    a: Value,
    a_scale: Value,
    a_zero: Value,
    b: Value,
    b_scale: Value,
    b_zero: Value,
    c: Value | None = None,
    y_scale: Value | None = None,
    y_zero: Value | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Value:
    right = real(b, b_scale, b_zero, axis=0 if transB else 1)
    bias = accumulated(c, a_scale, b_scale, factor=alpha)
    left = real(a, a_scale, a_zero)
    y = plain(a, "Gemm", left, right, bias, alpha=alpha, transA=transA, transB=transB)
    return y if y_scale is None else codes(y, y_scale, y_zero)


@rewrite_of("DynamicQuantizeMatMul", MICROSOFT)
def dynamic_quantize_matmul(
    a: Value, b: Value, b_scale: Value, b_zero: Value | None = None, bias: Value | None = None
) -> Value:
    y = plain(a, "MatMul", a, real(b, b_scale, b_zero, axis=-1))
    return y if bias is None else y + bias


@rewrite_of("MatMulIntegerToFloat", MICROSOFT)
def matmul_integer_to_float(
    a: Value,
    b: Value,
    a_scale: Value,
    b_scale: Value,
    a_zero: Value | None = None,
    b_zero: Value | None = None,
    bias: Value | None = None,
) -> Value:
    y = plain(a, "MatMul", real(a, a_scale, a_zero), real(b, b_scale, b_zero, axis=-1))
    return y if bias is None else y + bias
