"""Where arrays lie in .npy files, and in the .npz archives of them; no object of Python is read."""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from augcli.data.labels import printable, shown
from augcli.data.pieces import DEFLATE, MOST_UNPACKED, unpack_start
from augcli.data.tar_headers import read_at
from augcli.data.zip_headers import DEFLATED, STORED, entries
from augcli.errors import UserError
from augcli.files import open_regular, size_text

_LARGEST_HEADER = 1 << 16
# What NumPy raises over a header that is none.
_NO_HEADER = (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError, TokenError)
_LOCAL_HEADER = struct.Struct("<4s5HIIIHH")
_ENDING = b".npy"
_MOST_ARRAYS = 1_000
_LARGEST_AXIS = 1 << 62


class StoredArray(NamedTuple):
    """An array of `shape` whose values begin at byte `offset` of a file, or of what the compressed
    stream at `packed` - 1 of it holds. `where` names it in sentences."""

    file: Path
    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    packed: int = 0

    @property
    def size(self) -> int:
        """The bytes of its values."""
        size = self.dtype.itemsize
        for count in self.shape:
            size *= count
        return size

    def read_rows(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """The rows from `start` to `stop`, of a file that is not compressed, or all of one that is;
        raises UserError and OSError."""
        one = self.size // max(self.shape[0], 1)
        first, size = self.offset + start * one, (stop - start) * one
        if self.packed:
            if first + size > MOST_UNPACKED:
                raise UserError(
                    f"{self.where} is compressed and holds more than {size_text(MOST_UNPACKED)};"
                    " run unzip, and give the folder of its files."
                )
            data = _start(self.file, self.packed - 1, first + size, self.where)[first:]
        else:
            with open_regular(self.file) as file:
                file.seek(first)
                data = file.read(size)
        if len(data) < size:
            raise UserError(f"{self.where} ends before the last of its values; make it anew.")
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])


def open_npy(file: Path) -> StoredArray:
    """The array in a .npy file; raises UserError and OSError."""
    with open_regular(file) as opened:
        start = opened.read(_LARGEST_HEADER)
        size = os.fstat(opened.fileno()).st_size
    return _checked(_array(file, str(file), start, 0, 0), size)


def open_npz(file: Path) -> Mapping[str, StoredArray]:
    """The arrays in a .npz archive by their names, without .npy; raises UserError and OSError."""
    arrays: dict[str, StoredArray] = {}
    with open_regular(file) as opened:
        size = os.fstat(opened.fileno()).st_size
        for member in entries(opened, file):
            if not member.name.endswith(_ENDING) or member.is_folder:
                continue
            where = f"{file}, {shown(member.name)},"
            name = printable(member.name.removesuffix(_ENDING))
            if name in arrays:
                raise UserError(f"{where} stands in it twice; make the archive anew.")
            if len(arrays) == _MOST_ARRAYS:
                raise UserError(f"{file} holds more than {_MOST_ARRAYS:,} arrays; leave out some.")
            head = read_at(opened, member.offset, _LOCAL_HEADER.size)
            if len(head) < _LOCAL_HEADER.size or not head.startswith(b"PK\x03\x04"):
                raise UserError(f"{where} is not where the archive says; make it anew.")
            if member.method not in (STORED, DEFLATED):
                raise UserError(f"{where} is a link or no plain file; make it anew.")
            *_, of_name, of_extra = _LOCAL_HEADER.unpack(head)
            at, packed = member.offset + len(head) + of_name + of_extra, member.method != STORED
            if packed:
                start = _start(file, at, _LARGEST_HEADER, where)
            else:
                start = read_at(opened, at, min(_LARGEST_HEADER, member.size))
            stored = _array(file, where, start, 0 if packed else at, at + 1 if packed else 0)
            arrays[name] = _checked(stored, size)
    return arrays


def _start(file: Path, at: int, size: int, where: str) -> bytes:
    try:
        return unpack_start(file, at, DEFLATE, size)
    except ValueError as error:
        raise UserError(f"{where} cannot be read: {error}; make it anew.") from error


def _array(file: Path, where: str, start: bytes, at: int, packed: int) -> StoredArray:
    """The array whose file begins with `start`, at byte `at` of `file`."""
    stream = io.BytesIO(start)
    try:
        version = npy_format.read_magic(stream)
        read = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a header by Python 2
            shape, fortran, dtype = read(stream)
    except _NO_HEADER as error:
        raise UserError(f"{where} is no array in NumPy's format; make it anew.") from error
    if dtype.hasobject:
        raise UserError(
            f"{where} holds objects of Python, which are never read, as that can run code; save an"
            " array of numbers."
        )
    if fortran and len(shape) > 1:
        raise UserError(f"{where} lies column by column; save numpy.ascontiguousarray of it.")
    if not all(type(count) is int and 0 <= count < _LARGEST_AXIS for count in shape):
        raise UserError(f"{where} is no array in NumPy's format; make it anew.")
    return StoredArray(file, where, shape, dtype, at + stream.tell(), packed)


def _checked(array: StoredArray, file_size: int) -> StoredArray:
    if not array.packed and array.offset + array.size > file_size:
        raise UserError(f"{array.where} ends before the last of its values; make it anew.")
    return array
