"""The two ways in which something is the user's to mend."""

# How the sentence of a RunFailed ends.
MEND = "mend that and run the same command with --resume."


class UserError(Exception):
    """Wrong usage, configuration or device, found before any work: one sentence, exit code 2.

    The message names the thing, says where it stands, and what to do.
    """


class UnreadableImage(Exception):
    """An input that cannot be decoded, with the reason: it costs itself, never the run."""


class RunFailed(Exception):
    """A run that cannot go on, as when its disk is full: one sentence, exit code 1, resumable."""
