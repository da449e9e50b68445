"""The standard streams, whatever they are connected to: nothing, a full disk, a closed pipe.

Results go to standard output, and one that does not get there is an error. Remarks go to standard
error, and one that does not get there is lost without one.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

_STDIN, _STDOUT, _STDERR = range(3)


class StdoutLost(Exception):
    """What was written to standard output did not get there; `args` are the error's number and its
    words. No OSError: Click ends with exit code 1, and without a word, where a pipe is closed."""

    @property
    def by_reader(self) -> bool:
        """Whether who read it went away."""
        return self.args[0] in (errno.EPIPE, errno.ESHUTDOWN)

    def __str__(self) -> str:
        return f"standard output: {self.args[1]}"


class _Results(io.FileIO):
    """Raises StdoutLost once; what is written after that is lost."""

    lost = False

    def write(self, data: Any, /) -> int:
        written: int | None = len(data) if self.lost else None
        try:
            while written is None:
                written = super().write(data)
                if written is None:  # a full pipe that is set not to wait
                    select.select([], [self], [])
        except OSError as error:
            self.lost = True
            raise StdoutLost(error.errno, error.strerror or str(error)) from error
        return written


class _Remarks(io.FileIO):
    """Raises nothing; what it cannot write is lost."""

    def write(self, data: Any, /) -> int:
        written: int | None = None
        with suppress(OSError):
            written = super().write(data)
        return len(data) if written is None else written


def open_streams() -> None:
    """Make the standard streams fit for use; to be called before any other file is opened.

    A closed one would leave its number to the next file that is opened, which would then get what
    is printed. In its place stands one that can be opened by everybody, but neither be read (input)
    nor written (output). Whatever an encoding does not hold is escaped.
    """
    for number, flags in ((_STDIN, os.O_WRONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = os.fdopen(_STDIN, closefd=False)
    sys.stdout = sys.__stdout__ = _text(_Results, _STDOUT, sys.stdout)  # type: ignore[misc, assignment]
    sys.stderr = sys.__stderr__ = _text(_Remarks, _STDERR, sys.stderr)  # type: ignore[misc, assignment]


def remarks_to(descriptor: int) -> TextIO:
    """Standard error as `open_streams` makes it, on another descriptor, which it closes at its own
    end."""
    return _text(_Remarks, descriptor, sys.stderr, owned=True)


def _text(
    kind: type[io.FileIO], descriptor: int, like: TextIO | None, *, owned: bool = False
) -> TextIO:
    raw = getattr(getattr(like, "buffer", None), "raw", None)
    if like is not None and raw is not None and not isinstance(raw, io.FileIO) and not owned:
        return _escaping(like)  # a console of Windows, which takes text and not bytes
    encoding = getattr(like, "encoding", None) or "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(kind(descriptor, "w", closefd=owned)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=kind is _Remarks or os.isatty(descriptor),
    )


def _escaping(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream
