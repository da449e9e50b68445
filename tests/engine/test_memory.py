"""What the parent and its workers hold in memory, and what becomes of an image that takes more."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from augcli.data.listing import ListingBuilder
from augcli.engine import images as images_module
from augcli.engine import plan, shard
from augcli.engine.job import identity
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Shard, remaining
from augcli.errors import UnreadableImage
from augcli.image import codec
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.store import durable
from augcli.store.parts import read_part
from augcli.store.sinks import folder as folder_sink
from augcli.store.staged import prepare_state
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, make_run, run_over


def test_decoding_beyond_a_workers_memory_costs_itself(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses the memory (RLIMIT_DATA), as where a decoder is made to allocate."""
    poison, usual = (photos / "bee" / "bee 1.jpg").read_bytes(), codec.decode

    def decode(data: bytes, **options: object) -> object:
        if data == poison:
            return np.ones(1 << 34, np.uint8)
        return usual(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(images_module, "decode", decode)
    out = tmp_path / "out"
    run = run_over(photos, out, max_pixels=1_000_000, memory=1 << 24)
    outcome = generate(run, source={"source": str(photos)}, workers=2)
    assert (outcome.outputs, outcome.skipped) == (14, 1)
    (error,) = [json.loads(line) for line in (out / "errors.jsonl").open()]
    assert error["source_path"] == "bee/bee 1.jpg"
    assert error["reason"] == "decoding it takes more memory than a worker may use"


def test_the_parent_does_not_grow_with_the_source(tmp_path: Path) -> None:
    """A million images: what a run plans beside their names takes a few bytes each."""
    builder = ListingBuilder()
    folder = builder.folder(b"a")
    for number in range(1_000_000):
        builder.add(folder, b"%07d.jpg" % number, 0)
    listing = builder.finish("/nowhere", ["a"])
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    run = make_run(listing, pipeline, prepare_state(tmp_path / ".augcli"))
    tracemalloc.start()
    shards = list(remaining(run.plan, run.sink.committed(run.runtime.place)))
    identity(run.job, run.listing)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(one.stop - one.start for one in shards) == 1_000_000
    assert peak < 20 * len(listing)


def test_memory_stays_within_its_budget(tmp_path: Path) -> None:
    """A budget of a few images gives the same bytes as one that holds the whole block."""
    source = tmp_path / "source"
    for number in range(24):
        write_photo(source / "ab"[number % 2] / f"{number}.jpg", number, 200, 150)
    trees = []
    for memory in (1 << 29, 300_000):
        out = tmp_path / str(memory)
        run = run_over(source, out, memory=memory, copies=3)
        generate(run, source={"source": str(source)}, workers=1)
        trees.append(tree(out / "train"))
    assert trees[0] == trees[1]


@pytest.mark.parametrize("readable", [True, False])
def test_a_billion_copies_take_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    """Rows go to the part, and images to their files, as they are made; a target that cannot be
    read costs itself at once."""

    class Enough(Exception):
        pass

    source = tmp_path / "source"
    write_photo(source / "a" / "0.jpg", 0, 8, 8)
    write_photo(source / "a" / "1.jpg", 1, 8, 8)
    if not readable:
        for file in source.glob("a/*"):
            file.write_bytes(b"no image")
    monkeypatch.setattr(plan, "_COPIES_TOGETHER", 10**9)  # all in one shard
    run = run_over(source, tmp_path / "out", copies=10**9)
    prepare_state(run.runtime.state)
    usual, written = durable.write_file, [0]

    def write_file(path: str, data: bytes) -> None:
        written[0] += 1
        if written[0] == 4000:
            raise Enough
        if written[0] < 10:
            usual(path, data)

    monkeypatch.setattr(folder_sink, "write_file", write_file)
    first = next(iter(run.plan.shards()))
    tracemalloc.start()
    if readable:
        with pytest.raises(Enough):
            shard.run_shard(run, first)
        assert not list((run.runtime.state / "parts").iterdir())
    else:
        report = shard.run_shard(run, first)
        assert (report.outputs, report.failed) == (0, first.stop - first.start)
        part = read_part(run.runtime.state, first)
        assert part is not None
        errors = [json.loads(line) for line in part.skipped_lines()]
        assert [error["outputs"] for error in errors] == [10**9] * report.failed
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize("fails", [0, 3, 900, 2500])
def test_a_target_that_fails_late_costs_what_is_behind_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """Whichever group the copy is in: made and missing outputs are together what was planned."""
    usual = Outputs.of

    def of(outputs: Outputs, place: int, copy: int) -> list[Output]:
        if place == 0 and copy == fails:
            raise UnreadableImage("as no partner can be found for it")
        return usual(outputs, place, copy)

    monkeypatch.setattr(Outputs, "of", of)
    monkeypatch.setattr(plan, "_COPIES_TOGETHER", 3000)
    run = run_over(photos, tmp_path / "out", copies=3000)
    prepare_state(run.runtime.state)
    report = shard.run_shard(run, Shard(0, 0, 1))
    part = read_part(run.runtime.state, Shard(0, 0, 1))
    assert part is not None
    (error,) = map(json.loads, part.skipped_lines())
    assert (report.outputs, part.rows, error["outputs"]) == (fails, fails, 3000 - fails)


LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HELD = """
import resource, sys
import numpy as np
from augcli.engine.executors.memory import keep_memory
status = open("/proc/self/status").read().partition("VmData:")[2]
held = int(status.split()[0]) << 10
if len(sys.argv) > 1:
    resource.setrlimit(resource.RLIMIT_DATA, (held + (64 << 20), -1))
keep_memory(1 << 29)
arrays = [np.ones(1_000_000, np.uint8) for _ in range(16)]
maps = open("/proc/self/smaps").read().splitlines()
print(sum(map(len, arrays)), end=" ")
print(sum(int(line.split()[1]) for line in maps if line.startswith("AnonHugePages:")))
"""


@pytest.mark.skipif(
    not LARGE_PAGES.exists() or "[never]" in LARGE_PAGES.read_text() or sys.platform != "linux",
    reason="the system has no large pages",
)
@pytest.mark.parametrize("limit", [[], ["limited"]])
def test_what_a_worker_holds_lies_in_large_pages(limit: list[str]) -> None:
    """16 MB of arrays of less than one such page each; where the system gives no more memory than
    these take, small pages do."""
    command = [sys.executable, "-c", HELD, *limit]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    held, in_large_pages = map(int, result.stdout.split())
    assert held == 16_000_000
    if not limit:
        assert in_large_pages >= 8192
