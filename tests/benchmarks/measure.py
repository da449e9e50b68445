"""Runs one command and says what it cost: CPU and wall time, and the memory of its processes."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLING_SECONDS = 0.02


class Failed(Exception):
    """A measured command did not do its work."""


class Cost(NamedTuple):
    """CPU seconds (user and system, children included), wall seconds, standard output, and the
    resident bytes of the largest process."""

    cpu: float
    wall: float
    stdout: str
    peak: int


@dataclass
class Memory:
    """Resident bytes of one process over its life, by the time of each sample."""

    seconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def thirds(self, since: float) -> tuple[int, int]:
        """The greatest resident size in the first and in the last third of the time from `since`
        (a sample's second) to its end."""
        third = (self.seconds[-1] - since) / 3
        samples = list(zip(self.seconds, self.resident, strict=True))
        first = max(size for second, size in samples if since <= second <= since + third)
        last = max(size for second, size in samples if second >= self.seconds[-1] - third)
        return first, last


def run(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run a command to its end in `folder`.

    `wait4` counts the command together with all descendants that were waited for, so workers
    that their parent joins are in it. Raises Failed where it exits with another code than 0.
    """
    output, errors = folder / "stdout", folder / "stderr"
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    _check(process.returncode, errors)
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(cpu, wall, output.read_text(), usage.ru_maxrss << 10)


def watch(command: list[str], folder: Path, environment: dict[str, str]) -> list[Memory]:
    """Run a command and sample the memory of it (first) and of every descendant, in order of
    their start. Raises Failed as `run` does."""
    seen: dict[int, Memory] = {}
    errors = folder / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        while process.poll() is None:
            now = time.monotonic()
            for pid in _family(process.pid):
                resident = _resident(pid)
                if resident:
                    memory = seen.setdefault(pid, Memory())
                    memory.seconds.append(now)
                    memory.resident.append(resident)
            time.sleep(_SAMPLING_SECONDS)
    _check(process.returncode, errors)
    return list(seen.values())


def _check(code: int, errors: Path) -> None:
    if code != 0:
        last_line = errors.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"exit code {code}: {''.join(last_line)}")


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    members = [pid]
    for member in members:
        try:
            children = Path(f"/proc/{member}/task/{member}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        members += map(int, children.split())
    return members


def _resident(pid: int) -> int:
    """Resident bytes of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0
