"""Keeps the remarks of decoders to themselves.

libjpeg and libpng write what they think of damaged files to the standard error stream, past Python;
what matters of it comes back as an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr

from augcli.streams import remarks_to

_STDERR = 2


def silence_decoders() -> None:
    """From now on, for the rest of this process. Python keeps the real stream."""
    sys.stderr = remarks_to(os.dup(_STDERR))
    _send_nowhere()


@contextmanager
def decoders_silent() -> Iterator[None]:
    """Meanwhile. Python keeps the real stream."""
    sys.stderr.flush()
    with remarks_to(os.dup(_STDERR)) as real:
        _send_nowhere()
        try:
            with redirect_stderr(real) if sys.stderr is sys.__stderr__ else nullcontext():
                yield
        finally:
            real.flush()
            os.dup2(real.fileno(), _STDERR)


def _send_nowhere() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
