"""ONNX Runtime sessions, and a check that one for CUDA really runs there.

A session on the CPU has one thread: the processes around it are as many as the cores, and one
thread does the same arithmetic in the same order whatever their number. On CUDA everything that
could make results vary and can be turned off is: TF32, and kernels that are not deterministic.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from augcli.autodiff.runtime import ort_message
from augcli.errors import UserError
from augcli.ort import onnxruntime as ort
from augcli.ort import states

Device = Literal["cpu", "cuda"]

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_CUDA_OPTIONS = {
    "arena_extend_strategy": "kSameAsRequested",
    "cudnn_conv_algo_search": "HEURISTIC",
    "use_tf32": "0",
}
_PROBE_SECONDS = 300.0
_LARGE = 4096  # elements
_NO_DEVICE = "no CUDA-capable device"  # as CUDA says it where there is a driver and no GPU
_INSTALL = "install `augcli[cuda]`"
_NUMBERS = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
_ERRORS = tuple(
    getattr(states, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented",
                 "RuntimeException", "EPFail")
    if hasattr(states, name)
)  # fmt: skip


@contextlib.contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Turn what ONNX Runtime raises into a UserError of one line."""
    try:
        yield
    except _ERRORS as error:
        raise UserError(f"ONNX Runtime cannot {doing}: {ort_message(error)}") from error


def open_session(data: bytes, device: Device, *, profile: Path | None = None) -> Any:
    """A session for a serialised model; `profile` is where it writes what it does.

    Raises UserError where ONNX Runtime refuses the model, or a session for CUDA is none.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    providers: list[Any] = [_CPU]
    if device == "cuda":
        preload()
        options.use_deterministic_compute = True
        providers.insert(0, (_CUDA, _CUDA_OPTIONS))
    with refusals("load the classifier"):
        session = ort.InferenceSession(data, options, providers=providers)
    session.disable_fallback()
    if device == "cuda" and _CUDA not in session.get_providers():
        error = library_error()
        reason = "ONNX Runtime left CUDA out" if error is None else f"{error}; {_INSTALL}"
        raise UserError(f"The classifier does not run on CUDA ({reason}), or use --device cpu.")
    return session


def resolve_device(
    device: Literal["auto", "cuda", "cpu"],
    models: Sequence[bytes],
    warn: Callable[[str], None],
) -> Device:
    """Where these models can run: "auto" takes the CPU where CUDA will not do, and warns only where
    there is a GPU that it could have used.

    Raises UserError with the reason for "cuda".
    """
    if device == "cpu":
        return "cpu"
    reason = cuda_refusal(models)
    if reason is None:
        return "cuda"
    if device == "cuda":
        raise UserError(f"--device cuda is not possible: {reason}; --device cpu works without it.")
    if missing_gpu() is None and _NO_DEVICE not in reason:
        warn(f"the classifier runs on the CPU, for {reason}")
    return "cpu"


def cuda_refusal(models: Iterable[bytes]) -> str | None:
    """Why these models do not run on CUDA as a whole, or None.

    They are tried in a process of its own: CUDA does not survive the fork by which workers start.
    """
    missing = missing_gpu()
    if missing is not None:
        return missing
    return next((reason for data in models if (reason := probe(data)) is not None), None)


def missing_gpu() -> str | None:
    """Why no model can run on CUDA here, or None; --device auto does not warn of that."""
    if _CUDA not in ort.get_available_providers():
        return f"this ONNX Runtime ({ort.__version__}) was built without CUDA"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES names no GPU"
    driver = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}.get(sys.platform)
    error = None if driver is None else _loading_error([driver])
    return None if error is None else f"there is no NVIDIA driver ({error})"


def library_error() -> str | None:
    """What the system says when ONNX Runtime's CUDA libraries are loaded, if it is an error."""
    folder = Path(ort.__file__).parent / "capi"
    before, after = ("", ".dll") if sys.platform == "win32" else ("lib", ".so")
    names = (f"{before}onnxruntime_providers_{name}{after}" for name in ("shared", "cuda"))
    return _loading_error([str(folder / name) for name in names])


def _loading_error(libraries: Iterable[str]) -> str | None:
    try:
        for library in libraries:
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return ort_message(error)
    return None


def preload() -> None:
    """Let ONNX Runtime find the CUDA libraries of wheels. What it misses, it prints; here
    `library_error` gives that as one reason."""
    ort.set_default_logger_severity(4)
    if hasattr(ort, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()


def probe(data: bytes) -> str | None:
    """Run a model once on CUDA in a new process; why it is not on CUDA as a whole, or None."""
    try:
        process = subprocess.run(
            [sys.executable, "-m", __name__],
            input=data, capture_output=True, timeout=_PROBE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"the model did not run within {_PROBE_SECONDS:.0f} seconds"
    if process.returncode != 0:
        lines = process.stderr.decode(errors="replace").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "no reason")
        return f"a trial run failed (exit code {process.returncode}: {reason[:300]})"
    verdict: str | None = json.loads(process.stdout.decode().splitlines()[-1])
    return verdict


def operators_on_cpu(events: Iterable[Mapping[str, Any]]) -> str | None:
    """The operators that ran on the CPU in a profile of a run on CUDA, as a sentence, or None.

    ONNX Runtime places arithmetic on shapes there on purpose: only operators count that make
    tensors of floats with more than one element, or large ones of any kind.
    """
    counts: dict[str, int] = {}
    for event in events:
        details = event.get("args", {})
        if event.get("cat") != "Node" or details.get("provider") != _CPU:
            continue
        if any(_is_computed(shape) for shape in details.get("output_type_shape", [])):
            counts[details["op_name"]] = counts.get(details["op_name"], 0) + 1
    if not counts:
        return None
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    return f"ONNX Runtime computes operators of this model on the CPU: {listed}"


def example_inputs(session: Any) -> dict[str, Any]:
    """Zeros for every input of a session, one image where the batch is free."""
    return {
        value.name: np.zeros(
            [side if isinstance(side, int) else 1 for side in value.shape], _NUMBERS[value.type]
        )
        for value in session.get_inputs()
    }


def _is_computed(output: Mapping[str, Sequence[int]]) -> bool:
    return any(
        math.prod(shape) > (1 if "float" in kind else _LARGE) for kind, shape in output.items()
    )


def _probe_here(data: bytes) -> str | None:
    with tempfile.TemporaryDirectory(prefix="augcli-") as folder:
        session = open_session(data, "cuda", profile=Path(folder) / "run")
        with refusals("run the classifier on CUDA"):
            session.run(None, example_inputs(session))
        return operators_on_cpu(
            json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        )


if __name__ == "__main__":
    try:
        print(json.dumps(_probe_here(sys.stdin.buffer.read())))
    except UserError as refusal:
        print(json.dumps(str(refusal)))
