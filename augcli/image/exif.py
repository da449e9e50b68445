"""The orientation that EXIF states, and turning an image by it.

One reading for every format: EXIF blocks and TIFF files are built alike. An integer of any TIFF
integer type counts, as one value from 1 to 8 in the first directory; anything else, and what cannot
be read, leaves the image as it is stored. XMP does not count.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from augcli.arrays.types import Pixels

EXIF_MARK = b"Exif\0\0"

_ORDERS = {b"II": "<", b"MM": ">"}
_BIG = 43
_ORIENTATION = 0x0112
# BYTE, SHORT, LONG, their signed forms, and the 64-bit ones of large TIFF files.
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
_MOST_ENTRIES = 65_535


class Entry(NamedTuple):
    """A tag of a directory: where it stands, and its value if that is one integer."""

    offset: int
    value: int | None


class Directory(NamedTuple):
    """What is needed to read and replace tags: the byte order as `struct` writes it, whether places
    have 64 bits, how many entries there are, and where they start."""

    order: str
    big: bool
    entries: int
    start: int


def first_directory(block: bytes) -> Directory | None:
    """The first directory of a TIFF file or EXIF block; None where there is none."""
    order = _ORDERS.get(block[:2])
    if order is None or len(block) < 8:
        return None
    big = _BIG in block[2:4]
    try:
        (start,) = (
            struct.unpack_from(f"{order}Q", block, 8)
            if big
            else (struct.unpack_from(f"{order}I", block, 4))
        )
        (entries,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", block, start)
    except (struct.error, OverflowError):
        return None
    return Directory(order, big, entries, start + (8 if big else 2))


def orientation_entries(block: bytes) -> list[Entry]:
    """The entries for the orientation in the first directory, in order."""
    directory = first_directory(block)
    if directory is None:
        return []
    order, big, count, at = directory
    head = struct.Struct(f"{order}HH{'Q' if big else 'I'}")
    step = 20 if big else 12
    entries = []
    for offset in range(
        at, min(at + step * min(count, _MOST_ENTRIES), len(block) - step + 1), step
    ):
        tag, kind, values = head.unpack_from(block, offset)
        if tag == _ORIENTATION:
            one = kind in _INTEGERS and values == 1
            value = (
                struct.unpack_from(f"{order}{_INTEGERS[kind]}", block, offset + head.size)[0]
                if one
                else None
            )
            entries.append(Entry(offset, value))
    return entries


def read_orientation(block: bytes) -> int:
    """The orientation, 1 to 8, in an EXIF block (with or without its mark) or a TIFF file."""
    while block.startswith(EXIF_MARK):
        block = block[len(EXIF_MARK) :]
    first = next(iter(orientation_entries(block)), None)
    return first.value if first and first.value is not None and 1 <= first.value <= 8 else 1


def stored_upright(tiff: bytes) -> bytes:
    """A TIFF file in which every orientation is 1, so that no reader turns it by its own rules."""
    entries = orientation_entries(tiff)
    directory = first_directory(tiff)
    if not entries or directory is None:
        return tiff
    order, big = directory.order, directory.big
    one = struct.pack(f"{order}HH{'Q' if big else 'I'}", _ORIENTATION, 3, 1)
    value = struct.pack(f"{order}H", 1).ljust(8 if big else 4, b"\0")
    copy = bytearray(tiff)
    for entry in entries:
        copy[entry.offset : entry.offset + len(one) + len(value)] = one + value
    return bytes(copy)


def upright_shape(width: int, height: int, orientation: int) -> tuple[int, int]:
    """(height, width) of an image of `width` x `height` stored pixels once it is turned."""
    return (width, height) if orientation > 4 else (height, width)


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """The upright image of stored pixels (H, W, 3)."""
    if orientation == 1:
        return pixels
    import cv2  # here, as headers are read without it

    if orientation > 4:
        pixels = cv2.transpose(pixels)
    if orientation in (2, 3, 6, 7):
        pixels = cv2.flip(pixels, 1)
    if orientation in (3, 4, 7, 8):
        pixels = cv2.flip(pixels, 0)
    return pixels
