"""Reads uncompressed tar archives where they lie; nothing is ever unpacked.

Their members are laid out like an image folder, or loose with a label each, as WebDataset has them.
"""

from __future__ import annotations

import os
import shlex
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from augcli.data.archive_folders import by_inner_splits, with_class_folders
from augcli.data.image_file import open_at_once, read_whole, too_large
from augcli.data.labels import shown
from augcli.data.listing import Listing, first_repeated
from augcli.data.sample_labels import with_labels
from augcli.data.samples import Gathered
from augcli.data.shards import (
    choose_shards,
    divided,
    is_folder,
    is_pattern,
    is_shard_list,
    shards_of,
    split_of,
)
from augcli.data.source_options import SourceOptions
from augcli.data.tar_headers import NO_FILE, REASONS, members
from augcli.enums import Labels
from augcli.errors import UnreadableImage, UserError
from augcli.files import open_regular

KIND = "a .tar archive"
OPTIONS = frozenset({"label_column", "split", "allow_empty_classes"})
_BLOCK = tarfile.BLOCKSIZE

# What compresses files, by their first bytes: its name, and the command that unpacks.
_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
_COMPRESSED_SUFFIXES = (
    ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst",
    ".tar.lz4", ".tar.lzma",
)  # fmt: skip
_SUFFIXES = (".tar", *_COMPRESSED_SUFFIXES)
_MAGIC_AT, _MAGIC = 257, b"ustar"


def recognises(source: Path) -> bool:
    """Whether SOURCE is a tar archive, compressed or not, by its name or its first bytes, a folder
    of such without other folders, a list of such, or a pattern that names them."""
    if source.is_dir():
        return _holds_archives(source)
    name = source.name.lower()
    if not source.exists():
        return is_pattern(source) and ".tar" in name
    if name.endswith(_SUFFIXES) or ".tar." in name or is_shard_list(source):
        return True
    with open_regular(source) as file:
        return file.read(_BLOCK)[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def _holds_archives(folder: Path) -> bool:
    any_archive = False
    suffixes = tuple(map(str.encode, _SUFFIXES))
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            if not entry.name.startswith(b"."):
                if is_folder(entry):
                    return False
                any_archive |= entry.name.lower().endswith(suffixes)
    return any_archive


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images in archives, in their order, in one pass over their headers.

    The first folder of a member is its class; where all images lie in folders of one folder, that
    one is passed over. Archives with images at the top, with `.cls` members, or with a label in the
    `.json` beside each image are WebDataset's: the label of `key.jpg` stands in `key.cls`, in
    `key.json` or in `key.txt`; see `sample_labels`. Links, devices and sparse files are listed, and
    refused when they are read. Of several archives whose names tell splits, those of the training
    split, or of `options.split`, are listed; the others are in the listing's `others`.
    Raises UserError for an archive that is compressed, breaks off, climbs out of itself, holds a
    name twice, or has no image or an image without a label, and for what is no regular file.
    """
    gathered = Gathered(options.label_column, options.labels is Labels.multi)
    try:
        is_one = source.exists() and not source.is_dir() and not is_shard_list(source)
        shards = [source] if is_one else shards_of(source, _SUFFIXES)
        root = source if is_one else Path(os.path.commonpath([path.parent for path in shards]))
        names = [os.fsencode(path.relative_to(root)) for path in shards] if not is_one else []
        for number, path in enumerate(shards):
            gathered.begin(*((), b"") if is_one else ((number,), names[number] + b"/"))
            _gather(gathered, path)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    if not gathered.spans:
        raise UserError(_without_images(source, shards, gathered))
    spans = np.frombuffer(gathered.spans, np.uint64).reshape(-1, 2 if is_one else 3)
    listing = gathered.builder.finish(root, (), spans=spans, archives=names)
    again = first_repeated(listing)
    if again is not None:
        name = shown(listing.relative_path(again))
        raise UserError(f"SOURCE {source} holds {name} twice; make the archive anew.")
    splits = [split_of(path.name) for path in shards]
    if any(splits) and not all(splits):
        name = next(path.name for path, split in zip(shards, splits, strict=True) if not split)
        raise UserError(
            f"SOURCE {source} has archives of splits ({next(filter(None, splits))}), and {name},"
            " which names none; move it elsewhere, or give a pattern like"
            f" '{next(filter(None, splits))}-*.tar'."
        )
    of_image = np.zeros(len(listing), np.int64) if is_one else spans[:, 0].astype(np.int64)
    if gathered.is_webdataset:
        listing, of_image = with_labels(listing, gathered, of_image, options, source)
        listing = by_inner_splits(listing, gathered.inner, options, source) or listing
    else:
        listing = with_class_folders(
            listing, gathered.inner, gathered.others, options, source, gathered.left_out
        )
    if listing.split or (is_one and options.split is None):
        return listing
    split = choose_shards(splits, options.split, source)
    return divided(listing, np.array(splits)[of_image], split)


def _without_images(source: Path, shards: Sequence[Path], gathered: Gathered) -> str:
    """Why archives are not read that hold other files than images, as a sentence."""
    first = gathered.left_out.first_other
    if first is None:
        return f"SOURCE {source} has no image in it; give an archive of images."
    return (
        f"SOURCE {source} has no image in it, but {shown(first)}; where that is of a data set,"
        f" unpack it by `tar -xf {shlex.quote(str(shards[0]))}` and give the folder."
    )


def _gather(gathered: Gathered, path: Path) -> None:
    with open_regular(path) as file:
        magic = file.read(_BLOCK)
        for start, (kind, command) in _COMPRESSED.items():
            if magic.startswith(start):
                raise UserError(
                    f"SOURCE {path} is compressed ({kind}), and images are read where they lie;"
                    f" unpack it by `{command} -c {shlex.quote(str(path))} >"
                    f" {shlex.quote(_plain_name(path))}`, and give that."
                )
        for member in members(file, path):
            gathered.add(member, file)
        gathered.close_group()


def _plain_name(path: Path) -> str:
    """A name for the archive that a compressed one holds."""
    name = path.name.lower()
    suffix = next((suffix for suffix in _COMPRESSED_SUFFIXES if name.endswith(suffix)), path.suffix)
    stem = path.name.removesuffix(path.name[len(name) - len(suffix) :] if suffix else "")
    plain = "-plain.tar" if suffix.lower() == ".tar" else ".tar"
    return str(path.with_name(stem + plain))


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The bytes of a listed member.

    Raises UnreadableImage where it is no file, larger than `limit` bytes, or cut off; and OSError.
    """
    assert listing.spans is not None
    offset, size = listing.spans[index, -2:].tolist()
    if offset == NO_FILE:
        raise UnreadableImage(REASONS[size])
    if size > limit:
        raise too_large(limit)
    with open_at_once(listing.path(index)) as file:
        file.seek(offset)
        data = read_whole(file, size)
    if len(data) < size:
        raise UnreadableImage("the archive ends inside it")
    return data
