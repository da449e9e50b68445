"""Texts that may be compressed by gzip, read as they are unpacked."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path
from typing import Any

from augcli.errors import UserError
from augcli.files import MIB, open_regular

# How much longer than its file an unpacked text may be, and what is taken of any.
_RATIO, _LEAST = 200, 64 * MIB


def open_text(source: Path) -> io.BufferedReader:
    """Open a regular file for reading, which is unpacked where its name ends in .gz.

    Raises UserError as `open_regular`, and meanwhile where it is no whole gzip file, or unpacks to
    more than 200 times its size.
    """
    file = open_regular(source)
    if source.suffix.lower() != ".gz":
        return file
    return io.BufferedReader(_Unpacked(file, source), MIB)


class _Unpacked(io.RawIOBase):
    """The bytes in a gzip file, up to a bound."""

    def __init__(self, packed: io.BufferedReader, source: Path) -> None:
        self._packed, self._source = packed, source
        self._file = gzip.GzipFile(fileobj=packed)
        self._left = max(_LEAST, _RATIO * os.fstat(packed.fileno()).st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._file.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(
                f"{self._source} is no whole gzip file; copy it again, or unpack it."
            ) from error
        self._left -= count
        if self._left < 0:
            raise UserError(
                f"{self._source} unpacks to more than {_RATIO} times its size; if it is meant to,"
                " give it unpacked."
            )
        return count

    def close(self) -> None:
        super().close()
        self._packed.close()
