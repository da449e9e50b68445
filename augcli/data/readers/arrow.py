"""Reads what `save_to_disk` of Hugging Face's datasets writes: Arrow files with images inside.

Listing them maps the files into memory and looks at labels and offsets alone; each image is then
one read at its place in the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from augcli.data.arrow_columns import Columns, check_same, find_columns, require_pyarrow, unreadable
from augcli.data.data_files import data_files
from augcli.data.image_file import too_large
from augcli.data.image_tables import TableSplit, list_tables, suffix_of
from augcli.data.listing import Listing
from augcli.data.pieces import read_piece
from augcli.data.source_options import SourceOptions
from augcli.data.split_names import SPLITS
from augcli.errors import UnreadableImage, UserError
from augcli.files import MIB, open_regular, read_json
from augcli.text import shorten

KIND = "a folder that datasets' save_to_disk wrote or an .arrow file"
OPTIONS: frozenset[str] = frozenset({"split", "label_column", "weights_column", "path_column"})
_SPLITS, _STATE = "dataset_dict.json", "state.json"
_FILE_MAGIC = b"ARROW1"
_MAGIC = 8


def recognises(source: Path) -> bool:
    """Whether it is an Arrow file by its name, or a folder with such files and without images."""
    if not source.is_dir():
        return source.suffix.lower() == ".arrow"
    return bool(data_files(source, lambda name: name.lower().endswith(b".arrow")))


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images inside of Arrow files, in their order, with those of other splits.

    Columns are found as in Parquet files. Raises UserError for files that are broken or compressed,
    for an order of rows that was not written out, and for images that are only paths.
    """
    require_pyarrow(source, "Arrow files")
    root = source if source.is_dir() else source.parent
    texts: dict[str, int] = {}
    splits: dict[str, TableSplit] = {}
    columns: Columns | None = None
    try:
        for name, files in _files(source).items():
            splits[name] = TableSplit(texts)
            for file in files:
                columns = _add_file(splits[name], root, file, options, columns)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    if columns is None:
        raise UserError(f"SOURCE {source} names no .arrow files; save it anew by datasets.")
    return list_tables(root, splits, columns, options, str(source))


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The image file as it stands in the table; raises UnreadableImage and OSError."""
    assert listing.spans is not None
    _, offset, size = listing.spans[index].tolist()
    if size == 0:
        raise UnreadableImage("it has no bytes in the Arrow file")
    if size > limit:
        raise too_large(limit)
    return read_piece(listing.path(index), offset, size)


def _files(source: Path) -> dict[str, list[bytes]]:
    """The files of each split, in their order, as paths below SOURCE."""
    if not source.is_dir():
        return {"": [os.fsencode(source.name)]}
    if (source / _SPLITS).is_file():
        splits = _json(source / _SPLITS).get("splits")
        if not isinstance(splits, list) or not splits or not all(map(_is_plain, splits)):
            raise UserError(f"{source / _SPLITS} names no splits; save it anew by datasets.")
        return {name: _files_of(source, name)[1] for name in splits}
    folders = [name for name in SPLITS if (source / name / _STATE).is_file()]
    if folders and not (source / _STATE).is_file():
        return {name: _files_of(source, name)[1] for name in folders}
    name, files = _files_of(source, "")
    return {name: files}


def _files_of(source: Path, folder: str) -> tuple[str, list[bytes]]:
    """The split that a folder says that it is, and its files."""
    state = source / folder / _STATE
    if not state.is_file():
        raise UserError(
            f"SOURCE {source} holds .arrow files but no {state.relative_to(source)}; give what"
            " save_to_disk of datasets writes, or one .arrow file."
        )
    values = _json(state)
    files = values.get("_data_files")
    names = [one.get("filename") if isinstance(one, dict) else None for one in files or []]
    if not isinstance(files, list) or not all(map(_is_plain, names)):
        raise UserError(f"{state} names no files in its folder; save it anew by datasets.")
    if values.get("_indices_data_files"):
        raise UserError(
            f"{state} has rows in an order that is not that of its files; save it anew by a newer"
            " datasets."
        )
    split = values.get("_split")
    prefix = f"{folder}/" if folder else ""
    return (split if isinstance(split, str) else ""), [
        os.fsencode(f"{prefix}{one}") for one in names
    ]


def _is_plain(name: Any) -> bool:
    """Whether a value is the name of an entry of a folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or set("/\\\0") & set(name):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in name)  # halves


def _json(path: Path) -> dict[str, Any]:
    try:
        values = read_json(path, 16 * MIB)
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {shorten(str(error))}; save it anew.") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} is no JSON object; save it anew by datasets.")
    return values


def _add_file(
    split: TableSplit, root: Path, name: bytes, options: SourceOptions, before: Columns | None
) -> Columns:
    """Add the rows of a file to its split; the columns that are read of it."""
    import pyarrow

    path = root / os.fsdecode(name)
    try:
        with open_regular(path) as opened:
            start = opened.read(_MAGIC)
        with pyarrow.memory_map(str(path)) as mapped:
            whole = mapped.read_buffer()
            mapped.seek(0)
            is_file = start.startswith(_FILE_MAGIC)
            reader = pyarrow.ipc.open_file(mapped) if is_file else pyarrow.ipc.open_stream(mapped)
            columns = find_columns(reader.schema, options, str(path))
            check_same(columns, before, str(path))
            batches = (
                (reader.get_batch(number) for number in range(reader.num_record_batches))
                if is_file
                else iter(reader)
            )
            row, spans = 0, []
            for batch in batches:
                if row + batch.num_rows > whole.size:  # as an image takes a byte at least
                    raise UserError(f"{path} claims more rows than it has bytes.")
                if columns.label:
                    label = batch.column(columns.label)
                    label.validate(full=True)
                    split.add_column(label, columns.has_numbers, str(path), row, options)
                if columns.weights:
                    for weights in columns.weights:
                        batch.column(weights).validate(full=True)
                    split.add_weights(batch, columns.weights, str(path), row, options)
                if columns.group is not None:
                    of_group = batch.column(columns.group)
                    of_group.validate(full=True)
                    split.add_groups(of_group, str(path))
                spans.append(_spans(batch.column(columns.image), columns, whole, str(path)))
                row += batch.num_rows
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        raise unreadable(error, path, "Arrow") from error
    places = np.concatenate(spans) if spans else np.empty((0, 3), np.uint64)
    places[:, 0] = len(split.files)
    split.files.append(name)
    split.spans.append(places)
    split.suffixes.append(_first_suffix(path, places))
    return columns


def _spans(images: Any, columns: Columns, whole: Any, where: str) -> np.ndarray[Any, Any]:
    """Where the bytes of each image of a record batch lie in the file that is mapped as `whole`: no
    byte of an image is looked at."""
    missing = images.is_null().to_numpy(zero_copy_only=False)
    values = images
    if columns.inner:
        values = images.field(images.type.get_field_index(columns.inner))
        missing = missing | values.is_null().to_numpy(zero_copy_only=False)
    count = len(values)
    _, offsets, data = values.buffers()
    if data is None or offsets is None or count == 0:
        return np.zeros((count, 3), np.uint64)
    if not _lies_in(offsets, whole) or not _lies_in(data, whole):
        raise UserError(
            f"{where} has compressed record batches, in which no image has a place of its own; save"
            " it anew by datasets' save_to_disk."
        )
    kind = np.int64 if str(values.type).startswith("large") else np.int32
    ends = np.frombuffer(offsets, kind)[values.offset :][: count + 1].astype(np.int64)
    sizes = np.diff(ends)
    if len(ends) != count + 1 or ends[0] < 0 or (sizes < 0).any() or ends[-1] > data.size:
        raise ValueError("an image lies outside of it")
    spans = np.zeros((count, 3), np.uint64)
    spans[:, 1] = data.address - whole.address + ends[:-1]
    spans[:, 2] = np.where(missing, 0, sizes)
    return spans


def _lies_in(buffer: Any, whole: Any) -> bool:
    start = buffer.address - whole.address
    return bool(buffer.size == 0 or 0 <= start <= start + buffer.size <= whole.size)


def _first_suffix(path: Path, spans: np.ndarray[Any, Any]) -> bytes:
    """The suffix of a file's first image, by which all of them are named."""
    if not len(spans):
        return b""
    _, offset, size = spans[0].tolist()
    if size == 0:
        raise UserError(
            f"{path} has no bytes in its first image, but perhaps the path of a file; save it anew"
            " by datasets, which puts the files inside."
        )
    return suffix_of(read_piece(os.fsencode(path), offset, min(size, _MAGIC)))
