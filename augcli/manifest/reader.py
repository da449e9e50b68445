"""Reads a soft-label manifest back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from augcli.dataset.labels import split_lines
from augcli.manifest.row import MANIFEST, Row

# Longer than any row: without newlines a damaged manifest is one line.
_LONGEST_LINE = 1 << 24


class BadLine(Exception):
    """A manifest line that is no row: its number and what is wrong."""


def read_rows(train: Path) -> Iterator[Row | BadLine]:
    """The rows below OUT/train in their order, one at a time; a line that is none as BadLine."""
    return (parse_row(line, number) for number, _, line in read_lines(train))


def read_lines(train: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, byte offset, bytes) of each line of the manifest below OUT/train."""
    number = offset = 0
    with (train / MANIFEST).open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            number += 1
            yield number, offset, line
            offset += len(line)


def parse_row(line: bytes, number: int) -> Row | BadLine:
    """The row that a line of this number holds."""
    if not line.endswith(b"\n"):
        return BadLine(f"line {number} breaks off, or is too long")
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        return BadLine(f"line {number}, {where}: {first['msg']}")


def read_classes(file: Path) -> list[str]:
    """The class names in id order."""
    return split_lines(file.read_text(encoding="utf-8"))
