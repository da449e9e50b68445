"""Rows of JSON lines: one object a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from augcli.data.columns import UnreadColumns
from augcli.data.delimited import MOST_EMPTY
from augcli.data.unpacked import open_text
from augcli.errors import UserError
from augcli.files import MIB, divide_lines, parse_json
from augcli.text import shorten
from augcli.text_files import refuse_utf16

# Bytes of a row: a million weights fit.
_LONGEST_ROW = 16 * MIB


def lines(source: Path) -> Iterator[tuple[int, bytes]]:
    """The number and the text of each line that is not empty, without a byte order mark."""
    empty = 0
    try:
        with open_text(source) as file:
            for number, line in enumerate(divide_lines(file, source, _LONGEST_ROW), 1):
                if number == 1:
                    refuse_utf16(line)
                    line = line.removeprefix(codecs.BOM_UTF8)
                if not line.isspace() and line:
                    yield number, line
                    continue
                empty += 1
                if empty > MOST_EMPTY:
                    raise UserError(
                        f"{source} has more than {MOST_EMPTY:,} empty lines; remove them."
                    )
    except ValueError as error:
        raise UserError(f"{source} cannot be read: {error}.") from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def columns(source: Path, _kind: str) -> list[str]:
    """The keys of the first row."""
    for number, line in lines(source):
        return list(parse_row(source, number, line))
    return []


def rows(
    source: Path, names: Sequence[str], known: Sequence[str], unread: UnreadColumns
) -> Iterator[tuple[int, Sequence[Any]]]:
    """The values of `names` in each row; keys that are not `known` are noted in `unread`."""
    keys = [json.dumps(name, ensure_ascii=False).encode() for name in names]
    all_known = frozenset(known)
    for number, line in lines(source):
        row = parse_row(source, number, line, keys)
        if not row.keys() <= all_known:
            for name in row.keys() - all_known:
                unread.add(name)
        yield number, [row.get(name) for name in names]


def parse_row(source: Path, number: int, line: bytes, keys: Sequence[bytes] = ()) -> dict[str, Any]:
    """The object in a line; raises UserError for what is none, and where one of `keys`, as JSON
    text, stands in it twice."""
    try:
        row = _loads(line)
        # Of an object with as many colons as keys, none stands there twice.
        if type(row) is dict and line.count(b":") == len(row):
            return row
        if b"\\u" in line or any(line.count(key) > 1 for key in keys):
            row = parse_json(line)  # which refuses a key that stands there twice
    except json.JSONDecodeError as error:
        what = "it is no JSON; fix or remove it"
        if number == 1 and line.strip() in (b"[", b"{"):
            what = "it is no whole JSON object; put one object a line"
        raise UserError(f"{source}, line {number}: {what}.") from error
    except ValueError as error:
        raise UserError(
            f"{source}, line {number}: {shorten(str(error))}; fix or remove it."
        ) from error
    if not isinstance(row, dict):
        raise UserError(f"{source}, line {number}: it is no JSON object; put one object a line.")
    return row


def _loads(line: bytes) -> Any:
    """The value in a line, which may have NaN and Infinity, as Python writes them."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if b"NaN" not in line and b"Infinity" not in line:
            raise
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
