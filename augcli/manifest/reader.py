"""Reads a soft-label manifest back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from augcli.manifest.row import MANIFEST, Row


class BadLine(Exception):
    """A manifest line that is no row: its number and what is wrong."""


def read_rows(train: Path) -> Iterator[Row | BadLine]:
    """The rows below OUT/train in their order, one at a time; a line that is none as BadLine."""
    with (train / MANIFEST).open("rb") as file:
        for number, line in enumerate(file, 1):
            yield parse_row(line, number)


def parse_row(line: bytes, number: int) -> Row | BadLine:
    """The row that a line of this number holds."""
    if not line.endswith(b"\n"):
        return BadLine(f"line {number} breaks off")
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        return BadLine(f"line {number}, {where}: {first['msg']}")


def read_classes(file: Path) -> list[str]:
    """The class names in id order."""
    return file.read_text(encoding="utf-8").splitlines()
