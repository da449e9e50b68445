"""Sessions, and the check that CUDA is CUDA, by fakes of what a GPU machine would say.

No test here has ever run on a GPU.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from augcli.classifier import sessions
from augcli.classifier.sessions import (
    cuda_refusal,
    example_inputs,
    open_session,
    operators_on_cpu,
    preload,
    probe,
    resolve_device,
)
from augcli.errors import UserError
from augcli.ort import onnxruntime as ort
from tests.helpers.onnx_models import channel_means

DATA = channel_means().SerializeToString()
BOTH = ["CUDAExecutionProvider", "CPUExecutionProvider"]


def node(operator: str, provider: str, *outputs: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "cat": "Node",
        "name": f"{operator}_kernel_time",
        "args": {"op_name": operator, "provider": provider, "output_type_shape": list(outputs)},
    }


def with_cuda(monkeypatch: pytest.MonkeyPatch, verdict: str | None) -> list[bytes]:
    """As on a machine with a driver, where a trial run says `verdict`; what was tried."""
    tried: list[bytes] = []

    def refuse_large(data: bytes) -> str | None:
        tried.append(data)
        return verdict

    monkeypatch.setattr(ort, "get_available_providers", lambda: BOTH)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: None)
    monkeypatch.setattr(sessions, "probe", refuse_large)
    return tried


def test_a_session_has_one_thread() -> None:
    options = open_session(DATA, "cpu").get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_cuda_that_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = with_cuda(monkeypatch, None)
    warnings: list[str] = []
    assert resolve_device("auto", [b"a", b"b"], warnings.append) == "cuda"
    assert resolve_device("cuda", [b"c"], warnings.append) == "cuda"
    assert tried == [b"a", b"b", b"c"]
    assert warnings == []


def test_auto_falls_back_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, "it computes Conv (3) on the CPU")
    warnings: list[str] = []
    assert resolve_device("auto", [b"a", b"b"], warnings.append) == "cpu"
    assert warnings == ["the classifier runs on the CPU, for it computes Conv (3) on the CPU"]


def test_cuda_that_is_not_is_an_error_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, "it computes Conv (3) on the CPU")
    with pytest.raises(UserError, match=r"--device cuda is not possible: it computes Conv \(3\)"):
        resolve_device("cuda", [b"a"], pytest.fail)


def test_cpu_needs_no_trial_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = with_cuda(monkeypatch, None)
    assert resolve_device("cpu", [b"a"], pytest.fail) == "cpu"
    assert tried == []


def test_an_onnx_runtime_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = with_cuda(monkeypatch, None)
    monkeypatch.setattr(ort, "get_available_providers", lambda: BOTH[1:])
    assert "built without CUDA" in str(cuda_refusal([b"a"]))
    assert tried == []


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = with_cuda(monkeypatch, None)

    def missing(library: str, **_: object) -> None:
        raise OSError(f"{library}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setattr(sys, "platform", "linux")
    reason = str(cuda_refusal([b"a"]))
    assert reason.startswith("there is no NVIDIA driver (libcuda.so.1: cannot open")
    assert tried == []


def test_a_session_that_fell_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime only logs an error, and goes on with the CPU."""
    asked: dict[str, Any] = {}

    def session(_: bytes, options: Any, providers: list[Any]) -> SimpleNamespace:
        asked.update(options=options, providers=providers)
        return SimpleNamespace(get_providers=lambda: BOTH[1:], disable_fallback=lambda: None)

    monkeypatch.setattr(ort, "InferenceSession", session)
    monkeypatch.setattr(sessions, "library_error", lambda: "libcublas.so.13: not found")
    with pytest.raises(UserError, match=r"\(libcublas\.so\.13: not found; install .*--device cpu"):
        open_session(DATA, "cuda")
    monkeypatch.setattr(sessions, "library_error", lambda: None)
    with pytest.raises(UserError, match="ONNX Runtime left CUDA out"):
        open_session(DATA, "cuda")
    (name, options), last = asked["providers"]
    assert (name, last) == tuple(BOTH)
    assert options["use_tf32"] == "0"
    assert asked["options"].use_deterministic_compute


def test_operators_that_computed_on_the_cpu_are_named() -> None:
    floats, whole = {"float": [1, 64, 56, 56]}, {"int64": [4]}
    events = [
        node("Conv", BOTH[0], floats),
        node("ConvTranspose", BOTH[1], floats),
        node("MaxPool", BOTH[1], floats, whole),
        node("ConvTranspose", BOTH[1], floats),
        node("Shape", BOTH[1], whole),
        node("Gather", BOTH[1], {"float": [1]}),
        node("MemcpyToHost", BOTH[0], floats),
        {"cat": "Session", "name": "model_run", "args": {}},
    ]
    assert operators_on_cpu(events) == (
        "ONNX Runtime computes operators of this model on the CPU: ConvTranspose (2), MaxPool (1)"
    )
    assert operators_on_cpu([events[0], *events[4:]]) is None
    assert "Where (1)" in str(operators_on_cpu([node("Where", BOTH[1], {"int64": [64, 65]})]))


def test_a_real_profile_is_understood(tmp_path: Path) -> None:
    """Of a session on the CPU everything is misplaced."""
    session = open_session(DATA, "cpu", profile=tmp_path / "run")
    session.run(None, example_inputs(session))
    events = json.loads(Path(session.end_profiling()).read_text())
    assert "GlobalAveragePool (1)" in str(operators_on_cpu(events))


def test_example_inputs() -> None:
    from onnx import helper

    network = channel_means(("N", 3, 4, 6))
    extra = helper.make_tensor_value_info("label", 7, ["N"])
    network.graph.input.append(extra)
    inputs = example_inputs(open_session(network.SerializeToString(), "cpu"))
    assert {name: (array.shape, array.dtype.name) for name, array in inputs.items()} == {
        "image": ((1, 3, 4, 6), "float32"),
        "label": ((1,), "int64"),
    }


def test_a_trial_run_that_dies_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> Any:
        return subprocess.CompletedProcess([], -11, b"", b"warning\nno kernel image\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert probe(DATA) == "a trial run failed (exit code -11: no kernel image)"


def test_a_trial_run_that_hangs_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> Any:
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr(subprocess, "run", run)
    assert probe(DATA) == "the model did not run within 300 seconds"


def test_a_real_trial_run_says_why_not() -> None:
    """In its own process; where it succeeds, the model is on CUDA as a whole."""
    verdict = probe(DATA)
    driver = sessions._loading_error(["libcuda.so.1"]) is None
    if not driver:
        assert "does not run on CUDA" in str(verdict)


def test_what_preloading_misses_is_not_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy() -> None:
        print("Failed to load libcublas.so")

    monkeypatch.setattr(ort, "preload_dlls", noisy)
    preload()
    assert capfd.readouterr() == ("", "")


def test_refusals_are_one_line() -> None:
    with pytest.raises(UserError, match="ONNX Runtime cannot load the classifier: ") as caught:
        open_session(b"no model", "cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="cannot run it"), sessions.refusals("run it"):
        open_session(DATA, "cpu").run(None, {"image": np.zeros((1, 5), np.float32)})


def test_auto_is_silent_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, "CUDA error 100: no CUDA-capable device is detected")
    assert resolve_device("auto", [b"a"], pytest.fail) == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resolve_device("auto", [b"a"], pytest.fail) == "cpu"
    with pytest.raises(UserError, match="not possible: CUDA_VISIBLE_DEVICES names no GPU"):
        resolve_device("cuda", [b"a"], pytest.fail)
