"""ONNX Runtime sessions for building graphs, with errors that users can read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from augcli.errors import UserError


def session(model: ModelProto, *, save: Path | None = None, without: Sequence[str] = ()) -> Any:
    """A silent CPU session on one thread.

    With `save`, basic optimisations but those named in `without` run and the optimised model is
    written there; else none run.
    Raises UserError if ONNX Runtime refuses the model.
    """
    from augcli.ort import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_BASIC if save else levels.ORT_DISABLE_ALL
    if save is not None:
        options.optimized_model_filepath = str(save)
    try:
        serialised = model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise UserError("The model is larger than the 2 GB that an ONNX file can be.") from error
    with refusals(model):
        return onnxruntime.InferenceSession(
            serialised,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(without) or None,
        )


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what ONNX, ONNX Runtime or NumPy raise for a model with a fault that no check covers
    into a UserError."""
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError("The model needs more memory than there is.") from error
    except RecursionError as error:
        raise UserError("The model is nested too deeply; simplify it.") from error
    except Exception as error:
        reason = ort_message(error).rstrip(".") or "no reason is given"
        raise UserError(f"The model cannot be used: {reason}; export it again.") from error


@contextmanager
def refusals(model: ModelProto) -> Iterator[None]:
    """Turn what ONNX Runtime raises for a model that it cannot load or run into a UserError."""
    try:
        yield
    except _errors() as error:
        images = [
            "x".join(str(d.dim_value or d.dim_param) for d in i.type.tensor_type.shape.dim)
            for i in model.graph.input
        ]
        batch = f" on {images[0]} values" if images else ""
        raise UserError(
            f"ONNX Runtime cannot run the model{batch}: {ort_message(error)}"
        ) from error


def ort_message(error: BaseException) -> str:
    """The message of an error, without line breaks and codes, as long as a terminal shows."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return text if len(text) <= 300 else text[:297] + "..."


def _errors() -> tuple[type[Exception], ...]:
    """All that ONNX Runtime raises; which classes there are depends on its version."""
    from augcli.ort import states

    classes = (value for value in vars(states).values() if isinstance(value, type))
    return tuple(kind for kind in classes if issubclass(kind, Exception))
