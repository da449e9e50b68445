"""Files of data beside class folders are never left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.data.source import list_source
from tests.conftest import Augcli, write_photo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(("ant/1.png", "bee/2.png", "bee/3.png")):
        write_photo(tmp_path / "root" / name, number, 8, 8)
    return tmp_path / "root"


@pytest.mark.parametrize(
    "name",
    [
        *("train.csv", "labels.tsv", "rows.jsonl", "rows.ndjson", "train.csv.gz", "00000.parquet"),
        *("data.arrow", "00000.tar", "Shard.TAR", "a.tar.gz", "a.tgz", "images.zip", "images.7z"),
    ],
)
def test_a_data_file_beside_class_folders_is_named(name: str, root: Path) -> None:
    (root / name).write_bytes(b"-")
    listing = list_source(root)
    assert listing.classes == ("ant", "bee")
    assert listing.warnings == (
        f"1 data file of SOURCE beside the class folders is not read ({name}); give it as SOURCE if"
        " that is meant.",
    )


def test_many_are_counted_in_one_warning(augcli: Augcli, root: Path) -> None:
    for number in range(5):
        (root / f"{number:05}.tar").write_bytes(b"-")
    (root / "b.csv").write_text("path,label\n")
    result = augcli("inspect", root)
    assert result.returncode == 0
    assert result.stderr.count("warning") == 1
    assert (
        "6 data files of SOURCE beside the class folders are not read (00000.tar, 00001.tar,"
        " 00002.tar, ...); give one of them as SOURCE if that is meant."
        in " ".join(result.stderr.split())
    )


def test_files_about_a_data_set_are_no_surprise(root: Path) -> None:
    for name in ("README.md", "LICENSE.txt", "classes.txt", "classifier.onnx", ".hidden.csv",
                 "data.yaml", "errors.jsonl"):  # fmt: skip
        (root / name).write_bytes(b"-")
    (root / "x.csv").mkdir()
    (root / "x.csv/1.png").write_bytes((root / "ant/1.png").read_bytes())
    listing = list_source(root)
    assert (listing.classes, listing.warnings) == (("ant", "bee", "x.csv"), ())


def test_beside_folders_of_splits_too(root: Path) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(("ant/1.png", "bee/2.png")):
            write_photo(root.parent / "s" / split / name, number, 8, 8)
    (root.parent / "s/train.csv").write_text("id,label\n1,a\n")
    (root.parent / "s/README.md").write_text("-")
    listing = list_source(root.parent / "s")
    assert listing.split == "train"
    assert listing.warnings == (
        "1 data file of SOURCE beside the folders of splits is not read (train.csv); give it as"
        " SOURCE if that is meant.",
    )


def test_an_earlier_output_has_none(augcli: Augcli, root: Path, tmp_path: Path) -> None:
    (root / "ant/broken.png").write_bytes(b"-")
    made = augcli("generate", root, tmp_path / "out", "-r", "flip", "--max-errors", 1)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "out/errors.jsonl").is_file()
    assert list_source(tmp_path / "out").warnings == ()
