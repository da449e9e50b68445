"""The lock that keeps two runs apart that want one OUT."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from augcli.errors import UserError
from augcli.files import is_link, read_json, remove_unfinished
from augcli.store.durable import write_json
from augcli.store.layout import KEPT, STATE
from augcli.store.links import refuse_links

_LOCK, _HOLDER = KEPT
_PATIENCE_SECONDS = 5.0
_LARGEST_HOLDER = 1 << 16


@contextmanager
def holding(out: Path, folder: str = STATE) -> Iterator[None]:
    """Hold OUT against other runs, by a lock in that folder of it; raises UserError that names the
    holder.

    The lock belongs to the open file, so the system frees it when its last process dies.
    """
    state = out / folder
    try:
        refuse_links(out)
        if is_link(state):
            raise UserError(f"{state} is a link, and nothing is written through links; remove it.")
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"OUT {out} cannot be written: {error.strerror}; choose another."
        ) from error
    with _held(out, state):
        try:
            remove_unfinished(state / _HOLDER)  # of a killed run
            write_json(state / _HOLDER, {"process": os.getpid(), "host": platform.node()})
            yield
        finally:
            (state / _HOLDER).unlink(missing_ok=True)


@contextmanager
def _held(out: Path, state: Path) -> Iterator[None]:
    """Hold the lock in `state`, a folder of OUT that is there; raises UserError."""
    try:
        _refuse_other_lock(state / _LOCK)
        _refuse_other_holder(state / _HOLDER)
        lock = FileLock(state / _LOCK, timeout=_PATIENCE_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"OUT {out} is in use by {_holder(state)}; wait for it.") from error
    except OSError as error:
        raise UserError(
            f"OUT {out} cannot be written: {error.strerror}; choose another."
        ) from error
    try:
        yield
    finally:
        lock.release()


def refuse_held(out: Path, folder: str = STATE) -> None:
    """Raise UserError where `holding` would; nothing is made."""
    if (out / folder / _LOCK).exists():
        with _held(out, out / folder):
            pass


def _refuse_other_lock(lock: Path) -> None:
    """Refuse a lock that is not the empty file which a run makes: to open it would empty it."""
    try:
        status = lock.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        raise UserError(f"{lock} is not the lock of a run; move it away, or choose another OUT.")


def _refuse_other_holder(holder: Path) -> None:
    """Refuse what is not the record that a run makes of who holds OUT: it would be replaced."""
    if not os.path.lexists(holder):
        return
    try:
        is_own = read_json(holder, _LARGEST_HOLDER).keys() == {"process", "host"}
    except (OSError, UserError, ValueError, AttributeError):
        is_own = holder.is_file() and holder.stat().st_size == 0
    if not is_own and os.path.lexists(holder):  # else its run has ended just now
        raise UserError(
            f"{holder} is not the record of a run; move it away, or choose another OUT."
        )


def _holder(state: Path) -> str:
    try:
        held = read_json(state / _HOLDER, _LARGEST_HOLDER)
        return f"process {held['process']} on {held['host']}"
    except (OSError, UserError, ValueError, KeyError, TypeError):
        return "another run"
