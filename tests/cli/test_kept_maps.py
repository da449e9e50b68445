"""What people put into a folder of maps stays there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.errors import RunFailed, UserError
from tests.cli.conftest import Run
from tests.conftest import Augcli, write_photo


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for number in range(4):
        write_photo(folder / "ab"[number % 2] / f"{number}.jpg", number, 24, 18)
    (folder / "a" / "4.jpg").write_bytes(b"no image")
    return folder


@pytest.mark.parametrize("place", ["", "maps", "rows", "identity.json"])
def test_maps_pass_through_no_link(
    augcli: Augcli, source: Path, tmp_path: Path, place: str
) -> None:
    out, outside = tmp_path / "maps", tmp_path / "outside"
    assert augcli("saliency", source, out, "--max-errors", 9).returncode == 0
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    linked = out / ".augcli-maps" / place
    if linked.is_dir():
        shutil.rmtree(linked)
    linked.unlink(missing_ok=True)
    linked.symlink_to(outside)
    for how in ("--resume", "--overwrite"):
        result = augcli("saliency", source, out, how, "--max-errors", 9)
        assert result.returncode == 2
        assert "is a link, and nothing is written through links; remove it." in result.stderr
        assert (outside / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["maps.jsonl", "errors.jsonl", ".augcli-maps/mine.txt"])
def test_lists_that_are_not_of_the_maps_stay(
    augcli_saliency: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = tmp_path / "maps"

    def stop(_: Path) -> None:
        raise RunFailed("stopped")

    with monkeypatch.context() as patched:
        patched.setattr("augcli.tasks.maps.publish", stop)
        with pytest.raises(RunFailed, match="stopped"):
            augcli_saliency(source, out)
    (out / name).write_text('{"my": "notes"}\n')
    for how in ("--resume", "--overwrite"):
        with pytest.raises(UserError, match="move it away"):
            augcli_saliency(source, out, how)
        assert (out / name).read_text() == '{"my": "notes"}\n'
    (out / name).unlink()
    assert augcli_saliency(source, out, "--resume", "--max-errors", 9).exit_code == 0


@pytest.mark.parametrize("name", ["errors.jsonl", "a/0.jpg.png", "a/mine.png"])
def test_what_is_put_into_finished_maps_stays(
    augcli: Augcli, source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "maps"
    assert augcli("saliency", source, out, "--max-errors", 9).returncode == 0
    (out / name).write_text('{"my": "notes"}\n')
    for how in ("--resume", "--overwrite"):
        result = augcli("saliency", source, out, how, "--max-errors", 9)
        assert result.returncode == 2
        assert f"OUT {out} holds {name}, which is " in result.stderr
        assert (out / name).read_text() == '{"my": "notes"}\n'


def test_a_link_that_appears_while_maps_are_made_is_not_passed(
    augcli_saliency: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, outside = tmp_path / "maps", tmp_path / "outside"
    outside.mkdir()

    def link_after(out: Path, start: int, stop: int, rows: list[Any]) -> None:
        usual(out, start, stop, rows)
        staged = out / ".augcli-maps/maps"
        if not staged.is_symlink():
            shutil.rmtree(staged)
            staged.symlink_to(outside)

    from augcli.store import map_store
    from augcli.tasks import maps

    usual = map_store.commit
    monkeypatch.setattr(maps, "commit", link_after)
    monkeypatch.setattr(maps, "_CHUNK", 1)
    with pytest.raises(RunFailed, match="it is a link, and nothing is written through a link"):
        augcli_saliency(source, out, "-j", 1)
    assert list(outside.iterdir()) == []


def test_maps_killed_while_their_rows_are_removed_are_complete(
    augcli_saliency: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, usual = tmp_path / "maps", shutil.rmtree

    def half(folder: Path) -> None:
        next(Path(folder).iterdir()).unlink()
        raise RunFailed("killed")

    monkeypatch.setattr("augcli.tasks.maps._CHUNK", 1)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", half)
        with pytest.raises(RunFailed, match="killed"):
            augcli_saliency(source, out, "--max-errors", 9)
    assert shutil.rmtree is usual
    result = augcli_saliency(source, out, "--resume", "--max-errors", 9)
    assert (result.exit_code, "Already complete" in result.stdout) == (0, True)
    assert {path.name for path in (out / ".augcli-maps").iterdir()} & {"rows", "rows.tmp"} == set()


@pytest.mark.parametrize(
    "name", ["maps-backup/x", "identity.json.bak", "lock-notes.txt", "maps/x.txt", "rows/x.txt"]
)
@pytest.mark.parametrize("moment", ["finished", "unfinished"])
def test_what_lies_in_the_state_of_maps_stays(
    augcli_saliency: Run,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    moment: str,
) -> None:
    out = tmp_path / "maps"

    def stop(_: Path) -> None:
        raise RunFailed("stopped")

    with monkeypatch.context() as patched:
        if moment == "unfinished":
            patched.setattr("augcli.tasks.maps.publish", stop)
            with pytest.raises(RunFailed, match="stopped"):
                augcli_saliency(source, out)
        else:
            augcli_saliency(source, out, "--max-errors", 9)
    mine = out / ".augcli-maps" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    for how in ("--resume", "--overwrite"):
        with pytest.raises(UserError, match="is nothing that maps leave there; move it away"):
            augcli_saliency(source, out, how, "--max-errors", 9)
        assert mine.read_text() == "mine"
