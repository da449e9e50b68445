"""Runs `augcli` and sends this process a signal at the n-th step of one of its phases.

    python -m tests.helpers.soak_child PHASE STEP SIGNAL MARK ARGUMENT...

A step is a call that changes a file system, within the function that PHASE names. Before the signal
is sent, MARK is written: what was about to be called, so that whoever asked knows where it hit. If
MARK is not there at the end, the phase has fewer steps.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync", "write", "link")

# The function of each phase, by the module that defines it.
PHASES = {
    "merge": ("augcli.store.merge", "merge_parts"),
    "publish": ("augcli.store.publish", "publish"),
    "overwrite": ("augcli.store.removal", "remove_run"),
    "repair": ("augcli.tasks.repair", "repair"),
}


def main() -> None:
    phase, step, name, mark, *arguments = sys.argv[1:]
    arm(phase, int(step), signal.Signals[name], Path(mark))
    sys.argv = ["augcli", *arguments]
    from augcli.__main__ import main as augcli

    augcli()


def arm(phase: str, step: int, number: signal.Signals, mark: Path) -> None:
    """Let the signal be sent at that step of that phase, in this process and not in its workers."""
    import augcli.tasks.generate
    import augcli.tasks.repair  # noqa: F401

    parent, inside, count = os.getpid(), False, 0

    def watched(usual: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            if inside and os.getpid() == parent:
                count += 1
                if count == step:
                    descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT)
                    plain_write(descriptor, name.encode())
                    os.close(descriptor)
                    os.kill(parent, number)
            return usual(*arguments, **options)

        return call

    def entered(usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal inside
            inside = True
            try:
                return usual(*arguments, **options)
            finally:
                inside = False

        return call

    plain_write = os.write
    for name in STEPS:
        setattr(os, name, watched(getattr(os, name), name))
    module, name = PHASES[phase]
    usual: Callable[..., Any] = getattr(sys.modules[module], name)
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").startswith("augcli") and vars(other).get(name) is usual:
            setattr(other, name, entered(usual))


if __name__ == "__main__":
    main()
