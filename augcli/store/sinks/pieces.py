"""The samples of a shard as members of a tar archive: what stands in a piece.

Behind the members, 8 bytes a sample say how many bytes all its members have, which are whole
blocks, and in the lowest bit whether it is of the group of views of the sample before it.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import orjson

from augcli.data.tar_blocks import BLOCK, header, member, padding
from augcli.data.tar_headers import read_at
from augcli.errors import UserError
from augcli.files import open_regular
from augcli.store.parts import Part

# Endings that mean something else beside an image.
_TAKEN = (".json", ".cls")
_ENTRY = struct.Struct("<Q")
_GROUP = re.compile(rb'"group_id":"([^"\\]*)"')
_LABEL = re.compile(rb'\{"file_name":"[^"\\]*","label":(\d+),')
_SIZE = slice(124, 135)


class Sample(NamedTuple):
    """A sample in a piece: its row, where it begins, the bytes of all its members, and whether it
    is of the same group of views as the one before."""

    line: bytes
    start: int
    size: int
    is_next: bool


def member_name(key: str, suffix: str) -> str:
    """What the image of a sample is called."""
    return f"{key}.bin" if suffix in _TAKEN else f"{key}{suffix}"


class PieceWriter:
    """Writes the samples of a shard, and at its end what tells their sizes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sizes = bytearray()
        self._group: object = None

    def add(self, name: str, data: bytes | memoryview, line: str, row: Mapping[str, Any]) -> None:
        """Add a sample: an image called `name`, and its row as a line and as values."""
        image = name.encode()
        rest = padding(len(data)) + beside(image, line.encode(), row.get("label"))
        self._file.write(header(image, len(data)))
        self._file.write(data)
        self._file.write(rest)
        group = row.get("group_id")
        is_next = group is not None and group == self._group
        self._group = group
        self._sizes += _ENTRY.pack(BLOCK + len(data) + len(rest) + is_next)

    def finish(self) -> bool:
        """Write the sizes; False where there is no sample."""
        self._file.write(self._sizes)
        return bool(self._sizes)


def beside(image: bytes, line: bytes, label: Any) -> bytes:
    """The members behind an image: its row, and the id of its class where it has one."""
    key = image.partition(b".")[0]
    row = member(key + b".json", line.removesuffix(b"\n"))
    return row if label is None else row + member(key + b".cls", b"%d" % label)


def label_of(line: bytes) -> int | None:
    """The id of the class in a row as it is written here."""
    match = _LABEL.match(line)
    return None if match is None else int(match[1])


def sizes_of(part: Part, piece: BinaryIO) -> list[tuple[int, bool]]:
    """The bytes of each sample in the piece of a part, and whether it is of the group of the one
    before; raises ValueError where it is not that of these rows."""
    length_of_table = part.rows * _ENTRY.size
    end = os.fstat(piece.fileno()).st_size - length_of_table
    table = read_at(piece, max(end, 0), length_of_table)
    sizes = [(one & ~1, bool(one & 1)) for (one,) in _ENTRY.iter_unpack(table)]
    if len(sizes) != part.rows or sum(size for size, _ in sizes) != end:
        raise ValueError("it breaks off")
    return sizes


def samples(part: Part, piece: BinaryIO) -> Iterator[Sample]:
    """The samples in the piece of a part; raises ValueError where it is not that of these rows."""
    start = 0
    for line, (size, is_next) in zip(part.row_lines(), sizes_of(part, piece), strict=True):
        yield Sample(line, start, size, is_next)
        start += size


def is_whole(part: Part) -> bool:
    """Whether the piece of a part is exactly what its rows say."""
    if not part.rows:
        return True
    try:
        with open_regular(part.piece) as piece:
            group = None
            for sample in samples(part, piece):
                now = _GROUP.search(sample.line)
                is_next = group is not None and now is not None and now[1] == group
                group = None if now is None else now[1]
                if sample.is_next != is_next or not _is_whole(piece, sample):
                    return False
            return True
    except (OSError, UserError, ValueError):
        return False


def _is_whole(piece: BinaryIO, sample: Sample) -> bool:
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
