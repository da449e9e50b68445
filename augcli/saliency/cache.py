"""A bounded folder of saliency maps and differentiated models, shared by any number of processes.

An entry is one file, named after everything that it depends on. It is written aside and renamed,
so a reader sees it whole or not at all; a checksum at its end tells what a crash of the machine has
torn. When the folder has grown over its bound, the entries that were used least recently go.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from augcli.errors import UserError

BOUND = 4 << 30  # bytes of the whole folder

# A process looks at the folder's size after this many bytes that it has written itself.
_STEP = 64 << 20
_KEPT_SHARE = 0.9
_LEFTOVER_SECONDS = 3600.0
_CHECKSUM = 4
_FORMAT = "2"  # at the end of an entry's name: those of another format are not looked at
_HEADER = struct.Struct("<IIf")
_LEVELS = 65535
_LOCK = "lock"

Float32 = npt.NDArray[np.float32]
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
        """The levels that were written."""
        height, width, peak = _HEADER.unpack_from(data)
        levels = np.frombuffer(data, "<u2", offset=_HEADER.size).reshape(height, width)
        return cls(levels.astype(np.uint16), peak)


class Cache:
    """Entries of bytes by hexadecimal keys in `folder`, of `bound` bytes together.

    Each process that writes may exceed the bound by 64 MB before it looks. An entry that cannot be
    written, as on a full disk, is just not kept.
    """

    def __init__(self, folder: Path, bound: int = BOUND) -> None:
        self._folder = folder
        self._bound = bound
        self._unseen = _STEP  # so that the first entry of a process looks at what others left

    def get(self, key: str) -> bytes | None:
        """The entry of this key; None where there is none, or a damaged one."""
        path = self._path(key)
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a third of the time
                data = file.read()
        except OSError:
            return None
        content, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
        if _checksum(content) != checksum:
            return None
        with suppress(OSError):  # another process may have removed it since
            os.utime(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep an entry, and drop old ones where that is due."""
        path = Path(self._path(key))
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content + _checksum(content))
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        self._unseen += len(content)
        if self._unseen >= min(_STEP, self._bound // 8):
            self._unseen = 0
            self._shrink()

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key[:2]}/{key[2:]}-{_FORMAT}"

    def _shrink(self) -> None:
        """Remove the least recently used entries over the bound; one process at a time does."""
        with suppress(Timeout, OSError), FileLock(self._folder / _LOCK, timeout=0):
            entries = sorted(self._entries())
            size = sum(entry[1] for entry in entries)
            if size <= self._bound:
                return
            for _, length, path in entries:
                with suppress(OSError):
                    path.unlink()
                size -= length
                if size <= self._bound * _KEPT_SHARE:
                    return

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """(time of last use, bytes, path) of every entry; what a dead writer left is removed."""
        with os.scandir(self._folder) as folders:
            inner = [folder.path for folder in folders if folder.is_dir()]
        for folder in inner:
            with os.scandir(folder) as files:
                for file in files:
                    with suppress(FileNotFoundError):
                        status = file.stat()
                        if not file.name.endswith(".tmp"):
                            yield status.st_mtime, status.st_size, Path(file.path)
                        elif time.time() - status.st_mtime > _LEFTOVER_SECONDS:
                            Path(file.path).unlink()


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
        writable, reason = False, str(error.strerror)
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


def _checksum(content: bytes) -> bytes:
    """That of nothing is not zero, so that a file of zeros is no entry."""
    return zlib.crc32(content, 1).to_bytes(_CHECKSUM, "little")
