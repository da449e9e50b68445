"""What a run writes down of itself is the same for the same job, but for the file of its times."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from augcli.enums import Originals, Pair
from augcli.store.removal import remove_run
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, run_over

TIMINGS = ".augcli/timings.json"


class Stopped(Exception):
    """Raised where a run is to end early."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(40):
        write_photo(folder / "abc"[number % 3] / f"{number}.png", number, 14, 12)
    (folder / "a/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def make(source: Path, out: Path, **options: Any) -> dict[str, str]:
    run = run_over(source, out, copies=2, pair=Pair.balanced, include_originals=Originals.copy)
    generate(run, source={"source": str(source)}, **options)
    return tree(out)


def test_all_files_are_the_same_for_the_same_job(source: Path, tmp_path: Path) -> None:
    first = make(source, tmp_path / "first", command=("augcli", "generate"))
    several = make(source, tmp_path / "several", workers=3, command=("augcli", "-j", "3"))

    def stop(_: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        make(source, tmp_path / "stopped", workers=2, on_report=stop)
    assert not (tmp_path / "stopped/run.json").exists()
    resumed = make(source, tmp_path / "stopped", workers=2, resume=True, command=("--resume",))
    records = [json.loads((tmp_path / name / TIMINGS).read_text()) for name in
               ("first", "several", "stopped")]  # fmt: skip
    assert [record["command"] for record in records] == [
        ["augcli", "generate"], ["augcli", "-j", "3"], ["--resume"]
    ]  # fmt: skip
    assert [record["workers"] for record in records] == [1, 3, 2]
    assert len({files.pop(TIMINGS) for files in (first, several, resumed)}) == 3
    assert {"run.json", ".augcli/identity.json", ".augcli/lock"} < set(first)
    assert several == first
    assert resumed == first


def test_the_times_of_a_run(source: Path, tmp_path: Path) -> None:
    make(source, tmp_path / "out")
    record = json.loads((tmp_path / "out" / TIMINGS).read_text())
    assert list(record) == ["command", "finished", "seconds", "cpu_seconds", "workers"]
    assert record["command"] == []
    assert 0 < record["seconds"] < 300
    assert datetime.fromisoformat(record["finished"]).utcoffset() == timedelta(0)
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert not {"timings", "command"} & run.keys()


def test_the_times_are_removed_with_their_run(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    remove_run(out)
    assert sorted(path.name for path in (out / ".augcli").iterdir()) == ["lock", "removal.json"]


def test_what_somebody_put_in_their_place_is_moved_aside(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    (out / TIMINGS).write_text("[1, 2]")
    remove_run(out)
    assert (out / ".augcli/replaced/timings.json.1").read_text() == "[1, 2]"
