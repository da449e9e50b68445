"""The graph being differentiated, and the values that new nodes are written with.

A `Value` is a tensor of a `Graph`. Arithmetic on values appends ONNX nodes, so that a rule reads
`g * y * (1 - y)`, as in the paper, and writes three nodes. What has no operator in Python is a
function in `ops.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from augcli.autodiff.nodes import names_of, names_read, rename, versions_of

Array = npt.NDArray[Any]


class Batch(NamedTuple):
    """A dimension that follows the batch size N: `per_image` * N + `extra`."""

    per_image: int
    extra: int


Dim = int | Batch
Shape = tuple[Dim, ...]


class Constants(MutableMapping[str, Array]):
    """Constants by name; those of a model are decoded only when looked at."""

    def __init__(self, tensors: Iterable[TensorProto] = ()) -> None:
        self._tensors: dict[str, Array | TensorProto] = {t.name: t for t in tensors}

    def __getitem__(self, name: str) -> Array:
        tensor = self._tensors[name]
        return numpy_helper.to_array(tensor) if isinstance(tensor, TensorProto) else tensor

    def __setitem__(self, name: str, array: Array) -> None:
        self._tensors[name] = array

    def __delitem__(self, name: str) -> None:
        del self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def info(self, name: str) -> tuple[tuple[int, ...], Any]:
        """Shape and dtype, without decoding."""
        tensor = self._tensors[name]
        if isinstance(tensor, TensorProto):
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            return tuple(tensor.dims), dtype.type
        return tensor.shape, tensor.dtype.type

    def rename(self, old: str, new: str) -> None:
        self._tensors[new] = self._tensors.pop(old)

    def tensors(self) -> Iterator[TensorProto]:
        for name, tensor in self._tensors.items():
            if isinstance(tensor, TensorProto):
                tensor.name = name
                yield tensor
            else:
                yield numpy_helper.from_array(tensor, name)


class NoRule(Exception):
    """A node that cannot be differentiated; the message says why."""


class Value:
    """A tensor of a graph. `shape` and `dtype` are None only before the graph has been probed."""

    __slots__ = ("dtype", "graph", "name", "shape")

    def __init__(self, graph: Graph, name: str, shape: Shape | None, dtype: Any) -> None:
        self.graph = graph
        self.name = name
        self.shape = shape
        self.dtype = dtype

    @property
    def array(self) -> Array | None:
        """The tensor's elements if it is a constant."""
        return self.graph.constants.get(self.name)

    @property
    def dims(self) -> Shape:
        """The shape, of a tensor that has been probed."""
        if self.shape is None:
            raise NoRule(f"the shape of tensor {self.name!r} is not known")
        return self.shape

    def __add__(self, other: Operand) -> Value:
        return self.graph.elementwise("Add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.graph.elementwise("Add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.elementwise("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.elementwise("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.elementwise("Mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self.graph.elementwise("Mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.elementwise("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.graph.elementwise("Div", other, self)

    def __pow__(self, other: Operand) -> Value:
        return self.graph.elementwise("Pow", self, other)

    def __neg__(self) -> Value:
        return self.graph.elementwise("Neg", self)

    def __abs__(self) -> Value:
        return self.graph.elementwise("Abs", self)

    def __matmul__(self, other: Value) -> Value:
        return self.graph.op("MatMul", self, other, shape=_matmul_shape(self, other))

    def __gt__(self, other: Value | float) -> Value:
        return self.graph.elementwise("Greater", self, other, dtype=np.bool_)

    def __lt__(self, other: Value | float) -> Value:
        return self.graph.elementwise("Less", self, other, dtype=np.bool_)


Operand = Value | Array | float


class Graph:
    """Nodes in topological order, constants by name, shapes and dtypes of probed tensors."""

    def __init__(self, domains: dict[str, int]) -> None:
        self.domains = domains
        self.nodes: list[NodeProto] = []
        self.constants = Constants()
        self.shapes: dict[str, Shape] = {}
        self.dtypes: dict[str, Any] = {}
        self._names: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._scalars: dict[tuple[str, bytes], Value] = {}

    @classmethod
    def of(cls, model: ModelProto) -> Graph:
        """The graph of a model that keeps no functions and no external data."""
        graph = cls({entry.domain: entry.version for entry in model.opset_import})
        graph.constants = Constants(model.graph.initializer)
        for node in model.graph.node:
            attributes = [a.name for a in node.attribute]
            if node.op_type == "Constant" and attributes and attributes[0] in _CONSTANT_TYPES:
                graph.constants[node.output[0]] = _constant(node)
            else:
                graph.nodes.append(node)
        graph._names = {v.name for v in (*model.graph.input, *model.graph.output)}
        graph._names.update(graph.constants, *(names_of(node) for node in graph.nodes))
        return graph

    @property
    def opset(self) -> int:
        """The version of the ONNX operator set."""
        return self.domains[""]

    def fresh(self, stem: str) -> str:
        """A tensor name that is not in use in the graph."""
        name = stem
        while name in self._names:
            self._counts[stem] += 1
            name = f"{stem}_{self._counts[stem]}"
        self._names.add(name)
        return name

    def value(self, name: str) -> Value:
        """The tensor of that name."""
        if name in self.constants:
            return Value(self, name, *self.constants.info(name))
        return Value(self, name, self.shapes.get(name), self.dtypes.get(name, np.float32))

    def input(self, stem: str, shape: Shape, dtype: Any) -> Value:
        """A tensor that is fed to the graph."""
        name = self.fresh(stem)
        self.shapes[name], self.dtypes[name] = shape, dtype
        return self.value(name)

    def constant(self, array: Array | float | Sequence[int], dtype: Any = None) -> Value:
        """A constant tensor; equal small ones are one."""
        array = np.asarray(array, dtype)
        key = (f"{array.dtype}{array.shape}", array.tobytes() if array.size <= 16 else b"")
        if array.size > 16 or key not in self._scalars:
            name = self.fresh("constant")
            self.constants[name] = array
            if array.size > 16:
                return self.value(name)
            self._scalars[key] = self.value(name)
        return self._scalars[key]

    def op(
        self,
        op_type: str,
        *inputs: Value | None,
        shape: Shape | None,
        dtype: Any = None,
        **attributes: Any,
    ) -> Value:
        """Append a node with one output; its dtype is the first input's unless given."""
        first = next((i for i in inputs if i is not None), None)
        name = self.fresh(f"{op_type}_output")
        names = [i.name if i else "" for i in inputs]
        self.nodes.append(onnx.helper.make_node(op_type, names, [name], **attributes))
        self.dtypes[name] = dtype or (first.dtype if first else np.float32)
        if shape is not None:
            self.shapes[name] = shape
        return self.value(name)

    def elementwise(
        self, op_type: str, *operands: Operand, dtype: Any = None, **attributes: Any
    ) -> Value:
        """Append an elementwise node with broadcasting; numbers take the dtype of the tensors."""
        like = next(o for o in operands if isinstance(o, Value))
        values = [o if isinstance(o, Value) else self.constant(o, like.dtype) for o in operands]
        shape = broadcast(*(v.shape for v in values))
        return self.op(op_type, *values, shape=shape, dtype=dtype or like.dtype, **attributes)

    def second_output(self, value: Value, dtype: Any, shape: Shape) -> Value:
        """The second output of the node that makes `value`, added to the node if it has none."""
        node = next(n for n in self.nodes if value.name in n.output)
        if len(node.output) == 1:
            node.output.append("")
        if not node.output[1]:
            node.output[1] = self.fresh(f"{node.op_type}_output")
        self.dtypes[node.output[1]], self.shapes[node.output[1]] = dtype, shape
        return self.value(node.output[1])

    def rename(self, old: str, new: str) -> None:
        """Give a tensor another name; a tensor that had this name gets a fresh one."""
        if old == new:
            return
        names = {old: new}
        if new in self._names:
            names[new] = self.fresh(new)
        self._names.add(new)
        for node in self.nodes:
            rename(node, names)
        for before, after in reversed(names.items()):
            if before in self.constants:
                self.constants.rename(before, after)
            for table in (self.shapes, self.dtypes):
                if before in table:
                    table[after] = table.pop(before)

    def prune(self, outputs: Iterable[str]) -> None:
        """Drop the nodes and constants that none of these outputs needs."""
        needed = set(outputs)
        nodes = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(names_read(node))
                nodes.append(node)
        self.nodes = nodes[::-1]
        for name in self.constants.keys() - needed:
            del self.constants[name]

    def model(
        self, inputs: Iterable[onnx.ValueInfoProto], outputs: Iterable[onnx.ValueInfoProto]
    ) -> ModelProto:
        """The graph as a model, with the operator sets that its nodes use."""
        model = ModelProto(**versions_of(self.nodes, self.domains))
        model.graph.name = "augcli"
        model.graph.node.extend(self.nodes)
        model.graph.input.extend(inputs)
        model.graph.output.extend(outputs)
        model.graph.initializer.extend(self.constants.tensors())
        return model


def shape_text(shape: Shape) -> str:
    """A shape as a user reads it, with N for what follows the batch."""
    return "(" + ", ".join(str(d) if isinstance(d, int) else "N" for d in shape) + ")"


def broadcast(*shapes: Shape | None) -> Shape | None:
    """The common shape under NumPy's broadcasting; None if one of them is unknown."""
    known = [s for s in shapes if s is not None]
    if len(known) < len(shapes):
        return None
    rank = max(map(len, known))
    axes = zip(*((1,) * (rank - len(s)) + s for s in known), strict=True)
    return tuple(next((d for d in dims if d != 1), 1) for dims in axes)


_CONSTANT_TYPES: dict[str, Any] = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def _constant(node: NodeProto) -> Array:
    attribute = node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    return np.asarray(value, _CONSTANT_TYPES[attribute.name])


def _matmul_shape(a: Value, b: Value) -> Shape | None:
    if a.shape is None or b.shape is None:
        return None
    lead = broadcast(a.shape[:-2], b.shape[:-2])
    return (*(lead or ()), a.shape[-2], b.shape[-1])
