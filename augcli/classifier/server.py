"""One process runs the classifier on the GPU for all workers.

Each worker with a session of its own would hold a copy of the model and a CUDA context in the GPU's
memory, and would keep it waiting while it decodes and encodes. Instead workers send images of the
model's size, a few hundred kilobytes, and this process runs what has arrived together. It ends when
its parent has, however that was.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np

from augcli.arrays.types import Float32, UInt8
from augcli.classifier.runner import Runner, runner_of
from augcli.classifier.spec import Address, ClassifierSpec
from augcli.errors import RunFailed, UserError

_SECONDS = 300.0  # for a batch and what waits before it; the first one loads the model
_POLL_SECONDS = 1.0


@contextmanager
def serving(spec: ClassifierSpec) -> Iterator[ClassifierSpec]:
    """The specification to give to worker processes: where it says CUDA, a process is started that
    runs the model for all of them, and ended afterwards.

    Raises RunFailed where that does not start.
    """
    if spec.device == "cpu":
        yield spec
    else:
        with start_server(spec) as served:
            yield served


@contextmanager
def start_server(spec: ClassifierSpec) -> Iterator[ClassifierSpec]:
    """The specification with the address of a new process that runs the model, on any device."""
    with tempfile.TemporaryDirectory(prefix="augcli-") as folder:
        if sys.platform == "win32":
            name = rf"\\.\pipe\augcli-{secrets.token_hex(8)}"
        elif sys.platform == "linux":  # a name that is no file, so that nothing can be left behind
            name = f"\0augcli-{secrets.token_hex(16)}"
        else:
            name = str(Path(folder) / "socket")
        address = Address(name, secrets.token_bytes(32))
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt ends the workers, and this process with them
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it ended; it says nothing then
                process.stdin.write(pickle.dumps((spec, address, os.getpid())))
                process.stdin.flush()
            if process.stdout.readline() != b"ready\n":
                raise RunFailed(
                    f"The process that runs the classifier did not start (exit code"
                    f" {process.wait()}); see above, or use --device cpu."
                )
            yield replace(spec, server=address)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def request_maps(
    address: Address,
    method: str,
    size: int | None,
    images: Sequence[UInt8],
    weights: Float32 | None,
) -> Float32:
    """What `Runner.maps` returns, from the process that listens at `address`.

    Raises UserError where the model cannot run, OSError where the process is gone, or has not
    answered for so long that it never will.
    """
    place = (address, os.getpid(), threading.get_ident())
    header = {
        "method": method,
        "size": size,
        "shape": [len(images), *images[0].shape],
        "weights": 0 if weights is None else weights.shape[1],
    }
    try:
        if place not in _connections:
            _connections[place] = Client(address.name, authkey=address.secret)
        connection = _connections[place]
        connection.send_bytes(json.dumps(header).encode())
        connection.send_bytes(np.stack(images).tobytes())
        if weights is not None:
            connection.send_bytes(weights.tobytes())
        if not connection.poll(_SECONDS):
            raise TimeoutError(
                errno.ETIMEDOUT,
                f"its process has not answered for {_SECONDS:g} s; go on with --resume",
                "the classifier on the GPU",
            )
        answer = json.loads(connection.recv_bytes())
        if "error" in answer:
            raise UserError(answer["error"])
        data = connection.recv_bytes()
    except (EOFError, ConnectionError) as error:
        raise ConnectionAbortedError(
            errno.ECONNABORTED,
            "its process ended; go on with --resume",
            "the classifier on the GPU",
        ) from error
    return np.frombuffer(data, np.float32).reshape(answer["shape"])


_connections: dict[tuple[Address, int, int], Connection] = {}


@dataclass(eq=False)
class _Request:
    key: tuple[str, int | None]
    images: UInt8
    weights: Float32 | None
    answered: threading.Event = field(default_factory=threading.Event)
    maps: Float32 | None = None
    error: str = ""


_Requests = queue.SimpleQueue[_Request]


def _receive(connection: Connection, requests: _Requests) -> None:
    """Pass the requests of one worker on, one after another."""
    with contextlib.suppress(EOFError, OSError), connection:
        while True:
            header = json.loads(connection.recv_bytes())
            shape = header["shape"]
            images = np.frombuffer(connection.recv_bytes(), np.uint8).reshape(shape)
            weights = None
            if header["weights"]:
                data = np.frombuffer(connection.recv_bytes(), np.float32)
                weights = data.reshape(shape[0], header["weights"])
            request = _Request((header["method"], header["size"]), images, weights)
            requests.put(request)
            request.answered.wait()
            if request.maps is None:
                connection.send_bytes(json.dumps({"error": request.error}).encode())
            else:
                connection.send_bytes(json.dumps({"shape": request.maps.shape}).encode())
                connection.send_bytes(request.maps.tobytes())


def _work(spec: ClassifierSpec, requests: _Requests) -> None:
    """Run requests until the process ends: all waiting ones of one kind together, up to a batch."""
    waiting: list[_Request] = []
    while True:
        if not waiting:
            waiting.append(requests.get())
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(requests.get_nowait())
        key, together, images = waiting[0].key, [], 0
        for request in waiting:
            if request.key == key and images < spec.batch:
                together.append(request)
                images += len(request.images)
        waiting = [request for request in waiting if request not in together]
        _answer(spec, together)


def _answer(spec: ClassifierSpec, together: Sequence[_Request]) -> None:
    first = together[0]
    try:
        runner: Runner = runner_of(spec, *first.key)
        images = [image for request in together for image in request.images]
        weights = [request.weights for request in together if request.weights is not None]
        maps = runner.maps(images, np.concatenate(weights) if weights else None)
        start = 0
        for request in together:
            request.maps = maps[start : start + len(request.images)]
            start += len(request.images)
    except UserError as error:
        for request in together:
            request.error = str(error)
    for request in together:
        request.answered.set()


def _listen(listener: Listener, requests: _Requests) -> None:
    while True:
        with contextlib.suppress(OSError, EOFError):
            connection: Any = listener.accept()
            threading.Thread(target=_receive, args=(connection, requests), daemon=True).start()


def _end_with_parent(parent: int, address: Address) -> None:
    """End this process when its parent has, or all who hold the other end of its standard input.

    A socket that is a file goes with it: a parent that was killed has left it.
    """
    reader = threading.Thread(target=sys.stdin.buffer.read, daemon=True)
    reader.start()
    while reader.is_alive() and (sys.platform == "win32" or os.getppid() == parent):
        reader.join(_POLL_SECONDS)
    if sys.platform not in ("linux", "win32"):
        with contextlib.suppress(OSError):
            Path(address.name).unlink()
            Path(address.name).parent.rmdir()
    os._exit(0)


def _serve() -> None:
    spec, address, parent = pickle.load(sys.stdin.buffer)
    requests: _Requests = queue.SimpleQueue()
    listener = Listener(address.name, authkey=address.secret, backlog=64)
    for beside in (
        lambda: _listen(listener, requests),
        lambda: _end_with_parent(parent, address),
    ):
        threading.Thread(target=beside, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    _work(spec, requests)


if __name__ == "__main__":
    _serve()
