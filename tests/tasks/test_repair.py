"""Repair makes exactly what the run had made, with what the run had set aside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.engine import images as images_module
from augcli.engine import shard as shard_module
from augcli.engine.shard import encoded
from augcli.enums import Originals
from augcli.errors import UnreadableImage
from augcli.image.codec import decode
from augcli.manifest.verify import Verified, verify
from augcli.tasks.repair import Repaired, repair
from tests.conftest import ROOT, tree
from tests.helpers.runs import generate, run_over, runtime_of

Patch = pytest.MonkeyPatch


def make(photos: Path, out: Path, patience: float = 60.0, **options: Any) -> None:
    run = run_over(photos, out, **options)
    source_fields = {"source": str(photos)}
    generate(run, source=source_fields, workers=2, seconds_an_image=patience)
    write_down(out, planned=len(run.listing) * options.get("copies", 1), copies=run.job.copies)


def write_down(out: Path, planned: int, copies: int) -> None:
    """What a run says of outputs that were planned and not made."""
    summary = json.loads((out / "run.json").read_text())
    summary["counts"]["planned"] = planned
    (out / "run.json").write_text(json.dumps(summary))
    rows = manifest(out)
    lines = [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]
    for line in lines:
        number = sum(row["source_ids"][0] == line["source_id"] for row in rows)
        line["outputs"] = copies - number
    (out / "errors.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary.pop("files", None)  # as of a version before 0.2, which wrote no digests
    (out / "run.json").write_text(json.dumps(summary))


def manifest(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def without_kept(out: Path) -> dict[str, str]:
    """The files of a run, without what repairs found in the place of a record and kept."""
    return {name: one for name, one in tree(out).items() if "/replaced/" not in name}


def repaired(out: Path, workers: int = 2, patience: float = 60.0) -> tuple[Repaired, Verified]:
    runtime = runtime_of(out, workers=workers, seconds_an_image=patience)
    result = repair(runtime, verify(out).wrong)
    assert not (out / ".augcli/repair").exists()
    return result, verify(out)


def harm(out: Path, number: int = 3) -> str:
    """Lose a file, break another and lose the row of a third; the name of the first."""
    rows = manifest(out)
    first = rows[number]["file_name"]
    (out / "train" / first).unlink()
    (out / "train" / rows[number + 2]["file_name"]).write_bytes(b"broken")
    lines = (out / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    (out / "train/metadata.jsonl").write_text("".join(lines[: number + 4] + lines[number + 5 :]))
    return str(first)


def odd(photos: Path) -> tuple[Path, bytes]:
    """One of the photos, and its bytes."""
    path = photos / "bee" / "bee 2.jpg"
    return path, path.read_bytes()


def hang(*_: bytes, **__: Any) -> Any:
    time.sleep(60)


def crash(*_: bytes, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(*_: bytes, **__: Any) -> Any:
    raise UnreadableImage("it is refused")


def bloat(data: bytes, **options: Any) -> Any:
    return decode(data, **options).repeat(1 << 20, axis=0).repeat(1 << 20, axis=1)


def fail_to_encode(monkeypatch: Patch, failing: str) -> None:
    """The output with this id cannot be encoded."""

    def encode(run: Any, output: Any) -> Any:
        if output.output_id == failing:
            raise UnreadableImage("it cannot be encoded")
        return encoded(run, output)

    monkeypatch.setattr(shard_module, "encoded", encode)


def decoding(monkeypatch: Patch, data: bytes, by: Callable[..., Any]) -> None:
    """Have workers decode one file in another way."""

    def chosen(given: bytes, **options: Any) -> Any:
        return by(given, **options) if given == data else decode(given, **options)

    monkeypatch.setattr(images_module, "decode", chosen)


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (hang, "decoding took longer than 1 s"),
        (crash, "decoding it ended its worker (SIGKILL"),
        (refuse, "it is refused"),
    ],
)
def test_what_the_run_set_aside_is_not_touched(
    photos: Path, tmp_path: Path, monkeypatch: Patch, by: Callable[..., Any], reason: str
) -> None:
    out = tmp_path / "out"
    _, data = odd(photos)
    decoding(monkeypatch, data, by)
    make(photos, out, patience=1.0)
    assert reason in (out / "errors.jsonl").read_text()
    before, rows = without_kept(out), manifest(out)
    assert len(rows) == 14
    harm(out)

    touched = tmp_path / "touched"

    def notice(given: bytes, **options: Any) -> Any:
        touched.touch()
        return decode(given, **options)

    decoding(monkeypatch, data, notice)
    result, after = repaired(out)
    assert (result.replaced, result.total, after.total) == (3, 0, 0)
    assert manifest(out) == rows
    assert without_kept(out) == before
    assert not touched.exists()


@pytest.mark.parametrize("known", [True, False], ids=["with-outputs", "of-an-older-version"])
@pytest.mark.parametrize("later", ["fails again", "works"])
def test_of_a_target_that_was_made_in_part_that_part_is_made(
    photos: Path, tmp_path: Path, monkeypatch: Patch, later: str, known: bool
) -> None:
    out = tmp_path / "out"
    make(photos, tmp_path / "all", copies=4)
    (image,) = {row["source_paths"][0] for row in manifest(tmp_path / "all")[:4]}
    ids = [r["sample_id"] for r in manifest(tmp_path / "all") if r["source_paths"][0] == image]
    fail_to_encode(monkeypatch, ids[2])
    make(photos, out, copies=4)
    rows, before = manifest(out), without_kept(out)
    assert [row["sample_id"] for row in rows if row["source_paths"][0] == image] == ids[:2]
    assert json.loads((out / "errors.jsonl").read_text())["outputs"] == 2
    if not known:
        skipped = json.loads((out / "errors.jsonl").read_text())
        del skipped["outputs"]
        (out / "errors.jsonl").write_text(json.dumps(skipped) + "\n")
        before = without_kept(out)
    assert verify(out).faults == []
    harm(out, number=next(i for i, row in enumerate(rows) if row["sample_id"] == ids[0]))
    if later == "works":
        monkeypatch.setattr(shard_module, "encoded", encoded)
    result, after = repaired(out)
    assert (result.replaced, result.total, after.faults) == (3, 0, [])
    assert manifest(out) == rows
    assert without_kept(out) == before


def test_of_several_shufflings_each_may_lack_its_last_copies(
    photos: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    out = tmp_path / "out"
    make(photos, tmp_path / "all", copies=8)
    image = manifest(tmp_path / "all")[0]["source_paths"][0]
    every = [r["sample_id"] for r in manifest(tmp_path / "all") if r["source_paths"][0] == image]
    fail_to_encode(monkeypatch, every[1])
    make(photos, out, copies=8)
    rows, before = manifest(out), without_kept(out)
    sample_ids = [row["sample_id"] for row in rows if row["source_paths"][0] == image]
    assert sample_ids == [every[0], *every[4:]]
    for number in (0, -1):
        lost = next(row for row in rows if row["sample_id"] == sample_ids[number])
        (out / "train" / lost["file_name"]).unlink()
    monkeypatch.undo()
    result, after = repaired(out)
    assert (result.replaced, result.total, after.faults) == (2, 0, [])
    assert without_kept(out) == before
    # With a row of it lost, which of its outputs were made is not known: none is guessed.
    lines = (out / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    lines.remove(next(line for line in lines if f'"sample_id":"{sample_ids[-1]}"' in line))
    (out / "train/metadata.jsonl").write_text("".join(lines))
    result, after = repaired(out)
    assert result.replaced == 0
    assert after.total > 0
    assert len(manifest(out)) == len(rows) - 1
    assert len(list(out.glob("train/*/*.*"))) == len(rows)


@pytest.mark.parametrize("by", [hang, crash, refuse, bloat])
def test_an_image_that_the_run_made_and_that_fails_now_is_a_fault(
    photos: Path, tmp_path: Path, monkeypatch: Patch, by: Callable[..., Any]
) -> None:
    """No other image takes its place as a partner, and the rest is made."""
    out = tmp_path / "out"
    make(photos, out)
    rows = manifest(out)
    path, data = odd(photos)
    relative = path.relative_to(photos).as_posix()
    own, partner = (
        next(row for row in rows if row["source_paths"][at : at + 1] == [relative]) for at in (0, 1)
    )
    other = next(row for row in rows if relative not in row["source_paths"])
    for row in (own, partner, other):
        (out / "train" / row["file_name"]).unlink()
    before = without_kept(out)
    decoding(monkeypatch, data, by)
    result, after = repaired(out, patience=1.0)
    assert (result.replaced, result.total) == (1, 2)
    said = {fault.where: fault.what for fault in result.faults}
    assert set(said) == {relative, partner["file_name"]}
    assert f"output {own['sample_id']} of it cannot be made again: " in said[relative]
    assert f"as {relative} cannot be decoded any more" in said[partner["file_name"]]
    assert [fault.what for fault in after.faults] == ["the file is missing"] * 2
    assert manifest(out) == rows
    assert without_kept(out) == before | {f"train/{other['file_name']}": other["sha256"]}
    monkeypatch.undo()
    assert repaired(out)[1].faults == []


def test_a_lost_row_is_not_made_of_other_images(
    photos: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    """Its partner fails now; which one it was is not known any more. Its image is not removed."""
    out = tmp_path / "out"
    make(photos, out)
    rows, before = manifest(out), without_kept(out)
    path, data = odd(photos)
    relative = path.relative_to(photos).as_posix()
    lost = next(row for row in rows if row["source_paths"][1:] == [relative])
    lines = (out / "train/metadata.jsonl").read_text().splitlines(keepends=True)
    lines.pop(rows.index(lost))
    (out / "train/metadata.jsonl").write_text("".join(lines))
    decoding(monkeypatch, data, refuse)
    result, _ = repaired(out)
    assert (result.replaced, result.total) == (0, 1)
    assert "its row is lost and cannot be made again for sure" in result.faults[0].what
    assert (out / "train" / lost["file_name"]).exists()
    monkeypatch.undo()
    assert repaired(out)[1].faults == []
    assert without_kept(out) == before


@pytest.mark.parametrize("originals", [Originals.copy, Originals.link])
def test_originals_whose_source_has_changed_stay_as_they_are(
    photos: Path, tmp_path: Path, originals: Originals
) -> None:
    out = tmp_path / "out"
    make(photos, out, include_originals=originals)
    write_down(out, planned=30, copies=2)
    rows = manifest(out)
    row = next(row for row in rows if row["view"] == "orig")
    (out / "train" / row["file_name"]).unlink()
    path = photos / row["source_paths"][0]
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(next(p for p in photos.glob("*/*.jpg") if p != path).read_bytes())
    result, after = repaired(out)
    assert [fault.where for fault in result.faults] == [row["file_name"]]
    assert "made again it is another image than its row says" in result.faults[0].what
    assert [fault.what for fault in after.faults] == ["the file is missing"]
    path.write_bytes(data)
    assert repaired(out)[1].faults == []
    assert manifest(out) == rows


KILLED = """
import os, sys
from pathlib import Path
from augcli.manifest.verify import verify
from augcli.engine.job import Runtime
from augcli.store.layout import Place
from augcli.tasks import repair as module
out, at, parent, count = Path(sys.argv[1]), int(sys.argv[2]), os.getpid(), 0
usual = Path.replace, Path.unlink, os.fsync
def step(usual):
    def stepped(*arguments, **options):
        global count
        if os.getpid() == parent:
            count += 1
            if count == at:
                os._exit(9)
        return usual(*arguments, **options)
    return stepped
wrong = verify(out).wrong
Path.replace, Path.unlink, os.fsync = map(step, usual)
module.repair(Runtime(Place(out)), wrong)
"""


@pytest.mark.slow
def test_a_repair_that_is_killed_at_any_step(photos: Path, tmp_path: Path) -> None:
    """All rows have their files or had none before, and a second repair completes it."""
    out, harmed = tmp_path / "out", tmp_path / "harmed"
    make(photos, out)
    before = tree(out / "train")
    harm(out)
    (out / "classes.txt").write_text("of another\n")
    shutil.copytree(out, harmed)
    at_first = {fault.where for fault in verify(harmed).faults}
    codes = []
    for step in range(1, 40):
        shutil.rmtree(out)
        shutil.copytree(harmed, out)
        call = [sys.executable, "-c", KILLED, str(out), str(step)]
        result = subprocess.run(call, cwd=ROOT, capture_output=True, timeout=100, check=False)
        codes.append(result.returncode)
        if result.returncode == 0:
            break
        assert result.returncode == 9, result.stderr
        lost = {row["file_name"] for row in manifest(out)} - set(tree(out / "train"))
        assert lost <= at_first
        if step % 2:  # each second one, to save time
            assert repaired(out)[1].faults == []
            assert tree(out / "train") == before
    assert codes[-1] == 0
    assert len(codes) > 8
    assert tree(out / "train") == before
