"""The progress bar: on a terminal a bar, elsewhere a line now and then, both on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from augcli.text import count_text

_SECONDS_BETWEEN_LINES = 30.0


class Progress(StrEnum):
    """When to show progress: on a terminal only (with lines elsewhere), always, or never."""

    auto = "auto"
    always = "always"
    never = "never"


# What others say instead.
WHEN = {
    **dict.fromkeys(("off", "false", "no", "none", "0"), Progress.never),
    **dict.fromkeys(("on", "true", "yes", "1"), Progress.always),
}


class Bar(Protocol):
    """What counts images that are done: `total`, of which `before` are done already."""

    def start(self, total: int, before: int = 0) -> None: ...

    def update(self, done: int) -> None: ...


class _Nothing:
    def start(self, total: int, before: int = 0) -> None:
        pass

    def update(self, done: int) -> None:
        pass


class _Lines:
    def __init__(self) -> None:
        self._total = self._done = self._before = 0
        self._started = self._last = time.monotonic()

    def start(self, total: int, before: int = 0) -> None:
        self._total, self._done, self._before = total, before, before

    def update(self, done: int) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            rate = (self._done - self._before) / (now - self._started)
            left = (self._total - self._done) / rate if rate else 0.0
            print(
                f"{self._done} of {count_text(self._total, 'image')}, {rate:.1f} a second,"
                f" {left:.0f} s left",
                file=sys.stderr,
            )


class _Terminal:
    def __init__(self) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread beside the processes that fork
        self.bar = tqdm(unit=" images", file=sys.stderr, dynamic_ncols=True, smoothing=0.1)

    def start(self, total: int, before: int = 0) -> None:
        self.bar.total = total
        self.bar.n = self.bar.initial = before
        self.bar.refresh()

    def update(self, done: int) -> None:
        self.bar.update(done)


@contextmanager
def progress_bar(when: Progress, *, quiet: bool) -> Iterator[Bar]:
    """A bar for one run."""
    if quiet or when is Progress.never:
        yield _Nothing()
    elif when is Progress.always or sys.stderr.isatty():
        terminal = _Terminal()
        try:
            yield terminal
        finally:
            terminal.bar.close()
    else:
        yield _Lines()
