"""Headers of .npy files that NumPy would not write: refused in words, on disk and in archives."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.data.source import list_source
from augcli.errors import UserError
from tests.data.test_numpy_arrays import pixels

NONE = "is no array in NumPy's format; make it anew"


def npy(header: str | bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header if isinstance(header, bytes) else header.encode("latin1")
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + data


def of(shape: str, descr: str = "'|u1'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def saved(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)  # type: ignore[arg-type]
    return stream.getvalue()


HEADERS = {
    "a truth for a number": (npy(of("(True, 3, 3)"), bytes(9)), NONE),
    "truths alone": (npy(of("(True, True, True)"), bytes(9)), NONE),
    "negative": (npy(of("(3, -8, -8)"), bytes(192)), NONE),
    "a fraction": (npy(of("(3, 8.0, 8)"), bytes(192)), NONE),
    "no tuple": (npy(of("[3, 8, 8]"), bytes(192)), NONE),
    "of Python 2, huge": (npy(of("(3L, 99999999999999999999L, 8L)"), bytes(192)), NONE),
    "huge": (npy(of(f"(3, {2**61}, 8)"), bytes(192)), "ends before the last of its values"),
    "beyond 64 bits": (npy(of(f"(3, {2**80}, 8)"), bytes(192)), NONE),
    "of many digits": (npy(of(f"(3, {'9' * 5000}, 8)"), bytes(192)), NONE),
    "of many axes": (npy(of(str((1,) * 400)), bytes(192)), "has the shape"),
    "none": (npy(of("()"), bytes(192)), "has the shape"),
    "nested": (npy("(" * 9_000), NONE),
    "not closed": (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 8, 8)"), NONE),
    "a call": (npy(of("(__import__('os').system('touch harm'), 8, 8)")), NONE),
    "a product": (npy(of("(3, 8, 8) * 99999999")), NONE),
    "further keys": (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), 'x': 1}"), NONE),
    "of the third version": (npy(of("(3, 8, 8)"), bytes(192), b"\x03\x00"), NONE),
    "of the ninth version": (npy(of("(3, 8, 8)"), bytes(192), b"\x09\x00"), NONE),
    "of 4 GiB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 90_000, NONE),
    "objects": (npy(of("(3, 8, 8)", "'|O'"), bytes(1536)), "holds objects of Python"),
    "objects in fields": (npy(of("(3,)", "[('a', '|O')]"), bytes(24)), "holds objects of Python"),
    "a structure": (npy(of("(3, 8, 8)", "[('a', 'u1')]"), bytes(192)), "whose range is not stated"),
    "texts": (npy(of("(3, 8, 8)", "'<U9'"), bytes(9000)), "whose range is not stated"),
    "dates": (npy(of("(3, 8, 8)", "'<M8[D]'"), bytes(1536)), "whose range is not stated"),
    "of large items": (npy(of("(3, 8, 8)", "'|V2147483647'"), bytes(9)), "ends before the last"),
    "of no type": (npy(of("(3, 8, 8)", "'|?9'"), bytes(192)), NONE),
    "truths": (saved(pixels(3, 8, 8) > 9), "holds bool, whose range is not stated"),
    "halves": (saved(pixels(3, 8, 8).astype(np.float16)), "holds float16, whose range is not"),
    "of 16 bits": (saved(pixels(3, 8, 8).astype(np.uint16)), "holds uint16, whose range is not"),
    "big-endian": (saved(pixels(3, 8, 8).astype(">u2")), "holds >u2, whose range is not stated"),
    "signed": (saved(pixels(3, 8, 8).astype(np.int8)), "holds int8, whose range is not stated"),
    "column by column": (saved(np.asfortranarray(pixels(3, 8, 8))), "lies column by column"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    data, sentence = HEADERS[name]
    labels = saved(np.array([0, 1, 0]))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/images.npy").write_bytes(data)
    (tmp_path / "a/labels.npy").write_bytes(labels)
    sources = [tmp_path / "a"]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        sources.append(tmp_path / f"{method}.npz")
        with zipfile.ZipFile(sources[-1], "w", method) as archive:
            archive.writestr("images.npy", data)
            archive.writestr("labels.npy", labels)
    for source in sources:
        with warnings.catch_warnings(), pytest.raises(UserError) as refused:
            warnings.simplefilter("error")
            list_source(source)
        packed = source.name == f"{zipfile.ZIP_DEFLATED}.npz"
        if not (packed and "ends before" in sentence):  # then the claim itself is refused
            assert sentence in str(refused.value)
    assert not (tmp_path / "harm").exists()


def test_a_header_of_python_2_is_read_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "images.npy").write_bytes(npy(of("(3L, 8L, 8L)"), bytes(192)))
    (tmp_path / "labels.npy").write_bytes(saved(np.array([0, 1, 0])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list_source(tmp_path)) == 3


def test_arrays_that_stand_twice(tmp_path: Path) -> None:
    images, labels = saved(pixels(3, 8, 8)), saved(np.array([0, 1, 0]))
    source = tmp_path / "a.npz"
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in (("images.npy", images), ("labels.npy", labels)):
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("labels.npy", saved(np.array([1, 1, 1])))
    with pytest.raises(UserError, match=r"a\.npz, labels\.npy, stands in it twice; make the arch"):
        list_source(source)
    arrays: dict[str, Any] = {"x_train": pixels(3, 8, 8), "y_train": np.array([0, 1, 0])}
    np.savez(source, train_labels=np.array([1, 1, 1]), **arrays)
    with pytest.raises(UserError, match="holds train_labels and y_train, which are both labels of"):
        list_source(source)
