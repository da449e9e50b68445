"""What is outside of a source is read where a table or list that is given names it, and nowhere
else: no metadata file and no archive reaches out of its folder or itself."""

from __future__ import annotations

import io
import json
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.source import list_paths, list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, LabelsFrom
from augcli.errors import UnreadableImage, UserError
from tests.helpers.archives import special, write_tar
from tests.helpers.tables import picture

SECRET = picture(7)


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """A folder with an image, beside which lies one that is no part of it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(picture(1))
    (tmp_path / "secret.jpg").write_bytes(SECRET)
    return tmp_path / "in"


def refusal(source: Path, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, SourceOptions(**options))
    return str(refused.value)


def write_rows(file: Path, path: str) -> Path:
    if file.name == "_classes.csv":
        file.write_text(f'filename,cat,dog\na.jpg,1,0\n"{path}",0,1\n')
    elif file.suffix == ".csv":
        file.write_text(f'file_name,label\na.jpg,cat\n"{path}",dog\n')
    elif file.suffix == ".jsonl":
        rows = pa.table({"file_name": ["a.jpg", path], "label": ["cat", "dog"]}).to_pandas()
        rows.to_json(file, orient="records", lines=True)
    else:
        pq.write_table(pa.table({"file_name": ["a.jpg", path], "label": ["cat", "dog"]}), file)
    return file


OUTSIDE = (
    *("../secret.jpg", "sub/../../secret.jpg", "{absolute}", " ../secret.jpg", " {absolute} "),
    *("..\\secret.jpg", ".\\..\\secret.jpg", " ..\\secret.jpg"),
)
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet", "_classes.csv")


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize("given", ["file", "folder", "split"])
@pytest.mark.parametrize("labels", [Labels.single, Labels.none])
def test_a_metadata_file_names_images_of_its_folder(
    inner: Path, path: str, name: str, given: str, labels: Labels
) -> None:
    file = write_rows(inner / name, path.format(absolute=inner.parent / "secret.jpg"))
    source = inner if given == "folder" else file
    if given == "split":
        shutil.move(inner, inner.parent / "d/train")
        (inner.parent / "d/secret.jpg").write_bytes(SECRET)
        source = inner.parent / "d"
    sentence = refusal(source, labels=labels)
    assert "leaves its folder; fix it, or give the file under another name, as a t" in sentence
    assert ("row 2: " if name.endswith(".parquet") else "line ") in sentence


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.parquet"])
def test_a_table_that_is_given_names_images_anywhere(inner: Path, path: str, name: str) -> None:
    (inner / "sub").mkdir()
    file = write_rows(inner / name, path.format(absolute=inner.parent / "secret.jpg"))
    listing = list_source(file)
    assert (listing.classes, read_image(listing, 1, 10**6)) == (("cat", "dog"), SECRET)


def test_a_list_names_images_anywhere(inner: Path) -> None:
    absolute = bytes(inner.parent / "secret.jpg")
    listing = list_paths(io.BytesIO(b"%s\nx/../../in/a.jpg\n" % absolute), LabelsFrom.parent, inner)
    assert read_image(listing, 0, 10**6) == SECRET
    assert read_image(listing, 1, 10**6) == picture(1)


@pytest.mark.parametrize("name", ["../secret.jpg", "a/../../secret.jpg", "/secret.jpg"])
def test_members_outside_of_an_archive_are_refused(inner: Path, name: str) -> None:
    source = write_tar(inner / "a.tar", {"a/1.jpg": b"x", name: b"y"})
    assert "leaves the archive; make it anew" in refusal(source)
    with zipfile.ZipFile(inner / "a.zip", "w") as archive:
        archive.writestr("a/1.jpg", b"x")
        archive.writestr(name, b"y")
    assert "leaves the archive; make it anew" in refusal(inner / "a.zip")
    with zipfile.ZipFile(inner / "b.zip", "w") as archive:  # as Windows writes names
        archive.writestr("a/1.jpg", b"x")
        archive.writestr(name.replace("/", "\\"), b"y")
    assert "leaves the archive; make it anew" in refusal(inner / "b.zip")


@pytest.mark.parametrize("target", ["../secret.jpg", "{absolute}", "a/1.jpg"])
def test_links_in_archives_are_not_followed(inner: Path, target: str) -> None:
    target = target.format(absolute=inner.parent / "secret.jpg")
    members: dict[str, Any] = {
        "a/1.jpg": b"x",
        "a/2.jpg": special("a/2.jpg", tarfile.SYMTYPE, target),
        "b/3.jpg": special("b/3.jpg", tarfile.LNKTYPE, target),
        "b": special("b", tarfile.SYMTYPE, str(inner.parent)),
        "b/secret.jpg": b"z",
    }
    listing = list_source(write_tar(inner / "a.tar", members))
    assert read_image(listing, len(listing) - 1, 10**6) == b"z"
    for index in (1, 2):
        with pytest.raises(UnreadableImage, match="it is a link in the archive, and links are not"):
            read_image(listing, index, 10**6)
    with zipfile.ZipFile(inner / "a.zip", "w") as archive:
        archive.writestr("a/1.jpg", b"x")
        info = zipfile.ZipInfo("a/2.jpg")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    listing = list_source(inner / "a.zip")
    with pytest.raises(UnreadableImage, match="it is a link or no plain file in the archive"):
        read_image(listing, 1, 10**6)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_paths_beside_missing_bytes_are_not_opened(inner: Path, kind: str, first: bool) -> None:
    secret = str(inner.parent / "secret.jpg")
    images = [{"bytes": picture(1), "path": "a.jpg"}, {"bytes": None, "path": secret}]
    rows = pa.table({"image": images[::-1] if first else images, "label": ["cat", "dog"]})
    file = inner / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(rows, file)
    else:
        with pa.OSFile(str(file), "wb") as stream, pa.ipc.new_stream(stream, rows.schema) as writer:
            writer.write_table(rows)
    if first:
        assert "has no bytes in its first image, but perhaps the path of a file" in refusal(file)
        return
    listing = list_source(file)
    assert read_image(listing, 0, 10**6) == picture(1)
    with pytest.raises(UnreadableImage, match="it has no bytes in the "):
        read_image(listing, 1, 10**6)


@pytest.mark.parametrize("name", ["../secret.arrow", "/secret.arrow", "..", "a\ud800.arrow", "a\0"])
def test_a_saved_data_set_names_files_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/data.arrow").write_bytes(b"x")
    state = {"_data_files": [{"filename": name}], "_split": None}
    (tmp_path / "d/state.json").write_text(json.dumps(state))
    assert refusal(tmp_path / "d").endswith(
        "names no files in its folder; save it anew by datasets."
    )
