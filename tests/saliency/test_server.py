"""One process runs the model for many: on a GPU because it must, here on the CPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.errors import RunFailed, UserError
from augcli.saliency import server
from augcli.saliency.classifier import build_spec, classifier_maps
from augcli.saliency.server import ask, serving, started
from augcli.saliency.spec import ClassifierSpec
from tests.saliency.onnx_models import SAMPLE, Float32, noise

CLASSES = ("cat", "coffee", "flower", "rocket", "temple")
IMAGES = [noise(50 + n, 60, n) for n in range(6)]
LABELS: list[Any] = [((n % 5,), (1.0,)) for n in range(6)]


@pytest.fixture(scope="module")
def spec() -> ClassifierSpec:
    return build_spec(SAMPLE, CLASSES, [("gradient", None), ("gradcam", 48)])


def maps(spec: ClassifierSpec) -> list[Float32]:
    return [
        *classifier_maps(spec, "gradient", IMAGES, LABELS),
        *classifier_maps(spec, "gradcam", IMAGES[:2], LABELS[:2], 48),
        *classifier_maps(spec, "feature-map", IMAGES[:1], LABELS[:1]),
    ]


def _ask_for_maps(spec: ClassifierSpec, pipe: Any) -> None:
    pipe.send(maps(spec))


def test_maps_are_those_of_this_process_for_every_worker(spec: ClassifierSpec) -> None:
    here = maps(spec)
    with started(spec) as served, ThreadPoolExecutor(5) as pool:
        workers = []
        for _ in range(2):
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("fork").Process(
                target=_ask_for_maps, args=(served, theirs)
            )
            process.start()
            workers.append((process, ours))
        threads = list(pool.map(lambda _: maps(served), range(5)))
        for found in (*threads, *(pipe.recv() for _, pipe in workers)):
            for one, other in zip(here, found, strict=True):
                np.testing.assert_array_equal(one, other)
        for process, _ in workers:
            process.join()


def test_a_refusal_reaches_the_worker(spec: ClassifierSpec) -> None:
    with started(spec) as served:
        assert served.server is not None
        wrong = np.zeros((1, 3), np.float32)  # five logits, three weights
        with pytest.raises(UserError, match="ONNX Runtime cannot run the classifier"):
            ask(served.server, "gradient", None, [noise(96, 96)], wrong)
        assert len(classifier_maps(served, "gradient", IMAGES, LABELS)) == 6


def test_a_process_that_dies_is_told(spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[Any] = []
    popen = server.subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> Any:
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(server.subprocess, "Popen", noted)
    with started(spec) as served:
        classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
        os.kill(processes[0].pid, signal.SIGKILL)
        processes[0].wait()
        with pytest.raises(OSError, match="its process ended; go on with --resume") as caught:
            classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
        assert caught.value.filename == "the classifier on the GPU"
    assert served.server is not None and not Path(served.server.name).exists()


def test_it_ends_with_its_parent(spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody holds the other end of its standard input."""
    processes: list[Any] = []
    popen = server.subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> Any:
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(server.subprocess, "Popen", noted)
    with started(spec):
        processes[0].stdin.close()
        assert processes[0].wait(30) == 0


def test_one_that_does_not_start_fails_the_run(
    spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.sys, "executable", "false")
    with pytest.raises(RunFailed, match=r"did not start \(exit code 1\)"), started(spec):
        pytest.fail("it started")


def test_only_cuda_is_served(spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(spec) as same:
        assert same is spec
    calls = []

    class Started:
        def __init__(self, given: ClassifierSpec) -> None:
            calls.append(given)

        def __enter__(self) -> str:
            return "served"

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(server, "started", Started)
    cuda = replace(spec, device="cuda")
    with serving(cuda) as served:
        assert served == "served"
    assert calls == [cuda]
