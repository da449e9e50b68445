"""Runs shards in processes of this machine, and goes on when one of them dies.

Each worker has its own pipe and at most two shards in hand, so nothing queues up and a death loses
nothing but time. What a worker was decoding stands in shared memory: an image that kills its
decoder again when it is tried alone is quarantined, and its shard is made without it.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from augcli.errors import MEND, RunFailed, UnreadableImage, one_line
from augcli.image.remarks import silence_decoders
from augcli.run.images import Images
from augcli.run.memory import keep_memory, limit_memory
from augcli.run.plan import Run, Shard
from augcli.run.shard import ShardReport, run_shard
from augcli.run.storage import is_committed, part_rows

_IN_HAND = 2
_TRIALS = 2
_NOTHING = -1
_POLL_SECONDS = 1.0
# A classifier may look at a whole block before the first output is made.
_SECONDS_AN_OUTPUT = 600.0
_PR_SET_PDEATHSIG = 1
_ENDING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Trial:
    """Decode one suspected image and nothing else."""

    index: int


Task = Shard | Trial
Message = tuple[Literal["done", "failed", "broken"], Any]


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    decoding: Any
    tasks: deque[Task] = field(default_factory=deque)
    told: int = 0
    ending: str = ""


def available_cpus() -> int:
    """The CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def targets_of_block(run: Run, shard: Shard) -> Sequence[int]:
    """The images (by index) that are the targets of a shard of a run's plan."""
    return run.plan.block(shard.block)[shard.start : shard.stop]


class Pool:
    """`workers` processes that make shards; see the module.

    `make` is what they do with each, `run_shard` or a function that is called like it, and
    `targets_of` says which images a shard is about, one for each step from its start to its stop.
    `set_aside` are images (by index) that are not to be touched, with the reason. Raises RunFailed,
    with the remedy, from `reports` where outputs cannot be written.
    """

    def __init__(
        self,
        run: Run,
        shards: Iterable[Shard],
        workers: int,
        *,
        make: Callable[..., Any] = run_shard,
        targets_of: Callable[[Run, Shard], Sequence[int]] = targets_of_block,
        remedy: str = MEND,
        seconds_an_image: float = 60.0,
        seconds_an_output: float = _SECONDS_AN_OUTPUT,
        set_aside: Mapping[int, str] | None = None,
    ) -> None:
        self._run = run
        self._make = make
        self._targets_of = targets_of
        self._remedy = remedy
        self._todo = iter(shards)
        self._again: deque[Task] = deque()
        self._quarantined: dict[int, str] = dict(set_aside or {})
        self._suspicion: dict[int, int] = {}
        self._deaths: dict[Shard, int] = {}
        self._seconds = seconds_an_image
        self._seconds_an_output = max(seconds_an_output, seconds_an_image)
        self._context = _context()
        self._size = workers
        self.workers: list[_Worker] = []
        self.deaths = 0

    def reports(self) -> Iterator[Any]:
        """Yield what `make` returned for each shard, as it is done."""
        while True:
            self._hand_out()
            busy = [worker for worker in self.workers if worker.tasks]
            if not busy:
                return
            handles = [w.pipe for w in busy] + [w.process.sentinel for w in busy]
            ready = wait(handles, _POLL_SECONDS)
            for worker in busy:
                if worker.pipe in ready or worker.process.sentinel in ready:
                    yield from self._hear(worker)
            self._end_stalled()

    def close(self) -> None:
        """End all workers: idle ones at once, busy ones by a signal."""
        for worker in self.workers:
            with suppress(OSError):
                worker.pipe.close()
            if worker.tasks:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _hand_out(self) -> None:
        for _ in range(_IN_HAND):
            for number in range(self._size):
                if number < len(self.workers) and len(self.workers[number].tasks) >= _IN_HAND:
                    continue
                task = self._next()
                if task is None:
                    return
                if number == len(self.workers):
                    self.workers.append(self._start())
                self._give(self.workers[number], task)

    def _next(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        return next(self._todo, None)

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.tasks.append(task)
        with suppress(OSError):  # a worker that died just now is found by its sentinel
            # What is new only: all of it might fill the pipe to a worker that does not listen.
            new = dict(islice(self._quarantined.items(), worker.told, None))
            worker.pipe.send((task, new))
            worker.told += len(new)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        decoding = self._context.RawArray("d", [_NOTHING, 0.0, _NOTHING, 0.0])
        inherited = [worker.pipe for worker in self.workers] + [ours]
        process = self._context.Process(
            target=_work, args=(self._run, self._make, theirs, decoding, inherited), daemon=True
        )
        # A signal that is met inside a hook of fork would be lost there.
        with _signals_held():
            process.start()
        theirs.close()
        return _Worker(process, ours, decoding)

    def _hear(self, worker: _Worker) -> Iterator[ShardReport]:
        try:
            while worker.pipe.poll():
                kind, content = worker.pipe.recv()
                if kind == "failed":
                    raise RunFailed(f"{content}; {self._remedy}")
                task = worker.tasks.popleft()
                if kind == "broken" and isinstance(task, Shard):
                    self._again.extend(self._smaller(task, int(worker.decoding[2]), content))
                elif isinstance(task, Trial):
                    self._suspicion.pop(task.index, None)
                else:
                    yield content
        except (EOFError, OSError):  # it died, perhaps in the middle of a message
            yield from self._bury(worker)
            return
        if not worker.process.is_alive() and not worker.pipe.poll():
            yield from self._bury(worker)

    def _bury(self, worker: _Worker) -> Iterator[ShardReport]:
        """Take back a dead worker's tasks, and find out what killed it. A shard that it committed
        before it could say so is done: its images must not be touched again."""
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        self.deaths += 1
        tasks = list(worker.tasks)
        if not tasks:
            return
        first, rest = tasks[0], tasks[1:]
        index = int(worker.decoding[0])
        if isinstance(first, Shard) and is_committed(self._run.state, first.part):
            made = part_rows(self._run.state, first.part).count("\n")
            yield ShardReport(first, made, 0, 0, 0)
        elif isinstance(first, Trial):
            self._suspect(first.index, worker)
        elif index != _NOTHING:
            self._again.extend(self._smaller(first))
            self._suspect(index, worker)
        else:
            self._again.extend(self._smaller(first, int(worker.decoding[2]), worker.ending))
        self._again.extend(rest)

    def _suspect(self, index: int, worker: _Worker) -> None:
        trials = self._suspicion.get(index, 0)
        if trials < _TRIALS:
            self._suspicion[index] = trials + 1
            self._again.appendleft(Trial(index))
        else:
            self._quarantined[index] = worker.ending or (
                f"decoding it ended its worker ({_exit_name(worker.process.exitcode)})"
            )

    def _smaller(self, shard: Shard, target: int = _NOTHING, stall: str = "") -> list[Shard]:
        """What to make instead of a shard that killed its worker: the same, or after the second
        time or a stall its pieces around the target that was being made."""
        deaths = self._deaths.get(shard, 0) + 1
        self._deaths[shard] = deaths
        if deaths < _TRIALS and not stall:
            return [shard]
        block, start, stop = shard
        targets = list(self._targets_of(self._run, shard))
        if len(targets) > 1:
            at = start + (targets.index(target) if target in targets else len(targets) // 2)
            cuts = [start, at, at + 1, stop]
            return [Shard(block, a, b) for a, b in pairwise(cuts) if a < b]
        if deaths > _TRIALS + 1 or stall:
            self._quarantined[targets[0]] = (
                stall or "making its outputs killed its worker each time"
            )
        return [shard]

    def _end_stalled(self) -> None:
        now = time.monotonic()
        for worker in self.workers:
            index, since, target, moved = worker.decoding
            if not worker.tasks:
                continue
            if index != _NOTHING:
                if now - since > self._seconds:
                    worker.ending = f"decoding took longer than {self._seconds:g} s"
                    worker.process.kill()
            elif target != _NOTHING and now - moved > self._seconds_an_output:
                limit = self._seconds_an_output
                worker.ending = f"making its outputs took longer than {limit:g} s"
                worker.process.kill()


def _context() -> Any:
    """fork on Linux, where all threads are ours; elsewhere a fresh interpreter."""
    return multiprocessing.get_context("fork" if sys.platform.startswith("linux") else "spawn")


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals that end the run wait meanwhile; a process that starts has them held too."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_with_parent() -> None:
    """Have Linux kill this process when its parent dies, so that nobody writes for a dead run."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _exit_name(code: int | None) -> str:
    if code == -getattr(signal, "SIGKILL", 0):
        return "SIGKILL, as where memory runs out"
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _work(
    run: Run,
    make: Callable[..., Any],
    pipe: Connection,
    decoding: Any,
    inherited: list[Connection],
) -> None:
    """A worker's life: it ends when its parent closes the pipe, or dies."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    _die_with_parent()
    limit_memory(run)
    keep_memory(run.memory)
    silence_decoders()
    gc.freeze()  # what was inherited is not looked through again
    gc.disable()  # a shard is, when it is done
    cv2.setNumThreads(0)
    if multiprocessing.get_start_method(allow_none=True) != "spawn":
        for other in inherited:  # else a dead parent's pipes would stay open in its workers
            with suppress(OSError):
                other.close()

    def before_decoding(index: int) -> None:
        decoding[1] = time.monotonic()
        decoding[0] = index

    def after_decoding() -> None:
        decoding[3] = time.monotonic()
        decoding[0] = _NOTHING

    def at_target(index: int | None) -> None:
        decoding[3] = time.monotonic()
        decoding[2] = _NOTHING if index is None else index

    with suppress(EOFError, ConnectionError, KeyboardInterrupt):
        quarantined: dict[int, str] = {}
        while True:
            task, new = pipe.recv()
            quarantined |= new
            hooks = before_decoding, after_decoding, at_target
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
        return "failed", f"{error.filename or run.state}: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - a fault of ours costs one image, and is listed
        return "broken", f"augcli failed on it: {one_line(error)}"
