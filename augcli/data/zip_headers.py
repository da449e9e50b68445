"""The members of a zip archive, by its central directory (PKWARE's APPNOTE, with Zip64)."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from augcli.data.labels import shown
from augcli.data.tar_headers import checked_name, read_at
from augcli.errors import UserError

STORED, DEFLATED = 0, 8
# Stands for the method of what is no plain file.
NO_FILE = 0xFFFF
_METHODS = {1: "shrunk", 6: "imploded", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard",
            95: "xz", 98: "PPMd"}  # fmt: skip
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = 0xFFFF
_UTF8, _ENCRYPTED = 1 << 11, 1
_IN_EXTRA = 0xFFFFFFFF
_UNIX = 3


class Entry(NamedTuple):
    """A member: its name, where its local header begins, its bytes as they lie and as they are
    unpacked, how they are packed, and their CRC-32."""

    name: bytes
    offset: int
    packed: int
    size: int
    method: int
    crc: int
    is_folder: bool


def entries(file: BinaryIO, source: Path) -> Iterator[Entry]:
    """The members of an archive, in the order of its directory.

    Raises UserError where it breaks off or is damaged, has members outside of it, that are
    encrypted, or that are packed in another way than stored or deflated.
    """
    start, size, shift = _directory(file, source)
    at, end = start, start + size
    while at < end:
        header = read_at(file, at, _ENTRY.size)
        if len(header) < _ENTRY.size or not header.startswith(b"PK\x01\x02"):
            raise _broken(source, f"its directory is damaged at byte {at}")
        (_, _, system, _, _, flags, method, _, _, crc, packed, size_, name_length, extra_length,
         comment, _, _, mode, offset) = _ENTRY.unpack(header)  # fmt: skip
        rest = read_at(file, at + _ENTRY.size, name_length + extra_length)
        if len(rest) < name_length + extra_length:
            raise _broken(source, "its directory breaks off")
        size_, packed, offset = _wide(rest[name_length:], size_, packed, offset, source)
        at += _ENTRY.size + name_length + extra_length + comment
        written = _name(rest[:name_length], flags)
        name = checked_name(written, source)
        if not name:
            continue
        is_folder = written.endswith(b"/")
        if not is_folder:
            if flags & _ENCRYPTED:
                raise UserError(
                    f"SOURCE {source}: {shown(name)} is encrypted; unpack the archive with its"
                    " password, and give the folder."
                )
            if method not in (STORED, DEFLATED):
                kind = _METHODS.get(method, f"method {method}")
                raise UserError(
                    f"SOURCE {source}: {shown(name)} is packed by {kind}, which is not read; unpack"
                    " the archive, and give the folder."
                )
            if offset + shift + packed > start:
                raise _broken(source, f"{shown(name)} lies outside of it")
        file_type = stat.S_IFMT(mode >> 16) if system == _UNIX else 0
        if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
            method = NO_FILE
        yield Entry(name, offset + shift, packed, size_, method, crc, is_folder)


def _directory(file: BinaryIO, source: Path) -> tuple[int, int, int]:
    """Where the central directory begins, its bytes, and the bytes before the archive, which some
    have; raises UserError."""
    length = os.fstat(file.fileno()).st_size
    first = max(0, length - _LONGEST_COMMENT - _END.size)
    tail = read_at(file, first, length - first)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise _broken(source, "its directory is missing")
    _, disk, of_directory, _, _, size, offset, _ = _END.unpack_from(tail, place)
    end = first + place
    locator = read_at(file, end - _LOCATOR.size, _LOCATOR.size) if end >= _LOCATOR.size else b""
    if locator.startswith(b"PK\x06\x07"):
        wide = read_at(file, end - _LOCATOR.size - _END64.size, _END64.size)
        if len(wide) < _END64.size or not wide.startswith(b"PK\x06\x06"):
            raise _broken(source, "the end of its directory is damaged")
        _, _, _, _, disk, of_directory, _, _, size, offset = _END64.unpack(wide)
        end -= _LOCATOR.size + _END64.size
    if disk or of_directory:
        raise UserError(f"SOURCE {source} is a part of a divided archive; join the parts.")
    start = end - size
    if start < 0 or start < offset:
        raise _broken(source, "its directory lies outside of it")
    return start, size, start - offset


def _wide(extra: bytes, size: int, packed: int, offset: int, source: Path) -> tuple[int, int, int]:
    """Sizes and place of a member, which stand in a field of their own where they need more than 32
    bits."""
    if _IN_EXTRA not in (size, packed, offset):
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            numbers = [int.from_bytes(extra[i : i + 8], "little")
                       for i in range(at + 4, min(at + 4 + length, len(extra)) - 7, 8)]  # fmt: skip
            values = [size, packed, offset]
            for place, value in enumerate(values):
                if value == _IN_EXTRA:
                    if not numbers:
                        break
                    values[place] = numbers.pop(0)
            if max(values) < 1 << 63:
                return values[0], values[1], values[2]
            break
        at += 4 + length
    raise _broken(source, "a member has no size")


def _name(written: bytes, flags: int) -> bytes:
    """A member's name in UTF-8, as it is mostly written even where it is not said so."""
    name = written
    if not flags & _UTF8:
        try:
            written.decode("utf-8")
        except UnicodeDecodeError:
            name = written.decode("cp437").encode()
    return name.replace(b"\\", b"/") if b"/" not in name else name


def _broken(source: Path, why: str) -> UserError:
    return UserError(f"SOURCE {source} is no whole zip archive: {why}; copy it again.")
