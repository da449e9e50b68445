"""Labels that are numbers beyond the classes: refused with their row, never another class."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.data.test_cifar import dump4, images, write_ten, write_ten_binary
from tests.data.test_idx import idx, write_mnist
from tests.data.test_numpy_arrays import pixels, write_folder
from tests.helpers.archives import write_tar
from tests.helpers.tables import CLASSES, picture


def refusal(source: Path, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, SourceOptions(**options))
    return str(refused.value)


@pytest.mark.parametrize("label", [10, 11, 255])
@pytest.mark.parametrize("named", [True, False])
def test_records_of_cifar(tmp_path: Path, label: int, named: bool) -> None:
    write_ten_binary(tmp_path / "ten")
    file = tmp_path / "ten/data_batch_2.bin"
    data = bytearray(file.read_bytes())
    data[7 * 3073] = label
    file.write_bytes(data)
    if not named:
        (tmp_path / "ten/batches.meta.txt").unlink()
    sentence = refusal(tmp_path / "ten")
    assert sentence.startswith(f"{file}: row 7 has the label {label}, and ")
    assert ("names 10 classes" if named else "there are at most 10 classes") in sentence


@pytest.mark.parametrize(("column", "most"), [("fine_labels", 100), ("coarse_labels", 20)])
def test_records_of_a_hundred_classes(tmp_path: Path, column: str, most: int) -> None:
    """Without the file of the names that count."""
    for file in ("train.bin", "test.bin"):
        labels = np.array([[0, 0], [most - 1, most - 1]], np.uint8)
        (tmp_path / file).write_bytes(np.hstack([labels, images(2, 1)]).tobytes())
    (tmp_path / "fine_label_names.txt").write_text("".join(f"c{i}\n" for i in range(100)))
    options = {"label_column": column}
    assert len(list_source(tmp_path, SourceOptions(**options)).classes) == most
    wrong = np.array([[0, 0], [most, most]], np.uint8)
    (tmp_path / "test.bin").write_bytes(np.hstack([wrong, images(2, 1)]).tobytes())
    sentence = refusal(tmp_path, **options)
    assert sentence.startswith(f"{tmp_path}/test.bin: row 1 has the label {most}, and ")


@pytest.mark.parametrize("label", [10, 256 + 3, -1, -(2**19)])
def test_pickles_of_cifar(tmp_path: Path, label: int) -> None:
    write_ten(tmp_path / "ten", dump4)
    (tmp_path / "ten/batches.meta").unlink()
    file = tmp_path / "ten/test_batch"
    file.write_bytes(dump4({"data": images(3, 1), "labels": [9, 0, label]}))
    assert refusal(tmp_path / "ten").startswith(f"{file}: row 2 has the label {label}, and ")


def test_idx(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    file = tmp_path / "t10k-labels-idx1-ubyte"
    file.write_bytes(idx(np.array([0, 1, 2, 250, 4, 5, 6, 7, 8, 9], np.uint8)))
    assert refusal(tmp_path, classes=tuple("0123456789")) == (
        f"{file}: row 3 has the label 250, and --classes names 10 classes, numbered from 0 on; name"
        " it too."
    )


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.array([0, -1, 0]), "row 1 has the label -1, and classes are numbered from 0 on"),
        (np.array([0, 0, -128], np.int8), "row 2 has the label -128, and"),
        (np.array([0, 10**6, 0]), "row 1 has the label 1000000, and there are at most 1,000,000"),
        (np.array([2**32, 0, 0]), "row 0 has the label 4294967296, and there are at most"),
        (np.array([0, 2**64 - 1, 0], ">u8"), f"row 1 has the label {2**64 - 1}, which is no"),
        (np.array([0, 2**63 + 1, 0], "<u8"), f"row 1 has the label {2**63 + 1}, which is no"),
    ],
)
def test_arrays(tmp_path: Path, labels: Any, sentence: str) -> None:
    arrays = {"images": pixels(3, 8, 8), "labels": labels}
    source = write_folder(tmp_path / "a", **arrays)
    assert refusal(source).startswith(f"{source}/labels.npy: {sentence}")
    np.savez(tmp_path / "a.npz", **arrays)
    assert refusal(tmp_path / "a.npz").startswith(f"{tmp_path}/a.npz, labels.npy,: {sentence}")


def test_big_endian_labels_are_their_values(tmp_path: Path) -> None:
    for kind in (">i8", ">u2", "<i4", "u1"):
        labels = np.array([1, 0, 2], kind)
        source = write_folder(tmp_path / kind.strip("<>"), images=pixels(3, 8, 8), labels=labels)
        assert list_source(source).class_of.tolist() == [1, 0, 2]


def _table(labels: Any) -> pa.Table:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
    )
    rows = {"image": [{"bytes": picture(i), "path": None} for i in range(len(labels))],
            "label": labels}  # fmt: skip
    schema = datasets.Dataset.from_dict(
        {"image": rows["image"][:1], "label": [0]}, features=features
    ).data.table.schema
    return pa.table(rows, schema=schema)


@pytest.mark.parametrize("label", [3, 2**40, -2, -(2**63)])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_class_labels_of_datasets(tmp_path: Path, label: int, kind: str) -> None:
    """In a later batch of a later file."""
    for number, labels in enumerate(([0, 1, 2], [0, label, 2])):
        file = tmp_path / "d" / f"train-{number:05}-of-00002.{kind}"
        file.parent.mkdir(exist_ok=True)
        if kind == "parquet":
            pq.write_table(_table(labels), file)
            continue
        rows = _table(labels)
        with pa.OSFile(str(file), "wb") as stream, pa.ipc.new_stream(stream, rows.schema) as writer:
            writer.write_table(rows, max_chunksize=1)
    source = tmp_path / "d" if kind == "parquet" else file
    assert refusal(source).startswith(f"{file}: row 1 has the label {label}, and ")


def test_lists_of_class_labels(tmp_path: Path) -> None:
    rows = pa.table({"image": [picture(0), picture(1)], "label": [[0, 1], [-3]]})
    pq.write_table(rows, tmp_path / "t.parquet")
    assert refusal(tmp_path / "t.parquet", labels=Labels.multi) == (
        f"{tmp_path}/t.parquet has the label -3, and classes are numbered from 0 on; leave out"
        " images without a label."
    )


def test_unsigned_labels_beyond_signed_ones(tmp_path: Path) -> None:
    rows = pa.table(
        {"image": [picture(0), picture(1)], "label": pa.array([0, 2**64 - 1], pa.uint64())}
    )
    pq.write_table(rows, tmp_path / "t.parquet")
    assert refusal(tmp_path / "t.parquet").startswith(f"{tmp_path}/t.parquet has labels that cann")


@pytest.mark.parametrize("label", ["-1", "1000000", "99999999999999999999", "2"])
def test_labels_beside_images_in_tars(tmp_path: Path, label: str) -> None:
    members = {"a.cls": b"0", "a.jpg": b"x", "b.cls": label.encode(), "b.jpg": b"y"}
    source = write_tar(tmp_path / "a.tar", members)
    classes = ("x", "y") if label == "2" else None
    sentence = refusal(source, classes=classes)
    assert sentence.startswith(f"SOURCE {source}: b.jpg has the label {label}, and ")


def test_a_number_in_a_pickle_that_is_none(tmp_path: Path) -> None:
    write_ten(tmp_path / "ten", dump4)
    stream = io.BytesIO()
    pickle.dump({"data": images(1, 1), "labels": [True]}, stream)
    (tmp_path / "ten/data_batch_1").write_bytes(stream.getvalue())
    assert "has labels that are no numbers of classes" in refusal(tmp_path / "ten")
