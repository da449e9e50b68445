"""Rules for every input of an operator, not only the first: all operands are cut from the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.helpers.finite_differences import assert_gradient, network, random, spread


def joint(
    op: str,
    *shapes: tuple[int, ...] | np.ndarray,
    batched: bool = True,
    opset: int = 17,
    label: str = "",
    reference: bool = True,
    low: float = -2.0,
    high: float = 2.0,
    **attributes: Any,
) -> Any:
    """One node whose inputs are constants or pieces of the image.

    Pieces have shape (batch, *shape), or not batched, for one image, the shape alone.
    """
    nodes, names, constants, start = [], [], {"axis": np.array([1])}, 0
    for i, shape in enumerate(shapes):
        names.append(f"o{i}")
        if isinstance(shape, np.ndarray):
            constants[f"o{i}"] = shape
            continue
        end = start + int(np.prod(shape))
        constants |= {
            f"s{i}": np.array([start]),
            f"e{i}": np.array([end]),
            f"r{i}": np.array([-1, *shape] if batched else shape, np.int64),
        }
        nodes += [
            helper.make_node("Slice", ["x", f"s{i}", f"e{i}", "axis"], [f"p{i}"]),
            helper.make_node("Reshape", [f"p{i}", f"r{i}"], [f"o{i}"]),
        ]
        start = end
    nodes.append(helper.make_node(op, names, ["y"], name="node", **attributes))
    model = network(nodes, (start,), constants, opset)
    x = spread((2 if batched else 1, start), low, high)
    return pytest.param(
        model,
        x,
        None if batched else 1,
        reference,
        id=f"{op}{opset}-{label or shapes}".replace(" ", "")[:90],
    )


V = (3,)
CONVOLVED: list[dict[str, Any]] = [
    {},
    {"strides": [2, 3], "pads": [1, 0, 2, 1]},
    {"dilations": [2, 1], "strides": [2, 2], "pads": [1, 1, 0, 0]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
]
TRANSPOSED: list[dict[str, Any]] = [
    {},
    {"strides": [2, 3], "pads": [1, 0, 2, 1]},
    {"strides": [2, 2], "output_padding": [1, 1]},
]

CASES = [
    *(joint(op, (3, 4), (3, 4)) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum")),
    *(joint(op, (3, 1), (1, 4)) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum")),
    joint("Mean", (3, 1), (1, 4), (3, 4), reference=False),
    joint("Max", (3, 1), (1, 4), (3, 4)),
    joint("Pow", (3, 4), (3, 1), low=0.3),
    joint("PRelu", (3, 4), (3, 1)),
    joint("Mod", (3, 4), (3, 4), fmod=1, low=0.5, high=3, reference=False),
    joint("Where", np.array([[True, False, True, True]]), (3, 4), (3, 1)),
    joint("Where", np.array([True, False, True, True]), (3, 4), (1, 4)),
    joint("Concat", (2, 4), (3, 4), axis=1, label="1"),
    joint("Concat", (2, 1), (2, 3), (2, 4), axis=-1, label="-1"),
    joint("Concat", (2, 4), (2, 4), axis=2),
    joint("MatMul", (3, 4), (4, 5)),
    joint("MatMul", (2, 3, 4), (2, 4, 5)),
    joint("MatMul", (2, 3, 4), (1, 4, 5)),
    joint("MatMul", (1, 3, 4), (2, 4, 5)),
    joint("MatMul", (3, 4), random(4, 5)),
    joint("MatMul", (3, 4), random(4)),
    joint("MatMul", random(5, 3), (3, 4)),
    joint("MatMul", random(3), (3, 4)),
    joint("MatMul", (4,), random(4, 5), label="vector"),
    joint("MatMul", (4,), (4,), batched=False, label="dot"),
    joint("MatMul", (3, 4), (4,), batched=False, label="mv"),
    joint("MatMul", (4,), (2, 4, 3), batched=False, label="vm"),
    joint("MatMul", (2, 3, 4), random(5, 1, 1, 4, 2)),
    joint("MatMul", (2, 1, 3, 4), (4, 5), batched=False, label="stack"),
    *(
        joint(
            "Gemm",
            a,
            b,
            (3, 5),
            batched=False,
            label=f"{ta}{tb}",
            transA=ta,
            transB=tb,
            alpha=0.7,
            beta=1.3,
        )
        for ta, a in ((0, (3, 4)), (1, (4, 3)))
        for tb, b in ((0, (4, 5)), (1, (5, 4)))
    ),
    joint("Gemm", (3, 4), (4, 5), (5,), batched=False, label="row"),
    joint("Gemm", (3, 4), (4, 5), (3, 1), batched=False, label="column"),
    joint("Gemm", (3, 4), (4, 5), (), batched=False, label="scalar"),
    joint("Gemm", (4,), random(4, 5), random(5), label="layer"),
    joint("Gemm", (4,), random(5, 4), label="no-bias", transB=1, alpha=0.5),
    joint("Einsum", (3, 4), (4, 5), equation="bij,bjk->bik", label="bmm"),
    joint("Einsum", (3, 4), (5, 4), equation="bij,bkj->bik"),
    joint("Einsum", (3, 4), equation="bij->bji"),
    joint("Einsum", (3, 4), equation="bij->bj"),
    joint("Einsum", (3, 4), (4,), equation="bij,bj->b"),
    joint("Einsum", (3, 4), (3, 4), equation="bij,bij->bi"),
    joint("Einsum", (3, 3), equation="bii->bi", label="diagonal", reference=False),
    joint("Einsum", (3, 3), equation="bii->b", label="trace", reference=False),
    joint("Einsum", (3, 4), (4, 5), equation="...ij,...jk->...ik"),
    joint("Einsum", (2, 3, 4), random(4, 5), equation="...ij,jk->...ik"),
    joint("Einsum", (3,), (4,), equation="bi,bj", label="implicit"),
    joint("Einsum", (3,), (4,), (3,), equation="bi,bj,bi->bij", label="three"),
    joint("Einsum", (2, 3, 4), (2, 5, 4), equation="bhqd,bhkd->bhqk"),
    joint(
        "Einsum",
        (2, 3, 4),
        (1, 5, 4),
        equation="bhqd,bhkd->bhqk",
        label="stretched",
        reference=False,
    ),
    joint("Einsum", (3, 4), (5,), equation="bij,bk->bk", label="summed"),
    *(
        joint("Conv", (1, 2, 6, 7), (4, 2, 3, 3), (4,), batched=False, label=f"{i}", **w)
        for i, w in enumerate(CONVOLVED)
    ),
    joint(
        "Conv",
        (2, 4, 5, 5),
        (4, 2, 2, 2),
        (4,),
        batched=False,
        label="grouped",
        group=2,
        strides=[2, 2],
    ),
    joint("Conv", (2, 3, 7), (3, 1, 3), batched=False, label="depthwise-1d", group=3),
    *(
        joint(
            "ConvTranspose",
            (1, 2, 4, 5),
            (2, 3, 3, 3),
            (3,),
            batched=False,
            label=f"{i}",
            reference=False,
            **w,
        )
        for i, w in enumerate(TRANSPOSED)
    ),
    joint(
        "ConvTranspose",
        (2, 4, 3, 3),
        (4, 2, 2, 2),
        batched=False,
        label="grouped",
        group=2,
        strides=[2, 2],
        reference=False,
    ),
    joint(
        "BatchNormalization",
        (2, 3, 2, 2),
        V,
        V,
        V,
        np.abs(random(3)) + 0.5,
        batched=False,
        label="all",
    ),
    joint("LayerNormalization", (2, 3, 4), (4,), (4,), batched=False),
    joint("LayerNormalization", (2, 3, 4), (3, 4), (3, 4), batched=False, axis=1),
    joint("InstanceNormalization", (2, 3, 5), V, V, batched=False),
    joint("RMSNormalization", (2, 3, 4), (4,), batched=False, opset=23, reference=False),
    joint(
        "GatherElements",
        (2, 3, 4),
        np.array([[[0, 1, 1, 2]], [[2, 0, 0, 1]]]),
        batched=False,
        axis=1,
    ),
    joint("ScatterElements", (3, 4), np.array([[0, 2, 1, 0]]), (1, 4), batched=False),
    joint(
        "ScatterElements",
        (3, 4),
        np.array([[0, 2, 2, 0], [0, 1, 1, 0]]),
        (2, 4),
        batched=False,
        label="add",
        opset=18,
        reduction="add",
    ),
    joint("ScatterND", (3, 4), np.array([[2], [0]]), (2, 4), batched=False),
    joint(
        "ScatterND",
        (3, 4),
        np.array([[2], [2]]),
        (2, 4),
        batched=False,
        label="add",
        opset=18,
        reduction="add",
        reference=False,
    ),
    joint("GatherND", (3, 4), np.array([[0, 1], [2, 2], [2, 2]]), batched=False),
    joint(
        "BatchNormalization",
        (2, 3, 2, 2),
        random(3),
        random(3),
        random(3),
        (3,),
        batched=False,
        label="variance",
        low=0.4,
    ),
]


@pytest.mark.parametrize(("model", "x", "batch", "reference"), CASES)
def test_a_rule_agrees_for_every_input(
    model: Any, x: np.ndarray, batch: int | None, reference: bool
) -> None:
    assert_gradient(model, x, batch=batch, reference=reference)
