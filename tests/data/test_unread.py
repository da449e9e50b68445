"""What of a source is not read is counted or named in one warning; splits are no classes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from augcli.data import left_out
from augcli.data.columns import UnreadColumns
from augcli.data.metadata_rows import OF_A_RUN
from augcli.data.metadata_rows import Row as ReadRow
from augcli.data.source import list_source
from augcli.data.splits import check_classes
from augcli.errors import UserError
from augcli.manifest.row import Row
from tests.conftest import Augcli
from tests.data.test_listing import fill, paths
from tests.helpers.archives import write_tar


def table(folder: Path, text: str) -> Path:
    path = folder / "t.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("path,label\n1.jpg,a\n", []),
        ("path,label,bbox\n1.jpg,a,x\n", ["1 column is not read (bbox)."]),
        (
            "path,a,b,label,c,d,e,f,g\n1.jpg,1,2,a,3,4,5,6,7\n",
            ["7 columns are not read (a, b, c, d, e and 2 more)."],
        ),
        (",path,label\n0,1.jpg,a\n", ["1 column is not read (one without a name)."]),
        ("path,label,split\n1.jpg,a,train\n2.jpg,a,train\n", []),
        (
            "path,label,Split,id\n1.jpg,a,train,1\n2.jpg,a, test,2\n3.jpg,b,train,3\n",
            ["1 column is not read (id)."],
        ),
        ("path,label,phase\n1.jpg,a,one\n2.jpg,a,one\n", ["1 column is not read (phase)."]),
        (
            "fold,path,label\n" + "".join(f"{n},{n}.jpg,a\n" for n in range(5)),
            [
                "the column fold is not read, and has several values (0, 1, 2, ...): all rows are"
                " used; keep only those that are meant."
            ],
        ),
        ("path,label,x\x1b[31m\n1.jpg,a,1\n", ["1 column is not read (x\\x1b[31m)."]),
    ],
)
def test_columns_of_a_table(tmp_path: Path, text: str, warnings: list[str]) -> None:
    source = table(tmp_path, text)
    actual = [warning.replace("\\x5c", "\\") for warning in list_source(source).warnings]
    assert actual == [f"{source}: {warning}" for warning in warnings]


@pytest.mark.parametrize(
    ("rows", "warnings"),
    [
        ([{}], []),
        ([{"bbox": [1, 2]}, {"caption": "x"}], ["2 columns are not read (bbox, caption)."]),
        ([{"lam": 0.5, "sha256": "x", "params": "null"}], []),
        (
            [{"split": "train"}, {"split": "val"}],
            [],
        ),
        ([{"phase": "one"}, {"phase": None}], ["1 column is not read (phase)."]),
    ],
)
def test_columns_of_a_manifest(
    tmp_path: Path, rows: list[dict[str, object]], warnings: list[str]
) -> None:
    manifest = tmp_path / "metadata.jsonl"
    with manifest.open("w") as file:
        for number, row in enumerate(rows):
            values = {"file_name": f"{number}.png", "class_name": "a", **row}
            file.write(json.dumps(values) + "\n")
    assert list(list_source(tmp_path).warnings) == [f"{manifest}: {w}" for w in warnings]


def test_what_a_run_writes_is_known(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    assert OF_A_RUN | set(ReadRow._fields) == set(Row.model_fields)
    assert augcli("generate", photos, tmp_path / "one", "-r", "mixup").returncode == 0
    result = augcli("generate", tmp_path / "one", tmp_path / "two", "-r", "cutmix")
    assert result.returncode == 0
    assert "not read" not in result.stderr


def test_names_without_end_are_not_all_remembered() -> None:
    unread = UnreadColumns()
    for number in range(20_000):
        unread.add(f"{number}" + "x" * 100_000)
    (warning,) = unread.warnings("t")
    assert "10000 columns are not read (0xxx" in warning
    assert len(warning) < 500


def test_keys_of_json_members(tmp_path: Path) -> None:
    members = {}
    for number, split in enumerate(("train", "val")):
        members[f"{number}.jpg"] = b"-"
        members[f"{number}.json"] = json.dumps({"label": "a", "url": "x", "split": split}).encode()
    source = write_tar(tmp_path / "s.tar", members)
    assert list_source(source).warnings == (
        f"{source}: the key split is not read, and has several values (train, val): all rows are"
        " used; keep only those that are meant.",
        f"{source}: 1 key is not read (url).",
    )


def test_every_command_that_reads_a_source_warns(augcli: Augcli, photos: Path) -> None:
    (photos / "loose.jpg").write_bytes(b"")
    expected = (
        "augcli: warning: 1 image of SOURCE left out: 1 beside the class folders (loose.jpg).\n"
    )
    for arguments in (
        ("generate", photos, "out", "-r", "flip", "--dry-run", "--quiet"),
        ("preview", photos, "-r", "flip", "-n", 1),
        ("saliency", photos, "maps", "--quiet"),
    ):
        result = augcli(*arguments)
        assert (result.returncode, result.stderr) == (0, expected)


def test_loose_hidden_and_other_images_are_counted_in_one_warning(tmp_path: Path) -> None:
    root = fill(
        tmp_path,
        *("a/1.jpg", "b/2.jpg", "x.jpg", "y.png", "readme.md", "a/.cache/deep/3.jpg", "a/.4.jpg"),
        *(".git/objects/5", ".git/6.jpg", "b/7.PSD", "b/notes.txt", ".DS_Store"),
    )
    listing = list_source(root)
    assert paths(listing) == ["a/1.jpg", "b/2.jpg"]
    assert listing.warnings == (
        "1 file of SOURCE is no image (b/notes.txt).",
        "6 images of SOURCE left out: 2 beside the class folders (the first is x.jpg), 3 with a"
        " hidden name or in hidden folders (the first is .git/6.jpg), 1 of formats that are not"
        " read (b/7.PSD).",
    )


def test_hidden_folders_without_images_are_no_matter(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg", ".git/HEAD", ".git/objects/ab/cd", "a/.ipynb_checkpoints/n.py")
    (root / ".link").symlink_to(root / "a")
    assert list_source(root).warnings == ()


def test_hidden_folders_are_looked_at_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_out, "_ENTRIES_OF_A_FOLDER", 10)
    root = fill(tmp_path, "a/1.jpg", *(f".git/{number}.jpg" for number in range(30)))
    (warning,) = list_source(root).warnings
    assert warning.startswith(
        "at least 10 images of SOURCE left out: at least 10 with a hidden name or in hidden folders"
        " (the first is .git/"
    )
    looked_at = []
    usual = os.scandir

    def scandir(folder: bytes) -> object:
        looked_at.append(folder)
        return usual(folder)

    monkeypatch.setattr(left_out, "_ENTRIES_OF_A_FOLDER", 2_000)
    fill(root, *(f".git/{number}/{inner}/x" for number in range(60) for inner in range(60)))
    monkeypatch.setattr(os, "scandir", scandir)
    list_source(root)
    assert len(looked_at) < 2_100


def test_members_of_an_archive_that_are_left_out(tmp_path: Path) -> None:
    members = ("a/1.jpg", "b/2.jpg", "a/._1.jpg", "__MACOSX/._a.txt", "b/3.psd")
    source = write_tar(tmp_path / "s.tar", dict.fromkeys(members, b"-"))
    listing = list_source(source)
    assert listing.classes == ("a", "b")
    assert listing.warnings == (
        "2 images of SOURCE left out: 1 with a hidden name or in hidden folders (a/._1.jpg), 1 of"
        " formats that are not read (b/3.psd).",
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("photos/a/1", "photos/b/2", "photos/c/3", "photos/d/4"),
            "SOURCE has one class, photos, whose images lie in the folders a, b, c and 1 more of"
            " it; if these are the classes, give ROOT/photos.",
        ),
        (
            ("train/1", "car/2", "plane/3"),
            "the folder train of SOURCE counts as a class, beside car and plane; if it is a split,"
            " leave it out with --classes-exclude train.",
        ),
        (("a/x/1", "b/y/2", "b/z/3"), ""),
        (("a/1", "a/x/2", "a/y/3"), ""),
        (("a/x/1",), ""),
    ],
)
def test_what_may_be_no_classes_is_asked_about(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    root = fill(tmp_path, *(f"{name}.jpg" for name in names))
    actual = "".join(list_source(root).warnings).replace(str(root), "ROOT")
    assert actual == message if message.endswith(".") or not message else message in actual


def test_a_metadata_file_that_names_other_files_is_not_read(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/1.jpg", "metadata.parquet")
    (root / "metadata.csv").write_text("image_id,dx\n1,x\n")
    csv, parquet = list_source(root).warnings
    assert csv == (
        f"{root}/metadata.csv is not read, the folders are the classes: it has no column file_name."
    )
    assert parquet.startswith(
        f"{root}/metadata.parquet is not read, the folders are the classes: it cannot be read ("
        f"{root}/metadata.parquet is no whole Parquet file"
    )
    (root / "metadata.parquet").unlink()
    for text, reason in (
        ("file_name,dx\na/1.jpg,x\n", "it has no column label; give it as SOURCE, with "
         "--label-column, to use it"),
        ("file_name,label\n1.jpg,x\n", "the files that it names first, as 1.jpg, are not there"),
        ("a_file_name,b_file_name,label\n1,2,x\n",
         f"it cannot be read ({root}/metadata.csv, line 1: it has several columns of files,"
         " a_file_name and b_file_name; choose one with --path-column)"),
    ):  # fmt: skip
        (root / "metadata.csv").write_text(text)
        listing = list_source(root)
        assert (listing.reader, listing.classes) == ("imagefolder", ("a",))
        assert listing.warnings == (
            f"{root}/metadata.csv is not read, the folders are the classes: {reason}.",
        )
    (root / "metadata.csv").write_text("file_name,label\na/1.jpg,x\n")
    assert (list_source(root).reader, list_source(root).classes) == ("metadata", ("x",))
    (root / "a/1.jpg").rename(root / "1.jpg")
    (root / "a").rmdir()
    reason = r"the files that it names first, as a/1\.jpg, are not there; fix it, or move"
    with pytest.raises(
        UserError, match=rf"no class folders; .*/metadata\.csv is not read: {reason}"
    ):
        list_source(root)
    (root / "1.jpg").unlink()
    with pytest.raises(
        UserError, match=r"holds no images; .*/metadata\.csv is not read: the files"
    ):
        list_source(root)


def test_a_million_folders_are_looked_at_once() -> None:
    """No more is remembered of them than the two upper levels."""
    folders = (b"train/%d/%d" % (number % 3, number) for number in range(200_000))
    with pytest.raises(UserError, match="holds a split"):
        check_classes("s", folders, "give {name}")
