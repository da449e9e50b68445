"""The console script `augcli`, and `python -m augcli`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_STOPPING = (signal.SIGTERM, signal.SIGINT)


class _Stopped(BaseException):
    """A signal asked for the end; workers are ended on its way up."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise _Stopped(signum)


def main() -> NoReturn:
    """Run the command line and exit with its code; a user's mistake leaves one sentence."""
    _use_utf8()
    # Imports make a hundred thousand objects and no garbage: looking for it is a tenth of start-up.
    gc.set_threshold(200_000, 20, 20)
    # The linear algebra of NumPy is not used: without its threads forking is safe and cheap.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Else Pydantic looks through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        for stopping in _STOPPING:
            signal.signal(stopping, _stop)
        code = _run()
    except _Stopped as stopped:
        for stopping in _STOPPING:
            signal.signal(stopping, signal.SIG_IGN)
        from augcli.cli.output import CONTINUE, print_error

        signum = stopped.args[0]
        print_error(f"stopped by {signal.Signals(signum).name}; {CONTINUE}")
        code = 128 + signum
    for stopping in _STOPPING:
        signal.signal(stopping, signal.SIG_DFL)
    # All goes at once: to look through it for garbage is a sixth of the run's fixed cost.
    gc.freeze()
    gc.disable()
    sys.exit(code)


def _use_utf8() -> None:
    """Begin anew where the locale would write names in another encoding than the manifest does:
    the same files have the same names everywhere."""
    if sys.getfilesystemencoding() != "utf-8" and os.name == "posix":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _run() -> int:
    from augcli.cli.app import app, with_optional_values
    from augcli.cli.output import PIPE_CLOSED, drop_stdout, print_error
    from augcli.errors import RunFailed, UserError

    try:
        app(with_optional_values(sys.argv[1:]), prog_name="augcli")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    except UserError as error:
        print_error(str(error))
        return 2
    except RunFailed as error:
        print_error(str(error))
        return 1
    except BrokenPipeError:
        drop_stdout()
        return PIPE_CLOSED
    except OSError as error:  # what the system refuses where no command expected it
        print_error(f"{error.filename or 'The system'}: {error.strerror or error}.")
        return 1
    return 0


if __name__ == "__main__":
    main()
