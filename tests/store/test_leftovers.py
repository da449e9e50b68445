"""What a process that was killed in its last steps leaves in a finished OUT, and who removes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from augcli.enums import Existing
from augcli.manifest.verify import verify
from augcli.store import parts
from augcli.store.leftovers import leftovers
from augcli.store.sinks import folder as sink
from augcli.tasks import repair as repairing
from augcli.tasks.generate import generate
from augcli.tasks.repair import repair
from tests.conftest import Augcli, tree
from tests.helpers.runs import run_over, runtime_of


class Stop(Exception):
    pass


def stop(*_: Any, **__: Any) -> None:
    raise Stop


@pytest.fixture
def out(augcli: Augcli, photos: Path, tmp_path: Path) -> Path:
    assert augcli("generate", photos, tmp_path / "out", "-r", "flip").returncode == 0
    return tmp_path / "out"


def in_state(out: Path) -> list[str]:
    return sorted(path.name for path in (out / ".augcli").iterdir())


CALM = ["identity.json", "lock", "sources", "timings.json"]


def leave(out: Path, *names: str) -> None:
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"half")


NAMES = (
    ".augcli/parts/00000000-00000-00004.rows",
    ".augcli/parts/00000000-00000-00004.rows.4711.tmp",
    ".augcli/run.json.4711.tmp",
    ".augcli/repair/made/metadata.jsonl",
    ".augcli/repair/train/ant/0123456789abcdef.jpg",
    "classes.txt.4711.tmp",
)


@pytest.mark.parametrize("command", ["resume", "repair", "repair of a fault"])
def test_the_next_command_that_writes_removes_it(
    augcli: Augcli, out: Path, photos: Path, command: str
) -> None:
    before = tree(out)
    leave(out, *NAMES)
    result = augcli("verify", out)
    assert (result.returncode, result.stderr) == (
        0,
        f"augcli: warning: a process that was killed in its last steps left {out}/.augcli/parts,"
        " and 3 others there; nothing needs that any more, and `augcli verify"
        f" {out} --repair` removes it.\n",
    )
    assert len(leftovers(out)) == 4
    if command == "resume":
        result = augcli("generate", photos, out, "-r", "flip", "--resume")
    else:
        if command != "repair":
            next((out / "train").glob("*/*.jpg")).unlink()
        result = augcli("verify", out, "--repair")
    assert (result.returncode, "warning" in result.stderr) == (0, False)
    assert tree(out) == before
    assert in_state(out) == CALM
    assert augcli("verify", out).stderr == ""


@pytest.mark.parametrize(
    "name", [".augcli/parts/mine.rows", ".augcli/repair/mine", "mine.4711.tmp"]
)
def test_what_no_run_wrote_stays(augcli: Augcli, out: Path, photos: Path, name: str) -> None:
    leave(out, name)
    assert leftovers(out) == []
    assert augcli("generate", photos, out, "-r", "flip", "--resume").returncode == 0
    assert augcli("verify", out, "--repair").stderr == ""
    assert (out / name).read_bytes() == b"half"


def test_a_run_that_stops_behind_its_publication(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(parts, "remove_all", stop)
        with pytest.raises(Stop):
            generate(run_over(photos, out), source={"source": str(photos)})
    assert (out / "run.json").exists()
    untimed = [name for name in CALM if name != "timings.json"]
    assert in_state(out) == sorted([*untimed, "parts"])
    (out / ".augcli/run.json.99.tmp").write_bytes(b"{")
    assert generate(run_over(photos, out), source={"source": str(photos)}, existing=Existing.resume)
    assert in_state(out) == untimed


def test_a_repair_that_stops(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(out)
    next((out / "train").glob("*/*.jpg")).unlink()
    with monkeypatch.context() as patched:
        patched.setattr(repairing, "remove_aside", stop)
        with pytest.raises(Stop):
            repair(runtime_of(out), verify(out).wrong)
    assert "repair" in in_state(out)
    assert [path.name for path in leftovers(out)] == ["repair"]
    assert repair(runtime_of(out), verify(out).wrong).total == 0
    assert tree(out) == before
    assert in_state(out) == CALM


def test_a_run_that_is_resumed_removes_what_was_half_written(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(sink, "publish", stop)
        with pytest.raises(Stop):
            generate(run_over(photos, out), source={"source": str(photos)})
    (out / ".augcli/run.json.99.tmp").write_bytes(b"{")
    generate(run_over(photos, out), source={"source": str(photos)}, existing=Existing.resume)
    assert in_state(out) == CALM
