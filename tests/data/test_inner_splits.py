"""Archives with splits inside: each is read as a folder of the same files is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from augcli.data.listing import Listing
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo
from tests.helpers.archives import write_tar

FILES = ("train/cat/1.jpg", "train/dog/2.jpg", "train/dog/x/3.jpg", "valid/cat/4.jpg",
         "test/emu/5.jpg")  # fmt: skip


def pack(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".tar":
        return write_tar(path, files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def named(listing: Listing) -> list[tuple[str, list[tuple[str, str]]]]:
    """(split, (last part of the path, class) of its images) of all splits."""
    parts = []
    for part in (listing, *listing.others):
        images = ((part.sample(i).relative, int(part.class_of[i])) for i in range(len(part)))
        parts.append((part.split, [
            (path.rpartition("/")[2], part.classes[label] if part.classes else "")
            for path, label in images
        ]))  # fmt: skip
    return parts


WHOLE = [
    ("train", [("1.jpg", "cat"), ("2.jpg", "dog"), ("3.jpg", "dog")]),
    ("valid", [("4.jpg", "cat")]),
    ("test", [("5.jpg", "emu")]),
]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("prefix", ["", "My data/"])
def test_splits_of_class_folders(tmp_path: Path, kind: str, prefix: str) -> None:
    files = {prefix + name: name.encode() for name in FILES}
    source = pack(tmp_path / f"train.{kind}", files | {prefix + "README.txt": b"-"})
    listing = list_source(source)
    assert named(listing) == WHOLE
    assert listing.classes == ("cat", "dog", "emu")
    assert listing.warnings[0] == ("1 class is not in the split train, and in another one (emu).")
    assert read_image(listing.others[1], 0, 100) == b"test/emu/5.jpg"
    folder = tmp_path / "folder"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"-")
    assert named(list_source(folder)) == WHOLE
    val = list_source(source, SourceOptions(split="valid"))
    assert (val.split, len(val)) == ("valid", 1)
    with pytest.raises(UserError, match="has no split vald \\(did you mean 'valid'"):
        list_source(source, SourceOptions(split="vald"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_splits(tmp_path: Path, kind: str) -> None:
    source = pack(tmp_path / f"s.{kind}", {"train/1.jpg": b"", "car/2.jpg": b""})
    assert list_source(source).classes == ("car", "train")
    with pytest.raises(UserError, match="has no split val, and no splits at all; leave out"):
        list_source(source, SourceOptions(split="val"))
    loose = pack(tmp_path / f"t.{kind}", {"train/1.jpg": b"", "val/2.jpg": b""})
    (warning,) = list_source(loose).warnings
    assert warning.startswith("the folders train, val of SOURCE count as classes; if they are")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_without_labels_and_with_several(tmp_path: Path, kind: str) -> None:
    source = pack(tmp_path / f"s.{kind}", {"train/1.jpg": b"", "train/b/2.jpg": b"",
                                           "val/3.jpg": b""})  # fmt: skip
    listing = list_source(source, SourceOptions(labels=Labels.none))
    assert named(listing) == [
        ("train", [("1.jpg", ""), ("2.jpg", "")]), ("val", [("3.jpg", "")])
    ]  # fmt: skip
    source = pack(tmp_path / f"m.{kind}", {"train/a-b/1.jpg": b"", "val/b-c/2.jpg": b""})
    listing = list_source(source, SourceOptions(labels=Labels.multi, label_separator="-"))
    assert listing.classes == ("a", "b", "c")
    assert [part.label(0).ids for part in (listing, *listing.others)] == [(0, 1), (1, 2)]


def test_samples_of_webdataset_in_folders_of_splits(tmp_path: Path) -> None:
    files: dict[str, bytes] = {}
    for name, label in (("train/0", "cat"), ("train/1", "dog"), ("val/0", "dog")):
        files |= {f"{name}.jpg": b"", f"{name}.cls": label.encode()}
    for source in (write_tar(tmp_path / "s.tar", files), tmp_path):
        assert named(list_source(source)) == [
            ("train", [("0.jpg", "cat"), ("1.jpg", "dog")]), ("val", [("0.jpg", "dog")])
        ]  # fmt: skip


def test_a_class_folder_without_images(tmp_path: Path) -> None:
    """Of the split that is augmented it is an error, of another one nothing is lost."""
    files = {"train/cat/1.jpg": b"", "val/cat/2.jpg": b"", "val/dog/x.txt": b""}
    assert list_source(pack(tmp_path / "a.zip", files)).classes == ("cat",)
    files |= {"train/dog/x.txt": b""}
    with pytest.raises(UserError, match=r"1 class folder of SOURCE .* no image.*dog"):
        list_source(pack(tmp_path / "b.zip", files))
    allowed = SourceOptions(allow_empty_classes=True)
    assert list_source(tmp_path / "b.zip", allowed).classes == ("cat", "dog")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_whole_run(augcli: Augcli, tmp_path: Path, kind: str) -> None:
    files: dict[str, bytes] = {}
    for number, name in enumerate(FILES):
        write_photo(tmp_path / "one.jpg", number, 20, 16)
        files[name] = (tmp_path / "one.jpg").read_bytes()
    source, out = pack(tmp_path / f"s.{kind}", files), tmp_path / "out"
    result = augcli("generate", source, out, "-r", "mixup", "--limit", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("; beside it 1 of valid and 1 of test.\n")
    assert len(list((out / "train").glob("*/*.jpg"))) == 2
    assert [path.read_bytes() for path in (out / "test/emu").iterdir()] == [files[FILES[4]]]
    result = augcli("verify", out, "--replay")
    assert (result.returncode, result.stderr) == (0, "")
