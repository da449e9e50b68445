"""The pool supervises any work, and knows nothing of what is made."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from augcli.engine.executors import pool as local
from augcli.engine.executors.pool import Pool
from augcli.engine.watch import Watch
from augcli.errors import RunFailed
from augcli.recipes.recipe import SaliencySpec
from augcli.tasks import maps as maps_module
from augcli.tasks.maps import Maps, MapWork, write_maps
from tests.conftest import ROOT, tree
from tests.helpers.runs import run_over

EXECUTORS = ROOT / "augcli" / "engine" / "executors"
KNOWN = {
    "augcli.engine.executors",
    "augcli.engine.watch",
    "augcli.errors",
    "augcli.image.decoder_output",
    "augcli.processes",
}


@pytest.fixture(params=["fork", "spawn"], autouse=True)
def either_method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "start_context", lambda: multiprocessing.get_context(request.param))


@dataclass(frozen=True)
class Words:
    """Work that is no run: an item is a text, each of its letters a target, by its code. Letters in
    capitals do harm."""

    place: Path
    memory: int = 1 << 20
    max_pixels: int = 100

    def make(self, word: str, watch: Watch) -> str:
        text = ""
        for letter in word:
            watch.target(ord(letter))
            if ord(letter) in watch.set_aside:
                text += "-"
                continue
            watch.decoding(ord(letter))
            harm(letter, "DS")
            watch.decoded()
            harm(letter, "KTF")
            text += letter
        watch.target(None)
        if "c" in word:
            with (self.place / word).open("a") as file:
                file.write(text)
            os.kill(os.getpid(), signal.SIGKILL)
        return text

    def try_decoding(self, index: int, watch: Watch) -> None:
        with (self.place / "tried").open("a") as file:
            file.write(chr(index))
        watch.decoding(index)
        harm(chr(index), "DS")
        watch.decoded()

    def targets(self, word: str) -> list[int]:
        return [ord(letter) for letter in word]

    def piece(self, word: str, start: int, stop: int) -> str:
        return word[start:stop]

    def committed(self, word: str) -> str | None:
        file = self.place / word
        return f"committed {file.read_text()}" if file.exists() else None


class FullDisk(Words):
    def make(self, word: str, watch: Watch) -> str:
        raise OSError(28, "No space left on device")


def harm(letter: str, kinds: str) -> None:
    if letter not in kinds:
        return
    if letter in "DK":
        os.kill(os.getpid(), signal.SIGKILL)
    if letter in "ST":
        time.sleep(600)
    if letter == "F":
        raise ValueError("as nobody expected")
    raise OSError(28, "No space left on device")


def reports(pool: Pool[str, str]) -> list[str]:
    with closing(pool):
        return sorted(pool.reports())


@pytest.mark.timeout(120)
def test_each_item_is_made_and_reported_once(tmp_path: Path) -> None:
    words = ["ab", "b", "ae", "eba"]
    assert reports(Pool(Words(tmp_path), words, 2)) == sorted(words)


@pytest.mark.timeout(120)
def test_targets_that_were_set_aside_are_named_to_the_work(tmp_path: Path) -> None:
    pool = Pool(Words(tmp_path), ["ab", "bDb"], 2, set_aside={ord("a"): "", ord("D"): ""})
    assert reports(pool) == ["-b", "b-b"]
    assert pool.deaths == 0


@pytest.mark.timeout(120)
def test_an_item_that_was_committed_is_reported_and_not_made_again(tmp_path: Path) -> None:
    pool = Pool(Words(tmp_path), ["ab", "bc"], 1)
    assert reports(pool) == ["ab", "committed bc"]
    assert (tmp_path / "bc").read_text() == "bc"
    assert pool.deaths == 1


@pytest.mark.timeout(120)
def test_an_image_that_ends_its_decoder_is_tried_alone_and_set_aside(tmp_path: Path) -> None:
    pool = Pool(Words(tmp_path), ["abD", "e"], 1)
    assert "".join(reports(pool)).count("-") == 1
    assert (tmp_path / "tried").read_text() == "DD"
    assert pool.deaths == 3  # once in its item, twice alone


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("letter", "deaths"), [("K", 6), ("T", 2), ("S", 3), ("F", 0)])
def test_a_target_that_does_harm_costs_itself(tmp_path: Path, letter: str, deaths: int) -> None:
    """By ending its worker, by never ending, while it decodes too, or by a fault."""
    pool = Pool(Words(tmp_path), [f"ab{letter}ba"], 1, seconds_an_image=2, seconds_an_output=2)
    assert sorted("".join(reports(pool))) == ["-", "a", "a", "b", "b"]
    assert pool.deaths == deaths


@pytest.mark.timeout(120)
def test_a_full_disk_is_named_by_the_place_of_the_work(tmp_path: Path) -> None:
    work = FullDisk(tmp_path)
    with pytest.raises(RunFailed) as failed:
        reports(Pool(work, ["a"], 1, remedy="make room."))
    assert str(failed.value) == f"{tmp_path}: No space left on device; make room."


def test_executors_know_nothing_of_what_is_made() -> None:
    """Neither stores nor reports nor plans: the work says all."""
    modules = sorted(EXECUTORS.glob("*.py"))
    assert len(modules) >= 4
    for module in modules:
        for name in imported(module):
            assert any(name == known or name.startswith(f"{known}.") for known in KNOWN), (
                module.name,
                name,
            )


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        yield from (name for name in names if name.split(".")[0] == "augcli")


class KilledBehindCommit(MapWork):
    """Whose worker dies once, behind the commit of a chunk that it then must not touch."""

    def make(self, chunk: range, watch: Watch) -> int:
        result = super().make(chunk, watch)
        mark = self.maps.out.with_name("once")
        with mark.open("a") as file:
            file.write(f"{chunk.start}\n")
        if mark.read_text().count("\n") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


@pytest.mark.timeout(120)
def test_maps_that_were_committed_are_not_made_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps_module, "_CHUNK", 4)
    counts: dict[str, Any] = {}
    for name in ("calm", "wild"):
        out = tmp_path / name
        maps = Maps(run_over(photos, out), SaliencySpec("fine-grained"))
        if name == "wild":
            monkeypatch.setattr(maps_module, "MapWork", KilledBehindCommit)
        result: list[int] = []
        written = write_maps(maps, on_done=result.append)
        counts[name] = written, sum(result)
    assert counts["calm"] == counts["wild"]
    chunks = (tmp_path / "once").read_text().split()
    assert sorted(map(int, chunks)) == [0, 4, 8, 12]
    assert tree(tmp_path / "calm") == tree(tmp_path / "wild")
