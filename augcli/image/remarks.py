"""Keeps the remarks of decoders to themselves.

libjpeg and libpng write what they think of damaged files to the standard error stream, past Python;
what matters of it comes back as an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


def silence_decoders() -> None:
    """From now on, for the rest of this process. Python keeps the real stream."""
    sys.stderr = os.fdopen(os.dup(_STDERR), "w")
    _send_nowhere()


@contextmanager
def decoders_silent() -> Iterator[None]:
    """Meanwhile; nothing else may be written to the standard error stream then."""
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    _send_nowhere()
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def _send_nowhere() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
