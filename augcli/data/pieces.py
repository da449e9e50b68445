"""Reads pieces of files: as they lie, or out of a compressed stream that is unpacked once."""

from __future__ import annotations

import os
import zlib
from functools import lru_cache
from pathlib import Path

from augcli.errors import UnreadableImage
from augcli.files import MIB

# Of a stream that has to be unpacked whole for one image: the most that a worker holds of each.
MOST_UNPACKED = 256 * MIB
GZIP, DEFLATE = 31, -15  # zlib's `wbits`


def read_piece(path: bytes, offset: int, size: int) -> bytes:
    """`size` bytes of a file from `offset` on; raises UnreadableImage where it ends before, and
    OSError."""
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        file.seek(offset)
        data = file.read(size)
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
    if len(data) < size:
        raise UnreadableImage(f"{os.fsdecode(os.path.basename(path))} ends inside it")  # noqa: PTH119
    return data


def unpack_start(path: Path, offset: int, wbits: int, size: int) -> bytes:
    """The first `size` bytes, or all, of the compressed stream that begins at `offset`; raises
    ValueError where it is broken, and OSError."""
    unpacker, data = zlib.decompressobj(wbits), bytearray()
    with open(path, "rb", opener=_open_at_once) as file:
        file.seek(offset)
        packed = b""
        while len(data) < size and not unpacker.eof:
            packed = packed or file.read(MIB)
            if not packed:
                raise ValueError("it breaks off")
            try:
                data += unpacker.decompress(packed, min(MIB, size - len(data)))
            except zlib.error as error:
                raise ValueError(f"its compressed data are broken ({error})") from error
            packed = unpacker.unconsumed_tail
    return bytes(data)


def read_packed(path: bytes, stream: int, wbits: int, offset: int, size: int) -> bytes:
    """`size` bytes at `offset` of what the compressed stream at `stream` of a file holds, of which
    at most MOST_UNPACKED bytes are read. Raises UnreadableImage and OSError."""
    status = os.stat(path)  # noqa: PTH116 - bytes
    data = _unpacked(path, stream, wbits, (status.st_ino, status.st_size, status.st_mtime_ns))
    if offset + size > len(data):
        raise UnreadableImage(f"{os.fsdecode(os.path.basename(path))} ends inside it")  # noqa: PTH119
    return data[offset : offset + size]


@lru_cache(maxsize=2)
def _unpacked(path: bytes, stream: int, wbits: int, standing: tuple[int, ...]) -> bytes:  # noqa: ARG001
    """The whole stream; of a file that changes, as it is now."""
    try:
        return unpack_start(Path(os.fsdecode(path)), stream, wbits, MOST_UNPACKED)
    except ValueError as error:
        raise UnreadableImage(f"{os.fsdecode(path)}: {error}") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, should a pipe have taken its place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
