"""Lists a SOURCE with the reader that recognises it, and reads its images with the same one."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Protocol

from augcli.data.detection import refuse_detection
from augcli.data.groups import with_groups
from augcli.data.label_kinds import with_label_kind
from augcli.data.listing import Listing
from augcli.data.missing_source import missing_source, unreadable_source
from augcli.data.other_kinds import refuse_other_kinds
from augcli.data.readers import (
    arrow,
    cifar,
    idx,
    imagefolder,
    img2dataset,
    metadata,
    numpy_arrays,
    parquet,
    pathlist,
    table,
    tar,
    zip_archive,
)
from augcli.data.select import number_classes, select
from augcli.data.shards import is_pattern
from augcli.data.single_files import unread_file
from augcli.data.source_options import SourceOptions
from augcli.data.splits import has_table, list_splits, split_folders
from augcli.enums import STDIN, Labels, LabelsFrom
from augcli.errors import UnreadableImage
from augcli.files import MIB

# The most that an image takes: four channels of 16 bits as they are, metadata and further pages.
_BYTES_A_PIXEL, _ROOM = 8, 64 * MIB


class Reader(Protocol):
    """What a module in `data.readers` has. `KIND` names in a sentence what SOURCE may be;
    `OPTIONS` are the fields of SourceOptions that it takes, beside the common ones."""

    KIND: str
    OPTIONS: frozenset[str]

    def recognises(self, source: Path) -> bool:
        """Whether a SOURCE that `exists` is read by this reader; raises OSError and UserError."""

    def list_images(self, source: Path, options: SourceOptions) -> Listing:
        """The images of SOURCE, of which none is opened; raises UserError. Of the options, only
        those in `OPTIONS` differ from their defaults, and the common ones, which need not be
        looked at."""

    def read_image(self, listing: Listing, index: int, limit: int) -> bytes:
        """The bytes of the image at `index` of a listing that `list_images` returned.

        Raises UnreadableImage, also where they are more than `limit`, OSError and MemoryError.
        """


# The first that recognises a SOURCE reads it. A list of paths, which comes on standard input, is no
# place that could be recognised; its images are files, as those of a folder.
READERS: dict[str, Reader] = {
    "metadata": metadata,
    "img2dataset": img2dataset,
    "idx": idx,
    "cifar": cifar,
    "numpy_arrays": numpy_arrays,
    "arrow": arrow,
    "parquet": parquet,
    "table": table,
    "zip_archive": zip_archive,
    "tar": tar,
    "imagefolder": imagefolder,
}


def exists(source: Path) -> bool:
    """Whether SOURCE is there, or may be a pattern that names several files; raises OSError."""
    return source.exists() or is_pattern(source)


def list_source(source: Path, options: SourceOptions | None = None) -> Listing:
    """List the images of SOURCE that the options choose, and those of its other splits; raises
    UserError, also where its reader does not take one of the options."""
    options = options or SourceOptions()
    try:
        if not exists(source):
            raise missing_source(source)
        labelled = options.labels is not Labels.none
        if labelled and source.is_dir() and not has_table(source):
            refuse_detection(source)
        splits = split_folders(source, labelled=labelled) if source.is_dir() else []
    except OSError as error:
        raise unreadable_source(source, error) from error
    if splits:
        listing = list_splits(source, splits, options, _list_by_reader)
    else:
        listing = _list_by_reader(source, options)
    return with_groups(select(listing, options, str(source)), options, str(source))


def kind_of(listing: Listing) -> str:
    """What sentences call the kind of a source."""
    if listing.labels is Labels.none and listing.reader == "imagefolder":
        return "a folder of images"
    return READERS[listing.reader].KIND


def _list_by_reader(source: Path, options: SourceOptions) -> Listing:
    """List a source with the reader that recognises it."""
    try:
        name = next((name for name, one in READERS.items() if one.recognises(source)), None)
        if name is None or READERS[name] is imagefolder:  # which takes any folder
            refuse_other_kinds(source)
        if name is None and not source.exists():  # a pattern that names nothing
            raise missing_source(source)
        if name is None:
            raise unread_file(source)
    except OSError as error:
        raise unreadable_source(source, error) from error
    reader = READERS[name]
    options.refuse_others(reader.OPTIONS, str(source), reader.KIND)
    listing = reader.list_images(source, options)
    listing = with_label_kind(listing, options, str(source), reader.KIND)
    return replace(
        listing, reader=name, others=tuple(replace(other, reader=name) for other in listing.others)
    )


def list_paths(
    stream: BinaryIO,
    labels_from: LabelsFrom,
    root: str | bytes | PathLike[str] | None = None,
    options: SourceOptions | None = None,
) -> Listing:
    """List the image paths in `stream`, which are relative to `root` (None: the working directory);
    raises UserError."""
    options = options or SourceOptions()
    options.refuse_others(pathlist.OPTIONS, STDIN, "a list of paths")
    given = None if options.labels is Labels.none else labels_from
    listing = pathlist.list_images(stream, given, root)
    listing = select(with_label_kind(listing, options, STDIN, "a list of paths"), options, STDIN)
    return with_groups(listing, options, STDIN)


def list_known_paths(
    paths: Iterable[bytes],
    labels_from: LabelsFrom,
    classes: tuple[str, ...],
    root: str,
    options: SourceOptions,
) -> Listing:
    """List image paths of `classes`, all of which may be others than the paths name.

    Raises UserError for a path that names no class, and ValueError for one of another class.
    """
    if options.labels is Labels.single:
        return pathlist.list_known(paths, labels_from, classes, root)
    given = None if options.labels is Labels.none else labels_from
    listing = with_label_kind(
        pathlist.list_all(paths, given, root), options, STDIN, "a list of paths"
    )
    return number_classes(listing, classes, STDIN)


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
