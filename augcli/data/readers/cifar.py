"""Reads CIFAR-10 and CIFAR-100 as they are downloaded: the binary version and the pickles of the
Python one, of which nothing is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augcli.data.class_numbers import Labels, Numbered, name_classes
from augcli.data.inner_splits import join_splits
from augcli.data.labels import split_lines
from augcli.data.listing import Listing
from augcli.data.pickle_values import Array, Span, read_pickle
from augcli.data.pixel_rows import Rows, list_rows, read_row
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.errors import UserError
from augcli.files import MIB, open_regular
from augcli.text import count_text, shorten
from augcli.text_files import LARGEST_LIST, read_text

KIND = "a folder of CIFAR-10 or CIFAR-100"
OPTIONS: frozenset[str] = frozenset({"split", "label_column"})
_SIDE, _CHANNELS = 32, 3
_PIXELS = _SIDE * _SIDE * _CHANNELS
_FINE, _COARSE = "fine_labels", "coarse_labels"
_CLASSES = {"labels": 10, _FINE: 100, _COARSE: 20}
_RECORDS_AT_ONCE = 4096


class _Layout(NamedTuple):
    """The names of a version's files, and where its classes are named: in files of lines, or in a
    pickle under keys. A record of the binary version has `label_bytes` before its pixels. There are
    as many classes as `_CLASSES` says, where the file of their names is missing."""

    files: re.Pattern[str]
    test: str
    folder: str
    names: dict[str, str]
    label_bytes: int = 0
    marks: tuple[str, ...] = ()


_LAYOUTS = (
    _Layout(re.compile(r"(data_batch_\d|test_batch)\.bin"), "test_batch.bin",
            "cifar-10-batches-bin", {"labels": "batches.meta.txt"}, 1),
    _Layout(re.compile(r"(train|test)\.bin"), "test.bin", "cifar-100-binary",
            {_COARSE: "coarse_label_names.txt", _FINE: "fine_label_names.txt"}, 2,
            ("fine_label_names.txt",)),
    _Layout(re.compile(r"data_batch_\d|test_batch"), "test_batch", "cifar-10-batches-py",
            {"labels": "label_names"}),
    _Layout(re.compile(r"train|test"), "test", "cifar-100-python",
            {_COARSE: "coarse_label_names", _FINE: "fine_label_names"}, 0, ("meta",)),
)  # fmt: skip
_META = {"cifar-10-batches-py": "batches.meta", "cifar-100-python": "meta"}


def recognises(source: Path) -> bool:
    """Whether a folder, or one of CIFAR's own name in it, has CIFAR's files, by their names."""
    return _find(source) is not None


def _find(source: Path) -> tuple[Path, _Layout] | None:
    for layout in _LAYOUTS:
        for folder in (source, source / layout.folder):
            if _files(folder, layout) and all((folder / mark).is_file() for mark in layout.marks):
                return folder, layout
    return None


def _files(folder: Path, layout: _Layout) -> list[Path]:
    if not folder.is_dir():
        return []
    fitting = [path for path in folder.iterdir() if layout.files.fullmatch(path.name)]
    return sorted(path for path in fitting if path.is_file())


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the training images of CIFAR, in the order of its files, with the test images as
    another split.

    Labels of CIFAR-100 are the fine ones, or those that `--label-column coarse_labels` asks for.
    Raises UserError for a file that is cut off or holds anything but arrays, lists and names.
    """
    place = _find(source)
    if place is None:
        raise UserError(f"SOURCE {source} has no files of CIFAR any more; put them back.")
    folder, layout = place
    column = _column(layout, options, str(source))
    rows: dict[str, list[Rows]] = {}
    labels: dict[str, list[Numbered]] = {}
    try:
        for path in _files(folder, layout):
            split = "test" if path.name == layout.test else "train"
            if layout.label_bytes:
                part, numbers = _read_records(path, layout, column)
            else:
                part, numbers = _read_batch(path, column)
            rows.setdefault(split, []).append(part)
            labels.setdefault(split, []).append(Numbered(str(path), numbers))
        names = _names(folder, layout, column)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    chosen = choose_split(rows, options.split, str(source))
    parts = [part for split in labels.values() for part in split]
    classes = name_classes(parts, names, options, str(source), _CLASSES[column])
    joined = {name: np.concatenate([one.labels for one in labels[name]]) for name in rows}
    return join_splits(
        {split: list_rows(folder, rows[split], joined[split], classes) for split in rows}, chosen
    )


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The image as a PNG file; raises UnreadableImage and OSError."""
    return read_row(listing, index, limit, planes=True)


def _column(layout: _Layout, options: SourceOptions, source: str) -> str:
    """The labels that are meant, by the name that CIFAR has for them."""
    *_, usual = layout.names
    if options.label_column is None or options.label_column in layout.names:
        return options.label_column or usual
    names = " and ".join(sorted(layout.names))
    raise UserError(
        f"SOURCE {source} has {names}, and not --label-column"
        f" {shorten(options.label_column)}; choose from what it has."
    )


def _rows(path: Path, offset: int, stride: int, count: int) -> Rows:
    name = path.name.encode()
    return Rows(name, name.removesuffix(b".bin"), offset, stride, count, _SIDE, _SIDE, _CHANNELS)


def _read_records(path: Path, layout: _Layout, column: str) -> tuple[Rows, Labels]:
    stride = layout.label_bytes + _PIXELS
    at = list(layout.names).index(column)
    parts: list[Labels] = []
    with open_regular(path) as file:
        while data := file.read(_RECORDS_AT_ONCE * stride):
            if len(data) % stride:
                raise UserError(
                    f"{path} does not consist of records of {stride} bytes; download it again."
                )
            parts.append(np.frombuffer(data, np.uint8)[at::stride].astype(np.int64))
    if not parts:
        raise UserError(f"{path} is empty; download it again.")
    labels = np.concatenate(parts)
    return _rows(path, layout.label_bytes, stride, len(labels)), labels


def _read_batch(path: Path, column: str) -> tuple[Rows, Labels]:
    values = _table(path)
    data, labels = values.get("data"), values.get(column)
    if not isinstance(data, Array) or not isinstance(labels, list):
        raise UserError(f"{path} has no data and {column}; give the files of CIFAR.")
    count = len(labels)
    whole = isinstance(data.data, Span) and data.data.size == count * _PIXELS
    if data.dtype not in ("u1", "|u1", "uint8") or data.fortran or not whole:
        raise UserError(
            f"{path} does not hold {count_text(count, 'image')} of {_SIDE} x {_SIDE} pixels, as"
            " many as labels; download it again."
        )
    if count == 0 or not all(type(label) is int and -MIB < label < MIB for label in labels):
        raise UserError(f"{path} has labels that are no numbers of classes; download it again.")
    return _rows(path, data.data.offset, _PIXELS, count), np.array(labels, np.int64)


def _table(path: Path) -> dict[str, Any]:
    values = read_pickle(path)
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no dict; give the files of CIFAR.")
    return {_text(key): value for key, value in values.items()}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _names(folder: Path, layout: _Layout, column: str) -> list[str] | None:
    """The names of the classes; None where the file of them is not there."""
    if layout.label_bytes:
        file = folder / layout.names[column]
        if not file.is_file():
            return None
        try:
            lines = split_lines(read_text(file, LARGEST_LIST))
        except ValueError as error:
            raise UserError(f"{file} cannot be read: {error}.") from error
        return [line.strip() for line in lines if line.strip()]
    file = folder / _META[layout.folder]
    if not file.is_file():
        return None
    names = _table(file).get(layout.names[column])
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise UserError(f"{file} has no {layout.names[column]}; download it again.")
    return [_text(name) for name in names]
