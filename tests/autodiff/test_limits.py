"""Models that ask for more than there is are refused before it is made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from augcli.autodiff import differentiate
from augcli.autodiff.child import in_child
from augcli.autodiff.inspect import inspect
from augcli.autodiff.load import files_of, load
from augcli.errors import UserError
from tests.helpers.networks import two_heads


def classifier_with(nodes: list[Any], constants: dict[str, Any], read: str = "x") -> ModelProto:
    """A small classifier of 5 classes, whose image is multiplied by tensor `k`."""
    weights = {"W": np.ones((5, 3, 3, 3), np.float32), **constants}
    more_nodes = [
        *nodes,
        helper.make_node("Mul", [read, "k"], ["x2"]),
        helper.make_node("Conv", ["x2", "W"], ["c"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    graph = helper.make_graph(
        more_nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def loop(trip: str, /, **constants: Any) -> ModelProto:
    """One that adds 0.5 as often as `trip` says; for ever where that is empty."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Add", ["st", "half"], ["so"]),
            helper.make_node("Identity", ["ci"], ["co"]),
        ],
        "b",
        [value("it", 7, []), value("ci", 9, []), value("st", 1, [])],
        [value("co", 9, []), value("so", 1, [])],
    )
    nodes = [helper.make_node("Loop", [trip, "true", "half"], ["k"], body=body)]
    initializers = {"true": np.array(True), "half": np.array(0.5, np.float32), **constants}
    return classifier_with(nodes, initializers)


def nested(depth: int, calls: int) -> ModelProto:
    """Functions F0, F1 ... each of which calls the next `calls` times; the last makes one node."""
    model = classifier_with([], {"k": np.float32(1)})
    functions = []
    for level in range(depth + 1):
        kind = f"F{level + 1}" if level < depth else "Relu"
        domain = "loc" if level < depth else ""
        count = calls if level < depth else 1
        names = ["a", *(f"m{i}" for i in range(count - 1)), "b"]
        nodes = [
            helper.make_node(kind, [names[i]], [names[i + 1]], domain=domain) for i in range(count)
        ]
        imports = [helper.make_opsetid("loc", 1), helper.make_opsetid("", 17)]
        functions.append(helper.make_function("loc", f"F{level}", ["a"], ["b"], nodes, imports))
    model.functions.extend(functions)
    model.opset_import.append(helper.make_opsetid("loc", 1))
    model.graph.node[1].input[0] = "x3"
    model.graph.node.insert(1, helper.make_node("F0", ["x2"], ["x3"], domain="loc"))
    return model


def refusal(model: ModelProto | Path) -> str:
    with pytest.raises(UserError) as caught:
        differentiate(model)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_functions_are_counted_before_they_are_expanded() -> None:
    assert differentiate(nested(3, 2)).classes == 5
    assert refusal(nested(17, 2)).startswith("The model has 131,07")
    assert "more than 1,000,000,000 operators" in refusal(nested(60, 2))


def test_functions_that_call_themselves_are_named() -> None:
    model = nested(3, 1)
    model.functions[2].node[0].op_type = "F1"
    assert "function F1 calls itself" in refusal(model)
    assert "more than 100 deep" in refusal(nested(150, 1))


def test_loops_have_a_bound() -> None:
    assert differentiate(loop("trip", trip=np.array(4))).classes == 5
    assert "turns 1,152,921,504,606,846,976 times" in refusal(loop("trip", trip=np.array(2**60)))


BOMBS: dict[str, list[Any]] = {
    "ConstantOfShape": [np.array([10**6, 10**6])],
    "Expand": [np.float32(1), np.array([10**6, 10**6])],
    "Tile": [np.ones(8, np.float32), np.array([10**12])],
    "Range": [np.float64(0), np.float64(1e12), np.float64(1)],
}


@pytest.mark.parametrize("operator", BOMBS)
def test_constants_have_a_bound(operator: str) -> None:
    values = BOMBS[operator]
    names = [f"in{i}" for i in range(len(values))]
    nodes = [
        helper.make_node(operator, names, ["large"]),
        helper.make_node("Cast", ["large"], ["floats"], to=1),
        helper.make_node("ReduceMax", ["floats"], ["k"], keepdims=0),
    ]
    message = refusal(classifier_with(nodes, dict(zip(names, values, strict=True))))
    assert f"The model's {operator} 'large' makes a tensor of" in message


def test_dimensions_beyond_all_memory() -> None:
    model = classifier_with([], {"k": np.float32(1)})
    model.graph.initializer[1].dims[:] = [2**31, 2**31]
    assert "has a wrong shape: 2147483648 x 2147483648" in refusal(model)
    model.graph.initializer[1].dims[:] = [-4]
    assert "has a wrong shape: -4" in refusal(model)


def with_weights(folder: Path) -> Path:
    path = folder / "m.onnx"
    onnx.save(two_heads(), path, save_as_external_data=True, location="w.data", size_threshold=0)
    return path


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS: dict[str, Callable[[Path], Any]] = {
    "fifo": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "sparse": _sparse,
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_no_file_of_weights(tmp_path: Path, kind: str) -> None:
    path = with_weights(tmp_path)
    (tmp_path / "w.data").unlink()
    KINDS[kind](tmp_path / "w.data")
    assert "keeps its weights in" in refusal(path)
    with pytest.raises(UserError, match="keeps its weights in"):
        files_of(path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_models_that_are_no_file_of_a_model(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.onnx"
    KINDS[kind](path)
    message = refusal(path)
    assert "m.onnx" in message
    assert message.startswith("Cannot read the model")


def test_only_the_bytes_of_a_tensor_are_read(tmp_path: Path) -> None:
    """Where no length is said, a file of weights may hold more than its tensor."""
    path = with_weights(tmp_path)
    model = onnx.load(path, load_external_data=False)
    first = max(model.graph.initializer, key=lambda t: len(t.external_data))
    entries = [e for e in first.external_data if e.key != "length"]
    del first.external_data[:]
    first.external_data.extend(entries)
    path.write_bytes(model.SerializeToString())
    assert differentiate(path).classes == 5
    entry = next(e for e in first.external_data if e.key == "offset")
    for value in ("-1", "9999999", "x"):
        entry.value = value
        path.write_bytes(model.SerializeToString())
        assert "m.onnx" in refusal(path)


def _sleep(_: Path) -> None:
    time.sleep(60)


def _fail(_: Path) -> None:
    raise ZeroDivisionError("what nobody has thought of")


def _die(_: Path) -> None:
    os._exit(3)


def _grow(_: Path) -> int:
    return len(bytearray(1 << 40))


def test_a_child_process_has_limits() -> None:
    path = Path("m.onnx")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"m\.onnx takes longer than 0\.5 s"):
        in_child(_sleep, path, seconds=0.5)
    assert time.monotonic() - started < 30
    with pytest.raises(
        UserError, match=r"m\.onnx cannot be used: what nobody has thought of; export it"
    ):
        in_child(_fail, path)
    with pytest.raises(UserError, match=r"ended the process that looked at it \(exit code 3\)"):
        in_child(_die, path)
    with pytest.raises(UserError, match="needs more memory"):
        in_child(_grow, path)


def test_graphs_need_no_name_and_types_need_to_exist() -> None:
    model = loop("trip", trip=np.array(4))
    model.graph.name = ""
    model.graph.node[0].attribute[0].g.name = ""
    assert differentiate(model).classes == 5
    model.graph.output[0].type.tensor_type.elem_type = 110
    for look in (differentiate, inspect):
        with pytest.raises(UserError, match="'y' has elements of type 110"):
            look(model, output="y")


def chain(depth: int) -> ModelProto:
    nodes = []
    last = "x"
    for at in range(depth):
        nodes.append(helper.make_node("Neg", [last], [f"n{at}"]))
        last = f"n{at}"
    return classifier_with(nodes, {"k": np.float32(1)}, last)


@pytest.mark.slow
def test_time_grows_with_depth() -> None:
    """Not with its square, which four times the nodes would cost sixteen times."""

    def seconds(depth: int) -> float:
        model = chain(depth)
        started = time.process_time()
        differentiate(model)
        return time.process_time() - started

    seconds(10)
    few = min(seconds(1000) for _ in range(2))
    assert seconds(4000) < 9 * few


CHANGES = 3  # bytes of a model that are changed at once


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a model with a few changed, a piece removed, or one doubled."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, CHANGES + 1))):
        at = int(rng.integers(len(changed)))
        changed[at] = int(rng.integers(256))
    kind, at, length = (
        int(rng.integers(4)),
        int(rng.integers(len(changed))),
        int(rng.integers(1, 40)),
    )
    if kind == 0:
        del changed[at : at + length]
    elif kind == 1:
        changed[at:at] = changed[at : at + length]
    return bytes(changed)


def _try(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    for look in (inspect, differentiate):
        try:
            look(path, size=(16, 16), output="y")
        except UserError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 1000
    return "done"


@pytest.mark.parametrize("seed", range(int(os.environ.get("AUGCLI_FUZZ", "60"))))
def test_mutated_models_cost_a_sentence(tmp_path: Path, seed: int) -> None:
    """AUGCLI_FUZZ says how many; each may end its own process, but never hang."""
    rng = np.random.default_rng(seed)
    models = (loop("trip", trip=np.array(4)), nested(2, 2), chain(3))
    data = mutated(models[seed % 3].SerializeToString(), rng)
    try:
        assert in_child(_try, tmp_path / "m.onnx", data, seconds=60) == "done"
    except UserError as error:
        assert "cannot be used" not in str(error), error
        assert "takes longer" not in str(error), error


def test_a_loaded_model_is_a_copy() -> None:
    model = chain(2)
    before = model.SerializeToString()
    load(model)
    assert model.SerializeToString() == before
