"""Samples in tar archives: an image, its row and the id of its class, one behind the other."""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from augcli.data.tar_blocks import BLOCK, END, header, padding
from augcli.data.tar_headers import NO_FILE as NO_PLACE
from augcli.data.tar_headers import Member, members, read_at
from augcli.enums import Labels
from augcli.errors import UnreadableImage, UserError
from augcli.files import is_link, open_regular
from augcli.image.header import upright_size
from augcli.manifest.columns import Hashes, find, hash_of
from augcli.manifest.faults import Fault
from augcli.manifest.forms.form import (
    A_LINK,
    MISSING,
    NO_FILE,
    NO_ROW,
    OTHER_BYTES,
    Files,
    most_bytes,
    size_fault,
    too_large,
)
from augcli.manifest.row import Row
from augcli.published import MANIFEST, is_archive_name

_IMAGE = re.compile(r"([0-9a-f]{16})\.[a-z0-9]+")
_BROKEN = "it is no whole tar archive: it breaks off, or a header in it is broken"
_NO_MEMBER = "it is no plain file in the archive"
_NO_ROW = "no row names this member of the archive"
_NO_ROW = "no row names this member of the archive"
_TWICE = "a member stands in the archive twice"
_OTHER_ORDER = "its members stand in another order than the rows"
_OTHER_HEADER = "its header in the archive is not as the run wrote it"
_BETWEEN = "there are bytes between its members, or behind the last, that are of none"
_OTHER_ROW = "it is not the row in the manifest"
_OTHER_LABEL = "it is not the label in the manifest"
_LONGEST_JSON = 16 << 20


def file_of(file_name: str) -> str:
    """As `Form.file_of`: an image lies in an archive."""
    return file_name.partition("/")[0]


def is_own(name: str) -> bool:
    """As `Form.is_own`."""
    return is_archive_name(name)


def name_faults(row: Row, labels: Labels) -> Iterator[str]:  # noqa: ARG001 - they are alike for all
    """As `Form.name_faults`: an archive, and a member called by its id."""
    archive, _, image = row.file_name.partition("/")
    match = _IMAGE.fullmatch(image)
    if not is_archive_name(archive) or match is None or match[1] != row.sample_id:
        yield "the file name is not <archive>.tar/<sample_id>.<format>"


class Index:
    """Where the members of an archive that is open as `file` begin, and how long they are, by their
    names; `is_broken` where it is no archive from some place on. 24 bytes a member."""

    def __init__(self, path: Path) -> None:
        self.file: BinaryIO | None = None
        names, offsets, sizes = array("Q"), array("Q"), array("Q")
        self.is_broken = False
        if not is_link(path):
            self.file = open_regular(path)
            try:
                for member in members(self.file, path):
                    names.append(hash_of(member.name))
                    offsets.append(member.span[0] if member.is_file else NO_PLACE)
                    sizes.append(member.span[1])
            except UserError:
                self.is_broken = True
        order = np.argsort(np.frombuffer(names, np.uint64), kind="stable")
        self._names = np.frombuffer(names, np.uint64)[order]
        self._offsets = np.frombuffer(offsets, np.uint64)[order]
        self._sizes = np.frombuffer(sizes, np.uint64)[order]

    def place(self, name: str) -> tuple[int, int] | None:
        """Where the data of a member begin, and how many bytes they are; None where it is not
        there. Where it is no plain file, it begins at NO_PLACE."""
        at = find(self._names, hash_of(name))
        return None if at is None else (int(self._offsets[at]), int(self._sizes[at]))

    def read(self, name: str, limit: int) -> bytes:
        """The data of a member. Raises FileNotFoundError where there is none, and ValueError, with
        the reason, where it cannot be read."""
        place = self.place(name)
        if place is None or self.file is None:
            raise FileNotFoundError(name)
        if place[0] == NO_PLACE:
            raise ValueError(_NO_MEMBER)
        if place[1] > limit:
            raise ValueError(too_large(limit))
        return read_at(self.file, *place)

    def close(self) -> None:
        """Close the archive."""
        if self.file is not None:
            self.file.close()


def look_into(folder: Path, max_pixels: int) -> Files:
    """As `Form.look_into`."""
    return _Files(folder, max_pixels)


class _Files:
    """One archive is open at a time, as rows stand in the order of members."""

    def __init__(self, folder: Path, max_pixels: int) -> None:
        self._folder = folder
        self._limit = most_bytes(max_pixels)
        self._archive = ""
        self._index: Index | None = None
        self._why_not = ""
        self._named = array("Q")
        self._orders: dict[str, Any] = {}  # digests of the names in archives, by rows
        self._counts = Counter[str]()

    def faults(self, row: Row, line: bytes) -> Iterator[Fault]:
        archive, _, image = row.file_name.partition("/")
        match = _IMAGE.fullmatch(image)
        if match is None or not is_archive_name(archive):
            return  # which `name_faults` says
        prefix, key = b'{"file_name":"', match[1]
        below = line.removeprefix(prefix + row.file_name.encode()).rstrip(b"\n")
        beside = {f"{key}.json": (prefix + image.encode() + below, _OTHER_ROW)}
        if row.label is not None:
            beside[f"{key}.cls"] = (b"%d" % row.label, _OTHER_LABEL)
        for name in (image, *beside):
            self._note(archive, name)
        for what in self.image_faults(row):
            yield Fault(row.file_name, what)
        index = self._open(archive)
        if index is None:
            return
        for name, (data, what) in beside.items():
            try:
                is_right = index.read(name, _LONGEST_JSON) == data
            except FileNotFoundError:
                yield Fault(f"{archive}/{name}", MISSING)
                continue
            except (OSError, ValueError):
                is_right = False
            if not is_right:
                yield Fault(f"{archive}/{name}", what)

    def _note(self, archive: str, name: str) -> None:
        self._named.append(hash_of(f"{archive}/{name}"))
        if archive not in self._orders:
            self._orders[archive] = hashlib.blake2b(digest_size=16)
        self._orders[archive].update(name.encode() + b"\0")
        self._counts[archive] += 1

    def _open(self, archive: str) -> Index | None:
        """The members of an archive; None, with the reason in `_why_not`, where it is none."""
        if archive == self._archive:
            return self._index
        self.close()
        self._archive = archive
        try:
            if is_link(self._folder / archive):
                self._why_not = "its archive is a link, which is not followed"
            else:
                self._index = Index(self._folder / archive)
        except FileNotFoundError:
            self._why_not = "its archive is missing"
        except UserError:
            self._why_not = "its archive is not a regular file"
        except OSError as error:
            self._why_not = f"its archive cannot be read: {error.strerror}"
        return self._index

    def close(self) -> None:
        """Close the archive that is open."""
        if self._index is not None:
            self._index.close()
        self._archive, self._index = "", None

    def image_faults(self, row: Row) -> Iterator[str]:
        try:
            data = self.read(row)
            if hashlib.sha256(data).hexdigest() != row.sha256:
                yield OTHER_BYTES
                return
            height, width = upright_size(data)
        except FileNotFoundError:
            yield MISSING
        except (OSError, MemoryError) as error:
            why = getattr(error, "strerror", None) or "too little memory"
            yield f"the file cannot be read: {why}"
        except UnreadableImage as error:
            yield f"the file is no image: {error}"
        except ValueError as error:
            yield str(error)
        else:
            yield from size_fault(height, width, row)

    def read(self, row: Row) -> bytes:
        archive, _, image = row.file_name.partition("/")
        if not is_archive_name(archive) or _IMAGE.fullmatch(image) is None:
            raise ValueError("the file name is not <archive>.tar/<sample_id>.<format>")
        index = self._open(archive)
        if index is None:
            raise ValueError(self._why_not)
        return index.read(image, self._limit)

    def strays(self, known: Hashes) -> Iterator[Fault]:
        self.close()
        named = np.sort(np.frombuffer(self._named, np.uint64))
        for path in sorted(self._folder.iterdir()):
            name = path.name
            if name == MANIFEST:
                continue
            if is_link(path):
                yield Fault(_printed(name), A_LINK)
            elif not is_archive_name(name) or path.is_dir():
                yield Fault(_printed(name), NO_ROW)
            else:
                yield from self._strays_in(name, named)

    def _strays_in(self, archive: str, named: Hashes) -> Iterator[Fault]:
        path = self._folder / archive
        order, met = hashlib.blake2b(digest_size=16), array("Q")
        end: int | None = 0  # of the member before; None behind one that is not the run's
        are_strange = False
        try:
            with open_regular(path) as file:
                for member in members(file, path):
                    name = f"{archive}/{member.name.decode('utf-8', 'backslashreplace')}"
                    met.append(hash_of(name))
                    order.update(member.name + b"\0")
                    start, size = member.span
                    if find(named, met[-1]) is None:
                        are_strange = True
                        yield Fault(name, _NO_ROW)
                        end = None
                    elif member.is_file:
                        yield from _layout_faults(file, member, name, end)
                        end = start + size + -size % BLOCK
                size = os.fstat(file.fileno()).st_size
                if end is not None and (
                    size != end + len(END) or read_at(file, end, len(END)) != END
                ):
                    yield Fault(archive, _BETWEEN)
        except UserError:
            yield Fault(archive, _BROKEN if path.is_file() else NO_FILE)
            return
        except OSError as error:
            yield Fault(archive, f"the file cannot be read: {error.strerror}")
            return
        hashes = np.sort(np.frombuffer(met, np.uint64))
        if np.any(hashes[1:] == hashes[:-1]):
            yield Fault(archive, _TWICE)
        elif not are_strange and len(met) == self._counts[archive] > 0:  # none is missing
            is_in_order = self._orders[archive].digest() == order.digest()
            if not is_in_order:
                yield Fault(archive, _OTHER_ORDER)


def _layout_faults(file: BinaryIO, member: Member, where: str, end: int | None) -> Iterator[Fault]:
    """What is wrong with a member but for its data: it begins at `end`, where that is known."""
    start, size = member.span
    begins_there = end is None or start == end + BLOCK
    if not begins_there or read_at(file, start - BLOCK, BLOCK) != header(member.name, size):
        yield Fault(where, _OTHER_HEADER)
    elif read_at(file, start + size, -size % BLOCK) != padding(size):
        yield Fault(where, _BETWEEN)


def _printed(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
