"""Other splits whose files in SOURCE change or go."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from augcli.enums import Originals
from augcli.errors import UserError
from augcli.manifest.verify import verify
from augcli.store import durable
from augcli.store.sinks import folder as sink
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import tree, write_photo
from tests.helpers.runs import runtime_of
from tests.helpers.split_runs import make, rows
from tests.store.test_other_splits import source

__all__ = ["source"]  # a fixture


def test_other_files_in_another_split_are_another_source(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    write_photo(source / "val" / "cat" / "0.jpg", 99, 30, 30)
    one = r"in the split val 1 file of another size \(cat/0.jpg\)"
    with pytest.raises(UserError, match=rf"with other files in SOURCE: {one};"):
        make(source, out, resume=True)
    write_photo(source / "train" / "cat" / "new.jpg", 99, 30, 30)
    with pytest.raises(UserError, match=rf"1 file added \(cat/new.jpg\) and {one};"):
        make(source, out, resume=True)
    shutil.rmtree(source / "val")
    with pytest.raises(UserError, match=r"1 file added \(cat/new.jpg\) and no split val;"):
        make(source, out, resume=True)


def test_an_image_that_is_gone_from_source_costs_itself(source: Path, tmp_path: Path) -> None:
    """A repair makes the others again, whatever else was added to SOURCE or has gone from it."""
    out = make(source, tmp_path / "out")
    before = {split: tree(out / split) for split in ("train", "val", "test")}
    lost = {row["source_paths"][0]: row["file_name"] for row in rows(out / "val")}
    gone = (source / "val" / "cat" / "1.jpg").read_bytes()
    for name in ("val/cat/1.jpg", "val/dog/2.jpg", "val/dog/3.jpg"):
        (out / "val" / lost[name]).unlink()
    shutil.rmtree(out / "train" / "cat")
    (source / "val" / "cat" / "1.jpg").unlink()
    write_photo(source / "train" / "cat" / "new.jpg", 99, 30, 30)
    repaired = repair(runtime_of(out), verify(out).wrong)
    assert [(fault.where, fault.what[-72:]) for fault in repaired.faults] == [
        (
            "val/cat/1.jpg",
            "cannot be made again: the file cannot be read: No such file or directory",
        )
    ]
    (out / "val" / lost["val/cat/1.jpg"]).write_bytes(gone)
    assert {split: tree(out / split) for split in before} == before
    shutil.rmtree(source / "test")
    (out / "train" / "metadata.jsonl").unlink()
    assert repair(runtime_of(out), verify(out).wrong).total == 0
    assert {split: tree(out / split) for split in before} == before
    gone_now = {"val/cat/1.jpg"} | {f"test/{c}/{i}.jpg" for c in ("cat", "dog") for i in range(3)}
    assert {fault.where for fault in replay(runtime_of(out))} == gone_now


def test_a_file_that_is_exchanged_before_it_is_linked_to(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, other = durable.link_file, (source / "val/cat/0.jpg").read_bytes()

    def exchange(file: bytes, path: str) -> None:
        os.unlink(file)  # noqa: PTH108 - bytes
        Path(os.fsdecode(file)).write_bytes(other + b"more")
        link(file, path)

    monkeypatch.setattr(sink, "link_file", exchange)
    assert verify(make(source, tmp_path / "out", workers=1)).total == 0


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_link_that_was_changed_with_its_source_stays_a_fault(
    source: Path, tmp_path: Path, split: str
) -> None:
    out = make(source, tmp_path / "out", include_originals=Originals.link)
    name = next(row["file_name"] for row in rows(out / split) if row["view"] == "orig")
    before, manifest = (out / split / name).read_bytes(), (out / split / "metadata.jsonl")
    right = manifest.read_bytes()
    with (out / split / name).open("ab") as file:
        file.write(b"junk")
    repaired = repair(runtime_of(out), verify(out).wrong)
    assert (repaired.replaced, repaired.total) == (0, 1)
    (fault,) = repaired.faults
    assert fault.where == (name if split == "train" else f"{split}/{name}")
    assert "as SOURCE, to which the file in OUT is a link, is not as it was" in fault.what
    assert manifest.read_bytes() == right
    (out / split / name).write_bytes(before)
    assert verify(out).total == 0
