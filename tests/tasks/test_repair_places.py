"""What stands in the places of images, folders and records when a run is repaired."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.errors import UserError
from augcli.manifest.verify import verify
from augcli.tasks.repair import repair
from tests.conftest import tree
from tests.helpers.runs import runtime_of
from tests.tasks.test_repair import harm, make, manifest, repaired, without_kept


@pytest.mark.parametrize(
    "place", ["train", "train/ant", ".augcli", ".augcli/repair", "classes.txt", "run.json",
              "train/metadata.jsonl", "errors.jsonl", ".augcli/lock"],
)  # fmt: skip
def test_nothing_is_changed_behind_a_link(photos: Path, tmp_path: Path, place: str) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    make(photos, out)
    lost = manifest(out)[3]["file_name"]
    (out / "train" / lost).unlink()
    linked = out / place
    if linked.exists():
        linked.rename(outside)
    else:
        outside.mkdir()
    if outside.is_dir():
        (outside / "0123456789abcdef.jpg").write_bytes(b"not ours")
    linked.symlink_to(outside)
    wrong = verify(out).wrong
    before = tree(tmp_path)
    with pytest.raises(UserError, match=f"{linked} is a link"):
        repair(runtime_of(out), wrong)
    assert tree(tmp_path) == before
    assert linked.is_symlink()


def test_a_link_in_the_place_of_an_image_is_replaced_itself(photos: Path, tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.jpg"
    make(photos, out)
    before = without_kept(out)
    image = out / "train" / manifest(out)[3]["file_name"]
    image.rename(outside)
    image.symlink_to(outside)
    (fault,) = verify(out).faults
    assert fault.what == "it is a link, which is not followed"
    outside.write_bytes(b"not ours")
    assert repaired(out)[1].faults == []
    assert not image.is_symlink()
    assert outside.read_bytes() == b"not ours"
    assert without_kept(out) == before


def test_a_folder_in_the_place_of_an_image_or_a_file_in_that_of_a_folder(
    photos: Path, tmp_path: Path
) -> None:
    """What is empty is replaced; anything else is somebody's."""
    out = tmp_path / "out"
    make(photos, out)
    first, second, third = (out / "train" / row["file_name"] for row in manifest(out)[:3])
    for path in (first, second):
        path.unlink()
        path.mkdir()
    (second / "mine").write_text("mine")
    result, after = repaired(out)
    assert (result.replaced, result.total) == (1, 1)
    assert "it cannot be put in its place: " in result.faults[0].what
    assert [fault.what for fault in after.faults] == ["it is not a regular file"]
    assert (second / "mine").read_text() == "mine"
    shutil.rmtree(third.parent)
    third.parent.write_text("mine")
    assert any("cannot be put in its place" in fault.what for fault in repaired(out)[0].faults)
    assert third.parent.read_text() == "mine"


@pytest.mark.parametrize(
    ("errors", "counts", "expected"),
    [
        (None, {"skipped": 1}, "the file is missing; what the run set aside is not known"),
        ("{", {"skipped": 1}, "breaks off, or is too long; what the run set aside is not known"),
        ("", {"skipped": 1}, "the counts of run.json differ"),
        ("", {"planned": 16}, "the counts of run.json differ"),
        ("", {"outputs": 14}, "the counts of run.json differ"),
        ("", {"skipped": None}, "counts.skipped is None, which counts nothing"),
        ('{"source_id":"0","source_path":"","reason":""}\n', {"skipped": 1}, "of another source"),
    ],
)
def test_nothing_is_repaired_where_what_was_set_aside_is_not_known(
    photos: Path, tmp_path: Path, errors: str | None, counts: dict[str, Any], expected: str
) -> None:
    out = tmp_path / "out"
    make(photos, out)
    if errors is None:
        (out / "errors.jsonl").unlink()
    else:
        (out / "errors.jsonl").write_text(errors)
    summary = json.loads((out / "run.json").read_text())
    summary["counts"] |= counts
    (out / "run.json").write_text(json.dumps(summary))
    harm(out)
    wrong = verify(out).wrong
    before = without_kept(out)
    with pytest.raises(UserError, match=expected):
        repair(runtime_of(out), wrong)
    assert without_kept(out) == before


@pytest.mark.parametrize("text", [None, "{", "\0" * 100])
def test_errors_of_a_run_without_any_are_written_again(
    photos: Path, tmp_path: Path, text: str | None
) -> None:
    out = tmp_path / "out"
    make(photos, out)
    (out / "errors.jsonl").unlink()
    if text is not None:
        (out / "errors.jsonl").write_text(text)
    assert verify(out).total == 1
    assert repaired(out)[1].faults == []
    assert (out / "errors.jsonl").read_bytes() == b""


def test_a_row_whose_view_was_changed_is_written_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(photos, out, copies=2)
    rows, before = manifest(out), without_kept(out)
    text = (out / "train/metadata.jsonl").read_text()
    (out / "train/metadata.jsonl").write_text(text.replace('"view":"aug1"', '"view":"aug2"', 1))
    assert verify(out).total > 0
    assert repaired(out)[1].faults == []
    assert manifest(out) == rows
    assert without_kept(out) == before
