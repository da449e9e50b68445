"""The ways in which something is the user's to mend."""

# How the sentence of a RunFailed ends.
MEND = "mend that and run the same command with --resume."


def one_line(error: Exception) -> str:
    """What an exception of a library says, as the part of a sentence."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


class UserError(Exception):
    """Wrong usage, configuration or device, found before any work: one sentence, exit code 2.

    The message names the thing, says where it stands, and what to do.
    """


class UnreadableImage(Exception):
    """An input that cannot be decoded, with the reason: it costs itself, never the run."""


class RunFailed(Exception):
    """A run that cannot go on, as when its disk is full: one sentence, exit code 1, resumable."""
