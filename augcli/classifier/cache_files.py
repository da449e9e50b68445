"""The files of a cache: what they are called, what proves that they are its own, what is removed.

Nothing is removed that is not an entry by its place, its name and its first bytes, and no link is
followed below the folder of the cache, which may itself be one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MAGIC = b"augcli\0\x03"
FORMAT = "3"  # at the end of an entry's name: those of another format are not looked at
CHECKSUM = 4

_FOLDER = re.compile("[0-9a-f]{2}")
_KEY = "(?:[0-9a-f]{38}|[0-9a-f]{62})"  # of a map, of a model
# Format 2 had a checksum only, the first one a digest of 16 bytes and nothing in its name.
_ENTRY = re.compile(f"{_KEY}(-[23])?")
_UNFINISHED = re.compile(rf"{_KEY}-{FORMAT}\.\d+-\d+\.tmp")
_OLD_DIGEST = 16
_LEFTOVER_SECONDS = 3600.0
_LARGEST = 1 << 30
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class Entry(NamedTuple):
    """When an entry was last used (seconds since 1970), its bytes, its path."""

    used: float
    size: int
    path: str


class Removed(NamedTuple):
    """How many entries were removed and how many bytes that was; how many are left, and their
    bytes."""

    number: int
    size: int
    left: int
    left_size: int


def entries_of(folder: Path) -> Iterator[Entry]:
    """Every file that is an entry by its place and name, links left out; none where there is no
    folder. What a dead writer left is removed on the way. Raises OSError."""
    for inner in _folders(folder):
        with suppress(FileNotFoundError), os.scandir(inner) as files:
            for file in files:
                is_entry = _ENTRY.fullmatch(file.name)
                if not is_entry and not _UNFINISHED.fullmatch(file.name):
                    continue
                with suppress(FileNotFoundError):
                    status = file.stat(follow_symlinks=False)
                    if not stat.S_ISREG(status.st_mode):
                        continue
                    if is_entry:
                        yield Entry(status.st_mtime, status.st_size, file.path)
                    elif time.time() - status.st_mtime > _LEFTOVER_SECONDS:
                        _remove(file.path)


def remove_entries(
    folder: Path, *, used_before: float | None = None, to_size: int | None = None
) -> Removed:
    """Remove the entries that were last used before a time, and of the others those used least
    recently, until `to_size` bytes are left.

    What another process removes meanwhile is not counted. Raises OSError where the folder cannot be
    read.
    """
    entries = sorted(entries_of(folder))
    size = sum(entry.size for entry in entries)
    number = removed = missing = 0
    for used, length, path in entries:
        is_old = used_before is not None and used < used_before
        if not is_old and (to_size is None or size <= to_size):
            break
        outcome = _remove(path)
        if outcome is None:
            continue  # it stays
        size -= length
        missing += 1
        number += outcome
        removed += length * outcome
    return Removed(number, removed, len(entries) - missing, size)


def remove_empty_folders(folder: Path) -> None:
    """Remove the folders of entries that hold nothing any more."""
    for inner in list(_folders(folder)):
        with suppress(OSError):
            os.rmdir(inner)  # noqa: PTH106


def read_entry(path: str) -> bytes | None:
    """The content of an entry, whose time of use becomes now; None where it is none, or damaged."""
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return None
        data = os.read(descriptor, status.st_size)
        content = data[len(MAGIC) : -CHECKSUM]
        if not data.startswith(MAGIC) or checksum(content) != data[-CHECKSUM:]:
            return None
        with suppress(OSError):
            os.utime(descriptor if os.utime in os.supports_fd else path)
        return content
    except OSError:
        return None
    finally:
        os.close(descriptor)


def checksum(content: bytes) -> bytes:
    """That of nothing is not zero, so that a file of zeros is no entry."""
    return zlib.crc32(content, 1).to_bytes(CHECKSUM, "little")


def is_own_folder(path: str | Path) -> bool:
    """Whether there is a folder at a path, and no link to one; raises OSError for nothing there."""
    status = os.lstat(path)
    return stat.S_ISDIR(status.st_mode) and not getattr(status, "st_reparse_tag", 0)


def _folders(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            inner = [entry.path for entry in entries if _FOLDER.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    for path in inner:
        with suppress(FileNotFoundError):
            if is_own_folder(path):
                yield path


def _remove(path: str) -> bool | None:
    """Remove what is proven to be the cache's own; False where it is gone already, None where it
    stays."""
    try:
        if not _is_own(path):
            return None
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        return False
    except OSError:  # as on Windows, while another process reads it
        return None
    return True


def _is_own(path: str) -> bool:
    """Whether a file begins as entries do, or ends as those of older formats do; one that is empty,
    as after a loss of power, is nobody's."""
    descriptor = os.open(path, _READ)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return False
        start = file.read(len(MAGIC))
        if MAGIC.startswith(start):
            return len(start) == status.st_size or start == MAGIC
        name = os.path.basename(path)  # noqa: PTH119
        if name.endswith("-2"):
            data = start + file.read()
            return checksum(data[:-CHECKSUM]) == data[-CHECKSUM:]
        if "-" not in name:
            data = start + file.read()
            content, digest = data[:-_OLD_DIGEST], data[-_OLD_DIGEST:]
            return hashlib.blake2b(content, digest_size=_OLD_DIGEST).digest() == digest
        return False
