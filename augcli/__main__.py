"""The console script `augcli`, and `python -m augcli`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_PIPE_CLOSED = 141


class _Stopped(BaseException):
    """A signal asked for the end; workers are ended on its way up."""


def _stop(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise _Stopped(signum)


def main() -> NoReturn:
    """Run the command line and exit with its code; a user's mistake leaves one sentence."""
    # The linear algebra of NumPy is not used: without its threads forking is safe and cheap.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Else Pydantic looks through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    from augcli.cli.app import app, with_optional_values
    from augcli.cli.output import CONTINUE, drop_stdout, print_error
    from augcli.errors import RunFailed, UserError

    code = 0
    try:
        app(with_optional_values(sys.argv[1:]), prog_name="augcli")
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    except UserError as error:
        print_error(str(error))
        code = 2
    except RunFailed as error:
        print_error(str(error))
        code = 1
    except BrokenPipeError:
        drop_stdout()
        code = _PIPE_CLOSED
    except _Stopped as stopped:
        signum = stopped.args[0]
        print_error(f"stopped by {signal.Signals(signum).name}; {CONTINUE}")
        code = 128 + signum
    sys.exit(code)


if __name__ == "__main__":
    main()
