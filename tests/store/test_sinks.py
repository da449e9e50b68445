"""What every sink does, and that one is a module and a line; `tests/helpers/zip_sink.py` is one."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from augcli.data.labels import one_hot
from augcli.engine.job import Job, identity
from augcli.engine.plan import Run, Shard
from augcli.engine.shard import run_shard
from augcli.enums import Existing
from augcli.errors import UserError
from augcli.manifest.record import Skipped
from augcli.store.folders import refuse_as_source, refuse_unverifiable
from augcli.store.journal import begin
from augcli.store.lock import holding
from augcli.store.merge import Published
from augcli.store.sinks.sink import OutputFile
from augcli.store.sinks.table import SINKS
from tests.conftest import ROOT, tree, write_photo
from tests.helpers import zip_sink
from tests.helpers.runs import generate, run_over, with_options

Start = Callable[[str], Run]


@pytest.fixture(params=[*SINKS, "zip"])
def sink(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(SINKS, "zip", zip_sink)
    return str(request.param)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(40):
        write_photo(tmp_path / "source" / "ab"[number % 2] / f"{number}.jpg", number, 16, 12)
    (tmp_path / "source/a/4.jpg").write_bytes(b"no image")
    return tmp_path / "source"


@pytest.fixture
def start(source: Path, tmp_path: Path, sink: str) -> Start:
    """Makes a folder below `tmp_path` ready for the shards of a run into it."""

    def started(name: str) -> Run:
        run = with_options(run_over(source, tmp_path / name, copies=2), sink=sink)
        now = identity(run.job, run.listing)
        with holding(tmp_path / name):
            begin(tmp_path / name, now, run.listing, Existing.refuse)
        assert not run.sink.begin(run.runtime.place, now, resumed=False)
        return run

    return started


def summary_of(run: Run, published: Published) -> dict[str, Any]:
    """A run.json, of no more than what makes it one."""
    values = identity(run.job, run.listing).values
    return {
        **values,
        "fingerprint": values["source"],
        "counts": {"outputs": published.rows, "skipped": published.errors},
        "manifest": {"sha256": published.sha256},
    }


def finish(run: Run, *, interrupted: bool = False) -> Published:
    return run.sink.finish(
        run.runtime.place,
        run.listing.classes,
        lambda published: summary_of(run, published),
        interrupted=interrupted,
    )


def shards_in(run: Run) -> list[Shard]:
    return [one.shard for one in run.sink.committed(run.runtime.place)]


def published(run: Run) -> dict[str, str]:
    """All files of OUT but those that a run keeps for itself."""
    files = tree(run.runtime.place.out)
    return {name: digest for name, digest in files.items() if not name.startswith(".augcli/")}


def test_what_is_published_is_the_same_whatever_came_when(start: Start) -> None:
    """Shards in any order, one several times, and one in pieces behind its commit."""
    calm, wild = start("calm"), start("wild")
    shards = list(calm.plan.shards())
    assert len(shards) >= 2
    reports = [run_shard(calm, shard) for shard in shards]
    assert finish(calm) == finish_wildly(wild, shards)
    assert published(calm) == published(wild)
    assert "run.json" in published(calm) and "classes.txt" in published(calm)
    assert sum(report.outputs for report in reports) == 78
    (error,) = map(json.loads, (calm.runtime.place.out / "errors.jsonl").open())
    assert (error["source_path"], error["outputs"]) == ("a/4.jpg", 2)


def finish_wildly(run: Run, shards: list[Shard]) -> Published:
    for block, start, stop in reversed(shards):
        run_shard(run, Shard(block, start, stop))
        run_shard(run, Shard(block, start, start + 3))
        run_shard(run, Shard(block, start + 3, stop))
        run_shard(run, Shard(block, start, stop))
    assert shards_in(run) == shards
    return finish(run, interrupted=True)


def test_a_shard_that_fails_halfway_is_not_there(start: Start) -> None:
    run = start("out")
    place, (first, second, *_) = run.runtime.place, run.plan.shards()
    run_shard(run, first)

    def contents() -> Iterator[OutputFile]:
        yield output(0)
        raise RuntimeError("as anything may")

    with pytest.raises(RuntimeError, match="as anything may"):
        run.sink.put(place, second, contents())
    assert shards_in(run) == [first]
    assert list(run.sink.committed(place, second)) == []
    (one,) = run.sink.committed(place, first)
    rows = list(map(json.loads, one.row_lines()))
    assert (one.rows, one.skipped) == (len(rows), len(list(one.skipped_lines())))
    assert all(row["file_name"] and row["sample_id"] for row in rows)


def test_what_was_committed_is_there_when_the_run_goes_on(start: Start) -> None:
    run = start("out")
    first, *_ = run.plan.shards()
    run_shard(run, first)
    now = identity(run.job, run.listing)
    assert not run.sink.begin(run.runtime.place, now, resumed=True)
    assert shards_in(run) == [first]


def test_a_shard_takes_the_memory_of_an_output(start: Start) -> None:
    run = start("out")
    tracemalloc.start()
    part = run.sink.put(run.runtime.place, Shard(0, 0, 16), map(output, range(32)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert part.rows == 32
    assert peak < 6 << 20, "of 32 MiB"


def test_skipped_inputs_are_kept_with_their_shard(start: Start) -> None:
    run = start("out")
    skipped = Skipped("0123456789abcdef", "a/1.jpg", "no image", 3)
    part = run.sink.put(run.runtime.place, Shard(0, 0, 16), [output(0), skipped])
    (line,) = part.skipped_lines()
    assert line == (
        b'{"source_path":"a/1.jpg","source_id":"0123456789abcdef",'
        b'"reason":"no image","outputs":3}\n'
    )
    assert (part.rows, part.skipped) == (1, 1)


def test_nothing_is_published_without_a_summary(start: Start) -> None:
    run = start("out")
    for shard in run.plan.shards():
        run_shard(run, shard)

    def refuse(_: Published) -> dict[str, Any]:
        raise RuntimeError("as the counts differ")

    place = run.runtime.place
    with pytest.raises(RuntimeError, match="as the counts differ"):
        run.sink.finish(place, run.listing.classes, refuse, interrupted=False)
    assert published(run) == {}
    assert finish(run).rows == 78
    assert run.sink.begin(place, identity(run.job, run.listing), resumed=True), "it is finished"


def test_a_run_goes_through_any_sink(source: Path, tmp_path: Path, sink: str) -> None:
    """The same rows but for the names of files, and a complete run is left as it is."""
    plain = run_over(source, tmp_path / "plain", copies=2)
    generate(plain, source={"source": str(source)})
    run = with_options(run_over(source, tmp_path / "out", copies=2), sink=sink)
    outcome = generate(run, source={"source": str(source)}, workers=2)
    assert (outcome.outputs, outcome.skipped) == (78, 1)
    assert rows(tmp_path / "out") == rows(tmp_path / "plain")
    before = tree(tmp_path / "out")
    assert generate(run, source={"source": str(source)}, resume=True).was_complete
    assert tree(tmp_path / "out") == before


def rows(out: Path) -> list[dict[str, Any]]:
    several = [json.loads(line) for line in (out / "train/metadata.jsonl").open()]
    return [{name: row[name] for name in row if name != "file_name"} for row in several]


def test_a_zip_has_the_bytes_of_its_rows(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SINKS, "zip", zip_sink)
    run = with_options(run_over(source, tmp_path / "out"), sink="zip")
    generate(run, source={"source": str(source)})
    for line in (tmp_path / "out/train/metadata.jsonl").open():
        row = json.loads(line)
        archive, name = row["file_name"].split("/")
        data = zipfile.ZipFile(tmp_path / "out/train" / archive).read(name)
        assert hashlib.sha256(data).hexdigest() == row["sha256"]


@pytest.mark.parametrize(("begun", "now"), [("folder", "zip"), ("zip", "folder")])
def test_a_run_goes_on_with_its_own_sink_only(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str, now: str
) -> None:
    monkeypatch.setitem(SINKS, "zip", zip_sink)
    plain = run_over(source, tmp_path / "out")
    generate(with_options(plain, sink=begun), source={"source": str(source)})
    before = tree(tmp_path / "out")
    with pytest.raises(
        UserError, match=rf"was begun with --output-format {begun} \(now {now}\); resume"
    ):
        generate(with_options(plain, sink=now), source={"source": str(source)}, resume=True)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    "about", ["`augcli verify` reads", "move it away, as --overwrite removes", "a SOURCE may be"]
)
def test_what_reads_an_out_refuses_what_it_does_not_know(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: str
) -> None:
    monkeypatch.setitem(SINKS, "zip", zip_sink)
    out, run = tmp_path / "out", run_over(source, tmp_path / "out")
    generate(with_options(run, sink="zip"), source={"source": str(source)})
    before = tree(out)
    sentence = (
        f"{out} was written with --output-format zip; {about} only what --output-format folder or"
        " webdataset writes."
    )
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        if "--overwrite" in about:
            generate(run, source={"source": str(source)}, overwrite=True)
        else:
            (refuse_as_source if "SOURCE" in about else refuse_unverifiable)(out)
    assert tree(out) == before


def test_records_name_a_sink_only_where_it_is_another(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before there was more than one."""
    job = run_over(source, tmp_path).job
    assert "sink" not in job.to_json()
    assert Job.from_json(job.to_json()).sink == "folder"
    with pytest.raises(ValidationError, match="sink"):
        Job.from_json(job.to_json() | {"sink": "zip"})
    monkeypatch.setitem(SINKS, "zip", zip_sink)
    other = Job.from_json(job.to_json() | {"sink": "zip"})
    assert Job.from_json(other.to_json()).sink == "zip"
    assert other.digest == job.digest


def test_what_makes_outputs_knows_no_sink() -> None:
    """Nor names of files and folders in OUT: of the store it knows what an output is."""
    for name in ("outputs", "rows", "shard"):
        path = ROOT / f"augcli/engine/{name}.py"
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        of_store = {one for one in modules if one.startswith(("augcli.store", "augcli.published"))}
        assert of_store <= {"augcli.store.sinks.sink"}, path


def test_names_in_out_are_spelled_once() -> None:
    """Docstrings and comments apart, and the names of splits, of which one is the same."""
    names = {"metadata.jsonl", "classes.txt", "run.json", "errors.jsonl", "maps.jsonl"}
    names |= {".augcli", ".augcli-maps", "train", "identity.json"}
    places = set()
    for path in (ROOT / "augcli").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = set(re.findall(r"\.?\w[\w.-]*\w", node.value))
                place = path.relative_to(ROOT / "augcli").as_posix()
                speaks = place.startswith("data/") or place == "cli/other_words.py"
                own = names - {"train"} if speaks else names
                if words & own and id(node) not in docstrings:
                    places.add(place)
    assert places == {"published.py"}


def output(number: int) -> OutputFile:
    """An output of a MiB."""
    data = number.to_bytes(2, "big") * (1 << 19)
    row = {
        "label": 0,
        "class_name": "a",
        "sample_id": f"{number:016x}",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return OutputFile(row, one_hot(0), data, ".bin")
