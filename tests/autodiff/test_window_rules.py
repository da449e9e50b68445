"""Convolution, pooling and resizing, against central differences, at many windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.helpers.finite_differences import assert_gradient, random
from tests.helpers.gradient_cases import case

WINDOWS: list[dict[str, Any]] = [
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 2, 1]},
    {"strides": [2, 2]},
    {"strides": [2, 3], "pads": [1, 0, 2, 1]},
    {"strides": [3, 3], "pads": [1, 1, 1, 1]},
    {"dilations": [2, 2]},
    {"dilations": [2, 1], "strides": [2, 2], "pads": [2, 1, 1, 0]},
    {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_LOWER", "strides": [1, 1]},
    {"auto_pad": "VALID", "strides": [2, 1]},
    {"strides": [4, 4]},
    {"strides": [4, 5], "pads": [1, 2, 1, 2]},
]
TRANSPOSED: list[dict[str, Any]] = [
    {},
    {"strides": [2, 2]},
    {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    {"strides": [2, 3], "pads": [1, 0, 0, 1]},
    {"dilations": [2, 1], "strides": [1, 2]},
    {"strides": [3, 3], "output_padding": [2, 1]},
]

CONVOLUTIONS = [
    *(case("Conv", (2, 9, 10), random(4, 2, 3, 3), random(4), **w) for w in WINDOWS),
    *(
        case("Conv", (4, 9, 8), random(6, 2, 2, 4), label=f"grouped-even-{i}", group=2, **w)
        for i, w in enumerate(WINDOWS)
    ),
    *(
        case("Conv", (3, 7, 7), random(3, 1, 3, 3), label=f"depthwise-{i}", group=3, **w)
        for i, w in enumerate(WINDOWS[:6])
    ),
    *(
        case("Conv", (2, 7, 7), random(3, 2, 1, 1), label=f"1x1-{i}", **w)
        for i, w in enumerate(WINDOWS[:6])
    ),
    case("Conv", (2, 9), random(4, 2, 3), label="1d", strides=[2], pads=[1, 0]),
    case("Conv", (2, 9), random(4, 2, 3), label="1d-1"),
    case(
        "Conv",
        (2, 5, 6, 7),
        random(3, 2, 2, 3, 3),
        label="3d",
        strides=[1, 2, 2],
        pads=[0, 1, 1, 1, 1, 1],
    ),
    case("Conv", (2, 5, 6, 7), random(3, 2, 2, 3, 3), label="3d-1", pads=[0, 1, 1, 1, 1, 1]),
    case("Conv", (2, 8, 8), random(4, 2, 3, 3), kernel_shape=[3, 3], opset=22, pads=[1, 1, 1, 1]),
    *(case("ConvTranspose", (4, 5, 6), random(4, 3, 3, 3), random(3), **w) for w in TRANSPOSED),
    case(
        "ConvTranspose",
        (4, 5, 6),
        random(4, 3, 2, 3),
        label="grouped",
        group=2,
        strides=[2, 2],
        reference=False,
    ),
    *(
        case(
            "ConvTranspose",
            (4, 5, 6),
            random(4, 3, 3, 3),
            label=f"shape-{a}",
            reference=False,
            strides=[2, 2],
            output_shape=[11, 12],
            auto_pad=a,
        )
        for a in ("NOTSET", "SAME_UPPER", "SAME_LOWER")
    ),
    *(
        case(
            "ConvTranspose",
            (4, 5, 6),
            random(4, 3, 3, 3),
            label=f"same-{a}",
            reference=False,
            strides=[2, 2],
            auto_pad=a,
        )
        for a in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    case(
        "ConvTranspose",
        (4, 5, 6),
        random(4, 3, 3, 3),
        label="shape-odd",
        reference=False,
        strides=[2, 2],
        output_shape=[10, 11],
    ),
]


def pool(op: str, shape: tuple[int, ...] = (2, 9, 10), **attributes: Any) -> Any:
    """Values so far apart that a step of float32 differences passes no tie."""
    return case(op, shape, low=-50, high=50, reference=False, **attributes)


POOLS = [w for w in WINDOWS if "dilations" not in w and max(w.get("pads", [0])) < 2]
POOLING = [
    *(
        pool("MaxPool", kernel_shape=[3, 3], ceil_mode=c, **w)
        for w in WINDOWS
        for c in (0, 1)
        if not (c and "auto_pad" in w)
    ),
    *(
        pool("MaxPool", kernel_shape=[2, 3], label="even", **w)
        for w in WINDOWS
        if max(w.get("pads", [0])) < 2
    ),
    pool("MaxPool", kernel_shape=[3, 3], storage_order=1, strides=[2, 2]),
    pool("MaxPool", (2, 9), kernel_shape=[3], strides=[2]),
    pool("MaxPool", (1, 5, 6, 4), kernel_shape=[2, 2, 2]),
    pool("MaxPool", (2, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], opset=22),
    pool("GlobalMaxPool", (3, 4, 5)),
    pool("GlobalMaxPool", (3, 4)),
    *(
        case(
            "AveragePool",
            (2, 9, 10),
            kernel_shape=[3, 3],
            count_include_pad=i,
            ceil_mode=c,
            reference=False,
            opset=o,
            **w,
        )
        for w in POOLS
        for i in (0, 1)
        for c in (0, 1)
        for o in (17, 22)
        if not (c and "auto_pad" in w)
    ),
    case(
        "AveragePool",
        (2, 9, 10),
        kernel_shape=[3, 3],
        dilations=[2, 2],
        pads=[2, 1, 2, 1],
        opset=19,
        reference=False,
    ),
    case("AveragePool", (2, 9), kernel_shape=[3], strides=[2], reference=False),
    case("GlobalAveragePool", (3, 4, 5)),
    case("GlobalAveragePool", (3, 4, 5, 2)),
    case("LpPool", (2, 9, 10), kernel_shape=[3, 3], p=2, strides=[2, 2], reference=False),
    case(
        "LpPool",
        (2, 9, 10),
        kernel_shape=[3, 2],
        p=3,
        pads=[1, 0, 1, 1],
        reference=False,
        low=0.2,
        high=2,
    ),
    case("GlobalLpPool", (3, 4, 5), p=2, reference=False),
    case("GlobalLpPool", (3, 4, 5), p=3, reference=False),
]

RESIZING = [
    *(
        case(
            "Resize",
            (2, 5, 6),
            None,
            np.array([1, 1, 2, 1.5], np.float32),
            mode=m,
            coordinate_transformation_mode=t,
            reference=False,
        )
        for m in ("nearest", "linear", "cubic")
        for t in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    ),
    *(
        case(
            "Resize",
            (2, 8, 6),
            None,
            np.array([1, 1, 0.5, 0.6], np.float32),
            mode=m,
            nearest_mode=n,
            label=f"down-{m}-{n}",
            reference=False,
        )
        for m, n in (("nearest", "floor"), ("nearest", "ceil"), ("linear", "floor"))
    ),
    *(
        case(
            "Resize",
            (2, 8, 6),
            None,
            np.array([1, 1, 0.5, 0.6], np.float32),
            mode=m,
            antialias=1,
            opset=18,
            label=f"antialias-{m}",
            reference=False,
        )
        for m in ("linear", "cubic")
    ),
    case(
        "Resize",
        (2, 5, 6),
        None,
        np.array([2, 3], np.float32),
        mode="nearest",
        axes=[2, 3],
        opset=18,
        reference=False,
    ),
    case(
        "Resize",
        (2, 5, 6),
        None,
        None,
        np.array([10, 12]),
        mode="linear",
        axes=[2, 3],
        opset=18,
        reference=False,
        label="axes-sizes",
    ),
    case(
        "Resize",
        (2, 5, 6),
        None,
        None,
        np.array([10, 9]),
        mode="linear",
        axes=[2, 3],
        keep_aspect_ratio_policy="not_larger",
        opset=18,
        reference=False,
    ),
    case(
        "Resize", (2, 5, 6), None, np.array([1, 1, 1, 1], np.float32), label="same", reference=False
    ),
    case(
        "Resize",
        (2, 6, 6),
        np.array([0, 0, 0.2, -0.1, 1, 1, 0.8, 1.2], np.float32),
        np.array([1, 1, 0.8, 1.1], np.float32),
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=3.0,
        reference=False,
    ),
    case(
        "Resize",
        (2, 5, 6),
        None,
        np.array([1, 1, 2, 1.5], np.float32),
        mode="cubic",
        cubic_coeff_a=-0.5,
        exclude_outside=1,
        reference=False,
    ),
]

LINEAR = {"Resize", "AveragePool", "ConvTranspose"}


@pytest.mark.parametrize(("model", "x", "reference"), [*CONVOLUTIONS, *POOLING, *RESIZING])
def test_a_rule_agrees_with_central_differences(model: Any, x: np.ndarray, reference: bool) -> None:
    """Where the operator is linear, a long step loses nothing to rounding."""
    exact: dict[str, Any] = (
        {"step": 0.5, "tolerance": 2e-5} if model.graph.node[0].op_type in LINEAR else {}
    )
    assert_gradient(model, x, reference=reference, **({} if reference else exact))
