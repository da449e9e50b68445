"""Gradients of small graphs, by the rules and by central differences in float64.

The forward pass in float64 is that of ONNX's own reference implementation, in NumPy: neither ONNX
Runtime nor the rules are trusted. Instead of every element, random directions are compared: a
gradient that is wrong anywhere is wrong along almost all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from augcli.autodiff.fold import set_input_shape
from augcli.autodiff.probe import probe
from augcli.autodiff.reverse import reverse
from tests.helpers.cuda import without_kernel

BATCH = 2


def network(
    nodes: Sequence[NodeProto], shape: Sequence[int], constants: dict[str, Any], opset: int
) -> ModelProto:
    """A graph from image "x" (batch, *shape) to "y"."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])
    y = helper.make_empty_tensor_value_info("y")
    weights = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(list(nodes), "case", [x], [y], weights)
    imports = [helper.make_opsetid("", opset)]
    version = helper.find_min_ir_version_for(imports)
    return helper.make_model(graph, opset_imports=imports, ir_version=max(8, version))


def run(model: ModelProto, feeds: dict[str, Any], outputs: list[str] | None = None) -> list[Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(outputs, feeds)


def reference_output(evaluator: ReferenceEvaluator, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """The first output of a model, by ONNX's reference implementation."""
    first, *_ = evaluator.run(None, feeds)
    return np.asarray(first)


def by_rules(
    model: ModelProto, x: np.ndarray, seed: np.ndarray, batch: int | None = None
) -> tuple[np.ndarray, ModelProto]:
    """The gradient of sum(seed * y) with respect to x, and the graph of it, not optimised."""
    shape = tuple(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)[1:]
    given = ModelProto()
    given.CopyFrom(model)
    set_input_shape(given, (batch or "batch", *shape))
    graph, _ = probe(given, (batch,) if batch else (2, 3))
    graph.shapes["seed"], graph.dtypes["seed"] = graph.shapes["y"], np.float32
    gradient = reverse(graph, "y", graph.value("seed"), "x")
    graph.prune([gradient.name])
    info = helper.make_tensor_value_info
    inputs = [info("x", TensorProto.FLOAT, None), info("seed", TensorProto.FLOAT, None)]
    backward = graph.model(inputs, [info(gradient.name, TensorProto.FLOAT, None)])
    return run(backward, {"x": x, "seed": seed.astype(np.float32)})[0], backward


def in_float64(model: ModelProto) -> ModelProto:
    """The same graph for float64 tensors."""
    copy = ModelProto()
    copy.CopyFrom(model)

    def convert(tensor: TensorProto) -> None:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(
                numpy_helper.from_array(
                    numpy_helper.to_array(tensor).astype(np.float64), tensor.name
                )
            )

    keep = {n.input[2] for n in copy.graph.node if n.op_type == "Resize" and len(n.input) > 2}
    for tensor in copy.graph.initializer:
        if tensor.name not in keep:
            convert(tensor)
    for info in (*copy.graph.input, *copy.graph.output):
        if info.type.tensor_type.elem_type == TensorProto.FLOAT:
            info.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in copy.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                convert(attribute.t)
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    return copy


def assert_gradient(
    model: ModelProto,
    x: np.ndarray,
    *,
    batch: int | None = None,
    reference: bool = True,
    step: float | None = None,
    tolerance: float | None = None,
    directions: int = 5,
) -> ModelProto:
    """Compare the rules with central differences.

    reference False takes those of ONNX Runtime in float32, for what the reference does wrong.
    """
    x = x.astype(np.float32)
    y = run(model, {"x": x}, ["y"])[0]
    rng = np.random.Generator(np.random.Philox(1))
    seed = rng.standard_normal(y.shape).astype(np.float32)
    gradient, backward = by_rules(model, x, seed, batch)
    assert gradient.shape == x.shape
    assert without_kernel(backward, model) == []

    if reference:
        evaluator = ReferenceEvaluator(in_float64(model))

        def forward(at: np.ndarray) -> np.ndarray:
            return reference_output(evaluator, {"x": at})

        np.testing.assert_allclose(forward(x.astype(np.float64)), y, rtol=2e-4, atol=2e-5)
        step, tolerance = step or 1e-6, tolerance or 2e-5
    else:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def forward(at: np.ndarray) -> np.ndarray:
            return session.run(["y"], {"x": at.astype(np.float32)})[0].astype(np.float64)

        step, tolerance = step or 1e-2, tolerance or 2e-3

    size = float(np.linalg.norm(gradient))
    assert size > 0
    for _ in range(directions):
        v = rng.standard_normal(x.shape)
        change = (forward(x + step * v) - forward(x - step * v)) / (2 * step)
        expected = float((seed * change).sum())
        actual = float((gradient.astype(np.float64) * v).sum())
        assert abs(actual - expected) <= tolerance * size, (actual, expected, size)
    return backward


def spread(shape: Sequence[int], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Values in a range, shuffled, no two of them close: nothing sits on a tie."""
    count = int(np.prod(shape))
    values = np.linspace(low, high, count) + (high - low) / count / 7
    rng = np.random.Generator(np.random.Philox(2))
    return rng.permutation(values).reshape(shape).astype(np.float32)


def random(*shape: int, key: int = 0) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key))
    return rng.standard_normal(shape).astype(np.float32)
