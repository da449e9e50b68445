"""The power fails between any two steps of a run: what the disk then holds is resumed from.

What reaches the disk is modelled strictly. Data that no fsync or flush followed is lost, cut short
or absent; renames and removals that no flush followed have happened or not, each by itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from augcli.engine.plan import Shard
from augcli.engine.shard import ShardReport, ShardWork
from augcli.engine.watch import UNWATCHED
from augcli.enums import Existing, OtherSplits
from augcli.errors import UserError
from augcli.store import durable, publish, removal
from augcli.store import journal as resume
from augcli.store.layout import IDENTITY, RUN, STATE, TIMINGS, TRAIN
from augcli.store.sinks import folder as sink
from augcli.tasks import generate as generate_module
from augcli.tasks.source_choice import read_existing
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, run_over, with_options

_CRASHES_OF_EACH_KIND = 3
OTHERS = ("val", "test")
FLUSHING = (publish, resume, sink, removal)


class InThisProcess:
    """Takes the place of the pool, so that every step happens here."""

    deaths = 0

    def __init__(self, work: ShardWork, shards: Iterator[Shard], *_: Any, **__: Any) -> None:
        self._work, self._shards = work, shards

    def reports(self) -> Iterator[ShardReport]:
        for one in self._shards:
            yield self._work.make(one, UNWATCHED)

    def close(self) -> None:
        pass


class Disk:
    """Watches what is written below OUT, and can leave a copy as a crash would."""

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out = out
        self.steps = 0
        self.crash: Callable[[], None] = lambda: None
        # Without a flush since: files written, and renames as (new, old, what stood there).
        self.written: set[Path] = set()
        self.renamed: list[tuple[Path, Path, bytes | None]] = []
        replace, rename, write = Path.replace, Path.rename, durable.write_file

        def write_file(path: str, data: bytes | memoryview) -> None:
            write(path, data)
            self.written.add(Path(path))
            self._step()

        def moved(usual: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
            def move(path: Path, target: Path) -> Path:
                before = target.read_bytes() if target.is_file() else None
                result = usual(path, target)
                self.renamed.append((Path(target), path, before))
                self._step()
                return result

            return move

        def flushed(_: Path) -> None:
            self.written.clear()
            self.renamed.clear()
            self._step()

        monkeypatch.setattr(sink, "write_file", write_file)
        for module in FLUSHING:
            monkeypatch.setattr(module, "flush", flushed)
        monkeypatch.setattr(Path, "replace", moved(replace))
        monkeypatch.setattr(Path, "rename", moved(rename))

    def _step(self) -> None:
        self.steps += 1
        self.crash()

    def leave(self, copy: Path, rng: np.random.Generator) -> None:
        """OUT as the disk may hold it now."""
        shutil.copytree(self.out, copy)

        def there(path: Path) -> Path:
            return copy / path.relative_to(self.out)

        for new, old, before in reversed(self.renamed):
            if rng.random() < 0.5 or not there(new).exists():
                continue
            os.rename(there(new), there(old))  # noqa: PTH104 - the methods are watched
            if before is not None:
                there(new).write_bytes(before)
        for path in self.written:
            file = there(path)
            kind = rng.integers(4)
            if not file.exists() or kind == 0:
                continue
            if kind == 1:
                file.unlink()
            else:
                os.truncate(file, 0 if kind == 2 else file.stat().st_size // 2)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Runs in one process, on a disk that needs no waiting for: what it keeps is modelled here."""
    monkeypatch.setattr(generate_module, "Pool", InThisProcess)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for module in FLUSHING:
        monkeypatch.setattr(module, "flush", lambda _: None)
    return monkeypatch


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is a place for that: thousands of files come and go."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as place:
        yield Path(place)


@pytest.fixture
def source(folder: Path) -> Path:
    photos = folder / "source"
    for number in range(34):
        write_photo(photos / "ab"[number % 2] / f"{number:02}.jpg", number, 24, 18)
    (photos / "a" / "04.jpg").write_bytes(b"no image")
    (photos / "b" / "31.jpg").write_bytes(b"")
    return photos


@pytest.fixture
def with_splits(source: Path, folder: Path) -> Path:
    """The images as a training split, with two others beside it."""
    splits = folder / "splits"
    shutil.copytree(source, splits / TRAIN)
    for number in range(5):
        write_photo(splits / OTHERS[number % 2] / "ab"[number % 2] / f"{number}.jpg", number, 9, 9)
    (splits / "val" / "a" / "bad.jpg").write_bytes(b"no image")
    return splits


def finished(source: Path, out: Path, **options: Any) -> dict[str, str]:
    source_fields = {"source": str(source)}
    run = run_over(source, out, copies=2)
    if run.listing.others:  # copied: a link is no file that was written
        run = with_options(run, other_splits=OtherSplits.copy)
    generate(run, source=source_fields, workers=1, **options)
    assert not list(out.glob("*.tmp"))
    return images(out) | lists(out)


def images(out: Path) -> dict[str, str]:
    others = {f"{split}/{n}": d for split in OTHERS for n, d in tree(out / split).items()}
    return tree(out / TRAIN) | others


def lists(out: Path) -> dict[str, str]:
    return {name: (out / name).read_text() for name in ("classes.txt", "errors.jsonl")}


def resumed(source: Path, out: Path) -> dict[str, str]:
    resume.check_out(out, source, Existing.resume)
    return finished(source, out, resume=True)


def test_a_loss_of_power_at_any_step(
    source: Path, folder: Path, in_this_process: pytest.MonkeyPatch
) -> None:
    lose_power(source, folder, in_this_process, 2 * 32 + 1 + 2)


def test_a_loss_of_power_at_any_step_of_a_run_with_splits(
    with_splits: Path, folder: Path, in_this_process: pytest.MonkeyPatch
) -> None:
    """None of the splits is there in part, and run.json only where all of them are."""
    lose_power(with_splits, folder, in_this_process, 2 * 32 + 1 + 2 + 5 + 2)


def lose_power(source: Path, folder: Path, in_this_process: pytest.MonkeyPatch, files: int) -> None:
    expected = finished(source, folder / "calm")
    assert len(expected) == files
    rng = np.random.default_rng(8)
    out = folder / "out"
    crashes: list[Path] = []
    with in_this_process.context() as watched:
        disk = Disk(out, watched)

        def crash() -> None:
            images = len(list(out.glob(".augcli/train/*/*.jpg")))
            if disk.written and images % 8 and not disk.renamed:  # of image writes some are enough
                return
            for _ in range(_CRASHES_OF_EACH_KIND if disk.renamed or disk.written else 1):
                copy = folder / f"crash{len(crashes)}"
                disk.leave(copy, rng)
                crashes.append(copy)

        disk.crash = crash
        assert finished(source, out) == expected
    assert len(crashes) >= 60
    for copy in crashes:
        assert (copy / TRAIN).exists() or not (copy / RUN).exists()
        if (copy / TRAIN).exists():  # whole, also where run.json is not there yet
            assert images(copy) | lists(copy) == expected
        assert resumed(source, copy) == expected
        shutil.rmtree(copy)


def test_a_loss_of_power_while_an_older_run_is_replaced(
    source: Path, folder: Path, in_this_process: pytest.MonkeyPatch
) -> None:
    """Removal stops anywhere: what is left never passes for a whole run or for a stranger's, and
    the same command goes on with it, as does one with --resume."""
    calm = folder / "calm"
    expected = finished(source, calm)

    class Stop(Exception):
        pass

    for kind in ("finished", "interrupted"):
        for step in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144):
            out = folder / f"{kind}{step}"
            shutil.copytree(folder / "calm", out)
            if kind == "interrupted":
                (out / TRAIN).rename(out / STATE / TRAIN)
                rows = (out / STATE / TRAIN / "metadata.jsonl").read_text()
                (out / STATE / "parts").mkdir()
                (out / STATE / "parts" / "00000000-00000-00017.rows").write_text(rows[:2000])
                for name in (RUN, "classes.txt", "errors.jsonl"):
                    (out / name).unlink()
            calls = iter(range(1000))

            def counted(usual: Any, calls: Iterator[int] = calls, step: int = step) -> Any:
                def call(*arguments: Any, **options: Any) -> Any:
                    if next(calls) == step:
                        raise Stop
                    return usual(*arguments, **options)

                return call

            with in_this_process.context() as patched:
                patched.setattr(os, "unlink", counted(os.unlink))
                patched.setattr(os, "rmdir", counted(os.rmdir))
                try:
                    removal.remove_run(out)
                except Stop:
                    pass
                else:
                    break
            assert not (out / STATE / IDENTITY).exists()
            if (out / TRAIN / "metadata.jsonl").exists():  # nothing of that is gone yet
                assert tree(out / TRAIN) == {name: expected[name] for name in tree(calm / TRAIN)}
            (out / "notes.txt").write_text("mine")
            with pytest.raises(
                UserError, match=r"is not empty.*, or give --overwrite to replace it"
            ):
                resume.check_out(out, source, Existing.refuse)
            how = {"resume": step % 2 == 0, "overwrite": step % 2 == 1}
            resume.check_out(out, source, read_existing(**how))
            assert finished(source, out, **how) == expected
            assert (out / "notes.txt").read_text() == "mine"
            left = {path.name for path in (out / STATE).iterdir()} - {TIMINGS}
            assert left == {"identity.json", "lock", "sources"}
            shutil.rmtree(out)
        assert step > 5
