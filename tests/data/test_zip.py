"""Zip archives of class folders are read where they lie; hostile ones are refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from augcli.data.readers.zip_archive import read_image
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UnreadableImage, UserError
from tests.conftest import Augcli, tree
from tests.data.test_listing import paths
from tests.helpers.archives import write_tar

LIMIT = 1000


def write_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def refusal(source: Path) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source)
    assert str(refused.value).isprintable()
    return str(refused.value).replace(str(source), "SOURCE")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n" * 50])
def test_members_are_class_folders(tmp_path: Path, method: int, before: bytes) -> None:
    members = {
        "photos/dog/1.jpg": b"one" * 99, "photos/cat/in/größe.PNG": b"two", "photos/": b"",
        "photos/cat/notes.txt": b"x", "__MACOSX/photos/cat/._1.jpg": b"x", "photos/readme.md": b"",
    }  # fmt: skip
    source = write_zip(tmp_path / "a.zip", members, method)
    source.write_bytes(before + source.read_bytes())
    for name in ("a.zip", "a.bin"):
        if name == "a.bin" and before:  # then only the suffix tells
            break
        source = source.rename(tmp_path / name)
        listing = list_source(source)
        assert (listing.reader, listing.classes) == ("zip_archive", ("cat", "dog"))
        assert paths(listing) == ["photos/dog/1.jpg", "photos/cat/in/größe.PNG"]
        assert listing.class_of.tolist() == [1, 0]
        assert listing.sizes().tolist() == [297, 3]
        assert [read_image(listing, i, 10**6) for i in range(2)] == [b"one" * 99, b"two"]
        assert listing.warnings == (
            "2 files of SOURCE are no images (photos/cat/notes.txt, photos/readme.md).",
            "1 image of SOURCE left out: 1 with a hidden name or in hidden folders"
            " (__MACOSX/photos/cat/._1.jpg).",
        )


def test_with_64_bits(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        with archive.open("a/1.jpg", "w", force_zip64=True) as file:
            file.write(b"one")
        for number in range(70_000):
            archive.writestr(f"b/{number}.jpg", b"")
    listing = list_source(tmp_path / "a.zip")
    assert len(listing) == 70_001
    assert read_image(listing, 0, LIMIT) == b"one"


def changed(source: Path, *changes: tuple[int, str, int]) -> Path:
    """With other numbers in the first entry of the directory: (place, format, value)."""
    data = bytearray(source.read_bytes())
    entry = data.index(b"PK\x01\x02")
    for place, kind, value in changes:
        struct.pack_into(kind, data, entry + place, value)
    source.write_bytes(data)
    return source


def test_a_bomb_and_lies_cost_themselves(tmp_path: Path) -> None:
    members = {"a/1.jpg": b"\0" * 5000, "a/2.jpg": b"2"}

    def reason(*changes: tuple[int, str, int]) -> str:
        listing = list_source(changed(write_zip(tmp_path / "a.zip", members), *changes))
        assert read_image(listing, 1, LIMIT) == b"2"
        with pytest.raises(UnreadableImage) as refused:
            read_image(listing, 0, LIMIT)
        return str(refused.value)

    assert "the file is larger than 0 MiB" in reason()
    assert reason((24, "<L", 500)) == "it does not have the 500 bytes that the archive says"
    assert reason((24, "<L", 1000)) == "it does not have the 1,000 bytes that the archive says"
    members["a/1.jpg"] = b"\0" * 500
    assert reason((24, "<L", 600)) == "it does not have the 600 bytes that the archive says"
    assert reason((16, "<L", 7)) == "its bytes differ from the checksum in the archive"
    assert reason((10, "<H", 0)) == "it does not have the 500 bytes that the archive says"
    assert reason((42, "<L", 3)) == "the archive has another member in its place"
    assert reason((5, "<B", 3), (38, "<L", 0o120777 << 16)) == (
        "it is a link or no plain file in the archive"
    )


def test_members_that_are_never_read_are_refused_at_once(tmp_path: Path) -> None:
    members = {"a/1.jpg": b"one", "b/2.jpg": b"two"}
    source = tmp_path / "a.zip"
    encrypted = changed(write_zip(source, members), (8, "<H", 1))
    assert refusal(encrypted) == (
        "SOURCE SOURCE: a/1.jpg is encrypted; unpack the archive with its password, and give the"
        " folder."
    )
    assert "a/1.jpg is packed by bzip2, which is not read; unpack" in refusal(
        write_zip(source, members, zipfile.ZIP_BZIP2)
    )
    assert "a/1.jpg is packed by method 77" in refusal(
        changed(write_zip(source, members), (10, "<H", 77))
    )
    assert "a/1.jpg lies outside of it; copy it again" in refusal(
        changed(write_zip(source, members), (42, "<L", 10**6))
    )
    assert "the member ../1.jpg leaves the archive" in refusal(write_zip(source, {"../1.jpg": b""}))
    assert "the member /etc/1.jpg leaves" in refusal(write_zip(source, {"/etc/1.jpg": b""}))
    assert "has no image in it" in refusal(write_zip(source, {"a/x.txt": b""}))
    assert "images outside of its folders" in refusal(write_zip(source, {"1.jpg": b""}))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(source, "w") as archive:
        archive.writestr("a/1.jpg", b"")
        archive.writestr("a/1.jpg", b"")
    assert "holds a/1.jpg twice" in refusal(source)
    data = write_zip(source, members).read_bytes()
    source.write_bytes(data[:-30])
    assert "no whole zip archive: its directory is missing; copy it again" in refusal(source)
    source.write_bytes(data[60:])
    assert "lies outside of it" in refusal(source)
    source.write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x03"))
    assert "its directory is damaged at byte" in refusal(source)


def test_an_empty_class_in_an_archive(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", {"a/1.jpg": b"", "b/": b"", "c/2.jpg": b""})
    assert "1 class folder of SOURCE SOURCE holds no image that is read (b)" in refusal(source)
    listing = list_source(source, SourceOptions(allow_empty_classes=True))
    assert (listing.classes, listing.class_of.tolist()) == (("a", "b", "c"), [0, 2])


def test_a_run_over_a_zip_is_that_over_its_folder(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    files = sorted(photos.glob("*/*"))
    source = write_zip(
        tmp_path / "p.zip", {p.relative_to(photos).as_posix(): p.read_bytes() for p in files}
    )
    out, plain = tmp_path / "out", tmp_path / "plain"
    assert augcli("generate", photos, plain, "-r", "cutmix").returncode == 0
    result = augcli("generate", source, out, "-r", "cutmix", "-j", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert tree(out / "train") == tree(plain / "train")
    assert augcli("verify", out, "--replay").returncode == 0
    result = augcli("preview", source, "-r", "flip", "--to", tmp_path / "sheet.png")
    assert result.returncode == 0


def test_files_beside_the_folders_are_no_class(tmp_path: Path) -> None:
    members = {"a/1.jpg": b"x", "b/2.jpg": b"y", "README.md": b"z"}
    for source in (write_zip(tmp_path / "a.zip", members), write_tar(tmp_path / "a.tar", members)):
        listing = list_source(source)
        assert listing.classes == ("a", "b")
        assert listing.warnings == ("1 file of SOURCE is no image (README.md).",)
