"""A bounded folder of saliency maps and differentiated models, shared by any number of processes.

An entry is one file, named after everything that it depends on. It is written aside and renamed,
so a reader sees it whole or not at all; a checksum at its end shows what a crash of the machine has
torn. When the folder has grown over its bound, the entries that were used least recently go: who
looks for one of these makes it again.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import get_ident

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Float32
from augcli.classifier.cache_files import (
    FORMAT,
    MAGIC,
    checksum,
    entries_of,
    is_own_folder,
    read_entry,
    remove_entries,
)
from augcli.errors import UserError

BOUND = 10 << 30  # bytes of the whole folder

# A process looks at the folder's size after this many bytes that it has written itself, or more.
_STEP = 64 << 20
_KEPT_SHARE = 0.9
_HEADER = struct.Struct("<IIf")
_LEVELS = 65535

UInt16 = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Levels:
    """A map (h, w) in 16 bits: whole multiples of a 65535th of its greatest value, `peak`.

    All maps are rounded so, whether there is a cache or not: what is read equals what was found.
    """

    levels: UInt16
    peak: float

    @classmethod
    def of(cls, saliency_map: Float32) -> Levels:
        """The levels of a finite map without negative values."""
        peak = float(saliency_map.max())
        if peak <= 0.0:
            return cls(np.zeros(saliency_map.shape, np.uint16), 0.0)
        scaled = saliency_map.astype(np.float64) * (_LEVELS / peak)
        return cls(np.rint(scaled).astype(np.uint16), peak)

    def values(self) -> Float32:
        """The map, float32."""
        return (self.levels.astype(np.float64) * (self.peak / _LEVELS)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads."""
        height, width = self.levels.shape
        return _HEADER.pack(height, width, self.peak) + self.levels.astype("<u2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Levels:
        """The levels that were written; raises ValueError where they are none."""
        if len(data) < _HEADER.size:
            raise ValueError("it breaks off")
        height, width, peak = _HEADER.unpack_from(data)
        levels = np.frombuffer(data, "<u2", offset=_HEADER.size).reshape(height, width)
        if levels.size == 0 or not 0 <= peak < float("inf"):
            raise ValueError("it is no map")
        return cls(levels.astype(np.uint16), peak)


class Cache:
    """Entries of bytes by hexadecimal keys in `folder`, of `bound` bytes together.

    A process looks at the folder's size when `shrink` is called, and again after a sixteenth of
    what was free then, or 64 MiB, that it has written itself. An entry that cannot be written, as
    on a full disk, is just not kept; nor is one that is larger than the bound.
    """

    def __init__(self, folder: Path, bound: int = BOUND) -> None:
        self._folder = folder
        self._bound = bound
        self._step = min(_STEP, bound // 8)
        self._unseen = 0

    def get(self, key: str) -> bytes | None:
        """The entry of this key; None where there is none, or a damaged one."""
        return read_entry(self._path(key))

    def put(self, key: str, content: bytes) -> None:
        """Keep an entry, and drop old ones where that is due."""
        data = b"".join((MAGIC, content, checksum(content)))
        if len(data) > self._bound:
            return
        path = Path(self._path(key))
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not is_own_folder(path.parent):
                return
            temporary.unlink(missing_ok=True)  # of a killed process that had the same number
            with temporary.open("xb", buffering=0) as file:
                if file.write(data) < len(data):
                    raise OSError("the disk is full")
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        self._unseen += len(data)
        if self._unseen >= self._step:
            self.shrink()

    def shrink(self) -> None:
        """Where the folder is over its bound, remove the least recently used entries down to nine
        tenths of it. Several processes may do so at a time: they remove the same ones."""
        self._unseen = 0
        with suppress(OSError):
            size = sum(entry.size for entry in entries_of(self._folder))
            if size > self._bound:
                size = remove_entries(
                    self._folder, to_size=int(self._bound * _KEPT_SHARE)
                ).left_size
            free = max(0, self._bound - size)
            self._step = max(min(_STEP, self._bound // 8), free // 16)

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key[:2]}/{key[2:]}-{FORMAT}"


@lru_cache(8)
def open_cache(folder: str | None, bound: int) -> Cache | None:
    """This process's cache in a folder; None where there is no folder, or no bytes are allowed."""
    return None if folder is None or bound == 0 else Cache(Path(folder), bound)


def default_folder() -> Path:
    """Where this system keeps what programs can make again, for this user and augcli."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"), "augcli", "Cache")
    if sys.platform == "darwin":
        return home / "Library/Caches/augcli"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache", "augcli")


def require_writable(folder: Path) -> None:
    """Raise UserError if the cache cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
        reason = "no permission"
    except OSError as error:
        above = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), folder)
        writable, reason = False, str(error.strerror)
        if above.is_file():
            reason = f"{above} is a file"
    if not writable:
        raise UserError(
            f"The saliency cache {folder} cannot be written ({reason}); give another folder with"
            " --saliency-cache, or none."
        )


def content_key(*parts: bytes) -> str:
    """A key of 40 hexadecimal digits for these parts, in this order."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
