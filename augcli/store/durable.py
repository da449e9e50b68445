"""Writes that nothing redirects and a loss of power does not undo.

A loss of power may undo any write and any rename since the last flush, in any order: whatever
depends on an earlier step is flushed behind it.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

from augcli.files import is_link, replace_file

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def write_file(path: str, data: bytes | memoryview) -> None:
    """Write a staged image, without a file object, which costs as much as the call itself.

    Its folder is made at need. What stands there already is removed first: it may be a link, or
    have another name elsewhere.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        Path(path).unlink()
        descriptor = os.open(path, flags, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if not hasattr(os, "sync"):  # Windows, where `flush` can do nothing
            os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def link_file(source: bytes, path: str) -> None:
    """Make a staged image a hard link to a file. Its folder is made at need."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.link(source, place)


def check_no_link(folder: str) -> None:
    """Raise OSError where a folder to write to is a link, or has become one."""
    if is_link(folder):
        raise OSError(0, "it is a link, and nothing is written through a link", folder)


def write_durably(path: Path, text: str) -> None:
    """Write a file so that it is either whole or as it was, also after a loss of power."""
    replace_file(path, text.encode())


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object durably."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    # Paths of bytes that are no UTF-8 hold surrogates, which JSON has escapes for.
    write_durably(path, text.encode("utf-8", "backslashreplace").decode() + "\n")


def flush(path: Path) -> None:
    """Flush the file system that holds `path`: one call a shard instead of one a file."""
    if not sys.platform.startswith("linux"):
        if hasattr(os, "sync"):
            os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
