"""How further processes of Python start, in a program of ours as in anybody's."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from augcli.errors import UserError


def start_context() -> Any:
    """Where processes come from: fork on Linux in a process with one thread; elsewhere a fresh
    interpreter, as a lock that another thread holds while it forks is never let go in the child.
    Raises UserError in a process that may have none."""
    refuse_daemon()
    return multiprocessing.get_context("fork" if is_alone() else "spawn")


def refuse_daemon() -> None:
    """Raise UserError in a daemon of multiprocessing, which may start no further process."""
    if multiprocessing.current_process().daemon:
        raise UserError(
            "This process is a worker of multiprocessing.Pool or the like, a daemon that may start"
            " no further processes; call augcli from the process that started it."
        )


def is_alone() -> bool:
    """Whether this process can fork, and no other thread of Python is in it."""
    return sys.platform.startswith("linux") and threading.active_count() == 1


_main = threading.Lock()


@contextmanager
def main_unread(context: Any) -> Iterator[None]:
    """Meanwhile a fresh interpreter that starts in this context does not import the main module of
    this one, which may be a script that does its work wherever it is imported. No process of ours
    needs it."""
    if context.get_start_method() == "fork":
        yield
        return
    with _main:  # several threads may start processes
        module = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = module
