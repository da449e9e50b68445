"""The only place that prints. Results go to stdout; everything else goes to stderr."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

PIPE_CLOSED = 141  # as for a program that SIGPIPE ends
CONTINUE = "an interrupted generate goes on with the same command and --resume."


@dataclass(frozen=True)
class Output:
    """How a command shows things: for people, as one JSON object, or results only."""

    as_json: bool = False
    quiet: bool = False

    def result(self, values: dict[str, Any], text: str) -> None:
        """What the command was asked for: `text` for people, `values` with --json."""
        if self.as_json:
            _write(json.dumps(values, ensure_ascii=False))
        elif not self.quiet:
            _write(text)

    def note(self, text: str) -> None:
        """Something worth knowing."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Something that may be wrong; shown also with --quiet."""
        print(_one_line(f"augcli: warning: {text}"), file=sys.stderr)


def print_error(text: str) -> None:
    """The one sentence that a failed command leaves."""
    print(_one_line(f"augcli: {text}"), file=sys.stderr)


def draw(text: str) -> None:
    """Text that was asked for, on stdout."""
    _write(text)


def draw_picture(image: Any) -> None:
    """A uint8 RGB picture (H, W, 3) in the terminal's own colours, two pixels a character."""
    import cv2
    from rich.color import Color
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    console = Console(highlight=False)
    height, width = image.shape[:2]
    columns = min(console.width, width)
    rows = max(2, round(height * columns / width) // 2 * 2)
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).tolist()
    segments = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    console.print(Segments(segments))


def drop_stdout() -> None:
    """After a reader went away: let nothing more fail on the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(text: str) -> str:
    """The text with what terminals act upon escaped: names may hold newlines, and worse."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _write(text: str) -> None:
    text = text.encode("utf-8", "backslashreplace").decode()  # names of bytes that are no UTF-8
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # here, as Click would end with 1
        drop_stdout()
        sys.exit(PIPE_CLOSED)
