"""Limits of a model file: how many nodes its functions expand to, how often a loop runs, how large
its constants are. All is counted before memory of that size is taken."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable

from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, numpy_helper

from augcli.autodiff.nodes import subgraphs
from augcli.errors import UserError

NODES = 100_000  # after functions are expanded
TURNS = 100_000  # of a loop whose number of turns is a constant of the model
ELEMENTS = 1 << 28  # of a tensor that is computed from constants: 1 GiB of floats
_SMALL = 64  # elements of a constant that is looked at
_DEPTH = 100  # of functions that call each other


def check_expansion(model: ModelProto) -> None:
    """Raise UserError where functions call themselves, or expand to more than `NODES` nodes."""
    functions = {(f.domain, f.name): f for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    open_: set[tuple[str, str]] = set()

    def size(nodes: Iterable[NodeProto], depth: int) -> int:
        count = 0
        for node in nodes:
            function = functions.get((node.domain, node.op_type))
            count += 1 if function is None else of(function, depth)
            for body in subgraphs(node):
                count += size(body.node, depth)
        return count

    def of(function: FunctionProto, depth: int) -> int:
        key = function.domain, function.name
        if key in open_:
            raise UserError(f"The model's function {function.name} calls itself; export it again.")
        if depth > _DEPTH:
            raise UserError(f"The model's functions call each other more than {_DEPTH} deep.")
        if key not in sizes:
            open_.add(key)
            sizes[key] = size(function.node, depth + 1)
            open_.remove(key)
        return sizes[key]

    count = size(model.graph.node, 0)
    if count > NODES:
        number = f"{count:,}" if count < 10**9 else f"more than {10**9:,}"
        raise UserError(
            f"The model has {number} operators when its functions are expanded; {NODES:,} is the"
            " limit."
        )


def check_tensor(tensor: TensorProto) -> None:
    """Raise UserError where a tensor's dimensions promise more than its bytes can hold."""
    if any(d < 0 for d in tensor.dims) or math.prod(tensor.dims) > sys.maxsize >> 4:
        dims = " x ".join(map(str, tensor.dims))
        raise UserError(f"Tensor {tensor.name!r} of the model has a wrong shape: {dims}.")


def check_constants(model: ModelProto) -> None:
    """Raise UserError where a loop turns more than `TURNS` times by a constant, or a node makes a
    tensor of more than `ELEMENTS` elements of constants."""
    known = {t.name: t for t in model.graph.initializer if math.prod(t.dims) <= _SMALL}
    _check_nodes(model.graph.node, known)


def _check_nodes(nodes: Iterable[NodeProto], outer: dict[str, TensorProto]) -> None:
    known = dict(outer)
    for node in nodes:
        tensor = _constant(node)
        if tensor is not None and math.prod(tensor.dims) <= _SMALL:
            known[node.output[0]] = tensor
        inputs = [_numbers(known.get(name)) for name in node.input]
        if node.op_type == "Loop" and inputs and inputs[0] and inputs[0][0] > TURNS:
            raise UserError(
                f"The model's loop {node.name or node.output[0]!r} turns {int(inputs[0][0]):,}"
                f" times; {TURNS:,} is the limit."
            )
        if (count := _elements(node, inputs, known)) > ELEMENTS:
            raise UserError(
                f"The model's {node.op_type} {node.name or node.output[0]!r} makes a tensor of"
                f" {count:,} elements; {ELEMENTS:,} is the limit."
            )
        for body in subgraphs(node):
            inner = {t.name: t for t in body.initializer if math.prod(t.dims) <= _SMALL}
            _check_nodes(body.node, known | inner)


def _elements(
    node: NodeProto, inputs: list[list[float] | None], known: dict[str, TensorProto]
) -> int:
    """At least how many elements a node makes whose sizes are constants; 0 where that is unknown,
    and bounded by the memory of the process alone."""
    second = inputs[1] if len(inputs) > 1 else None
    if node.op_type == "ConstantOfShape" and inputs and inputs[0]:
        return _product(inputs[0])
    if node.op_type == "Expand" and second:
        return _product(second)
    if node.op_type == "Tile" and second:
        tensor = known.get(node.input[0])
        return _product(second) * (_product(tensor.dims) if tensor is not None else 1)
    if node.op_type == "Range" and len(inputs) == 3 and all(inputs):
        start, stop, step = (numbers[0] for numbers in inputs if numbers)
        return int((stop - start) / step) if step and math.isfinite((stop - start) / step) else 0
    if node.op_type in ("RandomNormal", "RandomUniform"):
        return _product(next((a.ints for a in node.attribute if a.name == "shape"), [0]))
    return 0


def _product(dims: Iterable[float]) -> int:
    return math.prod(max(int(d), 1) for d in dims)


def _constant(node: NodeProto) -> TensorProto | None:
    if node.op_type != "Constant" or not node.attribute or not node.output:
        return None
    attribute = node.attribute[0]
    if attribute.name == "value":
        return attribute.t
    numbers = {"value_int": [attribute.i], "value_ints": attribute.ints}.get(attribute.name)
    if numbers is None:
        return None
    dims = [] if attribute.name == "value_int" else [len(numbers)]
    return TensorProto(data_type=TensorProto.INT64, dims=dims, int64_data=numbers)


def _numbers(tensor: TensorProto | None) -> list[float] | None:
    """A small constant's numbers; None where it is none, or holds no numbers."""
    if tensor is None:
        return None
    try:
        return [float(v) for v in numpy_helper.to_array(tensor).ravel()] or None
    except (ValueError, TypeError, RuntimeError, KeyError):
        return None
