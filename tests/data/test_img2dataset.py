"""Folders that img2dataset wrote are no classes; labels stand in the .json beside the images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo
from tests.data.test_listing import fill, paths


def download(root: Path, **more: object) -> Path:
    """Two shards of three images, as img2dataset writes `files`."""
    for shard in range(2):
        for number in range(3):
            key = f"{shard:05}{number:04}"
            write_photo(root / f"{shard:05}/{key}.jpg", 3 * shard + number, 40, 30)
            values = {"caption": f"photo {key}", "url": "http://x", "key": key, "status": "success",
                      "number": number % 2} | more  # fmt: skip
            (root / f"{shard:05}/{key}.json").write_text(json.dumps(values))
            (root / f"{shard:05}/{key}.txt").write_text(f"photo {key}")
        (root / f"{shard:05}_stats.json").write_text("{}")
        (root / f"{shard:05}.parquet").write_bytes(b"")
    return root


def test_captions_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        list_source(download(tmp_path))
    assert str(refused.value) == (
        f"SOURCE {tmp_path}: the .json beside the images have no label but caption, url, key,"
        " status and number, and a caption is no label; name the key that holds the label with"
        " --label-column, or give --unlabelled to use images without labels."
    )


def test_a_key_has_the_labels(tmp_path: Path) -> None:
    listing = list_source(download(tmp_path), SourceOptions(label_column="number"))
    assert (listing.reader, listing.are_files) == ("img2dataset", True)
    assert paths(listing)[:2] == ["00000/000000000.jpg", "00000/000000001.jpg"]
    assert (listing.classes, listing.class_of.tolist()) == (("0", "1"), [0, 1, 0, 0, 1, 0])
    listing = list_source(download(tmp_path, label="cat"))
    assert listing.classes == ("cat",)


def test_folders_of_digits_are_classes_where_nothing_stands_beside(tmp_path: Path) -> None:
    root = fill(tmp_path, "00000/000000000.jpg", "00001/000010000.jpg")
    assert (list_source(root).reader, list_source(root).classes) == (
        "imagefolder", ("00000", "00001"))  # fmt: skip
    fill(root, "00000/000000000.txt")
    with pytest.raises(UserError, match="without labels"):
        list_source(root)
    other = fill(tmp_path / "o", "0/1.jpg", "0/1.txt", "1/2.jpg", "1/2.txt")
    assert list_source(other).reader == "imagefolder"


def test_a_run_over_a_download(augcli: Augcli, tmp_path: Path) -> None:
    source, out = download(tmp_path / "laion"), tmp_path / "out"
    result = augcli("generate", source, out, "-r", "cutmix")
    assert result.returncode == 2
    assert "a caption is no label" in result.stderr
    result = augcli("generate", source, out, "-r", "cutmix", "--label-column", "number", "-j", 2)
    assert result.returncode == 0
    assert augcli("verify", out, "--replay").returncode == 0
    result = augcli("preview", source, "-r", "flip", "--label-column", "number", "--to",
                  tmp_path / "s.png")  # fmt: skip
    assert result.returncode == 0
