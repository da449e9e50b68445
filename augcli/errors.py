"""The ways in which something is the user's to fix."""

import os
import traceback

# How the sentence of a RunFailed ends.
RESUME = "fix that and run the same command with --resume."


def said_by(error: Exception) -> str:
    """What an exception of a library says, as the part of a sentence."""
    if isinstance(error, MemoryError):
        return "there is too little memory"
    text = str(getattr(error, "strerror", None) or error)
    return " ".join(text.split())[:300].rstrip(".") or "no reason is given"


def fault_of_augcli(error: Exception) -> str:
    """An exception that nothing expects, as the part of a sentence for those who fix augcli."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ""
    if frames:
        name = os.path.basename(frames[-1].filename)  # noqa: PTH119 - of any system
        place = f" ({frames[-1].name}, line {frames[-1].lineno} of {name})"
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"{text}{place}; please report it"


# Characters of a sentence: names in it may be as long as a file system takes them.
_LONGEST = 900


def escape(text: str) -> str:
    """A text on one line: what does not print, as newlines and half characters, is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Sentence(Exception):
    """An exception with a message for people, which is one line, and not endless: of a longer one
    the middle is left out."""

    def __init__(self, message: str) -> None:
        line = escape(message)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST * 2 // 3]} ... {line[-_LONGEST // 3 + 5 :]}"
        super().__init__(line)


class UserError(_Sentence):
    """Wrong usage, configuration or device, found before any work: one sentence, exit code 2.

    The message names the thing, says where it stands, and what to do.
    """


class BadValue(ValueError):
    """A value from outside that cannot be, with the reason in words for people, as the part of a
    sentence."""


class UnreadableImage(Exception):
    """An input that cannot be decoded, with the reason: it costs itself, never the run."""


class RunFailed(_Sentence):
    """A run that cannot go on, as when its disk is full: one sentence, exit code 1, resumable."""
