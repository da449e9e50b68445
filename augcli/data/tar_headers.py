"""The members of an uncompressed tar archive, by their headers (POSIX.1-2001 and GNU)."""

from __future__ import annotations

import os
import re
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import adler32

from augcli.data.labels import shown
from augcli.errors import UserError
from augcli.files import size_text

_BLOCK = tarfile.BLOCKSIZE
# More bytes than a record of names, or a label, ever needs; one that has more is hostile.
LARGEST_RECORD = 1 << 20
_LONGEST_NAME = 1 << 16
# Digits of a number in a record.
_LONGEST_NUMBER = 20

_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_LINKS = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE})
_WITHOUT_DATA = _LINKS | {tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE}
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
# Headers that say something about the next member, or about all.
_BESIDE_A_MEMBER = _PAX | {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}

# A member that is no plain file has this offset in its span, and why it cannot be read as size.
NO_FILE = 2**64 - 1
REASONS = (
    "it is a link in the archive, and links are not followed there",
    "it is no plain file in the archive",
    "it is a sparse file in the archive; make the archive without --sparse",
)
# What names have that are not as they should be.
_ODD = re.compile(rb"^[/.]|/$|//|/\.|\./|\.\.|\0")
# Of a POSIX header: name, size, checksum, kind, magic and prefix.
_FIELDS = struct.Struct("100s 24x 12s 12x 8s c 100x 5s 83x 155s 12x").unpack
_LINK, _OTHER, _SPARSE = range(3)


class Member(NamedTuple):
    """A member: its name, and the first of its bytes and how many they are; where
    it is no plain file, NO_FILE and the place of the reason in REASONS."""

    name: bytes
    span: tuple[int, int]
    is_file: bool
    is_hidden: bool = False
    is_folder: bool = False


def members(file: BinaryIO, source: Path) -> Iterator[Member]:
    """The members of an archive, up to its end mark.

    Raises UserError where it breaks off, is no whole archive, or has a member outside of it.
    """
    end = os.fstat(file.fileno()).st_size
    at, long_name, extended = 0, b"", dict[bytes, bytes]()
    while True:
        header = read_at(file, at, _BLOCK)
        if len(header) < _BLOCK:
            raise UserError(f"SOURCE {source} breaks off: its end mark is missing; copy it again.")
        plain = _plain(header) if not (long_name or extended) else None
        if plain is not None:
            name, size = plain
            data = at + _BLOCK
            at = data + -(-size // _BLOCK) * _BLOCK
            if data + size > end:
                raise UserError(f"SOURCE {source} breaks off inside {shown(name)}; copy it again.")
            name = checked_name(name, source)
            if name:
                yield Member(name, (data, size), True, name[:1] == b"." or b"/." in name)
            continue
        if not any(header):
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            is_beside = info.type in _BESIDE_A_MEMBER
            size = _size(info, {} if is_beside else extended)
            data = at + _BLOCK
            if info.type == tarfile.GNUTYPE_SPARSE:
                data = _behind_map(file, header, data)
            record = _record(file, data, size) if is_beside else b""
            if info.type in _PAX:
                extended = _pax(record)
            elif info.type == tarfile.XGLTYPE:
                _refuse_for_all(_pax(record))
            elif info.type == tarfile.GNUTYPE_LONGNAME:
                long_name = record.rstrip(b"\0")
        except (tarfile.HeaderError, ValueError) as error:
            raise UserError(
                f"SOURCE {source} is no whole tar archive: the header at byte {at} is broken"
                f" ({error}); copy it again."
            ) from error
        at = data + -(-size // _BLOCK) * _BLOCK
        if is_beside:
            continue
        written = info.name.encode("utf-8", "surrogateescape")
        full = extended.get(b"GNU.sparse.name") or extended.get(b"path") or long_name or written
        if data + size > end:
            raise UserError(f"SOURCE {source} breaks off inside {shown(full)}; copy it again.")
        name = checked_name(full, source)
        is_sparse = any(key.startswith(b"GNU.sparse.") for key in extended)
        long_name, extended = b"", {}
        if not name:
            continue
        if info.type == tarfile.DIRTYPE:
            if not any(part.startswith(b".") for part in name.split(b"/")):
                yield Member(name, (0, 0), is_file=False, is_folder=True)
        elif any(part.startswith(b".") for part in name.split(b"/")):
            yield Member(name, (0, 0), is_file=False, is_hidden=True)
        elif is_sparse or info.type == tarfile.GNUTYPE_SPARSE:
            yield Member(name, (NO_FILE, _SPARSE), is_file=False)
        elif info.type in _LINKS:
            yield Member(name, (NO_FILE, _LINK), is_file=False)
        elif info.type in _FILES:
            yield Member(name, (data, size), is_file=True)
        else:
            yield Member(name, (NO_FILE, _OTHER), is_file=False)


def _plain(header: bytes) -> tuple[bytes, int] | None:
    """The name and the size in the header of a plain file, read quickly; None for any other header,
    and for one that is not as POSIX has it."""
    name, size_text, checksum_text, kind, magic, prefix = _FIELDS(header)
    if kind != tarfile.REGTYPE or size_text[0] & 0x80 or magic != b"ustar":
        return None
    try:
        size = int(size_text.partition(b"\0")[0], 8)
        checksum = int(checksum_text.partition(b"\0")[0], 8)
    except ValueError:
        return None
    # The lower half of Adler-32 (RFC 1950) is 1 and the sum of up to 256 bytes; `sum` is slower.
    total = (adler32(header[:256]) & 0xFFFF) + (adler32(header[256:]) & 0xFFFF)
    if size < 0 or checksum != 256 + total - 1 - (adler32(checksum_text) & 0xFFFF):
        return None
    name = name.partition(b"\0")[0]
    if prefix[0]:
        name = prefix.partition(b"\0")[0] + b"/" + name
    return name, size


def _size(info: tarfile.TarInfo, extended: dict[bytes, bytes]) -> int:
    """Bytes of data behind a header; raises ValueError."""
    if info.type in _WITHOUT_DATA:
        return 0
    size = _number(extended[b"size"]) if b"size" in extended else info.size
    if size < 0:
        raise ValueError("its size is negative")
    return size


def _number(digits: bytes) -> int:
    """A decimal number of a record; raises ValueError."""
    if len(digits) > _LONGEST_NUMBER or not digits.removeprefix(b"-").isdigit():
        raise ValueError("a number in a record is none")
    return int(digits)


def _refuse_for_all(record: dict[bytes, bytes]) -> None:
    """Raise ValueError for a global header that names or resizes the members behind it."""
    for key in record:
        if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):
            raise ValueError(f"a global header sets {shown(key)} of all members")


def checked_name(name: bytes, source: Path) -> bytes:
    """A member's path without `.` and doubled slashes. Raises UserError for one that leaves the
    archive."""
    if len(name) > _LONGEST_NAME:
        raise UserError(
            f"SOURCE {source}: the name of the member {shown(name)} is longer than"
            f" {size_text(_LONGEST_NAME)}; shorten it."
        )
    if _ODD.search(name) is None:
        return name
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name:
        raise UserError(
            f"SOURCE {source}: the member {shown(name)} leaves the archive; make it anew with names"
            " below one folder."
        )
    return b"/".join(parts)


def _behind_map(file: BinaryIO, header: bytes, at: int) -> int:
    """Where the data of an old GNU sparse file begin: further blocks of its map come first."""
    more = header[482]
    while more:
        block = read_at(file, at, _BLOCK)
        if len(block) < _BLOCK:
            raise ValueError("its map breaks off")
        more = block[504]
        at += _BLOCK
    return at


def _record(file: BinaryIO, at: int, size: int) -> bytes:
    """The data of an extended header; raises ValueError."""
    if size > LARGEST_RECORD:
        raise ValueError(f"an extended header of {size} bytes")
    record = read_at(file, at, size)
    if len(record) < size:
        raise ValueError("it breaks off")
    return record


def _pax(record: bytes) -> dict[bytes, bytes]:
    """The `length key=value` lines of a pax header; raises ValueError."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(record):
        digits, space, _ = record[at : at + 20].partition(b" ")
        length = _number(digits)
        line = record[at + len(digits) + 1 : at + length]
        key, equals, value = line.partition(b"=")
        fits = len(digits) + 1 < length <= len(record) - at
        if not space or not equals or not fits or not value.endswith(b"\n"):
            raise ValueError("a pax record that is none")
        records[key] = value[:-1]
        at += length
    return records


def read_at(file: BinaryIO, at: int, size: int) -> bytes:
    """At most `size` bytes of a file from byte `at` on."""
    file.seek(at)
    return file.read(size)
