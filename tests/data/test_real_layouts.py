"""Data sets as the tools that people have them from lay them out, with all that lies beside."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.data.test_idx import write_mnist
from tests.helpers.archives import write_tar


def jpeg(seed: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), seed % 256, np.uint8)).save(data, "JPEG")
    return data.getvalue()


def labels(listing: Listing) -> list[str]:
    return [listing.classes[label] for label in listing.class_of]


def write(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(jpeg(number) if name.endswith(".jpg") else b"text\n")


def test_roboflow_folders(tmp_path: Path) -> None:
    """`Folder Structure` of its exports for classification."""
    hashed = "1_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9.jpg"
    splits = [f"{one}/{name}" for one in ("train", "valid", "test") for name in ("Cat", "Dog pup")]
    write(tmp_path, "README.roboflow.txt", *(f"{one}/{hashed}" for one in splits))
    write(tmp_path, "README.dataset.txt")
    listing = list_source(tmp_path)
    assert (listing.split, [one.split for one in listing.others]) == ("train", ["valid", "test"])
    assert labels(listing) == labels(listing.others[0]) == ["Cat", "Dog pup"]
    assert listing.warnings == ()


def test_ultralytics_folders(tmp_path: Path) -> None:
    """Of `yolo classify`, with the caches that it leaves."""
    write(tmp_path, *(f"{split}/{name}/1.jpg" for split in ("train", "val", "test")
                      for name in ("cat", "dog")), "train.cache", "val.cache")  # fmt: skip
    listing = list_source(tmp_path)
    assert (listing.split, [one.split for one in listing.others]) == ("train", ["val", "test"])
    assert labels(listing) == ["cat", "dog"]


def write_img2dataset(root: Path, kind: str) -> Path:
    """What img2dataset writes with --output_format KIND, one of five downloads having failed."""
    pyarrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    root.mkdir()
    for shard in range(2):
        rows: list[dict[str, Any]] = []
        members: dict[str, bytes] = {}
        for index in range(4):
            key = f"{shard:05}{index:04}"
            row: dict[str, Any] = {
                "url": f"http://a/{key}", "caption": f"photo {key}", "key": key,
                "status": "success", "error_message": None, "width": 8, "height": 8,
                "exif": "{}", "sha256": "0" * 64, "label": ("cat", "dog")[index % 2],
            }  # fmt: skip
            rows.append(row)
            members[f"{key}.jpg"] = jpeg(index)
            members[f"{key}.txt"] = row["caption"].encode()
            members[f"{key}.json"] = json.dumps(row, indent=4).encode()
        name = f"{shard:05}"
        if kind == "webdataset":
            write_tar(root / f"{name}.tar", members)
        if kind == "files":
            (root / name).mkdir()
            for member, data in members.items():
                (root / name / member).write_bytes(data)
        if kind == "parquet":
            images = [data for member, data in members.items() if member.endswith(".jpg")]
            rows = [row | {"jpg": data} for row, data in zip(rows, images, strict=True)]
        else:
            rows.append(rows[0] | {"status": "failed_to_download", "key": f"{shard:05}0004"})
        parquet.write_table(pyarrow.Table.from_pylist(rows), root / f"{name}.parquet")
        (root / f"{name}_stats.json").write_text('{"count": 5, "successes": 4}')
    return root


@pytest.mark.parametrize("kind", ["files", "webdataset", "parquet"])
def test_img2dataset(tmp_path: Path, kind: str) -> None:
    root = write_img2dataset(tmp_path / "data", kind)
    for options in (SourceOptions(), SourceOptions(label_column="label")):
        listing = list_source(root, options)
        assert labels(listing) == ["cat", "dog", "cat", "dog"] * 2
    assert len(list_source(root, SourceOptions(labels=Labels.none))) == 8


@pytest.mark.parametrize("folder", ["MNIST/raw", "MNIST", "."])
def test_the_folder_that_torchvision_is_given(tmp_path: Path, folder: str) -> None:
    write_mnist(tmp_path / "root/MNIST/raw")
    listing = list_source(tmp_path / "root" / folder)
    assert (listing.split, [one.split for one in listing.others]) == ("train", ["test"])


def test_an_archive_of_a_data_set_without_image_files(tmp_path: Path) -> None:
    source = write_tar(tmp_path / "c.tar", {"cifar-10-batches-py/data_batch_1": b"", "x/y": b""})
    with pytest.raises(UserError) as refused:
        list_source(source)
    assert str(refused.value) == (
        f"SOURCE {source} has no image in it, but cifar-10-batches-py/data_batch_1; where that is"
        f" of a data set, unpack it by `tar -xf {source}` and give the folder."
    )
