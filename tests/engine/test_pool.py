"""Workers that die, hang, or meet an image that kills them."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augcli.data.source import list_source
from augcli.engine import images as images_module
from augcli.engine import rows
from augcli.engine import shard as shard_module
from augcli.engine.executors.pool import Pool
from augcli.engine.executors.worker import Trial
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Run, Shard
from augcli.engine.shard import ShardReport, ShardWork, run_shard
from augcli.errors import RunFailed, UnreadableImage
from augcli.image import codec
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.store.layout import STATE
from augcli.store.merge import merge_parts
from augcli.store.parts import Part, PartWriter, read_part
from augcli.store.staged import prepare_state
from tests.conftest import tree, write_photo
from tests.helpers.runs import make_run, with_options


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for number in range(120):
        write_photo(tmp_path / "many" / f"c{number % 4}" / f"{number}.jpg", number, 48, 40)
    return tmp_path / "many"


def run_into(source: Path, out: Path) -> Run:
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    return make_run(list_source(source), pipeline, prepare_state(out / STATE), copies=2)


def finish(run: Run, pool: Pool[Shard, ShardReport]) -> tuple[dict[str, str], int]:
    try:
        count = sum(report.outputs for report in pool.reports())
    finally:
        pool.close()
    merge_parts(run.runtime.state)
    return tree(run.runtime.state / "train"), count


def undisturbed(source: Path, out: Path) -> dict[str, str]:
    run = run_into(source, out)
    files, count = finish(run, Pool(ShardWork(run), run.plan.shards(), 1))
    assert count == 240
    return files


def test_workers_killed_again_and_again_cost_nothing(many: Path, tmp_path: Path) -> None:
    expected = undisturbed(many, tmp_path / "calm")
    run = run_into(many, tmp_path / "wild")
    pool = Pool(ShardWork(run), run.plan.shards(), 2)

    def disturbed() -> Iterator[ShardReport]:
        for number, report in enumerate(pool.reports()):
            if number % 2 == 0:
                for worker in pool.workers[: 1 + number % 3]:
                    # A death while an image is tried alone is held against the image.
                    if not any(isinstance(task, Trial) for task in worker.tasks):
                        os.kill(worker.process.pid, signal.SIGKILL)
            yield report

    try:
        count = sum(report.outputs for report in disturbed())
    finally:
        pool.close()
    merge_parts(run.runtime.state)
    assert pool.deaths >= 1
    assert count == 240
    assert tree(run.runtime.state / "train") == expected


@pytest.mark.parametrize("harm", ["crash", "hang"])
def test_an_image_that_kills_its_decoder_costs_only_itself(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    poison = (many / "c1" / "5.jpg").read_bytes()
    usual = codec.decode

    def decode(data: bytes, **options: object) -> object:
        if data == poison:
            if harm == "crash":
                faulthandler.disable()
                os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(600)
        return usual(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(images_module, "decode", decode)
    run = run_into(many, tmp_path / "out")
    pool = Pool(ShardWork(run), run.plan.shards(), 2, seconds_an_image=3)
    files, count = finish(run, pool)
    errors = (run.runtime.state / "errors.jsonl").read_text()
    assert errors.count("\n") == 1
    assert '"source_path":"c1/5.jpg"' in errors
    reason = "decoding it ended its worker (SIGSEGV)" if harm == "crash" else "longer than 3 s"
    assert reason in errors
    assert count == 238
    assert len(files) == 239
    assert '"c1/5.jpg"' not in (run.runtime.state / "train" / "metadata.jsonl").read_text()


def test_outputs_that_cannot_be_written_stop_the_run(many: Path, tmp_path: Path) -> None:
    run = run_into(many, tmp_path / "out")
    for class_name in ("c0", "c1", "c2", "c3"):
        (run.runtime.state / "train" / class_name).write_text("a file where a folder has to be")
    with pytest.raises(RunFailed, match=r"Not a directory.*--resume"):
        finish(run, Pool(ShardWork(run), run.plan.shards(), 2))


def test_pieces_of_a_committed_shard_are_passed_over(many: Path, tmp_path: Path) -> None:
    """Its worker was killed between the commit and the report, and it was made again in halves."""
    expected = undisturbed(many, tmp_path / "calm")
    run = run_into(many, tmp_path / "out")
    for shard in run.plan.shards():
        half = shard.stop // 2
        run_shard(run, shard)
        run_shard(run, Shard(shard.block, 0, half))
        run_shard(run, Shard(shard.block, half, shard.stop))
    assert merge_parts(run.runtime.state).rows == 240
    assert tree(run.runtime.state / "train") == expected


@pytest.mark.parametrize("harm", ["kill", "hang"])
def test_a_target_that_kills_or_stalls_its_worker_outside_of_decoding(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """As where saliency or an encoder never returns: known by the target that was being made."""
    usual = shard_module.encoded

    def encoded(run: Run, output: Output) -> object:
        if output.samples[0].relative == "c2/6.jpg":
            if harm == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        return usual(run, output)

    monkeypatch.setattr(shard_module, "encoded", encoded)
    run = run_into(many, tmp_path / "out")
    pool = Pool(ShardWork(run), run.plan.shards(), 2, seconds_an_image=3, seconds_an_output=3)
    files, count = finish(run, pool)
    (error,) = [json.loads(line) for line in (run.runtime.state / "errors.jsonl").open()]
    assert error["source_path"] == "c2/6.jpg"
    assert error["reason"] == (
        "making its outputs killed its worker each time"
        if harm == "kill"
        else "making its outputs took longer than 3 s"
    )
    assert count == 238
    assert len(files) == 239


def test_a_worker_that_memory_runs_out_for_while_decoding_costs_nothing(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's OOM killer sends SIGKILL; alone, the image decodes, and its shard is remade."""
    expected = undisturbed(many, tmp_path / "calm")
    usual, once = codec.decode, tmp_path / "once"
    unlucky = {(many / f"c{n % 4}" / f"{n}.jpg").read_bytes() for n in (3, 50, 77)}

    def decode(data: bytes, **options: object) -> object:
        mark = once.with_name(f"once{hash(data)}")
        if data in unlucky and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(images_module, "decode", decode)
    run = run_into(many, tmp_path / "out")
    pool = Pool(ShardWork(run), run.plan.shards(), 2)
    files, count = finish(run, pool)
    assert pool.deaths >= 3
    assert count == 240
    assert files == expected
    assert (run.runtime.state / "errors.jsonl").read_text() == ""


def test_a_worker_killed_behind_its_commit_leaves_its_images_alone(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made again, they would be cut to nothing for a moment, while their rows stand already."""
    run = run_into(many, tmp_path / "out")
    usual, once = PartWriter.commit, tmp_path / "once"

    def commit(writer: PartWriter, *arguments: Any) -> Part:
        part = usual(writer, *arguments)
        if not once.exists():
            once.write_text(json.dumps(part.shard))
            for image in run.runtime.state.glob("train/*/*.jpg"):
                image.chmod(0o444)
                os.utime(image, (1, 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    monkeypatch.setattr(PartWriter, "commit", commit)
    _, count = finish(run, Pool(ShardWork(run), run.plan.shards(), 1))
    assert count == 240
    part = read_part(run.runtime.state, Shard(*json.loads(once.read_text())))
    assert part is not None
    names = [json.loads(line)["file_name"] for line in part.row_lines()]
    assert len(names) == part.rows > 0
    assert {(run.runtime.state / "train" / name).stat().st_mtime for name in names} == {1.0}


@pytest.mark.parametrize("memory", [1 << 29, 1 << 16])
def test_a_copy_that_fails_ends_its_target_and_nothing_else(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    """The copies before it stay, those behind it are not made, whatever is worked on together."""
    usual = Outputs.of

    def of(outputs: Outputs, place: int, copy: int) -> list[Output]:
        count = usual(outputs, place, copy)
        if count[0].samples[0].relative == "c1/9.jpg" and copy == 1:
            raise UnreadableImage("as no partner can be found for it")
        return count

    monkeypatch.setattr(Outputs, "of", of)
    run = with_options(run_into(many, tmp_path / "out"), copies=3)
    run = replace(run, runtime=replace(run.runtime, memory=memory))
    files, count = finish(run, Pool(ShardWork(run), run.plan.shards(), 1))
    assert count == 3 * 120 - 2
    assert len(files) == count + 1
    (error,) = [json.loads(line) for line in (run.runtime.state / "errors.jsonl").open()]
    assert error["source_path"] == "c1/9.jpg"


def test_a_fault_of_the_program_costs_one_image(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wherever in a shard it is: its pieces are made, and the reason is listed."""
    usual = rows.row_of

    def row_of(run: Run, output: Output, data: memoryview) -> dict[str, Any]:
        if output.samples[0].relative == "c0/8.jpg":
            raise RuntimeError("as nobody\nexpected")
        return usual(run, output, data)

    monkeypatch.setattr(shard_module, "row_of", row_of)
    run = run_into(many, tmp_path / "out")
    files, count = finish(run, Pool(ShardWork(run), run.plan.shards(), 2))
    (error,) = [json.loads(line) for line in (run.runtime.state / "errors.jsonl").open()]
    assert error["source_path"] == "c0/8.jpg"
    assert re.fullmatch(
        r"augcli failed on it: RuntimeError: as nobody expected \(row_of, line \d+ of"
        r" test_pool\.py\); please report it",
        error["reason"],
    )
    assert (count, len(files)) == (238, 239)
    assert capfd.readouterr().err == ""
