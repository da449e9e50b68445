"""How further processes start."""

from __future__ import annotations

import multiprocessing
import sys
import threading

from augcli.processes import main_unread


def test_threads_leave_the_main_module_as_it_was() -> None:
    context, module = multiprocessing.get_context("spawn"), sys.modules["__main__"]
    inside, outside = threading.Barrier(2), list[bool]()

    def enter() -> None:
        inside.wait(10)
        for _ in range(200):
            with main_unread(context):
                outside.append(sys.modules["__main__"] is module)

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outside == [False] * 400
    assert sys.modules["__main__"] is module
    with main_unread(multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")):
        assert (sys.modules["__main__"] is module) == (sys.platform == "linux")
