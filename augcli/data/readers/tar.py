"""Reads an uncompressed tar archive where it lies; nothing is ever unpacked.

Its members are laid out like an image folder, or loose with a label each, as WebDataset has them.
"""

from __future__ import annotations

import json
import os
import tarfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.data.columns import UnreadColumns
from augcli.data.labels import class_index, label_index, printable, shown
from augcli.data.left_out import (
    SUFFIXES,
    LeftOut,
    has_suffix,
    is_image_name,
    is_of_other_format,
)
from augcli.data.listing import Listing, ListingBuilder, first_repeated
from augcli.data.splits import check_classes
from augcli.errors import UnreadableImage, UserError
from augcli.files import open_regular, size_text

_BLOCK = tarfile.BLOCKSIZE
# More bytes than a record of names, a name or a label ever needs; one that has more is hostile.
_LARGEST_RECORD = 1 << 20
_LONGEST_NAME = 1 << 16
_LARGEST_LABEL = 255
# Digits of a number in a record.
_LONGEST_NUMBER = 20

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_MAGIC_AT, _MAGIC = 257, b"ustar"
_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_LINKS = frozenset({tarfile.LNKTYPE, tarfile.SYMTYPE})
_WITHOUT_DATA = _LINKS | {tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE}
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
# Headers that say something about the next member, or about all.
_BESIDE_A_MEMBER = _PAX | {tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}

# A member that is no plain file has this offset in its span, and why it cannot be read as size.
_NO_FILE = 2**64 - 1
_REASONS = (
    "it is a link in the archive, and links are not followed there",
    "it is no plain file in the archive",
    "it is a sparse file in the archive; make the archive without --sparse",
)
_LINK, _OTHER, _SPARSE = range(3)

_LABEL_SUFFIXES = frozenset({b"cls", b"json"})
_LABEL_KEYS = ("label", "cls", "class", "class_name")


class _Member(NamedTuple):
    name: bytes
    span: tuple[int, int]
    is_file: bool
    is_hidden: bool = False


def is_tar(source: Path) -> bool:
    """Whether a file is a tar archive, compressed or not, by its name or its first bytes."""
    if source.suffix.lower() == ".tar" or ".tar." in source.name.lower():
        return True
    with open_regular(source) as file:
        return file.read(_BLOCK)[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def read_tar(source: Path) -> Listing:
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
            for member in _members(file, source):
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


def read_member(archive: bytes, span: tuple[int, int]) -> bytes:
    """The bytes of a listed member; raises UnreadableImage where it is no file, and OSError."""
    offset, size = span
    if offset == _NO_FILE:
        raise UnreadableImage(_REASONS[size])
    with open(archive, "rb", buffering=0, opener=_open_at_once) as file:
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
    or behind its images."""

    builder: ListingBuilder = field(default_factory=ListingBuilder)
    spans: array[int] = field(default_factory=lambda: array("Q"))
    labels: array[int] = field(default_factory=lambda: array("i"))
    texts: dict[str, int] = field(default_factory=dict)
    is_webdataset: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    unread: UnreadColumns = field(default_factory=lambda: UnreadColumns("key"))
    _key: bytes = b""
    _label: str | None = None

    def add(self, member: _Member, file: BinaryIO) -> None:
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
            text = self._label_in(_read(file, offset, min(size, _LARGEST_RECORD)), is_class)
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
        number = -1 if self._label is None else self.texts.setdefault(self._label, len(self.texts))
        self.labels.extend([number] * count)
        self._label = None

    def folders(self, source: Path) -> Listing:
        """The listing with folders as classes."""
        listing = self._listing(source, ())
        inner = [folder.split(b"/") for folder in listing.folders]
        below = all(len(path) > 1 and path[0] == inner[0][0] for path in inner)
        names = [printable(path[1 if below else 0]) for path in inner]
        classes = class_index(names)
        below_top = [b"/".join(path[1:] if below else path) for path in inner]
        doubt = check_classes(str(source), below_top, "give an archive of {name} alone")
        warnings = (*([doubt] if doubt else []), *self.left_out.warnings())
        ids = {name: number for number, name in enumerate(classes)}
        of_folder = np.array([ids[name] for name in names], np.int32)
        class_of = of_folder[listing.folder_of]
        return replace(listing, classes=classes, class_of=class_of, warnings=warnings)

    def samples(self, source: Path) -> Listing:
        """The listing with the labels that stand beside the images. `key.seg.png` is no image of
        the data set but a mask, as WebDataset's readers see it."""
        whole = self._listing(source, ())
        if not self.texts:
            raise UserError(
                f"SOURCE {source} holds images without folders and without labels; put a folder a"
                " class or a .cls beside each into the archive."
            )
        classes = label_index(self.texts)
        ids = {name: number for number, name in enumerate(classes)}
        of_label = [ids[name] for name in self.texts]
        builder, spans = ListingBuilder(), array("Q")
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
            builder.add(builder.folder(folder), name, of_label[number])
            spans.extend(self.spans[2 * index : 2 * index + 2])
        if not spans:
            raise UserError(f"SOURCE {source} has no image named like key.jpg; rename them.")
        warnings = [*self.unread.warnings(str(source)), *self.left_out.warnings()]
        return builder.finish(source, classes, spans=_pairs(spans), warnings=warnings)

    def _listing(self, source: Path, classes: tuple[str, ...]) -> Listing:
        return self.builder.finish(source, classes, spans=_pairs(self.spans))


def _pairs(spans: array[int]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(spans, np.uint64).reshape(-1, 2)


def _label(text: bytes) -> str | None:
    return printable(text) if 0 < len(text) <= _LARGEST_LABEL else None


def _members(file: BinaryIO, source: Path) -> Iterator[_Member]:
    """The members of an archive but folders, by their headers (POSIX.1-2001 and GNU), up to its end
    mark."""
    end = os.fstat(file.fileno()).st_size
    at, long_name, extended = 0, b"", dict[bytes, bytes]()
    while True:
        header = _read(file, at, _BLOCK)
        if len(header) < _BLOCK:
            raise UserError(f"SOURCE {source} breaks off: its end mark is missing; copy it again.")
        if not any(header):
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            is_beside = info.type in _BESIDE_A_MEMBER
            size = _size(info, {} if is_beside else extended)
            data = at + _BLOCK
            if info.type == tarfile.GNUTYPE_SPARSE:
                data = _behind_map(file, header, data)
            record = _record(file, data, size) if is_beside else b""
            if info.type in _PAX:
                extended = _pax(record)
            elif info.type == tarfile.XGLTYPE:
                _refuse_for_all(_pax(record))
            elif info.type == tarfile.GNUTYPE_LONGNAME:
                long_name = record.rstrip(b"\0")
        except (tarfile.HeaderError, ValueError) as error:
            raise UserError(
                f"SOURCE {source} is no whole tar archive: the header at byte {at} is broken"
                f" ({error}); copy it again."
            ) from error
        at = data + -(-size // _BLOCK) * _BLOCK
        if is_beside:
            continue
        written = info.name.encode("utf-8", "surrogateescape")
        full = extended.get(b"GNU.sparse.name") or extended.get(b"path") or long_name or written
        if data + size > end:
            raise UserError(f"SOURCE {source} breaks off inside {shown(full)}; copy it again.")
        name = _checked(full, source)
        is_sparse = any(key.startswith(b"GNU.sparse.") for key in extended)
        long_name, extended = b"", {}
        if info.type == tarfile.DIRTYPE or not name:
            continue
        if any(part.startswith(b".") for part in name.split(b"/")):
            yield _Member(name, (0, 0), is_file=False, is_hidden=True)
        elif is_sparse or info.type == tarfile.GNUTYPE_SPARSE:
            yield _Member(name, (_NO_FILE, _SPARSE), is_file=False)
        elif info.type in _LINKS:
            yield _Member(name, (_NO_FILE, _LINK), is_file=False)
        elif info.type in _FILES:
            yield _Member(name, (data, size), is_file=True)
        else:
            yield _Member(name, (_NO_FILE, _OTHER), is_file=False)


def _size(info: tarfile.TarInfo, extended: dict[bytes, bytes]) -> int:
    """Bytes of data behind a header; raises ValueError."""
    if info.type in _WITHOUT_DATA:
        return 0
    size = _number(extended[b"size"]) if b"size" in extended else info.size
    if size < 0:
        raise ValueError("its size is negative")
    return size


def _number(digits: bytes) -> int:
    """A decimal number of a record; raises ValueError."""
    if len(digits) > _LONGEST_NUMBER or not digits.removeprefix(b"-").isdigit():
        raise ValueError("a number in a record is none")
    return int(digits)


def _refuse_for_all(record: dict[bytes, bytes]) -> None:
    """Raise ValueError for a global header that names or resizes the members behind it."""
    for key in record:
        if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):
            raise ValueError(f"a global header sets {shown(key)} of all members")


def _checked(name: bytes, source: Path) -> bytes:
    """A member's path without `.` and doubled slashes. Raises UserError for one that leaves the
    archive."""
    if len(name) > _LONGEST_NAME:
        raise UserError(
            f"SOURCE {source}: the name of the member {shown(name)} is longer than"
            f" {size_text(_LONGEST_NAME)}; shorten it."
        )
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name:
        raise UserError(
            f"SOURCE {source}: the member {shown(name)} leaves the archive; make it anew with names"
            " below one folder."
        )
    return b"/".join(parts)


def _behind_map(file: BinaryIO, header: bytes, at: int) -> int:
    """Where the data of an old GNU sparse file begin: further blocks of its map come first."""
    more = header[482]
    while more:
        block = _read(file, at, _BLOCK)
        if len(block) < _BLOCK:
            raise ValueError("its map breaks off")
        more = block[504]
        at += _BLOCK
    return at


def _record(file: BinaryIO, at: int, size: int) -> bytes:
    """The data of an extended header; raises ValueError."""
    if size > _LARGEST_RECORD:
        raise ValueError(f"an extended header of {size} bytes")
    record = _read(file, at, size)
    if len(record) < size:
        raise ValueError("it breaks off")
    return record


def _pax(record: bytes) -> dict[bytes, bytes]:
    """The `length key=value` lines of a pax header; raises ValueError."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(record):
        digits, space, _ = record[at : at + 20].partition(b" ")
        length = _number(digits)
        line = record[at + len(digits) + 1 : at + length]
        key, equals, value = line.partition(b"=")
        fits = len(digits) + 1 < length <= len(record) - at
        if not space or not equals or not fits or not value.endswith(b"\n"):
            raise ValueError("a pax record that is none")
        found[key] = value[:-1]
        at += length
    return found


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
