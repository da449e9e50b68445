"""Rules among other nodes, and operators that are rewritten as others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, parser

from augcli.autodiff.rewrite import rewrite
from tests.helpers.finite_differences import assert_gradient, network, random, run, spread

FLOAT = np.float32


def graph(text: str, shape: tuple[int, ...], opset: int = 17, **constants: Any) -> Any:
    """Nodes in ONNX's textual syntax, from x to y."""
    nodes = parser.parse_graph(f"g (float[N] x) => (float[N] y) {{ {text} }}").node
    return network(nodes, shape, constants, opset)


GRAPHS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "split": (
        "a, b, c = Split<axis = 1>(x, sizes)  d = Mul(a, a)  y = Concat<axis = 1>(d, c, b)",
        (6, 4),
        {"sizes": np.array([1, 2, 3])},
    ),
    "split, middle unused": (
        "a, b, c = Split<axis = 1>(x, sizes)  d = Mul(a, a)  y = Concat<axis = 1>(d, c)",
        (6, 4),
        {"sizes": np.array([1, 2, 3])},
    ),
    "split, ends unused": (
        "a, b, c = Split<axis = 1>(x, sizes)  y = Mul(b, b)",
        (6, 4),
        {"sizes": np.array([1, 2, 3])},
    ),
    "split, equal parts": ("a, b = Split<axis = -1>(x)  y = Mul(a, b)", (6, 4), {}),
    "fan-out": (
        "a = Sigmoid(x)  b = Mul(a, x)  c = Add(a, b)  d = Mul(b, c)  y = Sum(a, b, c, d)",
        (3, 4),
        {},
    ),
    "squared": ("y = Mul(x, x)", (3, 4), {}),
    "through a constant branch": (
        "a = Relu(c)  b = Mul(x, a)  z = Size(x)  f = Cast<to = 1>(z)  y = Mul(b, f)",
        (3, 4),
        {"c": random(3, 4)},
    ),
    "class token": (
        """
            n = Shape<start = 0, end = 1>(x)
            s = Concat<axis = 0>(n, r)
            t = Expand(c, s)
            j = Concat<axis = 1>(t, x)
            y = Mul(j, j)
        """,
        (3, 4),
        {"c": random(1, 1, 4), "r": np.array([1, 4])},
    ),
    "flatten by shape": (
        """
            n = Shape<start = 0, end = 1>(x)
            s = Concat<axis = 0>(n, r)
            a = Reshape(x, s)
            y = Mul(a, a)
        """,
        (3, 4),
        {"r": np.array([-1])},
    ),
    "windows": (
        """
            a = Reshape(x, r1)
            b = Transpose<perm = [0, 1, 3, 2, 4]>(a)
            c = Reshape(b, r2)
            d = Softmax(c)
            e = Reshape(d, r1)
            f = Reshape(x, r1)
            y = Mul(e, f)
        """,
        (4, 6, 2),
        {"r1": np.array([-1, 2, 2, 3, 4]), "r2": np.array([-1, 4, 3])},
    ),
    "slice to the end by shape": (
        """
            s = Shape(x)
            i = Gather(s, one)
            h = Div(i, two)
            u = Unsqueeze(h, zero)
            a = Slice(x, zero, u, ax)
            b = Slice(x, u, big, ax)
            y = Mul(a, b)
        """,
        (4, 3),
        {
            "one": np.int64(1),
            "two": np.int64(2),
            "zero": np.array([0]),
            "ax": np.array([1]),
            "big": np.array([2**62]),
        },
    ),
    "resize to a size by shape": (
        """
            n = Shape<start = 0, end = 2>(x)
            s = Concat<axis = 0>(n, r)
            y = Resize<mode = "linear">(x, , , s)
        """,
        (2, 4, 5),
        {"r": np.array([9, 7])},
    ),
    "gather by run-time indices": (
        """
            n = Shape<start = 0, end = 1>(x)
            m = Squeeze(n)
            i = Range(zero, m, one)
            y = Gather(x, i)
        """,
        (3, 4),
        {"zero": np.int64(0), "one": np.int64(1)},
    ),
    "top k": ("v, i = TopK<axis = 1>(x, k)  y = Mul(v, v)", (6, 2), {"k": np.array([3])}),
    "top k, smallest": (
        "v, i = TopK<axis = -1, largest = 0>(x, k)  y = Mul(v, v)",
        (2, 6),
        {"k": np.array([2])},
    ),
    "indices used": (
        """
            a, i = MaxPool<kernel_shape = [2, 2]>(x)
            f = Cast<to = 1>(i)
            g = Mul(f, zero)
            y = Add(a, g)
        """,
        (2, 5, 6),
        {"zero": FLOAT(0)},
    ),
    "flat operators": (
        "a = Floor(x)  b = Round(x)  c = Sign(x)  d = Ceil(x)  e = Sum(a, b, c, d)  y = Mul(e, x)",
        (3, 4),
        {},
    ),
    "where by the image": (
        "c = Greater(x, t)  d = Mul(x, x)  y = Where(c, d, x)",
        (3, 4),
        {"t": FLOAT(0.3)},
    ),
    "batch in front and behind": (
        """
            a = Transpose<perm = [1, 2, 0]>(x)
            b = Mul(a, c)
            d = Transpose<perm = [2, 0, 1]>(b)
            y = Softmax(d)
        """,
        (3, 4),
        {"c": random(3, 4, 1)},
    ),
    "matrices of windows": (
        "a = Reshape(x, r)  b = MatMul(a, w)  y = Reshape(b, q)",
        (4, 6),
        {"r": np.array([-1, 2, 6]), "w": random(6, 3), "q": np.array([-1, 4, 3])},
    ),
    "depth to space after convolution": (
        "a = Conv<pads = [1, 1, 1, 1]>(x, w)  b = DepthToSpace<blocksize = 2>(a)  y = Tanh(b)",
        (2, 3, 4),
        {"w": random(8, 2, 3, 3)},
    ),
}
NEAR_TIES = {"top k", "top k, smallest", "indices used", "flat operators"}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    text, shape, constants = GRAPHS[name]
    x = spread((2, *shape), -9, 9)
    if name == "flat operators":
        x = np.floor(x) + FLOAT(0.2)
    near_ties = name in NEAR_TIES
    assert_gradient(
        graph(text, shape, **constants),
        x / 3,
        reference=not near_ties and "resize" not in name,
        step=1e-3 if near_ties else None,
    )


def attention(q: tuple[int, ...], opset: int = 23, mask: Any = None, **attributes: Any) -> Any:
    """Attention whose queries, keys and values are all made from the image."""
    nodes = [
        helper.make_node("Sin", ["x"], ["k"]),
        helper.make_node("Cos", ["x"], ["v"]),
        helper.make_node(
            "Attention",
            ["x", "k", "v", *(["mask"] if mask is not None else [])],
            ["y"],
            **attributes,
        ),
    ]
    return network(nodes, q, {} if mask is None else {"mask": mask}, opset)


def grouped(**attributes: Any) -> Any:
    nodes = [
        helper.make_node("Slice", ["x", "zero", "two", "axis"], ["k"]),
        helper.make_node("Attention", ["x", "k", "k"], ["y"], **attributes),
    ]
    return network(
        nodes, (4, 3, 5), {"zero": np.array([0]), "two": np.array([2]), "axis": np.array([1])}, 23
    )


def sampled(**attributes: Any) -> Any:
    """The image at places that two of its own channels say."""
    nodes = [
        helper.make_node("Slice", ["x", "zero", "two", "axis"], ["k"]),
        helper.make_node("Transpose", ["k"], ["places"], perm=[0, 2, 3, 1]),
        helper.make_node("GridSample", ["x", "places"], ["y"], **attributes),
    ]
    ends = {"zero": np.array([0]), "two": np.array([2]), "axis": np.array([1])}
    return network(nodes, (3, 4, 5), ends, 20)


MASK = np.array([[True, True, False], [True, False, True], [True, True, True]])
REWRITTEN = {
    "attention": attention((2, 3, 4)),
    "attention, scaled": attention((2, 3, 4), scale=0.3),
    "attention, bool mask": attention((2, 3, 4), mask=MASK),
    "attention, float mask": attention((2, 3, 4), mask=random(2, 3, 3)),
    "attention, causal": attention((2, 3, 4), is_causal=1),
    "attention, soft cap": attention((2, 3, 4), softcap=1.5),
    "attention, three axes": attention((3, 8), q_num_heads=2, kv_num_heads=2),
    "attention, three axes, causal, masked": attention(
        (3, 8), q_num_heads=2, kv_num_heads=2, is_causal=1, mask=random(3, 3)
    ),
    "attention, grouped heads": grouped(),
    "attention, opset 24": attention((2, 3, 4), opset=24, is_causal=1),
    "Mish": graph("y = Mish(x)", (3, 4), 18),
    "CastLike": graph("a = Sin(x)  y = CastLike(a, c)", (3, 4), c=FLOAT(2)),
    "Celu": graph("y = Celu<alpha = 0.7>(x)", (3, 4)),
    "GroupNormalization 18": graph(
        "y = GroupNormalization<num_groups = 2, epsilon = 0.01>(x, s, b)",
        (4, 3, 2),
        18,
        s=random(2),
        b=random(2),
    ),
    "GroupNormalization 21": graph(
        "y = GroupNormalization<num_groups = 2, epsilon = 0.01>(x, s, b)",
        (4, 3, 2),
        21,
        s=random(4),
        b=random(4),
    ),
    **{
        f"GridSample, {mode}, {padding}, {corners}": sampled(
            mode=mode, padding_mode=padding, align_corners=corners
        )
        for mode, paddings in (
            ("linear", ("zeros", "border", "reflection")),
            ("nearest", ("zeros",)),
        )
        for padding in paddings
        for corners in (0, 1)
    },
}


def fused(op: str, *constants: Any, shape: tuple[int, ...] = (3, 4), **attributes: Any) -> Any:
    """One of ONNX Runtime's own operators."""
    names = [f"c{i}" if c is not None else "" for i, c in enumerate(constants)]
    node = helper.make_node(op, ["x", *names], ["y"], domain="com.microsoft", **attributes)
    model = network([node], shape, {n: c for n, c in zip(names, constants, strict=True) if n}, 17)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


FUSED = {
    "Gelu": fused("Gelu"),
    "FastGelu": fused("FastGelu"),
    "FastGelu, bias": fused("FastGelu", random(4)),
    "BiasGelu": fused("BiasGelu", random(4)),
    "QuickGelu": fused("QuickGelu", alpha=1.4),
    "FusedMatMul": fused("FusedMatMul", random(5, 4), transB=1, alpha=0.5),
    "FusedMatMul, plain": fused("FusedMatMul", random(4, 5)),
    "FusedConv": fused(
        "FusedConv",
        random(4, 2, 3, 3),
        random(4),
        shape=(2, 5, 6),
        activation="LeakyRelu",
        activation_params=[0.2],
        pads=[1, 1, 1, 1],
    ),
    "FusedConv, clipped": fused(
        "FusedConv",
        random(4, 2, 3, 3),
        random(4),
        shape=(2, 5, 6),
        activation="Clip",
        activation_params=[-1.0, 2.0],
    ),
    "FusedGemm": fused(
        "FusedGemm", random(4, 5), random(5), shape=(4,), activation="Relu", alpha=0.7
    ),
    "SkipLayerNormalization": fused(
        "SkipLayerNormalization", random(1, 3, 4), random(4), random(4), random(4), epsilon=1e-3
    ),
}


@pytest.mark.parametrize("name", [*REWRITTEN, *FUSED])
def test_rewritten_operators(name: str) -> None:
    """The operator's own forward pass, in ONNX Runtime, decides what is right."""
    model = (REWRITTEN | FUSED)[name]
    rewritten = rewrite(model)
    assert {n.op_type for n in model.graph.node} - {"Sin", "Cos", "Slice", "Transpose"} not in [
        {n.op_type for n in rewritten.graph.node}
    ]
    shape = [2, *(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)][:1]
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    x = spread((*shape, *dims))
    np.testing.assert_allclose(
        run(rewritten, {"x": x})[0], run(model, {"x": x})[0], rtol=1e-5, atol=1e-5
    )
    kinks = name.startswith(("FusedConv", "FusedGemm", "GridSample"))
    assert_gradient(
        rewritten,
        x,
        reference=False,
        step=3e-4 if kinks else None,
        tolerance=1e-2 if kinks else None,
    )
