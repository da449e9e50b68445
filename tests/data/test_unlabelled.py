"""Sources whose images have no labels, or none that count: `--unlabelled`."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.listing import Listing
from augcli.data.source import kind_of, list_paths, list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, LabelsFrom
from augcli.errors import UserError
from tests.data.test_listing import fill, paths
from tests.helpers.archives import write_tar

UNLABELLED = SourceOptions(labels=Labels.none)
NAMES = "give --unlabelled to use images without labels."


def read(source: Path) -> Listing:
    """What is listed without labels."""
    listing = list_source(source, UNLABELLED)
    for part in (listing, *listing.others):
        assert (part.classes, part.labels) == ((), Labels.none)
        assert part.class_of.tolist() == [-1] * len(part)
        assert all(part.label(index) == ((), ()) for index in range(len(part)))
    return listing


def refusal(source: Path) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source)
    return str(refused.value).replace(str(source), "SOURCE")


def test_a_flat_folder(tmp_path: Path) -> None:
    tmp_path /= "a/photos"  # no other folders lie beside it
    tmp_path.mkdir(parents=True)
    fill(tmp_path, "2.jpg", "1.png", "notes.txt")
    assert refusal(tmp_path) == (
        "SOURCE SOURCE holds 2 image files but no class folders; move them to a folder a class,"
        f" pipe in a list of paths, or {NAMES}"
    )
    listing = read(tmp_path)
    assert (paths(listing), listing.warnings) == (["1.png", "2.jpg"], ())
    assert kind_of(listing) == "a folder of images"


def test_images_of_class_folders_are_used_without_their_classes(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.jpg", "dog/deep/2.jpg", "3.jpg", "cat/what.xyz")
    listing = read(tmp_path)
    assert paths(listing) == ["3.jpg", "cat/1.jpg", "dog/deep/2.jpg"]
    assert listing.warnings[0] == (
        f"{tmp_path}: images in 2 folders of it are used without labels, as --unlabelled says."
    )
    assert "cat/what.xyz" in listing.warnings[1]


def test_splits(tmp_path: Path) -> None:
    fill(tmp_path, "train/1.jpg", "train/2.jpg", "test/3.jpg")
    assert refusal(tmp_path).endswith("or give --unlabelled to use them without labels.")
    listing = read(tmp_path)
    assert (listing.split, paths(listing)) == ("train", ["1.jpg", "2.jpg"])
    assert [(one.split, paths(one)) for one in listing.others] == [("test", ["3.jpg"])]


def test_an_empty_folder(tmp_path: Path) -> None:
    fill(tmp_path, "notes.txt")
    with pytest.raises(UserError, match=r"holds no images; give a folder of images\.$"):
        list_source(tmp_path, UNLABELLED)


def test_archives(tmp_path: Path) -> None:
    members = {"1.jpg": b"x", "1.json": b'{"caption": "a dog"}', "2.jpg": b"y"}
    tar = write_tar(tmp_path / "a.tar", members)
    assert refusal(tar).endswith(f"or {NAMES}")
    assert paths(read(tar)) == ["1.jpg", "2.jpg"]
    flat = tmp_path / "a.zip"
    with zipfile.ZipFile(flat, "w") as archive:
        for name in ("1.jpg", "cat/2.jpg"):
            archive.writestr(name, b"x")
    assert refusal(flat) == (
        "SOURCE SOURCE holds images outside of its folders; put each into the folder of its class,"
        f" or {NAMES}"
    )
    assert paths(read(flat)) == ["1.jpg", "cat/2.jpg"]
    folders = write_tar(tmp_path / "b.tar", {"cat/1.jpg": b"x", "dog/2.jpg": b"x"})
    assert paths(read(folders)) == ["cat/1.jpg", "dog/2.jpg"]


def test_tables(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "t.csv").write_text("path\n1.jpg\n2.jpg\n")
    assert refusal(tmp_path / "t.csv").endswith(f"or {NAMES}")
    assert paths(read(tmp_path / "t.csv")) == ["1.jpg", "2.jpg"]
    (tmp_path / "t.csv").write_text("path,label\n1.jpg,a\n2.jpg,\n")
    assert read(tmp_path / "t.csv").warnings == (
        f"{tmp_path}/t.csv: 1 column is not read (label).",
    )
    rows = [{"file_name": "1.jpg", "caption": "a dog"}, {"file_name": "2.jpg"}]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert refusal(tmp_path) == (
        "SOURCE/metadata.jsonl, line 1: it has no label of a known class; add label_ids or"
        f" class_name, or {NAMES}"
    )
    assert paths(read(tmp_path)) == ["1.jpg", "2.jpg"]


def test_images_inside_of_parquet_and_arrays(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n"
    table = pa.table({"image": [{"bytes": png, "path": None}] * 2})
    pq.write_table(table, tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet").endswith(f"or {NAMES}")
    assert paths(read(tmp_path / "a.parquet")) == ["a.parquet/0.png", "a.parquet/1.png"]
    pq.write_table(table.append_column("label", pa.array([1, 0])), tmp_path / "a.parquet")
    assert len(read(tmp_path / "a.parquet")) == 2
    (tmp_path / "n").mkdir()
    np.save(tmp_path / "n/images.npy", np.zeros((2, 8, 8), np.uint8))
    assert refusal(tmp_path / "n") == f"SOURCE SOURCE has no labels; add them, or {NAMES}"
    assert paths(read(tmp_path / "n")) == ["images/0.png", "images/1.png"]
    np.save(tmp_path / "n/labels.npy", np.array([1, 0]))
    assert len(read(tmp_path / "n")) == 2


def test_a_list_of_paths(tmp_path: Path) -> None:
    stream = io.BytesIO(b"1.jpg\ncat/2.jpg\n")
    listing = list_paths(stream, LabelsFrom.parent, tmp_path, UNLABELLED)
    assert (paths(listing), listing.labels) == (["1.jpg", "cat/2.jpg"], Labels.none)
