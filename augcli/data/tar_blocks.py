"""The blocks of tar archives as they are written here: plain files in POSIX.1-1988 headers (ustar)
that say nothing of time or owner, so that equal members are equal bytes."""

from __future__ import annotations

import tarfile

BLOCK = tarfile.BLOCKSIZE
# Two blocks of zeros; no more, as a record of 20 blocks is of use to tapes alone.
END = bytes(2 * BLOCK)

_LONGEST_NAME = 100
_LARGEST = 8**11 - 1
_MODE = b"0000644\0" + 2 * b"0000000\0"
_NAME, _SIZE, _CHECKSUM = slice(0, 100), slice(124, 136), slice(148, 156)


def _blank() -> bytes:
    """A header without name and size, with spaces for its checksum."""
    header = bytearray(BLOCK)
    header[100 : 100 + len(_MODE)] = _MODE
    header[136:148] = b"00000000000\0"  # the time
    header[_CHECKSUM] = b" " * 8
    header[156:157] = tarfile.REGTYPE
    header[257:265] = tarfile.POSIX_MAGIC
    return bytes(header)


_BLANK = _blank()
_SUM = sum(_BLANK)
_MIDDLE, _REST = _BLANK[100:124], _BLANK[156:]
_TIME = _BLANK[136:148]


def header(name: bytes, size: int) -> bytes:
    """The header of a plain file; raises ValueError for a name of more than 100 bytes, or 8 GiB."""
    if not 0 < len(name) <= _LONGEST_NAME or not 0 <= size <= _LARGEST:
        raise ValueError("it needs an extended header, which is not written")
    digits = b"%011o\0" % size
    checksum = b"%06o\0 " % (_SUM + sum(name) + sum(digits))
    return b"".join((name.ljust(100, b"\0"), _MIDDLE, digits, _TIME, checksum, _REST))


def padding(size: int) -> bytes:
    """The zeros behind the data of a member."""
    return bytes(-size % BLOCK)


def member(name: bytes, data: bytes) -> bytes:
    """A whole member: its header, its data and what fills the last block."""
    return b"".join((header(name, len(data)), data, padding(len(data))))


def length(size: int) -> int:
    """The bytes of a whole member with so many bytes of data."""
    return BLOCK + -(-size // BLOCK) * BLOCK
