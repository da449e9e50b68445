"""Arithmetic, activations and other operators that act on each element alone.

At a kink the derivative is that of PyTorch: zero for ReLU and for clipping (both ends excluded, as
in ReLU6), shared evenly among the operands that attain a maximum.
"""

# A rule has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001, ARG005

from __future__ import annotations

import math
from typing import Any

import numpy as np

from augcli.autodiff.graph import NoRule, Value
from augcli.autodiff.ops import (
    above,
    below,
    cast,
    cos,
    equal,
    erf,
    exp,
    log,
    rsqrt,
    sigmoid,
    sign,
    sin,
    tanh,
    total,
    where,
)
from augcli.autodiff.registry import elementwise, flat, vjp

SQRT_2 = math.sqrt(2)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)

# Arithmetic
elementwise("Add", lambda g, y, a, b: g, lambda g, y, a, b: g)
elementwise("Sub", lambda g, y, a, b: g, lambda g, y, a, b: -g)
elementwise("Mul", lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
elementwise("Div", lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
elementwise("Pow", lambda g, y, x, p: _power(g, x, p), lambda g, y, x, p: g * y * log(x))
elementwise("Neg", lambda g, y, x: -g)
elementwise("Abs", lambda g, y, x: g * sign(x))
elementwise("Reciprocal", lambda g, y, x: -g * y * y)
elementwise("Sqrt", lambda g, y, x: 0.5 * g / y)
elementwise("Exp", lambda g, y, x: g * y)
elementwise("Log", lambda g, y, x: g / x)
elementwise("Erf", lambda g, y, x: g * (2 / math.sqrt(math.pi)) * exp(-x * x))
elementwise("Mod", lambda g, y, a, b, *, fmod=0: g, lambda g, y, a, b, *, fmod=0: -g * (a - y) / b)
elementwise("Identity", lambda g, y, x: g)
elementwise(
    "Dropout",
    lambda g, y, x, ratio=None, training_mode=None, *, seed=0: _unless_training(g, training_mode),
)
elementwise(
    "Where",
    lambda g, y, c, a, b: None,
    lambda g, y, c, a, b: where(c, g, 0),
    lambda g, y, c, a, b: where(c, 0, g),
)
flat("Floor", "Ceil", "Round", "Sign", "Hardmax")

# Trigonometry
elementwise("Sin", lambda g, y, x: g * cos(x))
elementwise("Cos", lambda g, y, x: -g * sin(x))
elementwise("Tan", lambda g, y, x: g * (1 + y * y))
elementwise("Asin", lambda g, y, x: g * rsqrt(1 - x * x))
elementwise("Acos", lambda g, y, x: -g * rsqrt(1 - x * x))
elementwise("Atan", lambda g, y, x: g / (1 + x * x))
elementwise("Sinh", lambda g, y, x: g * 0.5 * (exp(x) + exp(-x)))
elementwise("Cosh", lambda g, y, x: g * 0.5 * (exp(x) - exp(-x)))
elementwise("Asinh", lambda g, y, x: g * rsqrt(x * x + 1))
elementwise("Acosh", lambda g, y, x: g * rsqrt(x * x - 1))
elementwise("Atanh", lambda g, y, x: g / (1 - x * x))

# Activations
elementwise("Relu", lambda g, y, x: g * above(y, 0))
elementwise("LeakyRelu", lambda g, y, x, *, alpha=0.01: where(x > 0, g, g * alpha))
elementwise(
    "PRelu",
    lambda g, y, x, slope: where(x > 0, g, g * slope),
    lambda g, y, x, slope: where(x > 0, 0, g * x),
)
elementwise("ThresholdedRelu", lambda g, y, x, *, alpha=1.0: where(x > alpha, g, 0))
elementwise("Elu", lambda g, y, x, *, alpha=1.0: where(x > 0, g, g * (y + alpha)))
elementwise(
    "Selu",
    lambda g, y, x, *, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875: where(
        x > 0, g * gamma, g * (y + alpha * gamma)
    ),
)
elementwise("Sigmoid", lambda g, y, x: g * y * (1 - y))
elementwise(
    "HardSigmoid", lambda g, y, x, *, alpha=0.2, beta=0.5: g * alpha * above(y, 0) * below(y, 1)
)
elementwise("HardSwish", lambda g, y, x: g * where(x < 3, where(x > -3, x / 3 + 0.5, 0), 1))
elementwise("Tanh", lambda g, y, x: g * (1 - y * y))
elementwise("Softplus", lambda g, y, x: g * sigmoid(x))
elementwise("Softsign", lambda g, y, x: g / (1 + abs(x)) ** 2)
elementwise("Swish", lambda g, y, x, *, alpha=1.0: g * _swish_slope(y * alpha, sigmoid(x * alpha)))
elementwise(
    "Gelu",
    lambda g, y, x, *, approximate="none": (
        g * (_gelu_slope(x) if approximate == "none" else _gelu_tanh_slope(x))
    ),
)
elementwise("Shrink", lambda g, y, x, *, bias=0.0, lambd=0.5: where(abs(x) > lambd, g, 0))
elementwise("Clip", lambda g, y, x, low=None, high=None: _within(g, y, low, high))


def _power(g: Value, x: Value, p: Value) -> Value:
    if p.array is not None and p.array.size == 1:
        exponent = float(p.array.reshape(()))
        if exponent == 2:
            return g * 2 * x
        return g * exponent * x ** (exponent - 1)
    p = p if p.dtype is np.float32 else cast(p, np.float32)
    return g * p * x ** (p - 1)


def _swish_slope(ay: Value, s: Value) -> Value:
    return ay + s * (1 - ay)


def _gelu_slope(x: Value) -> Value:
    return 0.5 * (1 + erf(x / SQRT_2)) + x * exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _gelu_tanh_slope(x: Value) -> Value:
    t = tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x)


def _within(g: Value, y: Value, low: Value | None, high: Value | None) -> Value:
    """g where the result lies strictly between the bounds."""
    if low is not None and (bound := _number(low)) != -math.inf:
        g = g * above(y, bound) if abs(bound) < 2**26 else where(y > low, g, 0)
    if high is not None and (bound := _number(high)) != math.inf:
        g = g * below(y, bound) if abs(bound) < 2**26 else where(y < high, g, 0)
    return g


def _number(bound: Value) -> float:
    """A constant scalar, infinite if no float32 lies beyond it; NaN if it is not constant."""
    if bound.array is None:
        return math.nan
    number = float(bound.array.reshape(()))
    return number if abs(number) < np.finfo(np.float32).max else math.copysign(math.inf, number)


def _unless_training(g: Value, training_mode: Value | None) -> Value:
    if training_mode is not None and (training_mode.array is None or training_mode.array.any()):
        raise NoRule("it is in training mode")
    return g


@vjp("Cast", broadcast=True)
def cast_float(g: Value, y: Value, x: Value, **attributes: Any) -> Value:
    return g


@vjp("Sum", argument=None, broadcast=True)
def sum_of(g: Value, y: Value, *inputs: Value, argument: int) -> Value:
    return g


@vjp("Mean", argument=None, broadcast=True)
def mean_of(g: Value, y: Value, *inputs: Value, argument: int) -> Value:
    return g / len(inputs)


@vjp("Max", argument=None, broadcast=True)
@vjp("Min", argument=None, broadcast=True)
def extremum(g: Value, y: Value, *inputs: Value, argument: int) -> Value:
    """The share of each operand that attains the maximum or minimum."""
    if len(inputs) == 2:
        mine, other = inputs[argument], inputs[1 - argument]
        return where(equal(mine, y), where(equal(other, y), 0.5 * g, g), 0)
    attained = [cast(equal(x, y), np.float32) for x in inputs]
    return g * attained[argument] / total(attained)
