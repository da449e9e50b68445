"""Finds files of data sets in a folder, which hold images and are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from augcli.data.left_out import has_suffix
from augcli.data.links import leads_above
from augcli.data.shards import is_folder

# Folders of a data set are few: one a split, one a configuration. Class folders are many.
_MOST_FOLDERS = 16
_DEEPEST = 3


def data_files(source: Path, fits: Callable[[bytes], bool]) -> list[bytes]:
    """The files whose names fit in a folder and in the few folders of it, as paths below it,
    sorted; none where there is an image among them, or folders are as many as classes are.

    Raises OSError.
    """
    root, files = os.fsencode(source), list[bytes]()
    pending = [(b"", 1)]
    for prefix, depth in pending:
        try:
            folders = _look_into(root, prefix, fits, files)
        except OSError:
            if not prefix:
                raise
            continue  # what reads the folder says so
        if folders is None or len(folders) > _MOST_FOLDERS:
            return []
        if depth < _DEEPEST:
            pending += [(folder + b"/", depth + 1) for folder in sorted(folders)]
    return sorted(files)


def _look_into(
    root: bytes, prefix: bytes, fits: Callable[[bytes], bool], files: list[bytes]
) -> list[bytes] | None:
    """The folders in a folder, of which fitting files are added to `files`; None where there is an
    image. No more folders are returned than there can be and one."""
    folders: list[bytes] = []
    with os.scandir(root + b"/" + prefix) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(b"."):
                continue
            if has_suffix(name):
                return None
            if is_folder(entry):
                if entry.is_symlink() and leads_above(entry.path, root):
                    continue
                folders.append(prefix + name)
                if len(folders) > _MOST_FOLDERS:
                    break
            elif fits(name):
                files.append(prefix + name)
    return folders
