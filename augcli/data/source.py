"""Lists a SOURCE with the reader that recognises it, and reads its images with the same one."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Protocol

from augcli.data.listing import Listing
from augcli.data.readers import imagefolder, metadata, pathlist, table, tar
from augcli.enums import LabelsFrom
from augcli.errors import UnreadableImage, UserError
from augcli.files import MIB
from augcli.text import listed

# The most that an image takes: four channels of 16 bits as they are, metadata and further pages.
_BYTES_A_PIXEL, _ROOM = 8, 64 * MIB


class Reader(Protocol):
    """What a module in `data.readers` has. `KIND` names in a sentence what SOURCE may be."""

    KIND: str

    def recognises(self, source: Path) -> bool:
        """Whether a SOURCE that exists is read by this reader; raises OSError and UserError."""

    def list_images(self, source: Path) -> Listing:
        """The images of SOURCE, of which none is opened; raises UserError."""

    def read_image(self, listing: Listing, index: int, limit: int) -> bytes:
        """The bytes of the image at `index` of a listing that `list_images` returned.

        Raises UnreadableImage, also where they are more than `limit`, OSError and MemoryError.
        """


# The first that recognises a SOURCE reads it. A list of paths, which comes on standard input, is no
# place that could be recognised; its images are files, as those of a folder.
READERS: dict[str, Reader] = {
    "metadata": metadata,
    "imagefolder": imagefolder,
    "table": table,
    "tar": tar,
}


def list_source(source: Path) -> Listing:
    """List the images of SOURCE; raises UserError."""
    try:
        if not source.exists():
            raise UserError(
                f"SOURCE {source} does not exist; give a folder with one folder a class."
            )
        name = next((name for name, one in READERS.items() if one.recognises(source)), None)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    if name is None:
        kinds = listed(reader.KIND for reader in READERS.values())
        raise UserError(f"SOURCE {source} is a file; give {kinds}.")
    return replace(READERS[name].list_images(source), reader=name)


def list_paths(
    stream: BinaryIO, labels_from: LabelsFrom, root: str | bytes | PathLike[str] | None = None
) -> Listing:
    """List the image paths in `stream`, which are relative to `root` (None: the working directory);
    raises UserError."""
    return pathlist.list_images(stream, labels_from, root)


def list_known_paths(
    paths: Iterable[bytes], labels_from: LabelsFrom, classes: tuple[str, ...], root: str
) -> Listing:
    """List image paths of `classes`, all of which may be others than the paths name.

    Raises UserError for a path that names no class, and ValueError for one of another class.
    """
    return pathlist.list_known(paths, labels_from, classes, root)


def read_image(listing: Listing, index: int, max_pixels: int) -> bytes:
    """The bytes of an image of at most `max_pixels`; raises UnreadableImage where they cannot be
    read, or are too many for such an image; OSError where it is this process that may open no more
    files."""
    limit = _ROOM + _BYTES_A_PIXEL * max_pixels
    try:
        return READERS[listing.reader].read_image(listing, index, limit)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):  # no fault of the image
            raise
        raise UnreadableImage(f"the file cannot be read: {error.strerror}") from error
    except (MemoryError, OverflowError) as error:
        raise UnreadableImage("the file is larger than the memory a worker may use") from error
