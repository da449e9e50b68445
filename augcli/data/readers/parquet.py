"""Reads Parquet files with images inside, as those of Hugging Face's hub.

Each worker reads a page whole at the first image of it that it meets, and later the bytes of each
image alone (`parquet_pages`): a photograph of 100 KB then costs 0.1 ms more than one in a file. In
files of gzip, zstd or brotli an image costs its page each time: write pages of 1 MB, as datasets
does, or Snappy.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from augcli.data.arrow_columns import Columns, check_same, find_columns, require_pyarrow, unreadable
from augcli.data.data_files import data_files
from augcli.data.image_tables import TableSplit, list_tables, suffix_of
from augcli.data.labels import printable, shown
from augcli.data.listing import UNKNOWN, Listing
from augcli.data.parquet_bounds import check_codecs, refuse_bombs
from augcli.data.parquet_columns import holds_images
from augcli.data.parquet_pages import (
    CODECS,
    ENCODINGS,
    LARGEST_PAGE,
    Chunk,
    codec_name,
    codec_number,
    first_page_size,
    read_value,
)
from augcli.data.source_options import SourceOptions
from augcli.data.split_names import SPLITS
from augcli.errors import UnreadableImage, UserError
from augcli.files import MIB, open_regular
from augcli.text import count_text, listed

KIND = "a .parquet file or a folder of them"
OPTIONS: frozenset[str] = frozenset({"split", "label_column", "weights_column", "path_column"})
# A folder of images may have one; its images are files.
_MANIFEST = b"metadata.parquet"
_SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
_ROWS_AT_ONCE = 1 << 13


def recognises(source: Path) -> bool:
    """Whether it is a Parquet file with images inside, or a folder with Parquet files and without
    images."""
    if not source.is_dir():
        return source.suffix.lower() == ".parquet" and holds_images(source)
    return bool(_files(source))


def _files(source: Path) -> list[bytes]:
    """The Parquet files in a folder, but for those that tell of the .tar beside them, as those of
    img2dataset do."""
    files = data_files(
        source, lambda name: name.lower().endswith(b".parquet") and name != _MANIFEST
    )
    return [name for name in files if not (source / os.fsdecode(name)).with_suffix(".tar").exists()]


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images inside of Parquet files, in the order of their names and rows.

    Images are a column of bytes, or of `datasets`' structs; labels one of numbers, with names where
    `datasets` says them, or of texts. Splits come from the names of files (`train-00000-of-00003`)
    and folders. Images are called `FILE/ROW.jpg`, by the format of the first of the file. Raises
    UserError for files that are broken, belong to several data sets, or differ in their columns.
    """
    require_pyarrow(source, "Parquet files")
    root = source if source.is_dir() else source.parent
    names = _files(source) if source.is_dir() else [os.fsencode(source.name)]
    splits: dict[str, TableSplit] = {}
    texts: dict[str, int] = {}
    columns: Columns | None = None
    of_splits = _splits(names, source) if source.is_dir() else dict.fromkeys(names, "")
    for name, split in of_splits.items():
        one = splits.setdefault(split, TableSplit(texts))
        columns = _add_file(one, root, name, options, columns)
    assert columns is not None
    return list_tables(root, splits, columns, options, str(source))


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The image file as it stands in the table; raises UnreadableImage and OSError."""
    assert listing.spans is not None
    _, start, size, row, how, _ = listing.spans[index].tolist()
    codec, level = divmod(how, 256)
    return read_value(Chunk(listing.path(index), start, size, codec_name(codec), level), row, limit)


def _splits(names: list[bytes], source: Path) -> dict[bytes, str]:
    """The split of each file, by its name, else by the folders in which it lies."""
    splits, data_sets = dict[bytes, str](), set[tuple[str, ...]]()
    for name in names:
        *folders, file = printable(name).split("/")
        stem = file.removesuffix(".parquet")
        shard = _SHARD.fullmatch(stem)
        words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word in SPLITS]
        of_folders = [folder for folder in folders if folder.lower() in SPLITS]
        splits[name] = shard[1] if shard else (words or of_folders or [""])[0]
        data_sets.add(tuple(folder for folder in folders if folder not in of_folders))
    if len(data_sets) > 1:
        several = listed(("/".join(one) or "." for one in sorted(data_sets)), "and")
        raise UserError(
            f"SOURCE {source} holds Parquet files in the folders {several}; give one of them."
        )
    nameless = [name for name, split in splits.items() if not split]
    if nameless and len(nameless) < len(splits):
        raise UserError(
            f"SOURCE {source}: {shown(nameless[0])} is of no split, and others are of"
            f" {listed(sorted(set(splits.values()) - {''}), 'and')}; rename it, as"
            " train-00000-of-00001.parquet."
        )
    return splits


def _add_file(
    split: TableSplit, root: Path, name: bytes, options: SourceOptions, before: Columns | None
) -> Columns:
    """Add the rows of a file to its split; the columns that are read of it."""
    import pyarrow
    from pyarrow import parquet

    path = root / os.fsdecode(name)
    where = str(path)
    try:
        with open_regular(path) as opened:
            size = os.fstat(opened.fileno()).st_size
            file = parquet.ParquetFile(opened, pre_buffer=False, buffer_size=MIB)
            columns = find_columns(file.schema_arrow, options, where)
            check_same(columns, before, str(path))
            rows = file.metadata.num_rows
            if not 0 <= rows <= size:  # as an image takes a byte at least
                raise UserError(f"{where} claims {rows} rows, more than it has bytes.")
            check_codecs(path)
            spans = _spans(file, columns, len(split.files), where)
            if columns.label or columns.weights or columns.group is not None:
                _add_labels(split, file, columns, where, options)
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        raise unreadable(error, path, "Parquet") from error
    split.files.append(name)
    split.spans.append(spans)
    split.suffixes.append(_first_suffix(path, spans))
    return columns


def _spans(file: Any, columns: Columns, number: int, where: str) -> np.ndarray[Any, Any]:
    """Where each image lies: (file, start and size of its column chunk, row in it, compression and
    level, bytes, which nothing says)."""
    leaf = f"{columns.image}.{columns.inner}".rstrip(".")
    places = [i for i in range(len(file.schema)) if file.schema.column(i).path == leaf]
    if len(places) != 1 or file.schema.column(places[0]).max_repetition_level:
        raise UserError(f"{where} has its images in a form that is not read; save it anew.")
    level = file.schema.column(places[0]).max_definition_level
    spans = np.empty((file.metadata.num_rows, 6), np.uint64)
    at = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        chunk = file.metadata.row_group(group).column(places[0])
        unread = set(chunk.encodings) - ENCODINGS
        if unread or chunk.compression not in CODECS:
            how = listed(sorted(unread)) if unread else chunk.compression
            raise UserError(
                f"{where} has its images in the encoding {how}, which is not read; write it anew"
                " by pyarrow or datasets."
            )
        starts = [chunk.data_page_offset]
        if chunk.has_dictionary_page and chunk.dictionary_page_offset:
            starts.append(chunk.dictionary_page_offset)
        if min(starts) < 0 or chunk.total_compressed_size < 0 or not 0 <= rows <= len(spans) - at:
            raise UserError(f"{where} is no whole Parquet file; fetch it again.")
        place = Chunk(os.fsencode(where), min(starts), chunk.total_compressed_size, "", level)
        if rows and (page := first_page_size(place)) > LARGEST_PAGE:
            raise UserError(
                f"{where} has a page of {page // MIB:,} MiB, and at most {LARGEST_PAGE // MIB} are"
                " read for one image; write it anew with smaller ones, as by"
                " pyarrow.parquet.write_table(table, file, row_group_size=100)."
            )
        how_packed = 256 * codec_number(chunk.compression) + level
        part = spans[at : at + rows]
        part[:, :3] = number, min(starts), chunk.total_compressed_size
        part[:, 3] = np.arange(rows)
        part[:, 4:] = how_packed, np.int64(UNKNOWN).astype(np.uint64)
        at += rows
    if at < len(spans):
        raise UserError(f"{where} is no whole Parquet file; fetch it again.")
    return spans


def _add_labels(
    split: TableSplit, file: Any, columns: Columns, where: str, options: SourceOptions
) -> None:
    row, names = (
        0,
        list(dict.fromkeys(filter(None, (columns.label, *columns.weights, columns.group)))),
    )
    refuse_bombs(Path(where), file, names)
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names, use_threads=False):
        if columns.label:
            label = batch.column(columns.label)
            split.add_column(label, columns.has_numbers, where, row, options)
        if columns.weights:
            split.add_weights(batch, columns.weights, where, row, options)
        if columns.group is not None:
            split.add_groups(batch.column(columns.group), where)
        row += batch.num_rows
        if row > file.metadata.num_rows:
            break
    if row != file.metadata.num_rows:
        raise UserError(
            f"{where} has {count_text(row, 'label')} for"
            f" {count_text(file.metadata.num_rows, 'row')}; fetch it again."
        )


def _first_suffix(path: Path, spans: np.ndarray[Any, Any]) -> bytes:
    """The suffix of a file's first image, by which all of them are named."""
    if not len(spans):
        return b""
    _, start, size, row, how, _ = spans[0].tolist()
    codec, level = divmod(how, 256)
    chunk = Chunk(os.fsencode(path), start, size, codec_name(codec), level)
    try:
        return suffix_of(read_value(chunk, row, 64 * MIB))
    except UnreadableImage as error:
        if "no bytes" in str(error):
            raise UserError(
                f"{path} has no bytes in its first image, but perhaps the path of a file; save it"
                " anew by datasets, which puts the files inside."
            ) from error
        return b""
