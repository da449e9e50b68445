"""What people put beside the files of a run stays there."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from augcli.errors import RunFailed, UserError
from augcli.manifest.verify import verify
from augcli.store.journal import stamp
from augcli.tasks.repair import repair
from tests.conftest import Augcli, tree
from tests.helpers.runs import runtime_of
from tests.store.test_stored import make, source, stopped_before

__all__ = ["source"]

SIDECARS = (".txt", ".json", ".npy", ".png")


def refusal(augcli: Augcli, source: Path, out: Path) -> str:
    """The sentence with which a run is not replaced, and nothing is changed."""
    before = tree(out)
    result = augcli("generate", source, out, "-r", "flip", "--overwrite")
    assert result.returncode == 2
    assert tree(out) == before
    return result.stderr


def test_files_named_like_an_image_beside_it_stay(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    """Captions, boxes, arrays and masks have the image's own name with another ending."""
    out = tmp_path / "out"
    make(source, out)
    image = sorted((out / "train/a").glob("*.jpg"))[0]
    for ending in SIDECARS:
        image.with_suffix(ending).write_text("mine")
    before = tree(out)
    result = augcli("verify", out, "--repair")
    assert result.returncode == 1
    assert f"no row names this file ({len(SIDECARS)})" in result.stdout
    assert tree(out) == before
    assert "is nothing that a run writes; move it away to" in refusal(augcli, source, out)


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl", "run.json"])
def test_a_folder_in_the_place_of_a_record_is_refused_before_anything_goes(
    augcli: Augcli, source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    make(source, out)
    (out / name).unlink()
    (out / name).mkdir()
    (out / name / "mine").write_text("mine")
    before = tree(out)
    result = augcli("generate", source, out, "-r", "flip", "--overwrite")
    assert result.returncode == 2
    assert result.stderr.endswith(f"{name} is a folder, no record of a run; move it away.\n")
    assert tree(out) == before


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl", "run.json", "train/x/0.jpg"])
def test_what_was_refused_when_publishing_is_not_replaced_later(
    augcli: Augcli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = tmp_path / "out"
    stopped_before(monkeypatch, "merge_parts", source, out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("my notes")
    if name.startswith("train"):
        (out / "train/metadata.jsonl").write_text(json.dumps({"file_name": "x/0.jpg"}) + "\n")
    arguments = ("generate", source, out, "-r", "cutmix", "-k", 2, "--max-errors", 9)
    for how, code in (("--overwrite", 2), ("--resume", None), ("--overwrite", 2)):
        result = augcli(*arguments, how)
        assert result.returncode == code or (code is None and result.returncode in (1, 2)), (
            result.stderr
        )
        assert (out / name).read_text() == "my notes"


def test_a_strangers_record_and_images_are_not_those_of_a_run_that_had_just_begun(
    augcli: Augcli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    stopped_before(monkeypatch, "merge_parts", source, out)
    shutil.rmtree(out / ".augcli/parts")
    shutil.rmtree(out / ".augcli/train")
    (out / "run.json").write_text('{"their": 1}')
    (out / "train").mkdir()
    (out / "train/metadata.jsonl").write_text('{"my": 1}\n')
    before = tree(out)
    result = augcli("generate", source, out, "-r", "cutmix", "--overwrite")
    assert result.returncode == 2, result.stderr
    assert tree(out) == before


@pytest.mark.parametrize("place", ["notes.txt", "train/a/notes.txt", "made/x", "parts/.x", "train"])
def test_what_lies_aside_and_is_no_repairs_stays(
    augcli: Augcli, source: Path, tmp_path: Path, place: str
) -> None:
    out = tmp_path / "out"
    make(source, out)
    sorted((out / "train/a").glob("*.jpg"))[0].unlink()
    mine = out / ".augcli/repair" / place
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    for command, who in (
        (("verify", out, "--repair"), "a repair"),
        (("generate", source, out, "-r", "flip", "--overwrite"), "a re"),
    ):
        result = augcli(*command)
        assert result.returncode == 2
        assert f"{mine} is nothing that {who}" in result.stderr
        assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl", "run.json"])
def test_a_record_that_somebody_replaced_is_not_removed(
    augcli: Augcli, source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    make(source, out)
    (out / name).write_text("my notes\n")
    assert f"{name} was not written by the run in OUT; move it away to replace" in refusal(
        augcli, source, out
    )


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl", "run.json"])
def test_what_is_written_after_a_removal_was_stopped_stays(
    augcli: Augcli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from augcli.store import removal

    out = tmp_path / "out"
    make(source, out)
    with monkeypatch.context() as patched:
        patched.setattr(removal, "remove_aside", stop)
        with pytest.raises(Stop):
            removal.remove_run(out)
    assert not (out / name).exists()
    (out / name).write_text("my notes\n")
    for how in ("--overwrite", "--resume"):
        result = augcli("generate", source, out, "-r", "flip", how)
        assert result.returncode == 2
        assert (out / name).read_text() == "my notes\n"


class Stop(Exception):
    """Stands for a kill."""


def stop(*_: object) -> None:
    raise Stop


@pytest.mark.parametrize("name", ["classes.txt", "errors.jsonl", "run.json"])
@pytest.mark.parametrize("has_links", [True, False])
def test_what_appears_in_the_last_moment_is_not_replaced(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, has_links: bool
) -> None:
    out, link = tmp_path / "out", os.link

    def late(staged: Path, place: Path) -> None:
        if Path(place) == out / name:
            Path(place).write_text("my notes")
        if not has_links:
            raise OSError(errno.EPERM, "no hard links here")
        link(staged, place)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", late)
        with pytest.raises(RunFailed, match="appeared while the run went on and is not its own"):
            make(source, out)
    assert (out / name).read_text() == "my notes"
    (out / name).unlink()
    make(source, out, resume=True)
    assert verify(out).faults == []


def test_a_run_ends_well_where_there_are_no_hard_links(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    make(source, tmp_path / "calm")
    monkeypatch.setattr(os, "link", refuse)
    make(source, tmp_path / "out")
    assert tree(tmp_path / "out/train") == tree(tmp_path / "calm/train")
    assert {p.name for p in (tmp_path / "out/.augcli").iterdir()} == {
        p.name for p in (tmp_path / "calm/.augcli").iterdir()
    }


def test_what_an_edited_manifest_names_stays(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    manifest, mine = out / "train/metadata.jsonl", out / "train/a/0123456789abcdef.jpg"
    mine.write_bytes(b"mine")
    row = json.loads(manifest.read_text().splitlines()[0])
    row["file_name"] = "a/0123456789abcdef.jpg"
    manifest.write_text(manifest.read_text() + json.dumps(row) + "\n")
    assert "is nothing that a run writes; move it away to replace the run." in refusal(
        augcli, source, out
    )


def test_a_repair_that_another_run_overtakes_changes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    before = stamp(out)
    make(source, out, seed=5, overwrite=True)
    image = sorted((out / "train/a").glob("*.jpg"))[0]
    image.unlink()
    with pytest.raises(UserError, match="was changed by another run; give the same command again"):
        repair(runtime_of(out), wrong=np.zeros(0, np.uint64), before=before)
    assert not image.exists()


def test_nothing_is_removed_where_no_record_proves_it(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(source, out)
    (out / "run.json").unlink()
    (out / "classes.txt").write_text("my own\n")
    assert "was not written by the run in OUT; move it away to replace the run." in refusal(
        augcli, source, out
    )


@pytest.mark.parametrize("name", ["train/metadata.jsonl", "classes.txt", "errors.jsonl"])
def test_a_repair_keeps_what_stands_in_the_place_of_a_record(
    augcli: Augcli, source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    make(source, out)
    right = (out / name).read_bytes()
    (out / name).write_text("mine")
    result = augcli("verify", out, "--repair")
    if name == "errors.jsonl":  # what was skipped is not known then, and nothing is repaired
        assert (result.returncode, (out / name).read_text()) == (2, "mine")
        return
    assert result.returncode == 0, result.stdout + result.stderr
    assert (out / name).read_bytes() == right
    kept = out / ".augcli/replaced" / f"{Path(name).name}.1"
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(("key", "value"), [("label_weights", [1.0]), ("recipe", "mixup")])
def test_a_row_that_somebody_changed_is_found_and_made_again(
    augcli: Augcli, source: Path, tmp_path: Path, key: str, value: object
) -> None:
    out = tmp_path / "out"
    make(source, out)
    manifest = out / "train/metadata.jsonl"
    right = manifest.read_bytes()
    lines = manifest.read_text().splitlines()
    row = json.loads(lines[3])
    row[key] = value
    if key == "label_weights":
        row |= {"label_ids": [row["label"]], "soft_label": [0.0] * len(row["soft_label"])}
        row["soft_label"][row["label"]] = 1.0
    lines[3] = json.dumps(row)
    manifest.write_text("\n".join(lines) + "\n")
    result = augcli("verify", out)
    assert result.returncode == 1
    assert "its rows are not all as the run wrote them, by the digest in run.json" in result.stdout
    assert augcli("verify", out, "--repair").returncode == 0
    assert manifest.read_bytes() == right


def test_a_record_of_another_run_is_found(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(source, out)
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | {"seed": 9}))
    result = augcli("verify", out)
    assert (result.returncode, result.stdout.splitlines()[0]) == (
        1, "run.json: its seed is not that with which the run began",
    )  # fmt: skip
