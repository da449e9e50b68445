"""Images that are rows of arrays in files: numbered in the listing, read as PNG files.

They become PNG without compression because that is exact, is decoded in less time than a JPEG, and
is what `--include-originals copy` writes: a file that any program opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from augcli.data.class_numbers import Labels
from augcli.data.image_file import too_large
from augcli.data.listing import Listing, ListingBuilder
from augcli.data.pieces import MOST_UNPACKED, read_packed, read_piece
from augcli.errors import UserError
from augcli.files import size_text
from augcli.image.plain_png import plain_png, plain_png_size

CHANNELS = (1, 3, 4)
_LARGEST_SIDE = 1_000_000


@dataclass(frozen=True)
class Rows:
    """`count` images of uint8 (height, width, channels) in one file below the listing's root: the
    first begins at byte `offset`, the next one `stride` bytes behind it.

    `name` stands before their numbers in paths. Where the file is compressed, `packed` is 1 and
    where its stream begins, and `offset` counts in what it holds.
    """

    file: bytes
    name: bytes
    offset: int
    stride: int
    count: int
    height: int
    width: int
    channels: int
    packed: int = 0


def check_rows(rows: Rows, where: str, file_size: int, unpack: str) -> Rows:
    """The rows; raises UserError where they are no images, or so many that a compressed file of
    `file_size` bytes has to be unpacked first, which `unpack` says how to do."""
    sides = (rows.height, rows.width)
    if not all(0 < side <= _LARGEST_SIDE for side in sides) or rows.channels not in CHANNELS:
        raise UserError(
            f"{where} holds arrays of {rows.height} x {rows.width} x {rows.channels}; images have"
            " the shape (height, width), or (height, width, 3)."
        )
    if rows.count == 0:
        raise UserError(f"{where} holds no images; give one that does.")
    size = rows.offset + rows.count * rows.stride
    if rows.packed and size > MOST_UNPACKED:
        raise UserError(
            f"{where} is compressed and holds more than {size_text(MOST_UNPACKED)}, which each"
            f" worker would have to unpack for one image; {unpack}."
        )
    if rows.packed and rows.count > file_size:  # as an image takes a byte at least
        raise UserError(
            f"{where} claims {rows.count:,} images, more than it has bytes; make it anew."
        )
    return rows


def list_rows(
    root: Path,
    parts: Sequence[Rows],
    labels: Labels,
    classes: tuple[str, ...],
    soft: tuple[Sequence[int], Sequence[float], Sequence[int]] | None = None,
) -> Listing:
    """The listing of the images in all parts, with one label each, in their order. They are called
    `name/0.png`, `name/1.png`, ..."""
    builder = ListingBuilder()
    spans = np.empty((len(labels), 7), np.uint64)
    at = 0
    for number, part in enumerate(parts):
        folder = builder.folder(part.name)
        size = plain_png_size(part.height, part.width, part.channels)
        for index, label in enumerate(labels[at : at + part.count].tolist()):
            builder.add(folder, b"%d.png" % index, label)
        rows = spans[at : at + part.count]
        rows[:] = (number, part.packed, 0, part.height, part.width, part.channels, size)
        rows[:, 2] = part.offset + part.stride * np.arange(part.count, dtype=np.uint64)
        at += part.count
    listing = builder.finish(root, classes, soft, archives=[part.file for part in parts])
    return replace(listing, spans=spans)


def read_row(
    listing: Listing, index: int, limit: int, *, planes: bool = False, wbits: int = 0
) -> bytes:
    """The PNG file of an image that `list_rows` listed. `planes` says that the channels lie one
    behind the other; `wbits` how compressed files are.

    Raises UnreadableImage, also where it is larger than `limit`, and OSError.
    """
    assert listing.spans is not None
    _, packed, offset, height, width, channels, size = listing.spans[index].tolist()
    if size > limit:
        raise too_large(limit)
    length = height * width * channels
    path = listing.path(index)
    if packed:
        data = read_packed(path, packed - 1, wbits, offset, length)
    else:
        data = read_piece(path, offset, length)
    pixels = np.frombuffer(data, np.uint8)
    if planes:
        return plain_png(pixels.reshape(channels, height, width).transpose(1, 2, 0))
    return plain_png(pixels.reshape(height, width, channels))
