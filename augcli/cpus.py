"""How many CPUs this process may use: those that it may run on, and the quota of its containers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from augcli.errors import UserError
from augcli.files import read_bytes

_CGROUP, _ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_MOST = 1 << 16  # bytes of a file that the kernel makes


def available_cpus() -> int:
    """The CPUs that this process may use, at least 1; a quota of a part of one counts as one."""
    if hasattr(os, "sched_getaffinity"):
        number = len(os.sched_getaffinity(0))
    else:
        number = os.cpu_count() or 1
    limit = quota()
    return max(1, number if limit is None else min(number, math.ceil(limit)))


def quota(cgroup: Path = _CGROUP, root: Path = _ROOT) -> float | None:
    """The CPUs that the control groups of this process (Linux, version 1 or 2) let it use together,
    the least of them and of those they lie in; None where there is no limit."""
    limits = []
    for folder in _folders(cgroup, root):
        limits += _limit_of_version_2(folder / "cpu.max")
        limits += _limit_of_version_1(folder)
    return min(limits, default=None)


def _folders(cgroup: Path, root: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, and of those around them. In a container
    its own group may be the root, whatever it is called outside."""
    yield root
    for line in _text(cgroup).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            start = root
        elif "cpu" in controllers.split(","):
            start = root / "cpu"
            yield start
        else:
            continue
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for length in range(1, len(parts) + 1):
            yield start.joinpath(*parts[:length])


def _limit_of_version_2(file: Path) -> list[float]:
    words = _text(file).split()
    return _ratio(*words) if len(words) == 2 else []


def _limit_of_version_1(folder: Path) -> list[float]:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(microseconds: str, period: str) -> list[float]:
    """How many CPUs that is; "max" and -1 are no limit."""
    try:
        used, of = int(microseconds), int(period)
    except ValueError:
        return []
    return [used / of] if used > 0 and of > 0 else []


def _text(file: Path) -> str:
    try:
        return read_bytes(file, _MOST).decode(errors="replace").strip()
    except (OSError, UserError):
        return ""
