"""Operators written as simpler ones before differentiation.

Those whose backward pass would compute half of the forward pass again, those without a CUDA kernel,
ONNX Runtime's own, and integer arithmetic. A rewrite is a function `(*inputs, **attributes)` that
returns a value, or a tuple of values, one for each output, and raises NoRule where it does not
cover the node. It knows no shapes, since nothing has run yet. `rewrites/` holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, shape_inference

from augcli.autodiff.graph import Graph, NoRule, Value
from augcli.autodiff.ops import cast
from augcli.autodiff.registry import accepts, attributes_of, is_standard

Rewrite = Callable[..., Any]
AnyRewrite = TypeVar("AnyRewrite", bound=Rewrite)

MICROSOFT = "com.microsoft"
_table: dict[tuple[str, str], Rewrite] = {}


def rewrite_of(op_type: str, domain: str = "") -> Callable[[AnyRewrite], AnyRewrite]:
    """Register how an operator is written with others."""

    def register(rule: AnyRewrite) -> AnyRewrite:
        _table[domain, op_type] = rule
        return rule

    return register


def rewrite(model: ModelProto) -> ModelProto:
    """The model with all operators replaced that the table covers; others are left as they are."""
    if not any((n.domain, n.op_type) in _table for n in model.graph.node):
        return model
    dtypes = _inferred_dtypes(model)
    graph = Graph.of(model)
    graph.dtypes = dtypes
    nodes, graph.nodes = graph.nodes, []
    known: dict[str, Value] = {}
    floats: set[str] = set()  # tensors that held integers in the model and hold floats now
    for node in nodes:
        rule = _table.get((node.domain, node.op_type))
        results: tuple[Value, ...] = ()
        if rule is not None and accepts(rule, node):
            inputs = [known.get(n) or graph.value(n) if n else None for n in node.input]
            with suppress(NoRule):
                replacement = rule(*inputs, **attributes_of(node))
                results = replacement if isinstance(replacement, tuple) else (replacement,)
        if len(node.output) > len(results):
            _take_floats(graph, node, floats)
            graph.nodes.append(node)
            continue
        for name, value in zip(node.output, results, strict=False):
            if name:
                known[name] = value
                if value.dtype is np.float32 and dtypes.get(name, np.float32) is not np.float32:
                    floats.add(name)
                graph.nodes.append(helper.make_node("Identity", [value.name], [name]))
    graph.prune(v.name for v in model.graph.output)
    return graph.model(model.graph.input, model.graph.output)


def _take_floats(graph: Graph, node: NodeProto, floats: set[str]) -> None:
    """Where a node reads floats that were integers, have it compute in floats: cast what it reads
    of the same type beside them."""
    if not floats.intersection(node.input) or not is_standard(node):
        return
    try:
        schema = onnx.defs.get_schema(node.op_type, graph.opset)
    except onnx.defs.SchemaError:
        return
    last = len(schema.inputs) - 1
    types = [schema.inputs[min(i, last)].type_str for i in range(len(node.input))]
    changed = {kind for kind, name in zip(types, node.input, strict=True) if name in floats}
    for place, (kind, name) in enumerate(zip(types, node.input, strict=True)):
        if name and kind in changed and name not in floats:
            node.input[place] = cast(graph.value(name), np.float32).name
    last = len(schema.outputs) - 1
    for place, name in enumerate(node.output):
        if name and schema.outputs[min(place, last)].type_str in changed:
            floats.add(name)
            graph.dtypes[name] = np.float32


def _inferred_dtypes(model: ModelProto) -> dict[str, Any]:
    """The dtype of every tensor for which ONNX can infer it."""
    inferred = shape_inference.infer_shapes(model).graph
    infos = (*inferred.value_info, *inferred.input, *inferred.output)
    types = {v.name: v.type.tensor_type.elem_type for v in infos if v.type.HasField("tensor_type")}
    return {name: helper.tensor_dtype_to_np_dtype(t).type for name, t in types.items() if t}


def plain(
    like: Value, op_type: str, *inputs: Value | None, dtype: Any = None, **attributes: Any
) -> Value:
    """A node whose shape is not known; its dtype is the first input's unless given."""
    return like.graph.op(op_type, *inputs, shape=None, dtype=dtype, **attributes)


def integers(like: Value, *numbers: int) -> Value:
    """A constant int64 vector."""
    return like.graph.constant(list(numbers), np.int64)


def dims(x: Value, start: int, end: int | None = None) -> Value:
    """Some dimensions of x, as an int64 vector."""
    stop = {} if end is None else {"end": end}
    return plain(x, "Shape", x, dtype=np.int64, start=start, **stop)


def join_tensors(like: Value, *parts: Value, axis: int = 0) -> Value:
    """Tensors joined along an axis."""
    return plain(like, "Concat", *parts, axis=axis)
