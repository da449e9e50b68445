"""Bounded reads of regular files, and writes that leave a file whole or as it was.

Whatever a user points at, or has lying in OUT, may be a FIFO, a device, or endless. Nothing that is
read whole is read by any other way than this one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from augcli.errors import BadValue, UserError
from augcli.text import count_text

MIB = 1 << 20


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a FIFO or a device is never waited for.

    Raises UserError where it is something else, OSError where the system refuses it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_dir():  # which some systems refuse to open, with an error about permissions
        raise UserError(f"{path} is a folder, not a file.")
    descriptor = os.open(path, flags | getattr(os, "O_NOCTTY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UserError(
                f"{path} is not a regular file; give a file that can be read whole, and write what"
                " a pipe delivers to one first."
            )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, limit: int) -> bytes:
    """All bytes of a regular file of at most `limit` bytes.

    Raises UserError where it is larger or not a regular file, OSError where the system refuses it.
    """
    with open_regular(path) as file:
        data = read_beyond(file, limit)
    if len(data) > limit:
        raise UserError(f"{path} is larger than {size_text(limit)}, too large for what it is.")
    return data


def read_beyond(file: BinaryIO, limit: int) -> bytes:
    """All bytes of an open file, or `limit` and one more where it has more than `limit`; no more
    memory is taken than the file needs."""
    size = os.fstat(file.fileno()).st_size
    data = file.read(min(size, limit) + 1)
    if size < len(data) <= limit:  # it grows, or does not say how large it is
        data += file.read(limit + 1 - len(data))
    return data


def read_lines(path: Path, limit: int) -> Iterator[bytes]:
    """The lines of a regular file, each with its newline, one at a time.

    Raises UserError, with the line's number, where one is longer than `limit` bytes.
    """
    with open_regular(path) as file:
        yield from divide_lines(file, path, limit)


def divide_lines(file: BinaryIO, path: Path, limit: int) -> Iterator[bytes]:
    """The lines of an open file, each with its newline, one at a time; errors as `read_lines`."""
    number = 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise UserError(f"{path}, line {number} is longer than {size_text(limit)}.")
        yield line


def read_json(path: Path, limit: int) -> Any:
    """The value in a JSON file of at most `limit` bytes.

    Raises ValueError where it is not JSON, UserError and OSError as `read_bytes`.
    """
    return parse_json(read_bytes(path, limit))


def parse_json(text: bytes | str) -> Any:
    """The value that a JSON text holds; raises BadValue where it is not JSON.

    NaN and Infinity, which JSON does not have, a key that an object has twice, and nesting beyond
    Python's stack are not JSON.
    """
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repetition
        )
    except RecursionError as error:
        raise BadValue("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()):
            raise BadValue("it ends too early") from error
        raise BadValue(
            f"what is at line {error.lineno}, column {error.colno} has no place there"
        ) from error
    except UnicodeDecodeError as error:
        raise BadValue(f"byte {error.start} is not UTF-8") from error
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):
            raise BadValue("a number in it has too many digits") from error
        raise


def _refuse_constant(name: str) -> NoReturn:
    raise BadValue(f"{name} is not a JSON value")


def _refuse_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        again = next(key for key in keys if keys.count(key) > 1)
        raise BadValue(f"the key {again[:100]!r} stands in it twice")
    return table


_MOUNT_POINT = 0xA0000003  # a junction, which is what Windows calls a link between folders


def is_link(path: Path | str) -> bool:
    """Whether a symbolic link, or a junction, stands at `path`."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    tag = getattr(status, "st_reparse_tag", 0)
    return stat.S_ISLNK(status.st_mode) or tag == _MOUNT_POINT


Standing = tuple[int, int, int, int] | None


def standing(path: Path) -> Standing:
    """What tells the file at `path` from another that may take its place; None for none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def replace_only(path: Path, data: bytes, before: Standing) -> None:
    """As `replace_file`, but only what stood there when `before` was taken; raises FileExistsError
    where something else does now."""
    with _written_beside(path, data) as temporary:
        if before is None:
            move_new(temporary, path)
        elif standing(path) == before:
            temporary.replace(path)
        else:
            raise FileExistsError(errno.EEXIST, "another file has appeared there", str(path))


def replace_file(path: Path, *data: bytes | memoryview) -> None:
    """Write a file so that it is whole or as it was before, also after a loss of power.

    It may come in pieces. It is written beside `path` under a name that did not exist, flushed, and
    renamed; a link at `path` is replaced, not followed.
    """
    with _written_beside(path, *data) as temporary:
        temporary.replace(path)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left beside `path` when they wrote it."""
    unfinished = re.compile(rf"{re.escape(path.name)}\.[0-9]+\.tmp")
    with os.scandir(path.parent) as entries:
        left = [e.path for e in entries if unfinished.fullmatch(e.name) and not e.is_dir()]
    for file in left:
        Path(file).unlink()


def move_new(file: Path, place: Path) -> None:
    """Rename a file to where nothing stands; raises FileExistsError where something does."""
    try:
        os.link(file, place)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, "a file is there", str(place)) from error
        file.replace(place)
        return
    file.unlink()


@contextmanager
def _written_beside(path: Path, *data: bytes | memoryview) -> Iterator[Path]:
    """A flushed file of these bytes beside `path`, to be renamed; it is removed after a failure."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with suppress(FileNotFoundError):
        temporary.unlink()  # of a killed process that had the same number
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sha256_of(file: Path) -> str:
    """The SHA-256 of a regular file, in hex; raises OSError, UserError where it is none."""
    with open_regular(file) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def size_text(count: int) -> str:
    """A number of bytes as people write it."""
    for unit, size in (("GiB", 1 << 30), ("MiB", MIB), ("KiB", 1 << 10)):
        if count >= size and count % size == 0:
            return f"{count // size} {unit}"
    return count_text(count, "byte")


def why_unwritable(folder: Path) -> str:
    """Why nothing can be written in a folder, as the part of a sentence; "" where it can."""
    if os.access(folder, os.W_OK | os.X_OK):
        return ""
    if hasattr(os, "statvfs"):
        with suppress(OSError):
            if os.statvfs(folder).f_flag & os.ST_RDONLY:
                return f"the file system of {folder} is read-only"
    return f"no permission in {folder}"


def exists(name: str) -> bool:
    """Whether a text is the path of something."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
