"""Small classifiers, written in ONNX's textual syntax."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper, parser

from tests.helpers.finite_differences import random

# A smooth network of two heads: conv - swish - conv - tanh, pooled; and the first layer, pooled.
TWO_HEADS = """
early_features = Conv<pads = [1, 1, 1, 1]>(picture, w1, b1)
gate = Sigmoid(early_features)
swish = Mul(early_features, gate)
late = Conv<strides = [2, 2]>(swish, w2)
features = Tanh(late)
pooled = GlobalAveragePool(features)
flat = Flatten(pooled)
scores = Gemm<transB = 1>(flat, w3)
early_pooled = GlobalAveragePool(swish)
early_flat = Flatten(early_pooled)
early_scores = Gemm<transB = 1>(early_flat, w4)
"""

WEIGHTS = {
    "w1": 0.3 * random(6, 3, 3, 3, key=1),
    "b1": random(6, key=2),
    "w2": 0.2 * random(8, 6, 3, 3, key=3),
    "w3": random(5, 8, key=4),
    "w4": random(5, 6, key=5),
}


def classifier(
    text: str,
    outputs: str,
    weights: dict[str, Any],
    picture: str = "float[N, 3, 9, 8]",
    opset: int = 17,
    domains: dict[str, int] | None = None,
) -> ModelProto:
    """A model from an input "picture" to some outputs, all of them floats."""
    ends = ", ".join(f"float[N, K] {name}" for name in outputs.split())
    graph = parser.parse_graph(f"net ({picture} picture) => ({ends}) {{ {text} }}")
    graph.initializer.extend(numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items())
    imports = [helper.make_opsetid(d, v) for d, v in {"": opset, **(domains or {})}.items()]
    version = max(8, helper.find_min_ir_version_for(imports, ignore_unknown=True))
    return helper.make_model(graph, opset_imports=imports, ir_version=version)


def two_heads(**options: Any) -> ModelProto:
    """The smooth network with both heads as outputs."""
    return classifier(TWO_HEADS, "scores early_scores", WEIGHTS, **options)


def operators(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def dims(info: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_value or d.dim_param for d in info.type.tensor_type.shape.dim]
