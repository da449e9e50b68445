"""Work on an untrusted model, in a process that can be ended.

ONNX and ONNX Runtime block the main thread while they work, so that no signal arrives, and how much
time and memory they take depends on the model. Here the main thread waits for a child process: a
signal ends both at once, and so do the limits.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from augcli.errors import UserError, said_by
from augcli.processes import main_unread, start_context

SECONDS = 120.0
MEMORY = 8 << 30  # bytes, beyond those of the calling process
_POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1

P = ParamSpec("P")
T = TypeVar("T")


def in_child(
    work: Callable[P, T], model: Path, *arguments: Any, seconds: float = SECONDS, **named: Any
) -> T:
    """What `work(model, ...)` returns, from a process of its own; both are pickled.

    Raises UserError where `work` does, and where it fails in any other way or needs more than
    `seconds` or `MEMORY`: a sentence that names the model.
    """
    context = start_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_answer, args=(theirs, os.getpid(), work, model, arguments, named), daemon=True
    )
    try:
        with main_unread(context):
            _start(process)
        theirs.close()
        end = time.monotonic() + seconds
        while not ours.poll(_POLL_SECONDS):
            if time.monotonic() > end:
                raise UserError(
                    f"The model {model} takes longer than {seconds:g} s to look at; simplify it, or"
                    " export it again."
                )
        try:
            kind, result = ours.recv()
        except EOFError:
            process.join(5)
            raise UserError(_death(model, process.exitcode)) from None
    finally:
        ours.close()
        if process.pid is not None:
            process.kill()
            process.join()
    if kind == "refused":
        raise UserError(result)
    return result


def _start(process: Any) -> None:
    """Start it with signals held: one that arrived in a hook of fork would be lost."""
    if not hasattr(signal, "pthread_sigmask"):
        process.start()
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _answer(
    pipe: Connection,
    parent: int,
    work: Callable[..., Any],
    model: Path,
    arguments: Any,
    keywords: Any,
) -> None:
    _prepare(parent)
    try:
        answer = "done", work(model, *arguments, **keywords)
    except UserError as error:
        answer = "refused", str(error)
    except MemoryError:
        answer = "refused", _too_large(model)
    except RecursionError:
        answer = "refused", f"The model {model} is nested too deeply; simplify it."
    except Exception as error:  # noqa: BLE001 - libraries raise any kind for a bad model
        answer = "refused", f"The model {model} cannot be used: {said_by(error)}; export it again."
    with suppress(BrokenPipeError):
        pipe.send(answer)
    pipe.close()
    os._exit(0)  # without the handlers that the parent registered for its own end


def _prepare(parent: int) -> None:
    """End with the parent, at its wish only, silently, and with bounded memory."""
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    if not sys.platform.startswith("linux"):
        return
    import resource

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    limit = (int(status.partition("VmData:")[2].split()[0]) << 10) + MEMORY
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _death(model: Path, code: int | None) -> str:
    if code == -signal.SIGKILL:
        return _too_large(model)
    return f"The model {model} ended the process that looked at it (exit code {code})."


def _too_large(model: Path) -> str:
    return f"The model {model} needs more memory to look at than there is; simplify it."
