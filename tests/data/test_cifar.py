"""CIFAR as it is downloaded."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.arrays.types import UInt8
from augcli.data import pickle_values
from augcli.data.pickle_values import read_pickle
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.image.codec import decode
from tests.conftest import Augcli

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FINE, COARSE = ["apple", "bee", "bus", "cup"], ["food", "thing"]


def images(count: int, seed: int) -> UInt8:
    """(n, 3072): red, green and blue of 32 x 32, one plane behind the other."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)


def upright(row: UInt8) -> UInt8:
    return row.reshape(3, 32, 32).transpose(1, 2, 0)


def python2_pickle(value: Any) -> bytes:
    """What cPickle of Python 2 writes (protocol 2), as the files on the web have it."""

    def put(item: Any) -> bytes:
        if isinstance(item, dict):
            return b"}(" + b"".join(put(k) + put(v) for k, v in item.items()) + b"u"
        if isinstance(item, list):
            return b"](" + b"".join(map(put, item)) + b"e"
        if isinstance(item, int):
            return b"K" + bytes([item])
        if isinstance(item, str):
            return b"U" + bytes([len(item)]) + item.encode()
        data = item.tobytes()
        dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff" + (
            b"J\xff\xff\xff\xffK\x00tb"
        )
        shape = b"J" + struct.pack("<i", item.shape[0]) + b"M" + struct.pack("<H", item.shape[1])
        return (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
            + shape + b"\x86" + dtype + b"\x89T" + struct.pack("<I", len(data)) + data + b"tb"
        )  # fmt: skip

    return b"\x80\x02" + put(value) + b"."


def write_ten(folder: Path, dump: Callable[[Any], bytes]) -> None:
    folder.mkdir(parents=True)
    for number in (1, 2):
        batch = {"batch_label": f"training batch {number} of 5", "data": images(12, number),
                 "labels": [(i + number) % 10 for i in range(12)],
                 "filenames": [f"x_{i}.png" for i in range(12)]}  # fmt: skip
        (folder / f"data_batch_{number}").write_bytes(dump(batch))
    (folder / "test_batch").write_bytes(dump({"data": images(5, 9), "labels": [4, 3, 2, 1, 0]}))
    (folder / "batches.meta").write_bytes(dump({"num_cases_per_batch": 12, "label_names": TEN}))


def write_ten_binary(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in (1, 2):
        labels = np.array([(i + number) % 10 for i in range(12)], np.uint8)[:, None]
        records = np.hstack([labels, images(12, number)])
        (folder / f"data_batch_{number}.bin").write_bytes(records.tobytes())
    test = np.hstack([np.array([4, 3, 2, 1, 0], np.uint8)[:, None], images(5, 9)])
    (folder / "test_batch.bin").write_bytes(test.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")


def dump4(value: Any) -> bytes:
    return pickle.dumps(value, protocol=4)


def dump5(value: Any) -> bytes:
    return pickle.dumps(value, protocol=5)


@pytest.mark.parametrize("dump", [None, python2_pickle, dump4, dump5])
@pytest.mark.parametrize("inner", [False, True])
def test_ten_classes(tmp_path: Path, dump: Callable[[Any], bytes] | None, inner: bool) -> None:
    name = "cifar-10-batches-bin" if dump is None else "cifar-10-batches-py"
    folder = tmp_path / name if inner else tmp_path / "ten"
    if dump is None:
        write_ten_binary(folder)
    else:
        write_ten(folder, dump)
    listing = list_source(tmp_path if inner else folder)
    assert (listing.reader, listing.split, listing.classes) == ("cifar", "train", tuple(TEN))
    assert listing.class_of.tolist() == [(i + n) % 10 for n in (1, 2) for i in range(12)]
    assert listing.relative_path(13) == b"data_batch_2/1.png"
    for index, row in enumerate(np.vstack([images(12, 1), images(12, 2)])):
        assert np.array_equal(decode(read_image(listing, index, 10_000)), upright(row))
    (test,) = listing.others
    assert (test.split, test.class_of.tolist()) == ("test", [4, 3, 2, 1, 0])
    assert np.array_equal(decode(read_image(test, 4, 10_000)), upright(images(5, 9)[4]))


@pytest.mark.parametrize("form", ["python", "binary"])
def test_a_hundred_classes_are_fine_or_coarse(tmp_path: Path, form: str) -> None:
    fine, coarse = [3, 0, 1, 2], [1, 0, 0, 1]
    for split in ("train", "test"):
        if form == "python":
            batch: Any = {"fine_labels": fine, "coarse_labels": coarse, "data": images(4, 3)}
            (tmp_path / split).write_bytes(python2_pickle(batch))
        else:
            pairs = np.array([coarse, fine], np.uint8).T
            data = np.hstack([pairs, images(4, 3)]).tobytes()
            (tmp_path / f"{split}.bin").write_bytes(data)
    if form == "python":
        meta = {"fine_label_names": FINE, "coarse_label_names": COARSE}
        (tmp_path / "meta").write_bytes(python2_pickle(meta))
    else:
        (tmp_path / "fine_label_names.txt").write_text("\n".join(FINE) + "\n")
        (tmp_path / "coarse_label_names.txt").write_text("\n".join(COARSE) + "\n")
    for column, labels, classes in ((None, fine, FINE), ("fine_labels", fine, FINE),
                                    ("coarse_labels", coarse, COARSE)):  # fmt: skip
        listing = list_source(tmp_path, SourceOptions(label_column=column))
        assert (listing.class_of.tolist(), listing.classes) == (labels, tuple(classes))
        assert len(listing.others[0]) == 4
        assert np.array_equal(decode(read_image(listing, 2, 10_000)), upright(images(4, 3)[2]))
    with pytest.raises(UserError, match="has coarse_labels and fine_labels, and not --label-colu"):
        list_source(tmp_path, SourceOptions(label_column="labels"))


class Harm:
    def __reduce__(self) -> Any:
        return os.system, ("touch harm",)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (pickle.dumps(Harm()), "it names posix.system; nothing in it is run"),
        (pickle.dumps(Harm(), protocol=0), "it names posix.system; nothing in it is run"),
        (pickle.dumps({"data": np.array([None])}, protocol=2), "is no pickle of arrays"),
        (pickle.dumps(np.float64(1)), "it names numpy.*scalar"),
        (pickle.dumps(1.5), "it has a step of the kind b'G'"),
        (b"\x80\x02}(U\x04data", "it breaks off"),
        (b"\x80\x02}T\xff\xff\xff\xffdata.", "it breaks off"),
        (b"\x80\x02X\xff\xff\xff\x7fdata.", "a text of it has 2147483647 bytes"),
        (b"", "it breaks off"),
        (b".", "it is broken or cut off"),
        (b"\x80\x02K\x01K\x01R.", "it calls what is no function"),
        (b"\x80\x02K\x01K\x01b.", "it gives a state to what is no array"),
        (b"\x80\x02K\x01K\x01a.", "it fills something that is no list"),
        (b"\x80\x02}))s.", "a key of a dict is no name"),
        (b"\x80\x02" + b"]" * 1_001, "it takes more than 1,000 steps"),
        (b"cnumpy\ndtype\nK\x01R.", "it is broken or cut off"),
    ],
)  # fmt: skip
def test_nothing_of_a_pickle_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pickle_values, "_MOST_STEPS", 1_000)
    write_ten(tmp_path / "ten", python2_pickle)
    (tmp_path / "ten/data_batch_1").write_bytes(data)
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path / "ten")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ([1], "holds no dict"),
        ({"labels": [1]}, "has no data and labels"),
        ({"labels": [1, 2], "data": images(1, 1)}, "does not hold 2 images of 32 x 32"),
        ({"labels": ["a"], "data": images(1, 1)}, "has labels that are no numbers of classes"),
        ({"labels": [10], "data": images(1, 1)}, "has the label 10, and .* names 10 classes"),
        ({"labels": [1], "data": images(1, 1).astype(np.float32)}, "does not hold 1 image of"),
    ],
)  # fmt: skip
def test_a_batch_of_another_form_is_refused(tmp_path: Path, batch: Any, sentence: str) -> None:
    write_ten(tmp_path / "ten", dump4)
    (tmp_path / "ten/data_batch_2").write_bytes(dump4(batch))
    with pytest.raises(UserError, match=sentence):
        list_source(tmp_path / "ten")


def test_a_binary_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    write_ten_binary(tmp_path / "ten")
    file = tmp_path / "ten/data_batch_1.bin"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"does not consist of records of 3073 bytes; download"):
        list_source(tmp_path / "ten")
    file.write_bytes(b"")
    with pytest.raises(UserError, match=r"data_batch_1\.bin is empty; download"):
        list_source(tmp_path / "ten")
    file.write_bytes(whole)
    (tmp_path / "ten/batches.meta.txt").unlink()
    assert list_source(tmp_path / "ten").classes == tuple("0123456789")


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_values_are_those_of_pickle(tmp_path: Path, protocol: int) -> None:
    numbers = [1, -1, 300, 70_000, 1 << 40, True, None]
    value: dict[Any, Any] = {"a": numbers, "b": [(), (1,), (1, 2), (1, 2, 3, 4)], 3: {"ü": "é"}}
    if protocol > 2:
        value[b"c"] = [b"d", numbers]
    (tmp_path / "p").write_bytes(pickle.dumps(value, protocol=protocol))
    assert read_pickle(tmp_path / "p") == value


def test_a_run_over_cifar_replays(augcli: Augcli, tmp_path: Path) -> None:
    write_ten(tmp_path / "ten", python2_pickle)
    result = augcli("generate", tmp_path / "ten", tmp_path / "out", "-r", "cutmix", "-j", 2)
    assert (result.returncode, result.stderr) == (0, "")
    assert augcli("verify", tmp_path / "out", "--replay").returncode == 0
    assert augcli("preview", tmp_path / "ten", "-r", "cutmix", "--to", tmp_path / "p.png"
                  ).returncode == 0  # fmt: skip
