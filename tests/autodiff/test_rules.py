"""Every rule alone, against central differences, at several shapes and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers.finite_differences import assert_gradient, random
from tests.helpers.gradient_cases import case

i64 = np.int64

UNARY: list[tuple[str, dict[str, Any]]] = [
    ("Relu", {}),
    ("LeakyRelu", {"alpha": 0.3}),
    ("Elu", {"alpha": 0.7}),
    ("Selu", {}),
    ("Selu", {"alpha": 1.2, "gamma": 0.9}),
    ("Sigmoid", {}),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    ("HardSigmoid", {}),
    ("HardSwish", {}),
    ("Tanh", {}),
    ("Softplus", {}),
    ("Softsign", {}),
    ("ThresholdedRelu", {"alpha": 0.4}),
    ("Shrink", {"lambd": 0.6, "bias": 0.1}),
    ("Neg", {}),
    ("Abs", {}),
    ("Exp", {}),
    ("Reciprocal", {}),
    ("Sin", {}),
    ("Cos", {}),
    ("Atan", {}),
    ("Sinh", {}),
    ("Cosh", {}),
    ("Asinh", {}),
    ("Identity", {}),
    ("Dropout", {}),
    ("Softmax", {"axis": 1}),
    ("Softmax", {}),
    ("LogSoftmax", {"axis": 2}),
    ("Softmax", {"axis": -3}),
]
POSITIVE = [
    ("Log", 0.2, 3),
    ("Tan", -1.2, 1.2),
    ("Sqrt", 0.2, 3),
    ("Acosh", 1.2, 3),
    ("Asin", -0.8, 0.8),
    ("Acos", -0.8, 0.8),
    ("Atanh", -0.8, 0.8),
]

ELEMENTWISE = [
    *(case(op, (3, 4, 5), low=-4, high=4, **a) for op, a in UNARY),
    *(case(op, (3, 4), low=low, high=high) for op, low, high in POSITIVE),
    case("Erf", (3, 4), reference=False),
    case("Gelu", (3, 4), opset=20, reference=False),
    case("Gelu", (3, 4), opset=20, approximate="tanh"),
    case("Swish", (3, 4), opset=24, alpha=0.8),
    case("Clip", (3, 4), np.float32(-0.7), np.float32(1.1)),
    case("Clip", (3, 4), None, np.float32(1.1)),
    case("Clip", (3, 4), np.float32(-0.7)),
    case("Clip", (3, 4)),
    case("Clip", (3, 4), np.array([-0.7], np.float32), np.array([6], np.float32), reference=False),
    case("PRelu", (3, 4, 5), random(3, 1, 1)),
    case("PRelu", (3, 4, 5), random(1)),
    case("PRelu", (3, 4, 5), random(3, 4, 5)),
    *(
        case(op, (3, 4), random(3, 1))
        for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")
    ),
    *(case(op, (3, 1), random(5, 1, 3, 4)) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
    case("Max", (3, 4), random(3, 4), random(4), label="three"),
    case("Sum", (3, 4), random(3, 4), random(4), label="three"),
    case("Mean", (3, 1), random(3, 4), random(4), label="three", reference=False),
    case("Pow", (3, 4), np.float32(2)),
    case("Pow", (3, 4), np.float32(3)),
    case("Pow", (3, 4), i64(3)),
    case("Pow", (3, 4), np.float32(-1.5), low=0.4, high=2),
    case("Pow", (3, 4), random(3, 1), low=0.4, high=2),
    case("Mod", (3, 4), np.float32(0.7), fmod=1),
    case("Cast", (3, 4), to=1),
    case("Clip", (3, 4), np.float32(-3.4028234663852886e38), np.float32(0.5), label="lowest"),
]

NORMS = [
    case(
        "BatchNormalization",
        (3, 4, 5),
        random(3),
        random(3),
        random(3),
        np.abs(random(3)) + 0.3,
        epsilon=1e-3,
    ),
    case("BatchNormalization", (3,), random(3), random(3), random(3), np.abs(random(3)) + 0.3),
    *(
        case(
            "LayerNormalization",
            (3, 4, 5),
            random(*(3, 4, 5)[-n:]),
            random(*(3, 4, 5)[-n:]),
            axis=-n,
            epsilon=1e-2,
        )
        for n in (1, 2, 3)
    ),
    case("LayerNormalization", (4, 5), random(5), axis=2),
    case("LayerNormalization", (4, 5), random(4, 5), axis=1),
    case("InstanceNormalization", (3, 4, 5), random(3), random(3), epsilon=1e-3),
    case("InstanceNormalization", (3, 6), random(3), random(3)),
    case("RMSNormalization", (3, 4, 5), random(5), opset=23, reference=False),
    case(
        "RMSNormalization",
        (3, 4, 5),
        random(4, 5),
        axis=-2,
        epsilon=1e-2,
        opset=23,
        reference=False,
    ),
    case("MeanVarianceNormalization", (3, 4, 5), axes=[2, 3], reference=False),
    case("MeanVarianceNormalization", (3, 4, 5), axes=[1, 2, 3], reference=False),
    case("LpNormalization", (3, 4), axis=1, p=2),
    case("LpNormalization", (3, 4), axis=-1, p=1, reference=False),
    case("LpNormalization", (3, 4)),
    case("LRN", (7, 3, 4), size=5, alpha=0.3, beta=0.7, bias=1.5, reference=False),
    case("LRN", (7, 3, 4), size=3, alpha=0.5, reference=False),
    case("LRN", (3, 3, 4), size=3, reference=False),
]

REDUCTIONS = (
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceProd",
)
REDUCING = [
    *(
        case(op, (3, 4, 5), np.array([1, -1]), opset=18, label="input", low=0.3, high=2, keepdims=0)
        for op in REDUCTIONS
    ),
    *(
        case(op, (3, 4), opset=17, low=0.3, high=2, axes=[-1], keepdims=1)
        for op in REDUCTIONS
        if op != "ReduceSum"
    ),
    case("ReduceSum", (3, 4), np.array([2]), keepdims=0),
    case("ReduceSum", (3, 4), np.array([], i64), noop_with_empty_axes=1),
    case("ReduceL1", (3, 4), axes=[1]),
    case("ReduceMean", (3, 4, 5), axes=[2, 3], keepdims=0),
    case("CumSum", (3, 4), i64(1)),
    case("CumSum", (3, 4), i64(2), exclusive=1),
    case("CumSum", (3, 4), i64(1), reverse=1),
    case("CumSum", (3, 4), i64(1), reverse=1, exclusive=1),
]

SHAPES = [
    case("Reshape", (3, 4), np.array([0, 2, 6])),
    case("Reshape", (3, 4), np.array([-1, 2])),
    case("Reshape", (3, 4), np.array([-1, 3, 2, 2])),
    case("Flatten", (3, 4)),
    case("Flatten", (3, 4), axis=2),
    case("Flatten", (3, 4), axis=0),
    case("Squeeze", (1, 4, 1), np.array([1, 3])),
    case("Squeeze", (1, 4, 1), np.array([-1])),
    case("Unsqueeze", (3, 4), np.array([1, 4])),
    case("Unsqueeze", (3, 4), np.array([-1])),
    case("Transpose", (3, 4, 5), perm=[0, 2, 3, 1]),
    case("Transpose", (3, 4, 5), perm=[2, 0, 3, 1]),
    case("Transpose", (3, 4)),
    case("Expand", (3, 1), np.array([3, 4])),
    case("Expand", (3, 1), np.array([5, 1, 1, 4])),
    case("Tile", (3, 4), np.array([1, 2, 3])),
    case("Tile", (3, 4), np.array([1, 1, 1])),
    case("DepthToSpace", (12, 3, 2), blocksize=2),
    case("DepthToSpace", (12, 3, 2), blocksize=2, mode="CRD"),
    case("SpaceToDepth", (3, 4, 6), blocksize=2),
    case("Trilu", (4, 5)),
    case("Trilu", (4, 5), i64(-1), upper=0),
    case("Trilu", (4, 5), i64(1)),
]

INDEXING = [
    case("Slice", (5, 6), np.array([1]), np.array([4]), np.array([1])),
    case("Slice", (5, 6), np.array([-3, 1]), np.array([2**62, -1]), np.array([1, 2])),
    case("Slice", (5, 6), np.array([4, 0]), np.array([0, 6]), np.array([1, -1]), np.array([-2, 2])),
    case(
        "Slice",
        (5, 6),
        np.array([0, 0, 5]),
        np.array([2**31, 5, -(2**31)]),
        None,
        np.array([1, 2, -1]),
    ),
    case("Slice", (5, 6), np.array([0]), np.array([3]), np.array([2]), label="front"),
    case("Pad", (3, 4), np.array([0, 1, 2, 0, 0, 1])),
    case("Pad", (3, 4), np.array([0, -1, 2, 0, 1, -1]), np.float32(0.7), reference=False),
    case("Pad", (4, 5), np.array([0, 2, 1, 0, 1, 3]), mode="reflect"),
    case("Pad", (4, 5), np.array([0, 2, 1, 0, 1, 3]), mode="edge"),
    case("Pad", (3, 4), np.array([1, 2, 0, 1]), None, np.array([1, 2]), opset=18),
    case("Pad", (3, 4, 5), np.array([1, 2, 0, 1]), None, np.array([-1, 1]), opset=19, mode="wrap"),
    case("Pad", (3, 4), np.array([0, -1, -2, 0, -1, 0]), reference=False),
    case("Gather", (5, 6), np.array([1, 2, 3]), axis=1),
    case("Gather", (5, 6), i64(2), axis=2),
    case("Gather", (5, 6), np.array([[0, 2], [-1, 3]]), axis=1),
    case("Gather", (5, 6), np.array([[0, 2], [0, 0]]), axis=-1),
    case("Gather", (5, 6), np.array([4, 0, 3, 1, 2]), axis=1),
    case("Gather", (5, 6), i64(-1), axis=1),
    case("Gather", (5, 6), np.array([1, 0]), axis=0, label="batch"),
    case("Gather", (5, 6, 2), np.array([1, 1, 4]), axis=1, label="middle"),
    case(
        "GatherElements",
        (3, 4),
        np.array([[[0, 1, 1, 2], [2, 0, 0, -1]], [[0, 0, 0, 0], [1, 1, 2, 2]]]),
        axis=1,
    ),
    case("GatherND", (3, 4), np.array([[0, 1], [1, 2], [1, 2]])),
    case(
        "ScatterElements",
        (3, 4),
        np.array([[[0, 1, 1, 2]], [[2, 0, 0, 1]]]),
        random(2, 1, 4),
        axis=1,
    ),
    case("ScatterND", (3, 4), np.array([[0, 1], [1, 2]]), random(2, 4)),
    case(
        "ScatterElements",
        (3, 4),
        np.array([[[0, 1, 1, 2]], [[2, 0, 0, 1]]]),
        random(2, 1, 4),
        axis=1,
        reduction="add",
        opset=18,
    ),
]


FOURIER = [
    case("DFT", (6, 5, 1), axis=1, onesided=1, reference=False),
    case("DFT", (6, 5, 1), i64(8), axis=2, reference=False),
    case("DFT", (6, 5, 2), axis=1, inverse=1, reference=False),
    case("DFT", (6, 5, 2), i64(4), opset=20, reference=False),
    case("DFT", (6, 5, 1), None, i64(1), opset=20, onesided=1, reference=False),
]


@pytest.mark.parametrize(
    ("model", "x", "reference"), [*ELEMENTWISE, *NORMS, *REDUCING, *SHAPES, *INDEXING, *FOURIER]
)
def test_a_rule_agrees_with_central_differences(model: Any, x: np.ndarray, reference: bool) -> None:
    exact: dict[str, Any] = (
        {"step": 0.5, "tolerance": 2e-5} if model.graph.node[0].op_type in ("Pad", "DFT") else {}
    )
    assert_gradient(model, x, reference=reference, **({} if reference else exact))
