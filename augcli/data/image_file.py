"""Reads an image that is a file of its own, as most readers have it, or lies in one."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

from augcli.data.listing import Listing
from augcli.errors import UnreadableImage, UserError
from augcli.files import MIB, open_regular


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """All bytes of the file, which may change its size meanwhile.

    Raises UnreadableImage where it is no regular file or larger than `limit` bytes, and OSError.
    """
    place = Path(os.fsdecode(listing.path(index)))
    try:
        file = open_regular(place)
    except UserError as error:
        if place.is_dir():
            raise UnreadableImage("the file cannot be read: Is a directory") from error
        raise UnreadableImage("it is not a regular file") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise too_large(limit)
        data = file.read(size + 1)
        if len(data) <= size:
            return data
        pieces = [data]
        while piece := file.read(MIB):
            pieces.append(piece)
            size += len(piece)
            if size >= limit:
                raise too_large(limit)
        return b"".join(pieces)


def open_at_once(path: bytes) -> FileIO:
    """Open a file in which images lie, without waiting should a pipe have taken its place."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, flags))


def read_whole(file: FileIO, size: int) -> bytes:
    """The next `size` bytes of a file, fewer only where it ends."""
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def too_large(limit: int) -> UnreadableImage:
    """The error of an image that has more than `limit` bytes."""
    return UnreadableImage(
        f"the file is larger than {limit // MIB:,} MiB, the most for --max-pixels"
    )
