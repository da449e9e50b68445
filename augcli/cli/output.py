"""The only place that prints. Results go to stdout; everything else goes to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from augcli.errors import RunFailed
from augcli.streams import StdoutLost

PIPE_CLOSED = 141  # as for a program that SIGPIPE ends

# Whether a JSON object is still to be printed on stdout: with --json there is one, also of failure.
_json_is_due = False
# What holds where a signal stops this command.
_if_stopped = "nothing was written."


def expect_json(expected: bool) -> None:
    """Say whether this command prints one JSON object on stdout, whatever becomes of it."""
    global _json_is_due
    _json_is_due = expected


def say_if_stopped(sentence: str) -> None:
    """Set what holds from now on if a signal stops this command, as the end of a sentence."""
    global _if_stopped
    _if_stopped = sentence


def print_stopped(signal_name: str, code: int) -> None:
    """The sentence of a command that a signal stopped."""
    print_error(f"stopped by {signal_name}; {_if_stopped}", code)


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
                draw(harmless(text))
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
            print(harmless(text), file=sys.stderr)

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


def harmless(text: str) -> str:
    """Lines of text with what terminals act upon escaped, but for spaces of any width: names may
    hold it."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" or (c.isspace() and c > "\x9f") else _escaped(c)
        for c in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _one_line(text: str) -> str:
    """A sentence with all that is not printed escaped: names may hold newlines, and worse."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


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
