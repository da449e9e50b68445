"""What somebody put into the state of a run, under the name of a file that runs write there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from augcli.errors import UserError
from augcli.files import open_regular, parse_json, read_bytes, read_json, sha256_of
from augcli.manifest.card import FIRST_LINES
from augcli.published import MANIFEST
from augcli.store.layout import (
    CARD,
    CLASSES,
    ERRORS,
    IDENTITY,
    LISTED,
    REMOVAL,
    REMOVED,
    REPLACED,
    RUN,
    SOURCES,
    TIMINGS,
)
from augcli.store.records import LARGEST_RECORD, read_identity, read_run_record
from augcli.store.sources import read_names

_LONGEST_LINE = 1 << 26
_CHUNK = 1 << 20


def set_strangers_aside(state: Path) -> None:
    """Move what has the name of a run's file in its state, and is not the run's as far as that can
    be known, into the folder of replaced things there. Folders stay."""
    for name, is_own in _OWN.items():
        path = state / name
        if not os.path.lexists(path) or path.is_dir() or is_own(state, path):
            continue
        path.rename(free_place(state, name))


def free_place(state: Path, name: str) -> Path:
    """A path for a thing of this name in the folder of replaced things, at which nothing stands."""
    folder, number = state / REPLACED, 1
    folder.mkdir(exist_ok=True)
    while os.path.lexists(folder / f"{name}.{number}"):
        number += 1
    return folder / f"{name}.{number}"


def are_lines_of(path: Path, *keys: str) -> bool:
    """Whether a file is lines of JSON objects with these keys, the last of which may break off, or
    be zeros, as after a loss of power."""
    try:
        with open_regular(path) as file:
            while line := file.readline(_LONGEST_LINE):
                if not line.endswith(b"\n"):
                    return line.startswith(b"{") or not line.strip(b"\0")
                row = parse_json(line)
                if not isinstance(row, dict) or any(key not in row for key in keys):
                    return False
    except (OSError, UserError, ValueError):
        return False
    return True


def _is_own_record(state: Path, path: Path) -> bool:
    record = read_run_record(path)
    identity = read_identity(state / IDENTITY) or read_identity(state / REMOVAL)
    if record is None or identity is None:
        return record is not None
    return all(record.get("fingerprint" if k == "source" else k) == v for k, v in identity.items())


def _is_own_class_list(state: Path, path: Path) -> bool:
    record = read_run_record(state / RUN) if _is_own_record(state, state / RUN) else None
    names = read_names(state / SOURCES)
    try:
        if record is not None and isinstance(record.get("files"), dict):
            return bool(sha256_of(path) == record["files"].get(CLASSES))
        data = read_bytes(path, LARGEST_RECORD)
    except (OSError, UserError):
        return False
    return not data or (names is not None and data == "".join(f"{n}\n" for n in names[0]).encode())


def _is_own_list(state: Path, path: Path) -> bool:
    """Whether it is the paths that the run began with; by its last byte, where these are lost."""
    names, digest, last = read_names(state / SOURCES), hashlib.sha256(), b"\0"
    try:
        with open_regular(path) as file:
            while data := file.read(_CHUNK):
                digest.update(data)
                last = data[-1:]
    except (OSError, UserError):
        return False
    return last == b"\0" and (names is None or digest.digest() == names[1])


def _are_own_timings(_: Path, path: Path) -> bool:
    try:
        values = read_json(path, LARGEST_RECORD)
    except (OSError, UserError, ValueError):
        return False
    return isinstance(values, dict) and {"command", "finished", "workers"} <= values.keys()


def _is_own_card(_: Path, path: Path) -> bool:
    try:
        return read_bytes(path, LARGEST_RECORD).startswith(FIRST_LINES.encode())
    except (OSError, UserError):
        return False


_OWN: dict[str, Callable[[Path, Path], bool]] = {
    CARD: _is_own_card,
    CLASSES: _is_own_class_list,
    ERRORS: lambda _, path: are_lines_of(path, "source_id", "reason"),
    LISTED: _is_own_list,
    MANIFEST: lambda _, path: are_lines_of(path, "file_name", "sample_id"),
    REMOVED: lambda _, path: are_lines_of(path, "file_name", "sample_id"),
    RUN: _is_own_record,
    SOURCES: lambda _, path: read_names(path) is not None,
    TIMINGS: _are_own_timings,
    IDENTITY: lambda _, path: read_identity(path) is not None,
    REMOVAL: lambda _, path: read_identity(path) is not None or read_run_record(path) is not None,
}
