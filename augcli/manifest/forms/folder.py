"""Image files in a folder for each class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augcli.data.labels import IMAGES, class_folder
from augcli.enums import Labels
from augcli.errors import UnreadableImage, UserError
from augcli.files import open_regular, read_beyond, read_bytes
from augcli.image.header import upright_size
from augcli.manifest.columns import Hashes, find, hash_of
from augcli.manifest.faults import Fault
from augcli.manifest.file_names import OUTPUT_NAME
from augcli.manifest.forms.form import (
    A_LINK,
    MISSING,
    NO_FILE,
    NO_ROW,
    OTHER_BYTES,
    Files,
    most_bytes,
    size_fault,
    too_large,
)
from augcli.manifest.row import Row
from augcli.published import MANIFEST


def file_of(file_name: str) -> str:
    """As `Form.file_of`: an image is a file."""
    return file_name


def is_own(name: str) -> bool:
    """As `Form.is_own`."""
    return OUTPUT_NAME.fullmatch(name.partition("/")[2]) is not None


def name_faults(row: Row, labels: Labels) -> Iterator[str]:
    """As `Form.name_faults`: a file lies in the folder of its class, or in the one for all."""
    folder = row.file_name.partition("/")[0]
    if labels is not Labels.single:
        if folder != IMAGES:
            yield f"the file does not lie in the folder {IMAGES}"
    elif row.class_name is not None and folder != class_folder(row.class_name):
        yield f"the file does not lie in the folder of its class {row.class_name[:100]!r}"


def look_into(folder: Path, max_pixels: int) -> Files:
    """As `Form.look_into`."""
    return _Files(folder, max_pixels)


@dataclass(frozen=True)
class _Files:
    folder: Path
    max_pixels: int

    def faults(self, row: Row, line: bytes) -> Iterator[Fault]:
        for what in self.image_faults(row):
            yield Fault(row.file_name, what)

    def image_faults(self, row: Row) -> Iterator[str]:
        folder, _, name = row.file_name.partition("/")
        if not _is_plain(folder) or not _is_plain(name):
            yield "the file name is not <class>/<file>"
            return
        path = os.path.join(self.folder, row.file_name)  # noqa: PTH118 - half the time of a Path
        limit = most_bytes(self.max_pixels)
        try:
            if os.path.islink(os.path.join(self.folder, folder)):  # noqa: PTH114, PTH118
                yield "its folder is a link, which is not followed"
                return
            if os.path.islink(path):  # noqa: PTH114
                yield A_LINK
                return
            with open_regular(Path(path)) as file:
                if os.fstat(file.fileno()).st_size > limit:
                    yield too_large(limit)
                    return
                whole: Any = file  # it has readinto, which its type does not say
                if hashlib.file_digest(whole, "sha256").hexdigest() != row.sha256:
                    yield OTHER_BYTES
                    return
                file.seek(0)
                height, width = upright_size(read_beyond(file, limit))
        except (FileNotFoundError, NotADirectoryError):
            yield MISSING
            return
        except UserError:
            yield NO_FILE
            return
        except (OSError, MemoryError) as error:
            why = getattr(error, "strerror", None) or "too little memory"
            yield f"the file cannot be read: {why}"
            return
        except UnreadableImage as error:
            yield f"the file is no image: {error}"
            return
        yield from size_fault(height, width, row)

    def strays(self, known: Hashes) -> Iterator[Fault]:
        with os.scandir(os.fsencode(self.folder)) as entries:
            for entry in entries:
                if entry.is_symlink() and entry.name != MANIFEST.encode():
                    yield Fault(_printed(entry.name), A_LINK)
                elif entry.is_dir(follow_symlinks=False):
                    yield from _strays_in(entry.path, entry.name, known)
                elif entry.name != MANIFEST.encode():
                    yield Fault(_printed(entry.name), NO_ROW)

    def read(self, row: Row) -> bytes:
        folder, _, name = row.file_name.partition("/")
        if not _is_plain(folder) or not _is_plain(name):
            raise ValueError("the file name is not <class>/<file>")
        path = self.folder / folder / name
        if path.is_symlink() or path.parent.is_symlink():
            raise ValueError(A_LINK)
        return read_bytes(path, most_bytes(self.max_pixels))


def _strays_in(path: bytes, folder: bytes, known: Hashes) -> Iterator[Fault]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = folder + b"/" + entry.name
                if find(known, hash_of(name)) is None:
                    yield Fault(_printed(name), NO_ROW)
    except OSError as error:
        yield Fault(_printed(folder), f"the folder cannot be read: {error.strerror}")


def _printed(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _is_plain(name: str) -> bool:
    """Whether a name is that of one thing in a folder, on every system."""
    return name not in ("", ".", "..") and not any(c in name for c in "/\\\0")
