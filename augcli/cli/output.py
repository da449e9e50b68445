"""The only place that prints. Results go to stdout; everything else goes to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from augcli.errors import RunFailed
from augcli.streams import StdoutLost

PIPE_CLOSED = 141  # as for a program that SIGPIPE ends
CONTINUE = "an interrupted generate or saliency goes on with the same command and --resume."

_UPPER_HALF = "▀"

# Whether a JSON object is still to be printed on stdout: with --json there is one, also of failure.
_json_is_due = False


def expect_json(expected: bool) -> None:
    """Say whether this command prints one JSON object on stdout, whatever becomes of it."""
    global _json_is_due
    _json_is_due = expected


@dataclass(frozen=True)
class Output:
    """How a command shows things: for people, as one JSON object, or results only."""

    as_json: bool = False
    quiet: bool = False

    def result(self, values: dict[str, Any], text: str, *, done: str = "") -> None:
        """What the command is for: `text` for people, `values` with --json.

        `done` says what holds whatever becomes of stdout, as in "OUT is complete". Where there is
        such a thing, a text that cannot be written is a warning. Any other result that cannot be
        written raises RunFailed, or StdoutLost where its reader went away.
        """
        try:
            if self.as_json:
                _print_json(values)
            elif not self.quiet:
                draw(text)
        except StdoutLost as lost:
            but = f"{done}, but the" if done else "The"
            sentence = f"{but} result cannot be written to {lost}."
            if done and not self.as_json:
                self.warn(sentence)
            elif lost.by_reader:
                raise
            else:
                raise RunFailed(sentence) from lost

    def note(self, text: str) -> None:
        """Something worth knowing."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Something that may be wrong; shown also with --quiet."""
        print(_one_line(f"augcli: warning: {text}"), file=sys.stderr)

    def fail(self, text: str) -> None:
        """Why the command fails although it has a result; shown also with --quiet."""
        print(_one_line(f"augcli: {text}"), file=sys.stderr)


def print_error(text: str, code: int) -> None:
    """The one sentence that a failed command leaves; with --json an object on stdout as well, where
    none stands there yet."""
    print(_one_line(f"augcli: {text}"), file=sys.stderr)
    if _json_is_due:
        try:
            _print_json({"error": {"message": text, "exit_code": code}})
        except StdoutLost:
            return


def draw(text: str) -> None:
    """A result as text, on stdout; raises StdoutLost."""
    text = text.encode("utf-8", "backslashreplace").decode()  # names of bytes that are no UTF-8
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def draw_picture(image: Any) -> bool:
    """Draw a uint8 RGB picture (H, W, 3) in the terminal's own colours, two pixels a character, or
    one where the encoding has no half blocks; False where stdout takes no colours.

    Raises StdoutLost.
    """
    import cv2
    from rich.color import Color
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    console = Console(highlight=False)
    if console.color_system is None:
        return False
    character, pixels = (_UPPER_HALF, 2) if _can_encode(_UPPER_HALF) else (" ", 1)
    height, width = image.shape[:2]
    columns = min(console.width, width)
    rows = max(2, round(height * columns / width) // 2 * 2)
    lines = rows * pixels // 2
    small = cv2.resize(image, (columns, lines), interpolation=cv2.INTER_AREA).tolist()
    segments = []
    for upper, lower in zip(small[::pixels], small[pixels - 1 :: pixels], strict=True):
        for above, below in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
            segments.append(Segment(character, style))
        segments.append(Segment.line())
    console.print(Segments(segments))
    sys.stdout.flush()
    return True


def _can_encode(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _one_line(text: str) -> str:
    """The text with what terminals act upon escaped: names may hold newlines, and worse."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_json(values: dict[str, Any]) -> None:
    """One line of JSON in UTF-8, whatever the encoding of stdout."""
    expect_json(False)
    text = json.dumps(values, ensure_ascii=False) + "\n"
    data = text.encode("utf-8", "backslashreplace")
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:  # what stands in its place takes text only
        sys.stdout.write(data.decode())
    else:
        binary.write(data)
    sys.stdout.flush()
