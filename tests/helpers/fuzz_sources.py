"""Damaged sources of every kind that people give: tables, archives, arrays, Parquet and Arrow."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from augcli.data.listing import Listing
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UnreadableImage
from augcli.tasks.inspect import inspect
from tests.helpers.archives import write_tar
from tests.helpers.mutations import mutated_bytes, mutated_text
from tests.helpers.tables import labelled, picture

Rng = np.random.Generator
# Prepares a folder, and says what a case does there; what it raises is the refusal.
Kind = Callable[[Path], Callable[[Rng], None]]
Files = dict[str, bytes]

MAX_PIXELS = 1_000_000
_TEXTS = (".csv", ".tsv", ".jsonl", ".json", ".txt")


def read_all(listing: Listing, root: Path) -> None:
    """Read what is listed: each image lies below `root`, or costs itself, and none stands twice."""
    assert set(listing.class_of.tolist()) <= set(range(len(listing.classes)))
    names = set()
    for index in range(len(listing)):
        sample = listing.sample(index)
        names.add(sample.relative)
        assert abs(sum(sample.label.weights) - 1.0) < 1e-5
        try:
            read_image(listing, index, 100_000_000)
        except UnreadableImage as error:
            assert str(error)
            continue
        assert Path(os.fsdecode(sample.path)).resolve().is_relative_to(root.resolve())
    assert len(names) == len(listing)


def files_of(folder: Path) -> Files:
    """All files below a folder, by their paths."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _damaged(name: str, data: bytes, rng: Rng) -> bytes:
    """The bytes of a file with damage; of a compressed one, in most cases to what it holds."""
    if name.endswith(".gz") and rng.random() < 0.7:
        return gzip.compress(_damaged(name.removesuffix(".gz"), gzip.decompress(data), rng), 1)
    if name.endswith((".zip", ".npz")) and rng.random() < 0.4:
        return _zip_anew(data, rng)
    once = mutated_text if name.endswith(_TEXTS) else mutated_bytes
    # Headers, and the footers of Parquet, Arrow and zip, are most of what is looked at.
    where, length = rng.random(), int(rng.integers(16, 400))
    if len(data) < 3 * length or where < 0.3:
        return once(data, rng)
    if where < 0.65:
        return once(data[:length], rng) + data[length:]
    return data[:-length] + once(data[-length:], rng)


def _zip_anew(data: bytes, rng: Rng) -> bytes:
    """An archive that is whole, with damage in one of its members or its name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        members = old.infolist()
        chosen = int(rng.integers(len(members)))
        for number, member in enumerate(members):
            content, name = old.read(member), member.filename
            if number == chosen and rng.random() < 0.7:
                content = _damaged(name, content, rng)
            elif number == chosen:
                name = members[int(rng.integers(len(members)))].filename
                name = f"../{name}" if rng.random() < 0.3 else name
            info = zipfile.ZipInfo(name)
            info.compress_type = member.compress_type
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that stands there twice
                new.writestr(info, content)
    return stream.getvalue()


def source_of(
    make: Callable[[Path], None], given: str = "", least: int = 1, within: str = ""
) -> Kind:
    """Sources that `make` writes into a folder, with damage in one of the files. `given` is what of
    the folder is SOURCE; of the files, those with names that end in `within` are damaged."""

    def prepare(folder: Path) -> Callable[[Rng], None]:
        make(folder / "whole")
        whole = files_of(folder / "whole")
        names = [name for name in whole if name.endswith(within)]
        place = folder / "d"
        _write(place, whole)
        listing = list_source(place / given)
        assert len(listing) >= least
        read_all(listing, place)
        shutil.rmtree(folder / "whole")

        def case(rng: Rng) -> None:
            name = names[int(rng.integers(len(names)))]
            labels = Labels.none if rng.random() < 0.1 else Labels.single
            _write(place, {name: _damaged(name, whole[name], rng)})
            try:
                listing = list_source(place / given, SourceOptions(labels=labels))
                for one in (listing, *listing.others):
                    if labels is Labels.single:
                        read_all(one, folder)
                if rng.random() < 0.2:
                    inspect(listing, deep=True, max_pixels=MAX_PIXELS)
            finally:
                _write(place, {name: whole[name]})

        return case

    return prepare


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _pictures(folder: Path, count: int = 4) -> list[str]:
    names = [f"{'ab'[number % 2]}/{number}.png" for number in range(count)]
    _write(folder, {name: picture(number, "PNG") for number, name in enumerate(names)})
    return names


def _parquet(**options: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        folder.mkdir()
        for split, count in (("train", 6), ("test", 2)):
            rows = labelled(count, form="PNG").data.table
            pq.write_table(rows, folder / f"{split}-00000-of-00001.parquet", **options)

    return make


def _parquet_table(folder: Path) -> None:
    names = _pictures(folder)
    rows = pa.table({"path": names, "label": [0, 1, 0, 1], "split": ["train"] * 4})
    pq.write_table(rows, folder / "t.parquet")


def _saved(folder: Path) -> None:
    splits = {"train": labelled(6, form="PNG"), "test": labelled(2, 50)}
    datasets.DatasetDict(splits).save_to_disk(folder)


def _zip(folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(folder / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"d/{'ab'[number % 2]}/{number}.png", picture(number, "PNG"))


def _shards(folder: Path) -> None:
    folder.mkdir()
    for shard in range(2):
        members = {}
        for number in range(3):
            key = f"{shard}{number}"
            members[f"{key}.png"] = picture(number, "PNG")
            members[f"{key}.json"] = b'{"label": %d, "caption": "x"}' % number
        write_tar(folder / f"train-{shard:06}.tar", members)


def _arrays() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 5, 4, 3), np.uint8),
        "y_train": np.arange(6).reshape(6, 1) % 3,
        "x_test": rng.integers(0, 256, (2, 5, 4, 3), np.uint8),
        "y_test": np.eye(3, dtype=np.float32)[[0, 2]][:, [0]].astype(np.int64),
    }


def _npz(save: Callable[..., None]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        folder.mkdir()
        save(folder / "d.npz", **_arrays())

    return make


def _npy(folder: Path) -> None:
    folder.mkdir()
    np.save(folder / "images.npy", _arrays()["x_train"])
    np.save(folder / "labels.npy", np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]] * 0.5 + 1 / 6)


def _idx(ending: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        arrays = {"images-idx3": _arrays()["x_train"][..., 0], "labels-idx1": np.arange(6)}
        for what, values in arrays.items():
            head = bytes([0, 0, 8, values.ndim])
            data = head + b"".join(n.to_bytes(4) for n in values.shape)
            data += values.astype(np.uint8).tobytes()
            name = f"train-{what}-ubyte{ending}"
            _write(folder, {name: gzip.compress(data) if ending else data})

    return make


def _cifar(folder: Path) -> None:
    names = "\n".join(f"class {number}" for number in range(10))
    rng = np.random.default_rng(0)
    for file, count in (("data_batch_1.bin", 3), ("test_batch.bin", 2)):
        labels = np.arange(count, dtype=np.uint8)[:, None]
        records = np.hstack([labels, rng.integers(0, 256, (count, 3072), np.uint8)])
        _write(folder, {file: records.tobytes()})
    _write(folder, {"batches.meta.txt": names.encode()})


def _cifar_pickles(protocol: int) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (3, 3072), np.uint8)
        batch = {"data": pixels, "labels": [0, 1, 2], "batch_label": "training batch"}
        meta = {"label_names": ["a", "b", "c"], "num_cases_per_batch": 3}
        for file, value in (("data_batch_1", batch), ("batches.meta", meta)):
            _write(folder, {file: pickle.dumps(value, protocol)})

    return make


def _table(name: str, lines: list[str]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        _pictures(folder)
        text = "".join(f"{line}\n" for line in lines).encode()
        _write(folder, {name: gzip.compress(text) if name.endswith(".gz") else text})

    return make


_CSV = ["file_name,label,split", "a/0.png,cat,train", "b/1.png,dog,train", "a/2.png,cat,test",
        'b/3.png,"dog",train']  # fmt: skip
_JSONL = ['{"path": "a/0.png", "label": "cat"}', '{"label": "dog", "path": "b/1.png"}',
          '{"path": "a/2.png", "label": "cat", "size": [[1, 2], {"a": null}]}']  # fmt: skip
_METADATA = ['{"file_name": "a/0.png", "soft_label": {"cat": 1.0}}',
             '{"file_name": "b/1.png", "soft_label": {"dog": 0.5, "cat": 0.5}}']  # fmt: skip

SOURCES: dict[str, Kind] = {
    "Parquet with images": source_of(_parquet(), within=".parquet"),
    "Parquet with small pages": source_of(
        _parquet(compression="gzip", data_page_size=1024, write_batch_size=1, use_dictionary=False)
    ),
    "Parquet tables": source_of(_parquet_table, "t.parquet", within=".parquet"),
    "saved data sets": source_of(_saved),
    "zip archives": source_of(_zip, "d.zip"),
    "tar shards": source_of(_shards),
    "npz archives": source_of(_npz(np.savez), "d.npz"),
    "compressed npz archives": source_of(_npz(np.savez_compressed), "d.npz"),
    "npy files": source_of(_npy),
    "idx files": source_of(_idx("")),
    "compressed idx files": source_of(_idx(".gz")),
    "CIFAR records": source_of(_cifar),
    "CIFAR pickles": source_of(_cifar_pickles(3)),
    "CIFAR pickles of protocol 4": source_of(_cifar_pickles(4)),
    "metadata tables": source_of(_table("metadata.csv", _CSV), within=".csv"),
    "metadata of weights": source_of(_table("metadata.jsonl", _METADATA), within=".jsonl"),
    "JSON tables": source_of(_table("t.jsonl", _JSONL), "t.jsonl", within=".jsonl"),
    "compressed tables": source_of(_table("t.csv.gz", _CSV), "t.csv.gz", within=".gz"),
}
