"""What a classifier's saliency costs: parameters, multiply-adds, and milliseconds on this CPU."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto

from augcli.autodiff import Differentiated
from augcli.classifier.sessions import example_inputs, open_session, refusals
from augcli.ort import onnxruntime

_RUNS = 5
_CONVOLUTIONS = {"Conv", "FusedConv", "ConvTranspose"}
_PRODUCTS = {"MatMul", "FusedMatMul", "Gemm", "FusedGemm"}


@dataclass(frozen=True)
class Cost:
    """Of one image: multiply-adds of convolutions and matrix products, in millions, and the least
    of a few timed runs on one core, in milliseconds."""

    multiply_adds: float
    milliseconds: float


def parameters(model: ModelProto) -> int:
    """The number of elements in a model's initialisers."""
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer)


def cost_of(result: Differentiated) -> Cost:
    """What one image costs; the model is run a few times. Raises UserError where it cannot."""
    images = result.batch or 1
    data = result.model.SerializeToString()
    session = open_session(data, "cpu")
    inputs = example_inputs(session)
    with refusals("run the classifier"):
        session.run(None, inputs)
    events = _profile(data, inputs)
    seconds = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        session.run(None, inputs)
        seconds.append(time.perf_counter() - started)
    return Cost(multiply_adds(events) / images / 1e6, 1e3 * min(seconds) / images)


def _profile(data: bytes, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """ONNX Runtime's profile of a run of the model's nodes as they are, without optimisation."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")  # it hides shapes
    options.enable_profiling = True
    with tempfile.TemporaryDirectory(prefix="augcli-") as folder:
        options.profile_file_prefix = str(Path(folder) / "run")
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        session.run(None, inputs)
        events: list[dict[str, Any]] = json.loads(
            Path(session.end_profiling()).read_text(encoding="utf-8")
        )
    return events


def multiply_adds(events: Iterable[Mapping[str, Any]]) -> int:
    """Those of the convolutions and matrix products in ONNX Runtime's profile of one run."""
    total = 0
    for event in events:
        details = event.get("args", {})
        operator = details.get("op_name")
        if event.get("cat") != "Node" or operator not in _CONVOLUTIONS | _PRODUCTS:
            continue
        first, second, *_ = map(_shape, details["input_type_shape"])
        result = _shape(details["output_type_shape"][0])
        if operator in _CONVOLUTIONS:
            every = first if operator == "ConvTranspose" else result
            total += math.prod(every) * math.prod(second[1:])
        elif operator in ("MatMul", "FusedMatMul"):
            total += math.prod(result) * second[-2 if len(second) > 1 else 0]
        else:
            total += math.prod(first) * result[-1]
    return total


def _shape(typed: Mapping[str, list[int]]) -> list[int]:
    return next(iter(typed.values()))
