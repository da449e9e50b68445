"""One process runs the model for many: on a GPU because it must, here on the CPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.classifier import server
from augcli.classifier.build import build_spec
from augcli.classifier.server import request_maps, serving, start_server
from augcli.classifier.spec import ClassifierSpec
from augcli.errors import RunFailed, UserError
from augcli.saliency.classifier import classifier_maps
from tests.conftest import ROOT
from tests.helpers.onnx_models import SAMPLE, Float32, noise

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
    with start_server(spec) as served, ThreadPoolExecutor(5) as pool:
        workers = []
        for _ in range(2):
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.get_context("fork").Process(
                target=_ask_for_maps, args=(served, theirs)
            )
            process.start()
            workers.append((process, ours))
        threads = list(pool.map(lambda _: maps(served), range(5)))
        for actual in (*threads, *(pipe.recv() for _, pipe in workers)):
            for one, other in zip(here, actual, strict=True):
                np.testing.assert_array_equal(one, other)
        for process, _ in workers:
            process.join()


def test_a_refusal_reaches_the_worker(spec: ClassifierSpec) -> None:
    with start_server(spec) as served:
        assert served.server is not None
        wrong = np.zeros((1, 3), np.float32)  # five logits, three weights
        with pytest.raises(UserError, match="ONNX Runtime cannot run the classifier"):
            request_maps(served.server, "gradient", None, [noise(96, 96)], wrong)
        assert len(classifier_maps(served, "gradient", IMAGES, LABELS)) == 6


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes that are started, as they come."""
    started_now: list[Any] = []
    popen = subprocess.Popen

    def noted(*arguments: Any, **options: Any) -> Any:
        started_now.append(popen(*arguments, **options))
        return started_now[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    return started_now


def test_a_process_that_dies_is_an_error(spec: ClassifierSpec, processes: list[Any]) -> None:
    with start_server(spec) as served:
        classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
        os.kill(processes[0].pid, signal.SIGKILL)
        processes[0].wait()
        with pytest.raises(OSError, match="its process ended; go on with --resume") as caught:
            classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
        assert caught.value.filename == "the classifier on the GPU"
    assert served.server is not None and not Path(served.server.name).exists()


def test_it_ends_with_its_parent(spec: ClassifierSpec, processes: list[Any]) -> None:
    """When nobody holds the other end of its standard input."""
    with start_server(spec):
        processes[0].stdin.close()
        assert processes[0].wait(30) == 0


def test_one_that_does_not_start_fails_the_run(
    spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(RunFailed, match=r"did not start \(exit code 1\)"), start_server(spec):
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

    monkeypatch.setattr(server, "start_server", Started)
    cuda = replace(spec, device="cuda")
    with serving(cuda) as served:
        assert str(served) == "served"
    assert calls == [cuda]


PARENT = """
import subprocess, sys, time
from dataclasses import replace
from pathlib import Path
from augcli.classifier import server
from augcli.classifier.build import build_spec

popen = subprocess.Popen
def noted(*arguments, **options):
    process = popen(*arguments, **options)
    print(process.pid, flush=True)
    return process
subprocess.Popen = noted
spec = build_spec(Path(sys.argv[1]), ["cat"], [("gradient", None)], device="cpu")
import os
with server.start_server(spec):
    if os.fork() == 0:
        time.sleep(60)  # a worker that holds all that its parent did
        os._exit(0)
    print("started", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="a parent is killed by a signal")
def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """Though a worker still holds the pipe to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(SAMPLE)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert process.stdout.readline() == "started\n"
        process.kill()
        process.wait()
        end = time.monotonic() + 30
        while _runs(pid) and time.monotonic() < end:
            time.sleep(0.1)
        assert not _runs(pid)
        assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_one_that_does_not_answer_fails_the_run(
    spec: ClassifierSpec, monkeypatch: pytest.MonkeyPatch, processes: list[Any]
) -> None:
    monkeypatch.setattr(server, "_SECONDS", 0.5)
    with start_server(spec) as served:
        while True:  # until the model is loaded
            try:
                classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
                break
            except TimeoutError:
                server._connections.clear()
        os.kill(processes[0].pid, signal.SIGSTOP)
        with pytest.raises(OSError, match=r"has not answered for 0\.5 s; go on with --resume"):
            classifier_maps(served, "gradient", IMAGES[:1], LABELS[:1])
    assert processes[0].returncode == -signal.SIGKILL
