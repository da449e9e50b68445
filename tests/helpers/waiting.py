"""Waits for what other processes do, for a bounded time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 120.0


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Return when `holds()` does; fail where it does not in two minutes."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"in {SECONDS:g} s: {what}"
        time.sleep(0.01)


def children_of(process: int) -> list[int]:
    """The processes that a process has started and that are there still."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]


def is_running(process: int) -> bool:
    """Whether a process is there and no zombie, which waits only for whoever inherited it."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def group_has_ended(group: int) -> bool:
    """Whether no process of a group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
