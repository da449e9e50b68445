"""How workers start and end, forked and spawned: none outlives its run, none dies for ever."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from augcli.engine.executors import pool as local
from augcli.engine.executors import worker as worker_module
from augcli.engine.executors.pool import Pool
from augcli.engine.plan import Run, Shard
from augcli.engine.shard import ShardReport, ShardWork
from augcli.engine.watch import Watch
from augcli.errors import RunFailed
from augcli.recipes.recipe import SaliencySpec
from augcli.store.merge import merge_parts
from augcli.store.staged import prepare_state
from augcli.tasks.maps import Maps, write_maps
from tests.conftest import ROOT, tree, write_photo
from tests.helpers.runs import generate, run_over
from tests.helpers.waiting import children_of, group_has_ended, is_running, wait_until

# As on macOS and Windows; spawned workers import the script too, which is not theirs to run.
SPAWNING = """
import multiprocessing
from augcli.__main__ import main
from augcli.engine.executors import pool as local

local.start_context = lambda: multiprocessing.get_context("spawn")
if __name__ == "__main__":
    main()
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for number in range(120):
        write_photo(tmp_path / "many" / f"c{number % 4}" / f"{number}.jpg", number, 48, 40)
    return tmp_path / "many"


@pytest.fixture(params=["fork", "spawn"])
def either_method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "start_context", lambda: multiprocessing.get_context(request.param))


def prepared(source: Path, out: Path, **options: Any) -> Run:
    run = run_over(source, out, copies=2, **options)
    prepare_state(run.runtime.state)
    return run


def finish(run: Run, pool: Pool[Shard, ShardReport]) -> dict[str, str]:
    """All files of a run, whose workers have ended by themselves."""
    try:
        assert sum(report.outputs for report in pool.reports()) == 240
    finally:
        processes = [worker.process for worker in pool.workers]
        pool.close()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    merge_parts(run.runtime.state)
    return tree(run.runtime.state / "train")


def failure(work: ShardWork, workers: int = 2) -> str:
    """The sentence that ends a run; its workers have ended, and are no zombies."""
    pool = Pool(work, work.run.plan.shards(), workers)
    try:
        with pytest.raises(RunFailed) as failed:
            list(pool.reports())
    finally:
        pool.close()
    assert multiprocessing.active_children() == []
    return str(failed.value)


@pytest.mark.usefixtures("either_method")
def test_idle_workers_end_when_their_pipe_does(many: Path, tmp_path: Path) -> None:
    """None needs a signal, however many others were started after it; the bytes are the same."""
    expected = tmp_path / "expected"
    generate(run_over(many, expected, copies=2), source={"source": str(many)}, workers=1)
    run = prepared(many, tmp_path / "out")
    made = finish(run, Pool(ShardWork(run), run.plan.shards(), 4))
    assert made == tree(expected / "train")


@pytest.mark.usefixtures("either_method")
def test_killed_workers_cost_nothing(many: Path, tmp_path: Path) -> None:
    run = prepared(many, tmp_path / "calm")
    expected = finish(run, Pool(ShardWork(run), run.plan.shards(), 1))
    run = prepared(many, tmp_path / "wild")
    pool = Pool(ShardWork(run), run.plan.shards(), 2)
    usual = pool.reports

    def disturbed() -> Iterator[Any]:
        for number, report in enumerate(usual()):
            if number in (0, 3):
                for worker in pool.workers:
                    os.kill(worker.process.pid, signal.SIGKILL)
            yield report

    pool.reports = disturbed  # type: ignore[method-assign]
    assert finish(run, pool) == expected
    assert pool.deaths >= 2


def command(tmp_path: Path, method: str, source: Path, *options: str) -> list[str]:
    """A run that takes long, by this start method."""
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    how = [str(script)] if method == "spawn" else ["-m", "augcli"]
    arguments = ["generate", str(source), str(tmp_path / "out"), "-r", "cutmix", "-k", "100000"]
    return [sys.executable, *how, *arguments, "-q", "-j", "3", *options]


def started(tmp_path: Path, method: str, source: Path) -> subprocess.Popen[str]:
    """A run in a session of its own that has begun to write images."""
    process = subprocess.Popen(
        command(tmp_path, method, source), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    written = (tmp_path / "out").glob
    wait_until(lambda: list(written(".augcli/train/*/*.jpg")), "no image was written")
    return process


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_killed_parent_leaves_no_workers(tmp_path: Path, many: Path, method: str) -> None:
    process = started(tmp_path, method, many)
    children = children_of(process.pid)
    assert len(children) >= 3
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(is_running, children)), "workers outlive their parent")
    assert process.communicate(timeout=60)[1] == ""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_terminal_ends_all(
    tmp_path: Path, many: Path, method: str, signum: signal.Signals
) -> None:
    """It goes to every process of the group."""
    process = started(tmp_path, method, many)
    os.killpg(process.pid, signum)
    _, said = process.communicate(timeout=120)
    assert said == (
        f"augcli: stopped by {signum.name}; give the same command with --resume to go on.\n"
    )
    assert process.returncode == 128 + signum
    wait_until(partial(group_has_ended, process.pid), "a worker is left")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_signals_without_end_at_any_moment(tmp_path: Path, many: Path, method: str) -> None:
    """While workers start, work, and end: one line at most, and no worker is left."""
    messages = 0
    for number in range(8):
        out = tmp_path / str(number)
        out.mkdir()
        process = subprocess.Popen(
            command(out, method, many), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        begun = out / "out/.augcli/identity.json"
        wait_until(begun.exists, "nothing was begun")
        time.sleep(0.01 * number)
        for turn in range(100_000):
            if process.poll() is not None:
                break
            process.send_signal((signal.SIGTERM, signal.SIGINT)[turn % 2])
            time.sleep(0.001)
        _, said = process.communicate(timeout=120)
        assert said.count("\n") <= 1, said
        assert "Traceback" not in said
        assert process.returncode in (143, 130, -signal.SIGTERM, -signal.SIGINT)
        messages += said.startswith("augcli: stopped by SIG")
        wait_until(partial(group_has_ended, process.pid), "a worker is left")
    assert messages == 8


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM])
def test_a_worker_that_cannot_be_started_is_one_sentence(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    usual, starts = multiprocessing.context.ForkProcess.start, []

    def start(process: Any) -> None:
        starts.append(process)
        if len(starts) == 2:
            raise OSError(code, os.strerror(code))
        usual(process)

    monkeypatch.setattr(multiprocessing.context.ForkProcess, "start", start)
    said = failure(ShardWork(prepared(many, tmp_path / "out")), 3)
    assert said.startswith(
        f"Worker process 2 of 3 (--workers) cannot be started: {os.strerror(code)};"
    )
    assert said.endswith("--resume.")


def test_the_systems_limit_on_files_is_one_sentence(tmp_path: Path, many: Path) -> None:
    words = command(tmp_path, "fork", many)
    words[words.index("-j") + 1] = "1024"
    result = subprocess.run(
        ["bash", "-c", 'ulimit -n 22; exec "$@"', "bash", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert "of 1024 (--workers) cannot be started: Too many open files;" in result.stderr


def breaks(how: Callable[[], None]) -> Callable[..., None]:
    """What a worker does instead of getting ready."""
    return lambda *_: how()


def refuse() -> None:
    raise ValueError("not\nallowed to raise maximum limit")


def test_a_worker_that_cannot_get_ready_is_one_sentence(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As where the system does not let it limit its memory."""
    monkeypatch.setattr(worker_module, "limit_memory", breaks(refuse))
    said = failure(ShardWork(prepared(many, tmp_path / "out")))
    assert said.startswith("A worker process cannot work (not allowed to raise maximum limit); ")
    assert capfd.readouterr().err == ""


def test_a_worker_that_ends_before_its_first_task_is_not_started_for_ever(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "limit_memory", breaks(partial(os._exit, 3)))
    said = failure(ShardWork(prepared(many, tmp_path / "out")))
    assert said.startswith("A worker process ended before its first task (exit code 3); ")


def test_workers_that_are_killed_before_their_first_task_are_not_started_for_ever(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(worker_module, "limit_memory", breaks(die))
    said = failure(ShardWork(prepared(many, tmp_path / "out")))
    assert said.startswith(
        "13 worker processes died one after another before anything was done (the last by SIGKILL,"
    )


class Killing(ShardWork):
    def make(self, shard: Shard, watch: Watch) -> ShardReport:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().make(shard, watch)


class Failing(ShardWork):
    def make(self, shard: Shard, watch: Watch) -> ShardReport:
        raise ValueError("as nobody expected")


@pytest.mark.usefixtures("either_method")
def test_a_shard_that_always_kills_its_worker_does_not_run_for_ever(
    many: Path, tmp_path: Path
) -> None:
    """And no image is to blame."""
    said = failure(Killing(prepared(many, tmp_path / "out")))
    assert "13 worker processes died one after another" in said


@pytest.mark.usefixtures("either_method")
def test_a_fault_that_no_image_is_to_blame_for_does_not_run_for_ever(
    many: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = failure(Failing(prepared(many, tmp_path / "out")))
    assert re.match(
        r"The outputs of one image, which is left out, are not made: augcli failed on it:"
        r" ValueError: as nobody expected \(make, line \d+ of test_workers\.py\); please report it;"
        r" ",
        said,
    )
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("either_method")
def test_images_that_were_set_aside_before_are_not_touched(many: Path, tmp_path: Path) -> None:
    run = prepared(many, tmp_path / "out")
    relative = [run.listing.sample(index).relative for index in range(120)]
    aside = relative.index("c1/5.jpg")
    (many / "c1/5.jpg").unlink()  # else its reason would be that it cannot be read
    pool = Pool(
        ShardWork(run), run.plan.shards(), 2, set_aside={aside: "it killed its decoder before"}
    )
    try:
        assert sum(report.outputs for report in pool.reports()) == 238
    finally:
        pool.close()
    merge_parts(run.runtime.state)
    errors = (run.runtime.state / "errors.jsonl").read_text()
    assert errors.count("\n") == 1
    assert '"source_path":"c1/5.jpg"' in errors
    assert '"reason":"it killed its decoder before"' in errors


def test_a_fault_while_maps_are_written_leaves_no_worker(many: Path, tmp_path: Path) -> None:
    maps = Maps(run_over(many, tmp_path / "out", workers=3), SaliencySpec("fine-grained"))

    def fail(_: int) -> None:
        raise RuntimeError("in whoever is told")

    with pytest.raises(RuntimeError, match="in whoever is told") as raised:
        write_maps(maps, on_done=fail)
    assert multiprocessing.active_children() == []
    assert raised.value.__traceback__ is not None  # which holds all that was going on


def test_more_memory_than_there_are_addresses_is_no_limit(many: Path, tmp_path: Path) -> None:
    run = prepared(many, tmp_path / "out", memory=1 << 70)
    finish(run, Pool(ShardWork(run), run.plan.shards(), 2))
