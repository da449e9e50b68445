"""Reads an uncompressed tar archive where it lies; nothing is ever unpacked.

Its members are laid out like an image folder, or loose with a label each, as WebDataset has them.
"""

from __future__ import annotations

import json
import os
import tarfile
from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from augcli.data.columns import UnreadColumns
from augcli.data.image_file import too_large
from augcli.data.labels import class_index, label_index, printable, shown
from augcli.data.left_out import (
    SUFFIXES,
    LeftOut,
    has_suffix,
    is_image_name,
    is_of_other_format,
)
from augcli.data.levels import level_warning
from augcli.data.listing import Listing, ListingBuilder, first_repeated, in_order
from augcli.data.source_options import SourceOptions
from augcli.data.splits import check_classes
from augcli.data.tar_headers import LARGEST_RECORD, NO_FILE, REASONS, Member, members, read_at
from augcli.errors import UnreadableImage, UserError
from augcli.files import open_regular

KIND = "a .tar archive"
OPTIONS: frozenset[str] = frozenset()
_BLOCK = tarfile.BLOCKSIZE
_LARGEST_LABEL = 255

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_MAGIC_AT, _MAGIC = 257, b"ustar"
_LABEL_SUFFIXES = frozenset({b"cls", b"json"})
_LABEL_KEYS = ("label", "cls", "class", "class_name")


def recognises(source: Path) -> bool:
    """Whether a file is a tar archive, compressed or not, by its name or its first bytes."""
    if source.is_dir():
        return False
    if source.suffix.lower() == ".tar" or ".tar." in source.name.lower():
        return True
    with open_regular(source) as file:
        return file.read(_BLOCK)[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def list_images(source: Path, options: SourceOptions) -> Listing:  # noqa: ARG001
    """List the images in an archive, in its order, in one pass over its headers.

    The first folder of a member is its class; where all images lie in folders of one folder, that
    one is passed over. Archives with images at the top, or with `.cls` members, are WebDataset's:
    the label of `key.jpg` stands in `key.cls`, or in `key.json` as `label`, `cls`, `class` or
    `class_name`. Links, devices and sparse files are listed, and refused when they are read.
    Raises UserError for an archive that is compressed, breaks off, climbs out of itself, holds a
    name twice, or has no image or an image without a label, and for what is no regular file.
    """
    try:
        with open_regular(source) as file:
            magic = file.read(_BLOCK)
            for start, kind in _COMPRESSED.items():
                if magic.startswith(start):
                    raise UserError(
                        f"SOURCE {source} is compressed ({kind}); unpack it, or make it a plain"
                        " .tar: images do not become smaller by compression."
                    )
            gathered = _Gathered()
            for member in members(file, source):
                gathered.add(member, file)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    gathered.close_group()
    if not len(gathered.spans):
        raise UserError(f"SOURCE {source} has no image in it; give an archive of images.")
    listing = gathered.samples(source) if gathered.is_webdataset else gathered.folders(source)
    again = first_repeated(listing)
    if again is not None:
        name = shown(listing.relative_path(again))
        raise UserError(f"SOURCE {source} holds {name} twice; make the archive anew.")
    return listing


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    """The bytes of a listed member.

    Raises UnreadableImage where it is no file, larger than `limit` bytes, or cut off; and OSError.
    """
    assert listing.spans is not None
    offset, size = listing.spans[index].tolist()
    if offset == NO_FILE:
        raise UnreadableImage(REASONS[size])
    if size > limit:
        raise too_large(limit)
    with open(listing.root, "rb", buffering=0, opener=_open_at_once) as file:
        file.seek(offset)
        data = file.read(size)
        while len(data) < size and (more := file.read(size - len(data))):
            data += more
    if len(data) < size:
        raise UnreadableImage("the archive ends inside it")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, should a pipe have taken its place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@dataclass(slots=True)
class _Gathered:
    """The images of an archive. A group are neighbours with one key, whose label may stand before
    or behind its images; `labelled` knows the labels, and has those images that are samples."""

    builder: ListingBuilder = field(default_factory=ListingBuilder)
    labelled: ListingBuilder = field(default_factory=ListingBuilder)
    spans: array[int] = field(default_factory=lambda: array("Q"))
    labels: array[int] = field(default_factory=lambda: array("i"))
    is_webdataset: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    unread: UnreadColumns = field(default_factory=lambda: UnreadColumns("key"))
    _key: bytes = b""
    _label: str | None = None

    def add(self, member: Member, file: BinaryIO) -> None:
        folder, _, name = member.name.rpartition(b"/")
        if member.is_hidden:
            if has_suffix(name):
                self.left_out.add("hidden", [member.name])
            return
        stem, _, ending = name.partition(b".")
        key = folder + b"/" + stem
        if key != self._key:
            self.close_group()
            self._key = key
        if is_image_name(name):
            self.builder.add(self.builder.folder(folder), name, 0)
            self.spans.extend(member.span)
            self.is_webdataset |= not folder
        elif ending.lower() in _LABEL_SUFFIXES and member.is_file:
            is_class = ending.lower() == b"cls"
            self.is_webdataset |= is_class
            offset, size = member.span
            text = self._label_in(read_at(file, offset, min(size, LARGEST_RECORD)), is_class)
            if text is not None and (is_class or self._label is None):
                self._label = text
        elif is_of_other_format(name):
            self.left_out.add("format", [member.name])

    def _label_in(self, data: bytes, is_class: bool) -> str | None:
        """The label in a .cls or .json member, if there is one; other keys are noted."""
        if is_class:
            return _label(data.strip())
        try:
            values = json.loads(data)
        except (ValueError, RecursionError):  # also of a million digits
            return None
        if not isinstance(values, dict):
            return None
        for key, value in values.items():
            if key not in _LABEL_KEYS:
                self.unread.add(key, value)
        known = [key for key in _LABEL_KEYS if key in values]
        value = values[known[0]] if known else None
        if isinstance(value, bool) or not isinstance(value, int | str):
            return None
        try:
            return _label(str(value).strip().encode("utf-8", "surrogateescape"))
        except ValueError:  # half a character
            return None

    def close_group(self) -> None:
        count = len(self.spans) // 2 - len(self.labels)
        number = -1 if self._label is None else self.labelled.class_id(self._label)
        self.labels.extend([number] * count)
        self._label = None

    def folders(self, source: Path) -> Listing:
        """The listing with folders as classes."""
        listing = self.builder.finish(source, (), spans=_pairs(self.spans))
        inner = [folder.split(b"/") for folder in listing.folders]
        below = all(len(path) > 1 and path[0] == inner[0][0] for path in inner)
        names = [printable(path[1 if below else 0]) for path in inner]
        below_top = [b"/".join(path[1:] if below else path) for path in inner]
        remedy = "give an archive of {name} alone"
        doubt = check_classes(str(source), below_top, remedy) or level_warning(
            below_top, np.bincount(listing.folder_of).tolist(), remedy, ""
        )
        warnings = (*([doubt] if doubt else []), *self.left_out.warnings())
        class_of = np.array([self.builder.class_id(name) for name in names], np.int32)
        listing = replace(
            listing,
            classes=self.builder.classes,
            class_of=class_of[listing.folder_of],
            warnings=warnings,
        )
        return in_order(listing, class_index)

    def samples(self, source: Path) -> Listing:
        """The listing with the labels that stand beside the images. `key.seg.png` is no image of
        the data set but a mask, as WebDataset's readers see it."""
        whole = self.builder.finish(source, ())
        if not self.labelled.classes:
            raise UserError(
                f"SOURCE {source} holds images without folders and without labels; put a folder a"
                " class or a .cls beside each into the archive."
            )
        builder, spans = self.labelled, array("Q")
        for index, number in enumerate(self.labels):
            relative = whole.relative_path(index)
            folder, _, name = relative.rpartition(b"/")
            if b"." + name.partition(b".")[2].lower() not in SUFFIXES:
                continue
            if number < 0:
                raise UserError(
                    f"SOURCE {source}: {shown(relative)} has no label; put a .cls, or a .json with"
                    f" a label, right beside it (at most {_LARGEST_LABEL} bytes)."
                )
            builder.add(builder.folder(folder), name, number)
            spans.extend(self.spans[2 * index : 2 * index + 2])
        if not spans:
            raise UserError(f"SOURCE {source} has no image named like key.jpg; rename them.")
        warnings = [*self.unread.warnings(str(source)), *self.left_out.warnings()]
        listing = builder.finish(source, builder.classes, spans=_pairs(spans), warnings=warnings)
        return in_order(listing, label_index)


def _pairs(spans: array[int]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(spans, np.uint64).reshape(-1, 2)


def _label(text: bytes) -> str | None:
    return printable(text) if 0 < len(text) <= _LARGEST_LABEL else None
