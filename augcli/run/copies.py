"""Copies of outputs that stand in a wrong place of OUT/train, and their removal."""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from pathlib import Path

import numpy as np
import orjson

from augcli.errors import UserError
from augcli.files import open_regular
from augcli.manifest.columns import Hashes, find, hash_of
from augcli.run.present import Present

_OUTPUT_NAME = re.compile(rb"([0-9a-f]{16})\.[a-z0-9]+")
_NONE = np.zeros(0, np.uint64)


def remove_copies(train: Path, named: Hashes, not_made: array[int]) -> None:
    """Remove copies of outputs that stand in a wrong place: no row names them (`named` holds the
    hashes of the names in rows), and the row of their id has their bytes. Whatever else no row
    names was not written by the run, or is of an output that could not be made again. No link is
    followed."""
    spared = np.sort(np.frombuffer(not_made, np.uint64))
    with Present(train, _NONE) as present:
        _remove(train, named, spared, present)


def _remove(train: Path, named: Hashes, spared: Hashes, present: Present) -> None:
    for folder in list(os.scandir(os.fsencode(train))):
        if not folder.is_dir(follow_symlinks=False):
            continue
        for file in list(os.scandir(folder.path)):
            match = _OUTPUT_NAME.fullmatch(file.name)
            if match is None or file.is_dir(follow_symlinks=False):
                continue
            is_named = find(named, hash_of(folder.name + b"/" + file.name)) is not None
            if is_named or find(spared, int(match[1], 16)) is not None:
                continue
            path, line = Path(os.fsdecode(file.path)), present.line(match[1].decode())
            if line is not None and _is_copy(path, orjson.loads(line)["sha256"]):
                path.unlink()
        if not os.listdir(folder.path):  # noqa: PTH208
            os.rmdir(folder.path)  # noqa: PTH106


def _is_copy(path: Path, sha256: str) -> bool:
    """Whether a file with these bytes stands at `path`, and no link."""
    if path.is_symlink():
        return False
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except (OSError, UserError):
        return False
