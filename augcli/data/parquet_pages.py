"""Reads single byte strings out of a Parquet file: of a column of 100 MB only the page is read in
which the wanted one lies.

pyarrow reads whole column chunks, one or more for every image of a shuffled data set. Pages are
found by their headers (parquet.thrift of the Parquet format). A process looks at each page whole
once, and remembers where the values lie in it: of a page that is not compressed, or by Snappy, then
only what an image needs is read. Of pages in other compressions it holds the last ones.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.data.image_file import too_large
from augcli.data.pieces import read_piece
from augcli.data.snappy_blocks import BLOCK, find_blocks, stream_of
from augcli.data.thrift import read_struct
from augcli.errors import UnreadableImage
from augcli.files import MIB

# How pyarrow calls the ways of compression, and its codecs for them.
CODECS = {"UNCOMPRESSED": "", "SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd",
          "BROTLI": "brotli", "LZ4": "lz4_raw"}  # fmt: skip
_CODECS = tuple(CODECS)
ENCODINGS = frozenset({"PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "BIT_PACKED"})
_DATA, _INDEX, _DICTIONARY, _DATA_2 = range(4)
_PLAIN, _OLD_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
_HEADER, _LONGEST_HEADER = 256, 1 << 16
# Bytes that a process holds of pages, and how many these are.
_HELD, _MOST_HELD = 64 * MIB, 1024
LARGEST_PAGE = 256 * MIB
_MOST_PAGES, _MOST_VALUES = 1 << 20, 1 << 23
_BITS_AT_ONCE = 1 << 16  # numbers, a multiple of eight
# Bytes from which on it pays to find the blocks of a page.
_LONG = 256 << 10


class Chunk(NamedTuple):
    """The part of a column in one row group: `size` bytes from `start` on. Values are missing where
    their level is below `max_level`."""

    path: bytes
    start: int
    size: int
    codec: str
    max_level: int


class _Page(NamedTuple):
    offset: int  # behind its header
    size: int
    unpacked: int
    kind: int
    header: dict[int, Any]  # of data or of a dictionary

    @property
    def is_dictionary(self) -> bool:
        """Whether it is no page of rows, but of what these name."""
        return self.kind == _DICTIONARY

    @property
    def values(self) -> int:
        """How many values it has for rows."""
        return int(self.header[1]) if self.kind in (_DATA, _DATA_2) else 0


class _Store(NamedTuple):
    """What is known of the `size` unpacked bytes of a page: themselves (`data`), else that they lie
    in the file from `at` on, as they are or in the `blocks` of a Snappy stream."""

    data: bytes | None
    at: int
    size: int
    blocks: Sequence[int] | None


class _Values(NamedTuple):
    """The byte strings of a page: value i lies from starts[i] to ends[i] of a store; for one that
    is missing, both are -1."""

    store: _Store
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @property
    def held(self) -> int:
        """The bytes of memory that they take."""
        return len(self.store.data or b"") + 8 * len(self.store.blocks or ()) + 16 * len(self.ends)


class _Key(NamedTuple):
    """A page by its number in its chunk, -1 for the dictionary, of a file as it stood."""

    chunk: Chunk
    standing: tuple[int, ...]
    number: int


_held: OrderedDict[_Key, _Values] = OrderedDict()


def codec_number(name: str) -> int:
    """What stands for a way of compression, by pyarrow's name, in numbers."""
    return _CODECS.index(name)


def codec_name(number: int) -> str:
    """Pyarrow's name of the compression with this number."""
    return _CODECS[number]


def read_value(chunk: Chunk, row: int, limit: int) -> bytes:
    """The byte string in a row of a chunk, counted in it; raises UnreadableImage, also where it is
    missing or larger than `limit`, and OSError."""
    status = os.stat(chunk.path)  # noqa: PTH116 - bytes
    standing = status.st_ino, status.st_size, status.st_mtime_ns
    try:
        first_rows, pages, dictionary = _pages(chunk, standing)
        number = bisect_right(first_rows, row) - 1
        if number < 0 or number >= len(pages):
            raise UnreadableImage("the Parquet file ends before it")
        key = _Key(chunk, standing, number)
        values = _held.get(key)
        if values is None:
            known = None if dictionary is None else _dictionary(key, dictionary)
            values = _hold(key, _read_page(chunk, pages[number], known))
        else:
            _held.move_to_end(key)
        place = row - first_rows[number]
        start, end = int(values.starts[place]), int(values.ends[place])
        if start < 0:
            raise UnreadableImage("it has no bytes in the Parquet file")
        if end - start > limit:
            raise too_large(limit)
        return _part(chunk.path, values.store, start, end)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise UnreadableImage(f"the Parquet file is broken there: {error}") from error


def _part(path: bytes, store: _Store, start: int, end: int) -> bytes:
    """The bytes of a page from `start` to `end`."""
    if store.data is not None:
        return store.data[start:end]
    if store.blocks is None:
        return read_piece(path, store.at + start, end - start)
    first, last = start // BLOCK, -(-end // BLOCK)
    at, behind = store.blocks[first], store.blocks[last]
    size = min(last * BLOCK, store.size) - first * BLOCK
    packed = stream_of(read_piece(path, store.at + at, behind - at), size)
    return _decompress("snappy", packed, size)[start - first * BLOCK :][: end - start]


def _hold(key: _Key, values: _Values) -> _Values:
    """Remember the values of a page, and forget those that were not used for the longest time."""
    _held[key] = values
    while len(_held) > _MOST_HELD or (
        len(_held) > 1 and sum(one.held for one in _held.values()) > _HELD
    ):
        _held.popitem(last=False)
    return values


@lru_cache(maxsize=4096)
def _pages(
    chunk: Chunk,
    standing: tuple[int, ...],  # noqa: ARG001 - of the file, which may change
) -> tuple[list[int], list[_Page], _Page | None]:
    """The first row of each data page of a chunk and the row behind the last, the pages, and the
    dictionary; raises ValueError and UnreadableImage."""
    at, end, row = chunk.start, chunk.start + chunk.size, 0
    first_rows, pages = [0], list[_Page]()
    dictionary: _Page | None = None
    while at < end:
        page = _read_header(chunk.path, at, end)
        at = page.offset + page.size
        if page.size < 0 or page.unpacked < 0 or at > end or len(pages) == _MOST_PAGES:
            raise ValueError("a page leaves its column")
        if page.kind in (_DATA, _DATA_2):
            row += int(page.header[1])
            if page.header[1] < 0:
                raise ValueError("a page has a negative number of values")
            first_rows.append(row)
            pages.append(page)
        elif page.kind == _DICTIONARY and dictionary is None:
            dictionary = page
    return first_rows, pages, dictionary


def page_headers(chunk: Chunk) -> Iterator[_Page]:
    """The pages of a chunk, of which only the headers are read. Raises ValueError where one is
    broken, UnreadableImage where the file ends, and OSError."""
    at, end = chunk.start, chunk.start + chunk.size
    for _ in range(_MOST_PAGES):
        if at >= end:
            return
        try:
            page = _read_header(chunk.path, at, end)
            if page.size < 0 or page.unpacked < 0 or page.values < 0:
                raise ValueError("a page has a negative size")
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("the header of a page is broken") from error
        yield page
        at = page.offset + page.size
    raise ValueError("it has too many pages")


def longest_of_dictionary(chunk: Chunk, page: _Page) -> int:
    """The bytes of the longest text in a dictionary; raises as `page_headers`."""
    _check_page(page)
    data = read_piece(chunk.path, page.offset, page.size)
    data, store = _unpack(chunk, data, page.offset, page.unpacked, True)
    values = _plain(data, 0, _count(page, data), store)
    return int((values.ends - values.starts).max(initial=0))


def _count(page: _Page, data: bytes) -> int:
    """How many values a dictionary has; raises ValueError."""
    count = int(page.header[1])
    if not 0 <= count <= min(_MOST_VALUES, len(data)):
        raise ValueError("a dictionary has more values than it can have")
    return count


def _read_header(path: bytes, at: int, end: int) -> _Page:
    size = min(_HEADER, end - at)
    while True:
        data = read_piece(path, at, size)
        try:
            header, length = read_struct(data)
            break
        except IndexError:
            if size >= min(_LONGEST_HEADER, end - at):
                raise ValueError("the header of a page does not end") from None
            size = min(size * 16, _LONGEST_HEADER, end - at)
    kind = header[1]
    of_kind = header.get({_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}.get(kind, 0), {})
    return _Page(at + length, header[3], header[2], kind, of_kind)


def _unpack(chunk: Chunk, data: bytes, at: int, size: int, packed: bool) -> tuple[bytes, _Store]:
    """The `size` bytes that the part of a page at `at` of the file holds, and what is to be known
    of them later."""
    codec = CODECS[chunk.codec] if packed else ""
    if not codec:
        return data, _Store(None, at, len(data), None)
    unpacked = _decompress(codec, data, size)
    blocks = find_blocks(data) if codec == "snappy" and size >= _LONG else None
    if blocks is None:
        return unpacked, _Store(unpacked, at, size, None)
    return unpacked, _Store(None, at, size, blocks)


def _decompress(codec: str, data: bytes, size: int) -> bytes:
    import pyarrow

    try:
        unpacked: bytes = pyarrow.Codec(codec).decompress(data, size, asbytes=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError("its compressed data are broken") from error
    return unpacked


def first_page_size(chunk: Chunk) -> int:
    """The bytes of the first page of a chunk, which has all values in many files; raises ValueError
    where there is none, and OSError."""
    try:
        page = _read_header(chunk.path, chunk.start, chunk.start + chunk.size)
        return int(max(page.size, page.unpacked))
    except (UnreadableImage, KeyError, TypeError) as error:
        raise ValueError("a page is broken") from error


def _check_page(page: _Page) -> None:
    if max(page.size, page.unpacked) > LARGEST_PAGE:
        raise ValueError(
            f"a page has {max(page.size, page.unpacked) // MIB:,} MiB, and at most"
            f" {LARGEST_PAGE // MIB} are read for one image"
        )


def _read_page(chunk: Chunk, page: _Page, known: _Values | None) -> _Values:
    _check_page(page)
    data = read_piece(chunk.path, page.offset, page.size)
    count, width = int(page.header[1]), chunk.max_level.bit_length()
    if count > _MOST_VALUES:
        raise ValueError("a page has more values than a page can have")
    if page.kind == _DATA_2:
        encoding, below = page.header[4], page.header[5] + page.header[6]
        levels, at = data[page.header[6] : below], 0
        data, store = _unpack(chunk, data[below:], page.offset + below, page.unpacked - below,
                              page.header.get(7, True))  # fmt: skip
    else:
        encoding, levels, at = page.header[2], b"", 0
        data, store = _unpack(chunk, data, page.offset, page.unpacked, True)
        if width:
            if page.header[3] != _RLE:
                raise ValueError("levels are in an old encoding")
            at = 4 + int.from_bytes(data[:4], "little")
            levels = data[4:at]
    there = _hybrid(levels, width, count) == chunk.max_level if width else np.ones(count, np.bool_)
    present = int(there.sum())
    if encoding == _PLAIN:
        values = _plain(data, at, present, store)
    elif encoding in (_OLD_DICTIONARY, _RLE_DICTIONARY) and known is not None:
        chosen = _hybrid(data[at + 1 :], data[at], present)
        if present and int(chosen.max()) >= len(known.starts):
            raise ValueError("a value is not in the dictionary")
        values = _Values(known.store, known.starts[chosen], known.ends[chosen])
    else:
        raise ValueError(f"values are in the encoding {encoding}")
    if present == count:
        return values
    starts, ends = np.full(count, -1), np.full(count, -1)
    starts[there], ends[there] = values.starts, values.ends
    return _Values(values.store, starts, ends)


def _dictionary(key: _Key, page: _Page) -> _Values:
    key = key._replace(number=-1)
    values = _held.get(key)
    if values is not None:
        _held.move_to_end(key)
        return values
    _check_page(page)
    data = read_piece(key.chunk.path, page.offset, page.size)
    data, store = _unpack(key.chunk, data, page.offset, page.unpacked, True)
    return _hold(key, _plain(data, 0, _count(page, data), store))


def _plain(data: bytes, at: int, count: int, store: _Store) -> _Values:
    """Byte strings one behind the other from `at` on, each after its length."""
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    for number in range(count):
        size = int.from_bytes(data[at : at + 4], "little")
        starts[number] = at + 4
        at += 4 + size
        ends[number] = at
        if at > len(data):
            raise ValueError("a value leaves its page")
    return _Values(store, starts, ends)


def _hybrid(data: bytes, width: int, count: int) -> npt.NDArray[np.int64]:
    """`count` numbers of `width` bits: runs of one, and groups of eight that are packed."""
    if not 0 <= width <= 32:
        raise ValueError("numbers have too many bits")
    values, done, at = np.zeros(count, np.int64), 0, 0
    while done < count:
        head = shift = 0
        while True:
            byte = data[at]
            at += 1
            head |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if head & 1:
            groups = head >> 1
            packed = np.frombuffer(data[at : at + groups * width], np.uint8)
            at += groups * width
            take = min(groups * 8, count - done)
            if width:
                _unpack_bits(packed, width, values[done : done + take])
        else:
            take = min(head >> 1, count - done)
            size = (width + 7) // 8
            values[done : done + take] = int.from_bytes(data[at : at + size], "little")
            at += size
        if take == 0:
            raise ValueError("a run of numbers is empty")
        done += take
    return values


def _unpack_bits(packed: npt.NDArray[np.uint8], width: int, values: npt.NDArray[np.int64]) -> None:
    """Fill `values` with numbers of `width` bits, some at a time, as each bit takes nine bytes."""
    powers = np.left_shift(1, np.arange(width, dtype=np.int64))
    for start in range(0, len(values), _BITS_AT_ONCE):
        some = values[start : start + _BITS_AT_ONCE]
        part = packed[start * width // 8 :][: -(-len(some) * width // 8)]
        bits = np.unpackbits(part, bitorder="little")[: len(some) * width]
        some[:] = bits.reshape(len(some), width) @ powers
