"""Reads a zip archive of class folders where it lies; nothing is ever unpacked to the disk."""

from __future__ import annotations

import zlib
from array import array
from pathlib import Path

import numpy as np

from augcli.data.archive_folders import with_class_folders
from augcli.data.image_file import open_at_once, read_whole, too_large
from augcli.data.labels import shown
from augcli.data.left_out import LeftOut, has_suffix, is_image_name, is_of_other_format
from augcli.data.listing import Listing, ListingBuilder, first_repeated
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.data.zip_headers import NO_FILE, STORED, entries
from augcli.errors import UnreadableImage, UserError
from augcli.files import open_regular

KIND = "a .zip archive"
OPTIONS = frozenset({"allow_empty_classes", "split"})
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL_HEADER = 30
# In `spans`: where the local header begins, bytes as they lie, method, CRC-32, bytes unpacked.
_COLUMNS = 5


def recognises(source: Path) -> bool:
    """Whether a file is a zip archive, by its name or its first bytes."""
    if not source.exists() or source.is_dir():
        return False
    if source.suffix.lower() == ".zip":
        return True
    if not source.is_file() or source.suffix.lower() in (".npz", ".pt", ".pth", ".xlsx"):
        return False
    with open_regular(source) as file:
        return file.read(4) in _MAGIC


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images in an archive, in the order of its directory.

    The first folder of a member is its class; where all images lie in folders of one folder, that
    one is passed over; splits in it are as in folders. Raises UserError for an archive that breaks
    off, is encrypted, is packed by other methods than stored and deflated, climbs out of itself,
    holds a name twice, or has no image or one without a folder, and for what is no regular file.
    """
    builder, left_out, spans = ListingBuilder(), LeftOut(), array("Q")
    others: dict[bytes, None] = {}
    try:
        with open_regular(source) as file:
            for entry in entries(file, source):
                folder, _, name = entry.name.rpartition(b"/")
                if entry.is_folder:
                    others[entry.name] = None
                elif any(part.startswith(b".") for part in entry.name.split(b"/")):
                    left_out.add("hidden", [entry.name] if has_suffix(name) else [])
                elif is_image_name(name):
                    builder.add(builder.folder(folder), name, 0)
                    spans.extend((entry.offset, entry.packed, entry.method, entry.crc, entry.size))
                else:
                    kind = "format" if is_of_other_format(name) else "no image"
                    left_out.add(kind, [entry.name])
                    others[folder] = None
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    if not spans:
        raise UserError(f"SOURCE {source} has no image in it; give an archive of images.")
    columns = np.frombuffer(spans, np.uint64).reshape(-1, _COLUMNS)
    listing = builder.finish(source, (), spans=columns)
    again = first_repeated(listing)
    if again is not None:
        twice = shown(listing.relative_path(again))
        raise UserError(f"SOURCE {source} holds {twice} twice; make the archive anew.")
    visible = [folder for folder in others if not _is_hidden(folder)]
    listing = with_class_folders(listing, listing.folders, visible, options, source, left_out)
    if options.split is not None and not listing.split:
        choose_split((), options.split, source)
    return listing


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The bytes of a listed member, unpacked.

    Raises UnreadableImage where it is no file, larger than `limit` bytes, or not what the archive
    says of it; and OSError.
    """
    assert listing.spans is not None
    offset, packed, method, crc, size = listing.spans[index].tolist()
    if method == NO_FILE:
        raise UnreadableImage("it is a link or no plain file in the archive")
    if max(size, packed) > limit:
        raise too_large(limit)
    with open_at_once(listing.path(index)) as file:
        file.seek(offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
            raise UnreadableImage("the archive has another member in its place")
        beside = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        file.seek(offset + _LOCAL_HEADER + beside)
        data = read_whole(file, packed)
    if len(data) < packed:
        raise UnreadableImage("the archive ends inside it")
    if method != STORED:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = unpacking.decompress(data, size + 1)
        except zlib.error as error:
            raise UnreadableImage("its packed data in the archive are broken") from error
    if len(data) != size:
        raise UnreadableImage(f"it does not have the {size:,} bytes that the archive says")
    if zlib.crc32(data) != crc:
        raise UnreadableImage("its bytes differ from the checksum in the archive")
    return data


def _is_hidden(folder: bytes) -> bool:
    return any(part.startswith(b".") for part in folder.split(b"/"))
