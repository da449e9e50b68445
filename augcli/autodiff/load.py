"""Reading an untrusted model: no code runs, and no file outside its folder is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    external_data_helper,
    inliner,
    numpy_helper,
)

from augcli.autodiff.limits import check_constants, check_expansion, check_tensor
from augcli.autodiff.nodes import in_order, subgraphs, tidy
from augcli.errors import UserError
from augcli.files import read_bytes

_LARGEST = (1 << 31) - 1  # bytes of a file in protocol buffers
_FEW_BITS = {
    kind: bits
    for bits, names in {4: ("INT4", "UINT4", "FLOAT4E2M1"), 2: ("INT2", "UINT2")}.items()
    for name in names
    if (kind := getattr(TensorProto, name, None)) is not None
}
_REFUSALS = (
    onnx.checker.ValidationError,
    DecodeError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)


def load(model: ModelProto | Path | str) -> ModelProto:
    """A checked copy of a model: weights inside, initialisers no inputs, local functions inlined,
    nodes in order, which ONNX Runtime does not require.

    Raises UserError for a file that cannot be read, is no valid ONNX model, or keeps its weights
    outside its folder; for a ModelProto whose weights are in files at all.
    """
    name = "The model" if isinstance(model, ModelProto) else f"The model {model}"
    loaded = _copy(model) if isinstance(model, ModelProto) else read(Path(model))
    if not loaded.graph.node:
        raise UserError(f"{name} has no operators; is it an ONNX model?")
    check_expansion(loaded)
    for tensor in _tensors(loaded):
        check_tensor(tensor)
    weights = {t.name for t in loaded.graph.initializer}
    inputs = [i for i in loaded.graph.input if i.name not in weights]
    del loaded.graph.input[:]
    loaded.graph.input.extend(inputs)
    for info in (*inputs, *loaded.graph.output):
        if info.type.HasField("tensor_type"):  # shapes may be left out, but not for the checker
            info.type.tensor_type.shape.SetInParent()
    nodes = in_order(loaded.graph.node)
    del loaded.graph.node[:]
    loaded.graph.node.extend(nodes)
    _name_graphs(loaded.graph)
    _refuse_unknown_types(loaded.graph, name)
    try:
        _tidy(loaded)
        _check(loaded)
        for tensor in _tensors(loaded):
            numpy_helper.to_array(tensor)
        if loaded.functions:
            loaded = inliner.inline_local_functions(loaded)
            _tidy(loaded)
        check_constants(loaded)
    except _REFUSALS as error:
        raise UserError(f"{name} is not valid: {_first_line(error)}") from error
    return loaded


def _name_graphs(graph: GraphProto) -> None:
    """Name graphs without a name, which only the checker requires."""
    graph.name = graph.name or "graph"
    for node in graph.node:
        for body in subgraphs(node):
            _name_graphs(body)


def _refuse_unknown_types(graph: GraphProto, name: str) -> None:
    known = set(TensorProto.DataType.values())
    for info in (*graph.input, *graph.output):
        if (kind := info.type.tensor_type.elem_type) not in known:
            raise UserError(
                f"{name} is not valid: {info.name!r} has elements of type {kind}, which ONNX does"
                " not have."
            )


def files_of(model: Path | str) -> list[Path]:
    """The model's file and those that hold its weights. Raises UserError as `load` does."""
    path = Path(model)
    return [path, *sorted(_weight_files(_parse(path), path))]


def _check(model: ModelProto) -> None:
    """Raise ValidationError for an invalid model.

    The first GroupNormalization is deprecated, which is an error for the checker, but not for ONNX
    Runtime; the next one looks the same.
    """
    version = next((o for o in model.opset_import if o.domain == ""), None)
    normalised = any(node.op_type == "GroupNormalization" for node in model.graph.node)
    if normalised and version is not None and 18 <= version.version < 21:
        model = _copy(model)
        model.opset_import.remove(version)
        model.opset_import.append(onnx.helper.make_opsetid("", 21))
    onnx.checker.check_model(model)


def _copy(model: ModelProto) -> ModelProto:
    if any(external_data_helper.uses_external_data(t) for t in _tensors(model)):
        raise UserError("The model keeps its weights in files; give the path of its own file.")
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def read(path: Path) -> ModelProto:
    """A model as its file has it, unchecked, with its weights inside; raises UserError."""
    model = _parse(path)
    try:
        if _weight_files(model, path):
            external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, *_REFUSALS) as error:
        reason = _first_line(error)
        raise UserError(f"Cannot read the weights of the model {path}: {reason}") from error
    return model


def _parse(path: Path) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(read_bytes(path, _LARGEST))
    except OSError as error:
        raise UserError(f"Cannot read the model {path}: {error.strerror or error}.") from error
    except UserError as error:
        raise UserError(f"Cannot read the model: {error}") from error
    except (DecodeError, ValueError) as error:
        raise UserError(f"The model {path} is not an ONNX file; give another.") from error
    return model


def _weight_files(model: ModelProto, path: Path) -> set[Path]:
    """The files that hold weights; all of them must lie in the model's folder."""
    folder = path.parent.resolve()
    files = set()
    for tensor in _tensors(model):
        check_tensor(tensor)
        if not external_data_helper.uses_external_data(tensor):
            continue
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        file = (folder / location).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            raise UserError(
                f"The model {path} keeps its weights in {location!r}, "
                "which is no file in the model's own folder."
            )
        _bound_weights(tensor, file, f"The model {path}")
        files.add(file)
    return files


def _bound_weights(tensor: TensorProto, file: Path, name: str) -> None:
    """Limit what is read of a file to the tensor's bytes; raise UserError where it has fewer."""
    place = {entry.key: entry.value for entry in tensor.external_data}
    size = file.stat().st_size
    if size > _LARGEST:
        raise UserError(f"{name} keeps its weights in {file}, which is larger than 2 GiB.")
    try:
        start, length = int(place.get("offset", 0)), int(place.get("length", 0))
    except ValueError as error:
        raise UserError(f"{name} does not say in numbers where {tensor.name!r} lies.") from error
    bits = _FEW_BITS.get(tensor.data_type)
    if bits is None:
        bits = 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    needed = (math.prod(tensor.dims) * bits + 7) // 8
    if start < 0 or length not in (0, needed) or start + needed > size:
        raise UserError(
            f"{name} needs {needed} bytes for {tensor.name!r}, which {file} does not have."
        )
    if length == 0:
        tensor.external_data.add(key="length", value=str(needed))


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _graph_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: NodeProto) -> Iterator[TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
    for body in subgraphs(node):
        yield from _graph_tensors(body)


def _tidy(model: ModelProto) -> None:
    """One name for the ONNX operator set, which has two; no operator sets that nothing uses."""
    _name_standard_domain(model.graph.node)
    for function in model.functions:
        _name_standard_domain(function.node)
    tidy(model)


def _name_standard_domain(nodes: list[NodeProto]) -> None:
    for node in nodes:
        if node.domain == "ai.onnx":
            node.domain = ""
        for body in subgraphs(node):
            _name_standard_domain(body.node)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
