"""What pyarrow would take of memory for columns of a Parquet file, read from the headers of their
pages before they are read: a file of some KiB may hold pages of GiB, or name one text of its
dictionary a million times."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from augcli.data.parquet_pages import LARGEST_PAGE, Chunk, longest_of_dictionary, page_headers
from augcli.data.tar_headers import read_at
from augcli.data.thrift import read_struct
from augcli.errors import UnreadableImage, UserError
from augcli.files import MIB, open_regular, size_text
from augcli.text import shorten

# Bytes of a column in a group of rows, and of one text in a dictionary.
_LARGEST_CHUNK, _LONGEST_TEXT = 1024 * MIB, 64 << 10
# Rows for each byte of a file, which texts that differ always take more than, and of any file.
_ROWS_A_BYTE, _LEAST_ROWS = 64, 1_000_000
# The length of a footer and the mark behind it; field 4 of a footer, and the numbers of codecs
# (parquet.thrift of the Parquet format).
_TAIL, _LARGEST_FOOTER = 8, 256 * MIB
_ROW_GROUPS, _CODECS = 4, frozenset(range(8))
# Values that a row has on average in a column of lists.
_MOST_VALUES = 200


def refuse_bombs(path: Path, file: Any, names: Collection[str]) -> None:
    """Raise UserError where an open Parquet file has more rows than its bytes allow, or its columns
    `names` would take too much memory; ValueError where it is broken, and OSError."""
    check_codecs(path)
    size, rows = path.stat().st_size, file.metadata.num_rows
    if not 0 <= rows <= _LEAST_ROWS + _ROWS_A_BYTE * size:
        raise UserError(f"{path} claims {rows:,} rows, more than its bytes can hold; save it anew.")
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        for at in range(group.num_columns):
            column = group.column(at)
            if group.num_rows and column.path_in_schema.partition(".")[0] in names:
                schema = file.schema.column(at)
                try:
                    _check(path, column, group.num_rows, schema.max_repetition_level)
                except (UnreadableImage, KeyError, TypeError, IndexError) as error:
                    raise ValueError("the header of a page is broken") from error


def check_codecs(path: Path) -> None:
    """Raise ValueError where a Parquet file names a compression that the format has not: over one,
    pyarrow ends the process. Raises OSError and UserError too."""
    with open_regular(path) as file:
        end = file.seek(0, os.SEEK_END)
        tail = read_at(file, max(0, end - _TAIL), _TAIL)
        length = int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or not 0 < length <= end - _TAIL:
            raise ValueError("its footer is broken")
        if length > _LARGEST_FOOTER:
            raise UserError(f"{path} has a footer of {size_text(length)}; write larger row groups.")
        footer = read_at(file, end - _TAIL - length, length)
    try:
        groups = read_struct(footer)[0].get(_ROW_GROUPS, [])
        codecs = {column[3][4] for group in groups for column in group[1]}
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("its footer is broken") from error
    if not codecs <= _CODECS:
        raise ValueError("a column has a compression that there is not")


def _check(path: Path, column: Any, rows: int, depth: int) -> None:
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        start = min(start, column.dictionary_page_offset)
    chunk = Chunk(os.fsencode(path), start, column.total_compressed_size, column.compression, 0)
    total = column.total_uncompressed_size
    values, unpacked, longest = 0, 0, 0
    name = shorten(column.path_in_schema, 60)
    for page in page_headers(chunk):
        if max(page.size, page.unpacked) > LARGEST_PAGE:
            raise UserError(
                f"{path}: the column {name} has a page of {page.unpacked // MIB:,} MiB, and at most"
                f" {LARGEST_PAGE // MIB} are read; write smaller ones."
            )
        unpacked += page.unpacked
        values += page.values
        if page.is_dictionary and column.physical_type == "BYTE_ARRAY":
            longest = max(longest, longest_of_dictionary(chunk, page))
        if max(total, unpacked) > _LARGEST_CHUNK:
            raise UserError(
                f"{path}: the column {name} has more than {size_text(_LARGEST_CHUNK)} in a group of"
                " rows; write smaller groups."
            )
    is_endless = depth and values > _LEAST_ROWS + _MOST_VALUES * rows
    if longest > _LONGEST_TEXT or is_endless or (depth and values * longest > _LARGEST_CHUNK):
        raise UserError(
            f"{path}: the column {name} has values without end, or of more than"
            f" {size_text(_LONGEST_TEXT)}; choose another, or write shorter ones."
        )
