"""Reads a table of paths and labels: CSV, or TSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from augcli.data.columns import UnreadColumns, divides
from augcli.data.header import find_column
from augcli.data.image_file import read_image as read_image
from augcli.data.labels import label_index, printable, shown
from augcli.data.listing import Listing, ListingBuilder, first_repeated, in_order
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.files import MIB, open_regular, size_text
from augcli.text import count_text, is_url, shorten
from augcli.text_files import refuse_utf16

KIND = "a .csv table"
OPTIONS: frozenset[str] = frozenset()
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PATH_COLUMNS = ("path", "file_name", "filename", "image")
_LABEL_COLUMNS = ("label", "class", "class_name")
# Characters of a row, which may go over several lines. The csv module bounds a field, at 131,072.
_LONGEST_ROW = MIB


def recognises(source: Path) -> bool:
    """Whether a file is a table, by its name."""
    return not source.is_dir() and source.suffix.lower() in _DELIMITERS


def list_images(source: Path, options: SourceOptions) -> Listing:  # noqa: ARG001
    """List the images that a table names, in its order.

    The first line names the columns: `path`, `file_name`, `filename` or `image`, and `label`,
    `class` or `class_name`; others are not read, and named in the listing's warnings. Paths are
    relative to the table's folder. Labels are names; where all are numbers, ids follow their
    values. No image is opened. Raises UserError, with the line, for what is no such table.
    """
    builder = ListingBuilder()
    unread = UnreadColumns()
    for where, path, label in _rows(source, unread):
        if is_url(os.fsdecode(path)):
            raise UserError(f"{where}: {shown(path)} is a URL; give paths on this machine.")
        folder, _, name = os.path.normpath(path).rpartition(b"/")
        if name in (b"", b".", b"..") or b"\0" in path:
            raise UserError(f"{where}: {shown(path)} is no path of an image; fix it.")
        label = label.strip()
        if not label:
            raise UserError(f"{where}: {shown(path)} has no label; add one.")
        builder.add(builder.folder(folder), name, builder.class_id(printable(label)))
    if not builder.classes:
        raise UserError(f"SOURCE {source} has no rows; give a table of images.")
    warnings = unread.warnings(str(source))
    listing = builder.finish(source.parent, builder.classes, warnings=warnings)
    listing = in_order(listing, label_index)
    again = first_repeated(listing)
    if again is not None:
        twice = shown(listing.relative_path(again))
        raise UserError(f"SOURCE {source} names {twice} twice; remove one of its lines.")
    return listing


def _rows(source: Path, unread: UnreadColumns) -> Iterator[tuple[str, bytes, bytes]]:
    """(where, path, label) of each row below the header; empty lines are passed over. The other
    columns are noted in `unread`."""
    number = length = 0

    def lines() -> Iterator[str]:
        nonlocal length
        while line := file.readline(_LONGEST_ROW + 1):
            length += len(line)
            if length > _LONGEST_ROW:
                raise UserError(
                    f"{source}: the row at line {number + 1} is longer than"
                    f" {size_text(_LONGEST_ROW)}; is a quotation mark missing?"
                )
            yield line

    try:
        with open_regular(source) as opened:
            refuse_utf16(opened.read(4))
            opened.seek(0)
            file = io.TextIOWrapper(opened, "utf-8-sig", "surrogateescape", newline="")
            reader = csv.reader(lines(), delimiter=_DELIMITERS[source.suffix.lower()], strict=True)
            header = next(reader, [])
            divider = _DELIMITERS[source.suffix.lower()]
            path_at = find_column(header, "paths", _PATH_COLUMNS, source, divider)
            label_at = find_column(header, "labels", _LABEL_COLUMNS, source, divider)
            others = {at: name for at, name in enumerate(header) if at not in (path_at, label_at)}
            for name in others.values():
                unread.add(_printable(name))
            dividing = {at: _printable(name) for at, name in others.items() if divides(name)}
            number, length = reader.line_num, 0
            for row in reader:
                number, length = reader.line_num, 0
                if not row:
                    continue
                where = f"{source}, line {number}"
                if len(row) != len(header):
                    raise UserError(
                        f"{where}: it has {count_text(len(row), 'column')}, and the first line"
                        f" {len(header)}; fix it."
                    )
                for at, name in dividing.items():
                    unread.add(name, _printable(row[at]))
                path, label = (_encoded(row[at], header[at], where) for at in (path_at, label_at))
                yield where, path, label
    except csv.Error as error:
        raise UserError(
            f"{source}, line {max(number, 1)} or the next: a quotation mark is missing or has no"
            f" place there, or a column is longer than {csv.field_size_limit()} characters; fix it."
        ) from error
    except ValueError as error:
        raise UserError(f"{source} cannot be read: {error}.") from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def _encoded(text: str, column: str, where: str) -> bytes:
    """A path or label; raises UserError where its bytes are not UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where}: the {shorten(_printable(column.strip()), 40)} {shorten(_printable(text))} is"
            " not UTF-8; save the table in UTF-8 (files whose own names are not UTF-8 can be given"
            " as a list on standard input)."
        ) from error


def _printable(text: str) -> str:
    return printable(text.encode("utf-8", "surrogateescape"))
