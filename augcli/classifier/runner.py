"""Runs a saliency graph: images of its size in, maps out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from augcli.arrays.types import Float32, UInt8
from augcli.classifier.cache import open_cache
from augcli.classifier.graphs import METHODS, SaliencyGraph, model_digest, saliency_graph
from augcli.classifier.preprocess import Preprocessing, low_resolution, tensor_of
from augcli.classifier.sessions import Device, open_session, refusals
from augcli.classifier.spec import ClassifierSpec
from augcli.errors import UserError


class Runner:
    """A graph with its session.

    On CUDA a run takes `capacity` images, always as many: where there are fewer, the rest is zero,
    so that kernels do not change with an image's company; and there is one run at a time, whose
    tensors fit where those of several might not. On the CPU each image is run by itself.
    """

    def __init__(
        self,
        graph: SaliencyGraph,
        method: str,
        preprocessing: Preprocessing,
        device: Device,
        batch: int,
    ) -> None:
        self.graph = replace(graph, data=b"")  # the session has it now
        self._finish = METHODS[method].finish
        self._preprocessing = preprocessing
        self._session = open_session(graph.data, device)
        self._rows = graph.batch or (batch if device == "cuda" else 1)
        self.capacity = self._rows if device == "cuda" else 1
        self._turn = threading.Lock() if device == "cuda" else contextlib.nullcontext()

    def maps(self, images: Sequence[UInt8], weights: Float32 | None) -> Float32:
        """Maps (N, h, w) of uint8 RGB images of the graph's size.

        `weights` (N, classes) are those of the logits, where the graph takes them.
        """
        finished = [
            self._finish(outputs, self.graph.size)
            for outputs in self._outputs(images, weights, len(images))
        ]
        return np.concatenate(finished)

    def outputs(self, images: Sequence[UInt8], weights: Float32 | None) -> dict[str, Float32]:
        """All that the graph returns, by name, for any number of images."""
        several = list(self._outputs(images, weights, len(images)))
        return {name: np.concatenate([o[name] for o in several]) for name in self.graph.outputs}

    def _outputs(self, images: Sequence[UInt8], weights: Float32 | None, count: int) -> Any:
        graph = self.graph
        for start in range(0, count, self.capacity):
            part = slice(start, min(start + self.capacity, count))
            tensor = tensor_of(images[part], self._preprocessing, graph.layout, graph.channels)
            feeds = {"image": _pad(tensor, self._rows)}
            if "weights" in graph.inputs:
                assert weights is not None
                feeds["weights"] = _pad(weights[part], self._rows)
            with self._turn, refusals("run the classifier"):
                results = self._session.run(list(graph.outputs), feeds)
            real = part.stop - part.start
            yield {name: m[:real] for name, m in zip(graph.outputs, results, strict=True)}


_runners: dict[tuple[object, ...], Runner] = {}
_lock = threading.Lock()


def runner_of(
    spec: ClassifierSpec, method: str, size: int | None, graph: SaliencyGraph | None = None
) -> Runner:
    """This process's runner for a method and the shorter side of the input (None: the whole).

    A session on the CPU is inherited by processes that fork, and its weights are then shared; one
    on CUDA is opened in each process. Raises UserError.
    """
    labelled = METHODS[method].labelled
    target = spec.target if labelled else "predicted"
    process = os.getpid() if spec.device == "cuda" else 0
    shape = low_resolution(spec.preprocessing.size, size)
    key = (spec.digest, spec.preprocessing, spec.head, spec.layer, target, method, shape)
    place = (*key, spec.device, spec.batch, process)
    with _lock:
        if place not in _runners:
            if graph is None and model_digest(Path(spec.model)) != spec.digest:
                raise UserError(f"The model {spec.model} has changed; start the run again.")
            graph = graph or saliency_graph(
                Path(spec.model), method, shape, target=target, head=spec.head, layer=spec.layer,
                cache=open_cache(spec.cache, spec.cache_size),
            )  # fmt: skip
            _runners[place] = Runner(graph, method, spec.preprocessing, spec.device, spec.batch)
        return _runners[place]


def _pad(tensor: Float32, rows: int) -> Float32:
    if len(tensor) == rows:
        return tensor
    padded = np.zeros((rows, *tensor.shape[1:]), tensor.dtype)
    padded[: len(tensor)] = tensor
    return padded
