"""Reads a soft-label manifest back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson
from pydantic import ValidationError

from augcli.data.labels import split_lines
from augcli.declared import what_is_amiss
from augcli.errors import UserError
from augcli.files import MIB, open_regular, read_bytes, size_text
from augcli.manifest.row import Row
from augcli.published import MANIFEST

# Longer than any row: without newlines a damaged manifest is one line.
LONGEST_LINE = 16 * MIB
_LONGEST_CLASSES = 64 * MIB
_COLUMNS = frozenset(Row.model_fields)


class BadLine(Exception):
    """A manifest line that is no row: its number and what is wrong."""


def read_rows(train: Path) -> Iterator[Row | BadLine]:
    """The rows below OUT/train in their order, one at a time; a line that is none as BadLine.

    Raises UserError where the manifest is a link or not a regular file, OSError where the system
    refuses it.
    """
    return (parse_row(line, number) for number, _, line in read_lines(train))


def read_lines(train: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, byte offset, bytes) of each line of the manifest below OUT/train, up to the first
    that is longer than a row can be; raises as `read_rows`."""
    number = offset = 0
    with open_own(train / MANIFEST) as file:
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            yield number, offset, line
            if len(line) > LONGEST_LINE:
                return
            offset += len(line)


def parse_row(line: bytes, number: int) -> Row | BadLine:
    """The row that a line of this number holds."""
    if len(line) > LONGEST_LINE:
        return BadLine(
            f"line {number} is longer than {size_text(LONGEST_LINE)}; nothing is read behind it"
        )
    if not line.endswith(b"\n"):
        return BadLine(f"line {number} breaks off")
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return BadLine(f"line {number} is no JSON from column {error.colno} on")
    if not isinstance(values, dict):
        return BadLine(f"line {number} is no JSON object")
    if not values.keys() <= _COLUMNS:  # each would be an error of its own below
        other = next(name for name in values if name not in _COLUMNS)
        return BadLine(f"line {number}, {other[:100]}: no column has this name")
    try:
        return Row.model_validate(values)
    except ValidationError as error:
        return BadLine(f"line {number}: {what_is_amiss(error, Row)}")


def read_classes(file: Path) -> list[str]:
    """The class names in id order.

    Raises UserError where the file is too large or not a regular file, OSError where the system
    refuses it, UnicodeDecodeError where it is no text.
    """
    return split_lines(read_bytes(file, _LONGEST_CLASSES).decode("utf-8"))


def open_own(path: Path) -> BinaryIO:
    """Open a regular file of OUT for reading; raises UserError also where a link stands for it."""
    if path.is_symlink():
        raise UserError(f"{path} is a link, which is not followed; put the file itself there.")
    return open_regular(path)
