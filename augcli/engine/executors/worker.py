"""A worker: a process that does the tasks that come through its pipe, until it is closed or its
parent dies. What it works on stands in shared memory meanwhile, for its parent to see."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Literal

from augcli.engine.executors.memory import keep_memory, limit_memory
from augcli.engine.executors.work import Work
from augcli.engine.watch import Watch
from augcli.errors import fault_of_augcli, said_by
from augcli.image.decoder_output import silence_decoders

NOTHING = -1
_PR_SET_PDEATHSIG = 1
_HANGUP = getattr(signal, "SIGHUP", signal.SIGINT)  # Windows has none
_ENDING = (signal.SIGINT, signal.SIGTERM, _HANGUP)


@dataclass(frozen=True, slots=True)
class Trial:
    """Decode one suspected image and nothing else."""

    index: int


Message = tuple[Literal["ready", "done", "failed", "broken"], Any]


class Progress(ctypes.Structure):
    """What a worker works on, in memory that its parent sees: the image (by index) that it decodes,
    and the one whose outputs it makes, or NOTHING; times by the monotonic clock, in seconds.

    `target_since` is when it began with the target, or when it last ended a decoding for it.
    """

    _fields_ = (
        ("decoding", ctypes.c_longlong),
        ("decoding_since", ctypes.c_double),
        ("target", ctypes.c_longlong),
        ("target_since", ctypes.c_double),
    )


class _SharedWatch(Watch):
    """Writes what it sees where the parent finds it."""

    def __init__(self, set_aside: Mapping[int, str], progress: Any) -> None:
        super().__init__(set_aside)
        self._progress = progress

    def decoding(self, index: int) -> None:
        self._progress.decoding_since = time.monotonic()
        self._progress.decoding = index

    def decoded(self) -> None:
        self._progress.target_since = time.monotonic()
        self._progress.decoding = NOTHING

    def target(self, index: int | None) -> None:
        self._progress.target_since = time.monotonic()
        self._progress.target = NOTHING if index is None else index


@contextmanager
def signals_held() -> Iterator[None]:
    """Let signals that end the run wait meanwhile; a process that starts has them blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = list[int]()

    def note(signum: int, _: FrameType | None) -> None:  # a thread may get what this one blocks
        came.append(signum)

    # One that is not Python's, as of a program around it, cannot be put back.
    before = {one: handler for one in _ENDING if (handler := signal.getsignal(one)) is not None}
    blocks = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if blocks else set()
    try:
        for ending in before:
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


def run_worker(
    work: Work[Any, Any],
    pipe: Connection,
    progress: Any,
    set_aside: Mapping[int, str],
    *,
    inherited: list[Connection] | None,
) -> None:
    """A worker's life: it ends when its parent closes the pipe, or dies.

    Through the pipe come tasks, each with the images that were set aside since; `progress` is a
    shared `Progress`. `inherited` are pipes that a forked worker has and is not to keep; None of
    one that was spawned.
    """
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
        _prepare(work.memory, work.max_pixels)
        pipe.send(("ready", None))
        watch = _SharedWatch(set_aside, progress)
        while True:
            task, new = pipe.recv()
            watch.set_aside.update(new)
            pipe.send(_do(work, task, watch))
            gc.collect()
    except (EOFError, ConnectionError):  # the parent closed the pipe
        return
    except Exception as error:  # noqa: BLE001 - a traceback would tell a user nothing
        with suppress(Exception):
            pipe.send(("failed", f"A worker process cannot work ({said_by(error)})"))
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


def _prepare(memory: int, max_pixels: int) -> None:
    import cv2

    limit_memory(memory, max_pixels)
    keep_memory(memory)
    silence_decoders()
    gc.freeze()  # what was inherited is not looked through again
    gc.disable()  # an item is, when it is done
    cv2.setNumThreads(0)


def _do(work: Work[Any, Any], task: Any, watch: Watch) -> Message:
    """Do one task: an item, or a trial."""
    try:
        if isinstance(task, Trial):
            work.try_decoding(task.index, watch)
            return "done", None
        return "done", work.make(task, watch)
    except OSError as error:
        return "failed", f"{error.filename or work.place}: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - a fault of ours costs one image, and is listed
        return "broken", f"augcli failed on it: {fault_of_augcli(error)}"
