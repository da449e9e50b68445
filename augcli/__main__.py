"""The console script `augcli`, and `python -m augcli`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

# SIGHUP says that the terminal is gone; Windows has none.
_STOPPING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)
_MOMENT = 0.05  # seconds


class _Stopped(BaseException):
    """A signal asked for the end; workers are ended on its way up."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    _handle(_ignore)  # the end that the first one begins is not to be disturbed
    raise _Stopped(signum)


# Whether the next signal takes the place of one that Python could not raise.
_once_more = False


def _ignore(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Let a signal pass. SIG_IGN would have Python complain of one that came and is not handled."""
    global _once_more
    if _once_more:
        _once_more = False
        raise _Stopped(signum)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _STOPPING:
        if not _is_ignored_hangup(number):
            signal.signal(number, handler)


def _stop_later(lost: sys.UnraisableHookArgs) -> None:
    """Where Python cannot raise, as in a destructor, the signal comes again in a moment."""
    if not isinstance(lost.exc_value, _Stopped):
        sys.__unraisablehook__(lost)
        return
    from threading import Timer

    # Further signals pass until then: here they would be lost too.
    Timer(_MOMENT, _raise_again, lost.exc_value.args).start()


def _raise_again(signum: int) -> None:
    global _once_more
    _once_more = True
    signal.raise_signal(signum)


def main() -> NoReturn:
    """Run the command line and exit with its code; a user's mistake leaves one sentence."""
    _use_utf8()
    from augcli.streams import open_streams

    open_streams()
    _forget_opencv_variables()
    # Imports make a hundred thousand objects and no garbage: looking for it is a tenth of start-up.
    gc.set_threshold(200_000, 20, 20)
    # The linear algebra of NumPy is not used: without its threads forking is safe and cheap.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Else Pydantic looks through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    sys.unraisablehook = _stop_later
    try:
        _handle(_stop)
        code = _run()
        _handle(_ignore)
    except _Stopped as stopped:
        from augcli.cli.output import print_stopped

        signum = stopped.args[0]
        code = 128 + signum
        print_stopped(signal.Signals(signum).name, code)
    # All goes at once: to look through it for garbage is a sixth of the run's fixed cost.
    gc.freeze()
    gc.disable()
    sys.exit(code)


def _use_utf8() -> None:
    """Start anew in Python's UTF-8 mode where the locale means other bytes by the same name:
    neither the bytes of a run nor the names of its folders depend on the locale."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        os.environ["PYTHONUTF8"] = "1"  # for processes started from here, too
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _forget_opencv_variables() -> None:
    """Have OpenCV work as it is built: its variables bound what it reads beside --max-pixels, or
    end the process where it does not understand them."""
    for name in [name for name in os.environ if name.upper().startswith("OPENCV_")]:
        del os.environ[name]


def _is_ignored_hangup(number: int) -> bool:
    """Whether `nohup` has SIGHUP ignored, which is to stay so."""
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN


def _run() -> int:
    from augcli.cli.app import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    main()
