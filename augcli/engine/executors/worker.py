"""A worker: a process that does the tasks that come through its pipe, until it is closed or its
parent dies. What it decodes stands in shared memory meanwhile, for its parent to see."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Literal

from augcli.engine.executors.memory import keep_memory, limit_memory
from augcli.engine.images import Images
from augcli.engine.plan import Run, Shard
from augcli.errors import UnreadableImage, one_line
from augcli.image.decoder_output import silence_decoders

NOTHING = -1
_PR_SET_PDEATHSIG = 1
_HANGUP = getattr(signal, "SIGHUP", signal.SIGINT)  # Windows has none
_ENDING = (signal.SIGINT, signal.SIGTERM, _HANGUP)


@dataclass(frozen=True, slots=True)
class Trial:
    """Decode one suspected image and nothing else."""

    index: int


Task = Shard | Trial
Message = tuple[Literal["ready", "done", "failed", "broken"], Any]


@contextmanager
def signals_held() -> Iterator[None]:
    """Let signals that end the run wait meanwhile; a process that starts has them blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = list[int]()

    def note(signum: int, _: FrameType | None) -> None:  # a thread may get what this one blocks
        came.append(signum)

    before = {ending: signal.getsignal(ending) or signal.SIG_DFL for ending in _ENDING}
    blocks = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if blocks else set()
    try:
        for ending in _ENDING:
            signal.signal(ending, note)
        if blocks:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for signum in came:
            signal.raise_signal(signum)


def work(
    run: Run,
    make: Callable[..., Any],
    pipe: Connection,
    decoding: Any,
    quarantined: dict[int, str],
    *,
    inherited: list[Connection] | None,
) -> None:
    """A worker's life: it ends when its parent closes the pipe, or dies. `inherited` are pipes that
    a forked one has and is not to keep; None of one that was spawned."""
    for for_parent in (signal.SIGINT, _HANGUP):  # a terminal sends them to workers too
        signal.signal(for_parent, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    try:
        _die_with_parent(forked=inherited is not None)
        for other in inherited or ():
            with suppress(OSError):
                other.close()
        _prepare(run)
        pipe.send(("ready", None))
        _work_off(run, make, pipe, decoding, dict(quarantined))
    except (EOFError, ConnectionError):  # the parent closed the pipe
        return
    except Exception as error:  # noqa: BLE001 - a traceback would tell a user nothing
        with suppress(Exception):
            pipe.send(("failed", f"A worker process cannot work ({one_line(error)})"))
        sys.exit(1)


def _die_with_parent(forked: bool) -> None:
    """Have this process end when its parent dies, whatever it does then, so that nobody writes for
    a dead run: Linux kills one that was forked; elsewhere a thread watches the parent."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if forked:  # then the parent's other workers hold open what would tell of its death
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # it died before
            os._exit(1)
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _prepare(run: Run) -> None:
    import cv2

    limit_memory(run)
    keep_memory(run.runtime.memory)
    silence_decoders()
    gc.freeze()  # what was inherited is not looked through again
    gc.disable()  # a shard is, when it is done
    cv2.setNumThreads(0)


def _work_off(
    run: Run,
    make: Callable[..., Any],
    pipe: Connection,
    decoding: Any,
    quarantined: dict[int, str],
) -> None:
    """Do the tasks that come through the pipe; raises EOFError or ConnectionError at its end."""

    def before_decoding(index: int) -> None:
        decoding[1] = time.monotonic()
        decoding[0] = index

    def after_decoding() -> None:
        decoding[3] = time.monotonic()
        decoding[0] = NOTHING

    def at_target(index: int | None) -> None:
        decoding[3] = time.monotonic()
        decoding[2] = NOTHING if index is None else index

    hooks = before_decoding, after_decoding, at_target
    while True:
        task, new = pipe.recv()
        quarantined |= new
        pipe.send(_do(run, make, task, quarantined, *hooks))
        gc.collect()


def _do(
    run: Run,
    make: Callable[..., Any],
    task: Task,
    quarantined: dict[int, str],
    before: Any,
    after: Any,
    at_target: Any,
) -> Message:
    try:
        if isinstance(task, Trial):
            with suppress(UnreadableImage):
                Images(run, (), None, before, after).get(task.index)
            return "done", None
        return "done", make(run, task, quarantined, before, after, at_target)
    except OSError as error:
        return "failed", f"{error.filename or run.runtime.state}: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - a fault of ours costs one image, and is listed
        return "broken", f"augcli failed on it: {one_line(error)}"
