"""The samples of a shard as members of a tar archive: what stands in a piece."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

from augcli.data.tar_blocks import BLOCK, header, length, member, padding
from augcli.data.tar_headers import read_at
from augcli.errors import UserError
from augcli.files import open_regular
from augcli.store.parts import Part

# Endings that mean something else beside an image.
_TAKEN = (".json", ".cls")
_ROW = re.compile(rb'\{"file_name":"(([0-9a-f]{16})\.[a-z0-9]+)"')
_GROUP = re.compile(rb'"group_id":"([^"\\]*)"')
_LABEL = re.compile(rb'\{"file_name":"[^"\\]*","label":(\d+),')
_SIZE = slice(124, 135)


class Sample(NamedTuple):
    """A sample in a piece: its row, the group of views that it is of, where it begins, and the
    bytes of all its members."""

    line: bytes
    group: bytes
    start: int
    size: int


def member_name(key: str, suffix: str) -> str:
    """What the image of a sample is called."""
    return f"{key}.bin" if suffix in _TAKEN else f"{key}{suffix}"


def sample_members(
    name: str, data: bytes | memoryview, line: str, label: Any
) -> Iterator[bytes | memoryview]:
    """The bytes of a sample, one thing behind the other: the image, its row, its label."""
    image = name.encode()
    yield header(image, len(data))
    yield data
    yield padding(len(data)) + beside(image, line.encode(), label)


def beside(image: bytes, line: bytes, label: Any) -> bytes:
    """The members behind an image: its row, and the id of its class where it has one."""
    key = image.partition(b".")[0]
    row = member(key + b".json", line.removesuffix(b"\n"))
    return row if label is None else row + member(key + b".cls", b"%d" % label)


def label_of(line: bytes) -> int | None:
    """The id of the class in a row as it is written here."""
    match = _LABEL.match(line)
    return None if match is None else int(match[1])


def samples(part: Part, piece: BinaryIO) -> Iterator[Sample]:
    """The samples in the piece of a part; raises ValueError where it is not that of these rows."""
    start = 0
    for line in part.row_lines():
        row, group = _ROW.match(line), _GROUP.search(line)
        if row is None:
            raise ValueError("a line is no row")
        block = read_at(piece, start, BLOCK)
        if not block.startswith(row[1] + b"\0"):
            raise ValueError("the image of a row is missing")
        size = length(int(block[_SIZE], 8)) + length(len(line.removesuffix(b"\n")))
        label = label_of(line)
        size += 0 if label is None else length(len(b"%d" % label))
        yield Sample(line, row[2] if group is None else group[1], start, size)
        start += size


def is_whole(part: Part) -> bool:
    """Whether the piece of a part is exactly what its rows say."""
    if not part.rows:
        return True
    try:
        with open_regular(part.piece) as piece:
            end = os.fstat(piece.fileno()).st_size
            start = 0
            for sample in samples(part, piece):
                if not _is_whole(piece, sample, end):
                    return False
                start = sample.start + sample.size
            return start == end
    except (OSError, UserError, ValueError):
        return False


def _is_whole(piece: BinaryIO, sample: Sample, end: int) -> bool:
    if sample.start + sample.size > end:
        return False
    data = read_at(piece, sample.start, sample.size)
    row = orjson.loads(sample.line)
    name = row["file_name"].encode()
    size = int(data[_SIZE], 8)
    image = data[BLOCK : BLOCK + size]
    return (
        data[:BLOCK] == header(name, size)
        and data[BLOCK + size :] == padding(size) + beside(name, sample.line, row.get("label"))
        and hashlib.sha256(image).hexdigest() == row.get("sha256")
    )
