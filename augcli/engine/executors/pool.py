"""Has items of work made by processes of this machine, and goes on when one of them dies.

Each worker has its own pipe and at most two items in hand, so nothing queues up and a death loses
nothing but time. What a worker was decoding stands in shared memory: an image that kills its
decoder again when it is tried alone is set aside, and its item is made without it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic

from augcli.engine.executors.work import Item, Report, Work
from augcli.engine.executors.worker import NOTHING, Progress, Trial, run_worker, signals_held
from augcli.errors import RESUME, RunFailed, said_by
from augcli.processes import main_unread, start_context

_IN_HAND = 2
_TRIALS = 2
_POLL_SECONDS = 1.0
# A classifier may look at a whole block before the first output is made.
_SECONDS_AN_OUTPUT = 600.0
_SECONDS_TO_END = 5.0
# Deaths in a row that end the run, beside one a worker: the system may kill all at once.
_DEATHS_IN_VAIN = 10
# Windows waits for at most 63 things at once, and each worker is two.
_MOST_WORKERS = 31 if sys.platform == "win32" else 1 << 16


@dataclass(slots=True)
class _Worker(Generic[Item]):
    process: Any
    pipe: Connection
    progress: Progress
    tasks: deque[Item | Trial] = field(default_factory=deque)
    sent: int = 0
    ready: bool = False
    ending: str = ""


class Pool(Generic[Item, Report]):
    """`workers` processes that make the items of a work; see the module.

    `set_aside` are images (by index) that are not to be touched, with the reason. Raises RunFailed
    from `reports`, with the remedy where outputs cannot be written, and where workers cannot be
    started or die again and again before anything is done. `close` must follow.
    """

    def __init__(
        self,
        work: Work[Item, Report],
        items: Iterable[Item],
        workers: int,
        *,
        remedy: str = RESUME,
        seconds_an_image: float = 60.0,
        seconds_an_output: float = _SECONDS_AN_OUTPUT,
        set_aside: Mapping[int, str] | None = None,
    ) -> None:
        self._work = work
        self._remedy = remedy
        self._todo = iter(items)
        self._again: deque[Item | Trial] = deque()
        self._set_aside: dict[int, str] = dict(set_aside or {})
        self._suspicion: dict[int, int] = {}
        self._deaths: dict[Item, int] = {}
        self._seconds = seconds_an_image
        self._seconds_an_output = max(seconds_an_output, seconds_an_image)
        self._context = start_context()
        self._size = min(workers, _MOST_WORKERS)
        self._in_vain = 0
        self.workers: list[_Worker[Item]] = []
        self.deaths = 0

    def reports(self) -> Iterator[Report]:
        """Yield what the work reports of each item, as it is done."""
        while True:
            self._hand_out()
            busy = [worker for worker in self.workers if worker.tasks]
            if not busy:
                return
            handles = [w.pipe for w in busy] + [w.process.sentinel for w in busy]
            ready = wait(handles, _POLL_SECONDS)
            for worker in busy:
                if worker.pipe in ready or worker.process.sentinel in ready:
                    for report in self._hear(worker):
                        self._in_vain = 0
                        yield report
            self._end_stalled()

    def close(self) -> None:
        """End all workers: idle ones at once, busy ones by a signal. A signal to this process waits
        until that is done."""
        with signals_held():
            for worker in self.workers:
                with suppress(OSError):
                    worker.pipe.close()
                if worker.tasks:
                    worker.process.terminate()
            deadline = time.monotonic() + _SECONDS_TO_END
            for worker in self.workers:
                worker.process.join(max(0.0, deadline - time.monotonic()))
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
                    self._start()
                self._give(self.workers[number], task)

    def _next(self) -> Item | Trial | None:
        if self._again:
            return self._again.popleft()
        return next(self._todo, None)

    def _give(self, worker: _Worker[Item], task: Item | Trial) -> None:
        worker.tasks.append(task)
        with suppress(OSError):  # a worker that died just now is found by its sentinel
            # What is new only: all of it might fill the pipe to a worker that does not listen.
            new = dict(islice(self._set_aside.items(), worker.sent, None))
            worker.pipe.send((task, new))
            worker.sent += len(new)

    def _start(self) -> None:
        """Add a worker; a signal waits until it is among those that `close` ends."""
        method = self._context.get_start_method()
        if method == "spawn" and sys.platform != "win32":
            resource_tracker.ensure_running()  # whose start would let the signals in
        with signals_held():
            try:
                ours, theirs = self._context.Pipe()
                progress = self._context.RawValue(Progress, NOTHING, 0.0, NOTHING, 0.0)
                # A forked process has the other workers' pipes open too: it would keep them so.
                inherited = [worker.pipe for worker in self.workers] if method == "fork" else []
                process = self._context.Process(
                    target=run_worker,
                    args=(self._work, theirs, progress, self._set_aside),
                    kwargs={"inherited": [*inherited, ours] if method == "fork" else None},
                    daemon=True,
                )
                with main_unread(self._context):
                    process.start()
            except (OSError, MemoryError) as error:
                raise RunFailed(
                    f"Worker process {len(self.workers) + 1} of {self._size} (--workers) cannot be"
                    f" started: {said_by(error)}; {self._remedy}"
                ) from error
            theirs.close()
            sent = len(self._set_aside)
            self.workers.append(_Worker(process, ours, progress, sent=sent))

    def _hear(self, worker: _Worker[Item]) -> Iterator[Report]:
        try:
            while worker.pipe.poll():
                kind, content = worker.pipe.recv()
                if kind == "ready":
                    worker.ready = True
                    continue
                if kind == "failed":
                    raise RunFailed(f"{content}; {self._remedy}")
                task = worker.tasks.popleft()
                if isinstance(task, Trial):
                    self._suspicion.pop(task.index, None)
                elif kind == "broken":
                    self._again.extend(self._smaller(task, worker.progress.target, content))
                else:
                    yield content
        except (EOFError, OSError):  # it died, perhaps in the middle of a message
            yield from self._bury(worker)
            return
        if not worker.process.is_alive() and not worker.pipe.poll():
            yield from self._bury(worker)

    def _bury(self, worker: _Worker[Item]) -> Iterator[Report]:
        """Take back a dead worker's tasks, and find out what killed it. An item that it committed
        before it could say so is done: its results must not be touched again."""
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        self.deaths += 1
        self._give_up_in_vain(worker)
        tasks = list(worker.tasks)
        if not tasks:
            return
        first, rest = tasks[0], tasks[1:]
        progress = worker.progress
        if isinstance(first, Trial):
            self._suspect(first.index, worker)
        elif (report := self._work.committed(first)) is not None:
            yield report
        elif progress.decoding != NOTHING:
            self._again.extend(self._smaller(first))
            self._suspect(progress.decoding, worker)
        else:
            self._again.extend(self._smaller(first, progress.target, worker.ending))
        self._again.extend(rest)

    def _give_up_in_vain(self, worker: _Worker[Item]) -> None:
        """Raise RunFailed for a death that others like it will follow: it ended by itself before
        its first task, or many have died in a row while nothing was done and no image is to blame.
        """
        progress = worker.progress
        code = worker.process.exitcode
        if not worker.ready and code is not None and code >= 0:
            raise RunFailed(
                f"A worker process ended before its first task ({_exit_name(code)}); {self._remedy}"
            )
        if progress.decoding == progress.target == NOTHING and not worker.ending:
            self._in_vain += 1
        if self._in_vain > self._size + _DEATHS_IN_VAIN:
            raise RunFailed(
                f"{self._in_vain} worker processes died one after another before anything was done"
                f" (the last by {_exit_name(code)}); {self._remedy}"
            )

    def _suspect(self, index: int, worker: _Worker[Item]) -> None:
        trials = self._suspicion.get(index, 0)
        if trials < _TRIALS:
            self._suspicion[index] = trials + 1
            self._again.appendleft(Trial(index))
        else:
            self._set_aside[index] = worker.ending or (
                f"decoding it ended its worker ({_exit_name(worker.process.exitcode)})"
            )

    def _smaller(self, item: Item, target: int = NOTHING, stall: str = "") -> list[Item]:
        """What to make instead of an item that killed its worker: the same, or after the second
        time or a stall its pieces around the target that was being made."""
        deaths = self._deaths.get(item, 0) + 1
        self._deaths[item] = deaths
        if deaths < _TRIALS and not stall:
            return [item]
        targets = self._work.targets(item)
        if len(targets) > 1:
            at = targets.index(target) if target in targets else len(targets) // 2
            cuts = [0, at, at + 1, len(targets)]
            return [self._work.piece(item, a, b) for a, b in pairwise(cuts) if a < b]
        if targets[0] in self._set_aside and deaths > 2 * (_TRIALS + 1):
            reason = stall or "its workers die"
            raise RunFailed(
                f"The outputs of one image, which is left out, are not made: {reason};"
                f" {self._remedy}"
            )
        if deaths > _TRIALS + 1 or stall:
            self._set_aside[targets[0]] = stall or "making its outputs killed its worker each time"
        return [item]

    def _end_stalled(self) -> None:
        now = time.monotonic()
        for worker in self.workers:
            progress, ending = worker.progress, ""
            if progress.decoding != NOTHING:
                if now - progress.decoding_since > self._seconds:
                    ending = f"decoding took longer than {self._seconds:g} s"
            elif progress.target != NOTHING and (
                now - progress.target_since > self._seconds_an_output
            ):
                ending = f"making its outputs took longer than {self._seconds_an_output:g} s"
            if worker.tasks and ending:
                worker.ending = ending
                worker.process.kill()


def _exit_name(code: int | None) -> str:
    if code == -getattr(signal, "SIGKILL", 0):
        return "SIGKILL, as where memory runs out"
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
