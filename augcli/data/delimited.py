"""Rows of CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from augcli.data.unpacked import open_text
from augcli.errors import UserError
from augcli.files import MIB, size_text
from augcli.text import count_text
from augcli.text_files import refuse_utf16

DIVIDERS = {"csv": ",", "tsv": "\t"}
# Characters of a row, which may go over several lines. The csv module bounds a field, at 131,072.
_LONGEST_ROW = MIB
# Lines of a text without a row, which a few compressed bytes stand for.
MOST_EMPTY = 1_000_000


def columns(source: Path, kind: str) -> list[str]:
    """The names in the first row."""
    for _, row in _rows(source, kind):
        return row
    return []


def rows(
    source: Path, kind: str, places: Sequence[int], count: int
) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows below the first one, in which `count` columns are named."""
    beneath = _rows(source, kind)
    next(beneath, None)
    get = itemgetter(*places) if len(places) > 1 else lambda row: [row[place] for place in places]
    empty = 0
    for number, row in beneath:
        if not row:
            empty += 1
            if empty > MOST_EMPTY:
                raise UserError(f"{source} has more than {MOST_EMPTY:,} empty lines; remove them.")
            continue
        if len(row) != count:
            raise UserError(
                f"{source}, line {number}: it has {count_text(len(row), 'column')}, and the first"
                f" line {count}; fix it."
            )
        yield number, get(row)


def _rows(source: Path, kind: str) -> Iterator[tuple[int, list[str]]]:
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
        with open_text(source) as opened:
            refuse_utf16(opened.peek(4)[:4])
            file = io.TextIOWrapper(opened, "utf-8-sig", "surrogateescape", newline="")
            reader = csv.reader(lines(), delimiter=DIVIDERS[kind], strict=True)
            for row in reader:
                number, length = reader.line_num, 0
                yield number, row
    except csv.Error as error:
        raise UserError(
            f"{source}, line {max(number, 1)} or the next: a quotation mark is missing or has no"
            f" place there, or a column is longer than {csv.field_size_limit()} characters; fix it."
        ) from error
    except ValueError as error:
        raise UserError(f"{source} cannot be read: {error}.") from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error
