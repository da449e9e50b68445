"""Other splits of a source: they appear in OUT as they are, beside the augmented one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from augcli.data.destination import check_not_in_run
from augcli.enums import OtherSplits
from augcli.errors import RunFailed, UserError
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.mixup import Mixup
from augcli.store.layout import STATE, split_folders
from augcli.store.merge import merge_parts
from augcli.store.sinks import folder as sink
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, run_over, runtime_of, with_options
from tests.helpers.split_runs import image_folder, make, rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    photos = tmp_path / "source"
    number = 0
    for split, count in (("train", 10), ("val", 4), ("test", 3)):
        for index in range(count):
            for class_name in ("cat", "dog"):
                number += 1
                write_photo(photos / split / class_name / f"{index}.jpg", number, 24, 18)
    return photos


def test_out_is_a_whole_data_set(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    assert image_folder(out / "train") == image_folder(out / "val") == {"cat": 0, "dog": 1}
    for split, count in (("val", 8), ("test", 6)):
        there = rows(out / split)
        assert len(there) == count
        for row in there:
            original = (source / row["source_paths"][0]).read_bytes()
            assert row["source_paths"][0].startswith(f"{split}/{row['class_name']}/")
            assert (out / split / row["file_name"]).read_bytes() == original
            assert (row["view"], row["recipe"], row["label_weights"]) == ("orig", "", [1.0])
            assert row["label"] == image_folder(out / split)[row["class_name"]]
    names = {row["sample_id"] for split in ("train", "val", "test") for row in rows(out / split)}
    assert len(names) == 40 + 8 + 6
    used = {path for row in rows(out / "train") for path in row["source_paths"]}
    assert used <= {f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(10)}
    record = json.loads((out / "run.json").read_text())
    assert record["other_splits"] == "link"
    assert record["counts"]["outputs"] == record["counts"]["planned"] == 40
    counts = {name: (s["name"], s["outputs"], s["planned"]) for name, s in record["splits"].items()}
    assert counts == {"val": ("val", 8, 8), "test": ("test", 6, 6)}
    assert sorted(path.name for path in (out / STATE).iterdir()) == [
        "identity.json",
        "lock",
        "sources",
        "timings.json",
    ]
    assert verify(out).total == 0
    assert not list(replay(runtime_of(out)))


def test_the_training_split_is_as_without_the_others(source: Path, tmp_path: Path) -> None:
    whole, alone = make(source, tmp_path / "a"), make(source / "train", tmp_path / "b")
    assert tree(whole / "train") == tree(alone / "train")
    record = json.loads((alone / "run.json").read_text())
    assert "splits" not in record


def test_link_copy_and_none(source: Path, tmp_path: Path) -> None:
    linked = make(source, tmp_path / "linked")
    copied = make(source, tmp_path / "copied", other_splits=OtherSplits.copy)
    none = make(source, tmp_path / "none", other_splits=OtherSplits.none)
    assert tree(linked / "val") == tree(copied / "val")
    (one,) = {p.stat().st_nlink for p in (linked / "val").glob("*/*.jpg")}
    (other,) = {p.stat().st_nlink for p in (copied / "val").glob("*/*.jpg")}
    assert (one, other) == (2, 1)
    assert sorted(p.name for p in none.iterdir() if p.is_dir()) == [STATE, "train"]
    record = json.loads((none / "run.json").read_text())
    assert not {"splits", "other_splits"} & record.keys()


def test_what_cannot_be_linked_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(sink, "link_file", refuse)
    out = make(source, tmp_path / "out")
    assert {p.stat().st_nlink for p in (out / "val").glob("*/*.jpg")} == {1}
    assert verify(out).total == 0


def test_workers_and_two_runs_leave_the_same_bytes(source: Path, tmp_path: Path) -> None:
    one, two = make(source, tmp_path / "1"), make(source, tmp_path / "2", workers=2)
    for split in ("train", "val", "test"):
        assert tree(one / split) == tree(two / split)


def test_an_image_that_cannot_be_read(source: Path, tmp_path: Path) -> None:
    (source / "val" / "cat" / "bad.jpg").write_bytes(b"no image")
    out = make(source, tmp_path / "out")
    (line,) = [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]
    assert (line["source_path"], line["split"], line["outputs"]) == ("val/cat/bad.jpg", "val", 1)
    record = json.loads((out / "run.json").read_text())
    assert (record["counts"]["skipped"], record["counts"]["planned"]) == (1, 40)
    assert [record["splits"][s]["skipped"] for s in ("val", "test")] == [1, 0]
    assert verify(out).total == 0
    shutil.rmtree(out / "val")
    assert repair(runtime_of(out), verify(out).wrong).total == 0
    assert verify(out).total == 0
    assert len(rows(out / "val")) == 8


def test_a_split_of_which_no_image_can_be_read(source: Path, tmp_path: Path) -> None:
    for path in (source / "val").glob("*/*.jpg"):
        path.write_bytes(b"no image")
    out = make(source, tmp_path / "out")
    assert (out / "val" / "metadata.jsonl").read_bytes() == b""
    assert verify(out).total == 0


def test_damage_is_found_and_repaired(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    before = {split: tree(out / split) for split in ("train", "val", "test")}
    gone, changed = sorted((out / "val").glob("*/*.jpg"))[:2]
    gone.unlink()
    changed.unlink()
    changed.write_bytes(b"other")
    (out / "test" / "metadata.jsonl").write_text("")
    (out / "val" / "cat" / "mine.txt").write_text("mine")
    verified = verify(out)
    faults = {fault.where: fault.what for fault in verified.faults}
    assert faults[f"val/cat/{gone.name}"] == "the file is missing"
    assert faults[f"val/cat/{changed.name}"] == "the file's sha256 is not the row's"
    assert faults["val/cat/mine.txt"] == "no row names this file"
    assert faults["run.json"] == "of test it counts 6 outputs, and there are 0"
    (out / "val" / "cat" / "mine.txt").unlink()
    repaired = repair(runtime_of(out), verify(out).wrong)
    assert (repaired.replaced, repaired.total) == (8, 0)
    assert {split: tree(out / split) for split in before} == before
    assert verify(out).total == 0


@pytest.mark.parametrize("splits", [None, {}, {"../x": {}}, {"val": 1}, {"train": {}}])
def test_a_record_of_splits_that_is_damaged(source: Path, tmp_path: Path, splits: Any) -> None:
    out = make(source, tmp_path / "out")
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | {"splits": splits}))
    assert [fault.where for fault in verify(out).faults] == ["run.json"]


def test_a_row_of_the_record_tells_of_another_manifest(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    manifest = out / "val" / "metadata.jsonl"
    manifest.write_text(manifest.read_text().replace('"lam":1.0', '"lam":0.5'))
    (fault,) = verify(out).faults
    assert fault.where == "val/metadata.jsonl"
    with pytest.raises(RunFailed, match=r"val/metadata.jsonl is not the one that the run"):
        make(source, out, resume=True)


def test_a_finished_run_is_resumed_and_replaced(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    make(source, out, resume=True)
    next((out / "val").glob("*/*.jpg")).unlink()
    with pytest.raises(RunFailed, match=r"The split val of OUT .* lacks 1 of its 8 images"):
        make(source, out, resume=True)
    make(source, out, overwrite=True, other_splits=OtherSplits.none)
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == [STATE, "train"]
    assert sorted(path.name for path in (out / STATE).iterdir()) == [
        "identity.json",
        "lock",
        "sources",
        "timings.json",
    ]


def test_files_of_others_stay(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    (out / "val" / "cat" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"val/cat/mine.jpg is nothing that a run writes"):
        make(source, out, overwrite=True)
    (out / "val" / "cat" / "mine.jpg").unlink()
    (out / "val").rename(tmp_path / "val")
    (out / "val").symlink_to(tmp_path / "val")
    with pytest.raises(UserError, match=r"out/val is a link, and nothing is written through links"):
        make(source, out, overwrite=True)
    assert [f.where for f in verify(out).faults if "link" in f.what] == ["val"]
    assert len(list((tmp_path / "val").glob("*/*.jpg"))) == 8


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_folder_that_appears_meanwhile_stays(
    source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publication refuses it, and goes on once it is away."""
    out, usual = tmp_path / "out", merge_parts

    def merge(state: Path) -> Any:
        (out / name).mkdir()
        (out / name / "mine.txt").write_text("mine")
        return usual(state)

    with monkeypatch.context() as patched:
        patched.setattr(sink, "merge_parts", merge)
        with pytest.raises(RunFailed, match=rf"out/{name} appeared while the run went on"):
            make(source, out)
    assert not (out / "train").exists()
    shutil.rmtree(out / name)
    make(source, out, resume=True)
    assert verify(out).total == 0


@pytest.mark.parametrize("how", ["resume", "overwrite"])
@pytest.mark.parametrize("renamed", [1, 2])
def test_a_publication_that_stops_between_two_splits(
    source: Path, tmp_path: Path, how: str, renamed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    expected = make(source, tmp_path / "calm")
    out, usual, names = tmp_path / "out", Path.rename, {"val", "test", "train"}

    def rename(path: Path, target: Path) -> Path:
        is_last = sum((out / name).exists() for name in names) == renamed
        if is_last and Path(target).parent == out and Path(target).name in names:
            raise Stop
        return usual(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(Stop):
            make(source, out)
    assert sum((out / name).exists() for name in names) == renamed
    assert not (out / "train").exists()
    assert not (out / "run.json").exists()
    make(source, out, **{how: True})
    for split in names:
        assert tree(out / split) == tree(expected / split)
    assert verify(out).total == 0


def test_names_of_splits_in_out() -> None:
    names = ["val", "Val", "run.json", "a/b", ".augcli", "..", "Train", "classes.txt"]
    folders = split_folders(names)
    assert folders[0] == "val"
    assert len({folder.lower() for folder in folders}) == len(names)
    assert not {"run.json", ".augcli", "train", "classes.txt"} & {f.lower() for f in folders}
    assert all("/" not in folder and not folder.startswith(".") for folder in folders)


def test_an_earlier_output_carries_its_splits_along(source: Path, tmp_path: Path) -> None:
    first = make(source, tmp_path / "first")
    second = make(first, tmp_path / "second")
    images = [
        sorted(path.read_bytes() for path in (out / "val").glob("*/*.jpg"))
        for out in (first, second)
    ]
    assert images[0] == images[1]
    soft = [row for row in rows(second / "train") if len(row["label_ids"]) > 1]
    assert soft
    assert verify(second).total == 0


def test_an_earlier_output_has_splits_of_any_name(tmp_path: Path) -> None:
    """By its record; other folders of images beside them are refused, as in any source."""
    table = tmp_path / "table"
    table.mkdir()
    lines = ["file_name,label,split"]
    for number in range(6):
        write_photo(table / f"{number}.jpg", number, 20, 16)
        lines.append(f"{number}.jpg,{'ab'[number % 2]},{'train' if number < 4 else 'night'}")
    (table / "metadata.csv").write_text("\n".join(lines))
    first = make(table, tmp_path / "first")
    assert len(rows(first / "night")) == 2
    second = make(first, tmp_path / "second")
    assert [len(rows(second / split)) for split in ("train", "night")] == [16, 2]
    assert verify(second).total == 0
    with pytest.raises(UserError, match=r"lies inside .*, which augcli wrote as a whole"):
        check_not_in_run(first / "night" / "sheet.png", "--output")


def test_datasets_reads_the_splits(source: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    run = run_over(source, out, copies=2, other_splits=OtherSplits.link)
    run = with_options(run, recipe=Pipeline("mixup", (Step(Mixup()),)))
    generate(run, source={"source": str(source)})
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache")
    )
    assert {name: len(split) for name, split in loaded.items()} == {
        "train": 40, "validation": 8, "test": 6
    }  # fmt: skip
    for split, name in (("val", "validation"), ("test", "test")):
        labels = {row["sample_id"]: row["label"] for row in rows(out / split)}
        assert dict(zip(loaded[name]["sample_id"], loaded[name]["label"], strict=True)) == labels
