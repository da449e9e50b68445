"""The console script `augcli`, and `python -m augcli`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

# SIGHUP says that the terminal is gone; Windows has none.
_STOPPING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)


class _Stopped(BaseException):
    """A signal asked for the end; workers are ended on its way up."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise _Stopped(signum)


def main() -> NoReturn:
    """Run the command line and exit with its code; a user's mistake leaves one sentence."""
    from augcli.streams import open_streams

    open_streams()
    # Imports make a hundred thousand objects and no garbage: looking for it is a tenth of start-up.
    gc.set_threshold(200_000, 20, 20)
    # The linear algebra of NumPy is not used: without its threads forking is safe and cheap.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Else Pydantic looks through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    # `nohup` has SIGHUP ignored, which is to stay so.
    stopping = [number for number in _STOPPING if not _is_ignored_hangup(number)]
    try:
        for number in stopping:
            signal.signal(number, _stop)
        code = _run()
    except _Stopped as stopped:
        for number in stopping:
            signal.signal(number, signal.SIG_IGN)
        from augcli.cli.output import CONTINUE, print_error

        signum = stopped.args[0]
        code = 128 + signum
        print_error(f"stopped by {signal.Signals(signum).name}; {CONTINUE}", code)
    for number in stopping:
        signal.signal(number, signal.SIG_DFL)
    # All goes at once: to look through it for garbage is a sixth of the run's fixed cost.
    gc.freeze()
    gc.disable()
    sys.exit(code)


def _is_ignored_hangup(number: int) -> bool:
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN


def _run() -> int:
    from augcli.cli.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    main()
