"""Restores archives of samples: those that are not as the run wrote them are written again whole.

An archive is as it was where its members are at their places, with the bytes that rows tell;
`verify` has read the images. Others are joined from what is right in the archives of OUT and from
what was made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from augcli.data.tar_blocks import BLOCK, END, header, length, padding
from augcli.data.tar_headers import NO_FILE, members, read_at
from augcli.errors import RunFailed, UserError
from augcli.files import is_link, open_regular
from augcli.manifest.columns import Hashes, find, hash_of
from augcli.manifest.forms.webdataset import Index
from augcli.manifest.row import Row
from augcli.published import MANIFEST, STATE, archive_name, is_archive_name
from augcli.store.layout import Place, staged_split
from augcli.store.parts import Part, proven_parts
from augcli.store.restoring.restoring import Line
from augcli.store.sinks.archives import copy_bytes
from augcli.store.sinks.pieces import beside, label_of, samples
from augcli.store.sinks.shard_size import limits_of
from augcli.store.strangers import free_place

_FILE_NAME = b'{"file_name":"'
_GROUP = b'"group_id":"'


class _Image(NamedTuple):
    """The image of a row: in which file its bytes are, and where; None where they are nowhere."""

    file: Path
    start: int
    size: int


class _Sample(NamedTuple):
    """A row with the name of its member alone, and its image; `name` is what its file is called in
    the manifest that stands in OUT."""

    line: bytes
    name: bytes
    image: _Image | None

    @property
    def member(self) -> bytes:
        """The name of the image in an archive."""
        return self.name.rpartition(b"/")[2]

    @property
    def beside(self) -> bytes:
        """The members behind the image."""
        return beside(self.member, self.line, label_of(self.line))

    @property
    def size(self) -> int:
        """The bytes of all its members."""
        return 0 if self.image is None else length(self.image.size) + len(self.beside)


def in_place(row: Row, before: Row) -> Row:
    """As `Restoring.in_place`: in the archive of the row that stands there."""
    archive = before.file_name.partition("/")[0]
    image = row.file_name.rpartition("/")[2]
    return row.model_copy(update={"file_name": f"{archive}/{image}"})


def put(staged: Path, folder: Path, row: Row, max_pixels: int) -> str | None:  # noqa: ARG001
    """As `Restoring.put`: a sample has no place by itself."""
    return None


def join(aside: Place, split: str, lines: Iterable[Line], shard_size: str | None) -> None:
    """As `Restoring.join`."""
    folder, staged = aside.out / split, staged_split(aside.state, split)
    staged.mkdir(parents=True, exist_ok=True)
    limits = limits_of(shard_size)
    number, held, count, size = 0, list[_Sample](), 0, 0
    with ExitStack() as stack, (staged / MANIFEST).open("wb") as manifest:
        found = _samples(aside, split, lines, stack)
        for _, views in groupby(found, lambda sample: _group_of(sample.line)):
            group = list(views)
            there = [sample for sample in group if sample.image is not None]
            more = sum(sample.size for sample in there)
            is_full = (limits.samples is not None and count + len(there) > limits.samples) or (
                limits.size is not None and size + more + len(END) > limits.size
            )
            if held and is_full:
                _write(folder, staged, archive_name(split, number), held)
                number, held, count, size = number + 1, [], 0, 0
            held += there
            count, size = count + len(there), size + more
            archive = archive_name(split, number).encode()
            for sample in group:
                name = sample.name if sample.image is None else archive + b"/" + sample.member
                end = sample.line[len(_FILE_NAME) + len(sample.member) :]
                manifest.write(_FILE_NAME + name + end)
        if held:
            _write(folder, staged, archive_name(split, number), held)
        manifest.flush()
        os.fsync(manifest.fileno())


def take_over(aside: Place, split: str) -> None:
    """As `Restoring.take_over`."""
    folder, staged = aside.out / split, staged_split(aside.state, split)
    paths = sorted(path for path in staged.iterdir() if is_archive_name(path.name))
    if not paths:
        return
    keys = np.unique(np.fromiter(map(hash_of, _keys(staged / MANIFEST)), np.uint64))
    for path in paths:
        place = folder / path.name
        if os.path.lexists(place) and _holds_others(place, keys):
            place.rename(free_place(aside.out / STATE, place.name))
        path.replace(place)


def _group_of(line: bytes) -> bytes:
    return line.partition(_GROUP)[2].partition(b'"')[0]


def _samples(
    aside: Place, split: str, lines: Iterable[Line], stack: ExitStack
) -> Iterator[_Sample]:
    """The samples of lines. Rows and what was made again stand in one order."""
    archives = _Archives(aside.out / split)
    stack.callback(archives.close)
    new = _new_images(aside, split)
    for line in lines:
        name = line.data[len(_FILE_NAME) :].partition(b'"')[0]
        bare = name.rpartition(b"/")[2]
        short = _FILE_NAME + bare + line.data[len(_FILE_NAME) + len(name) :]
        if line.is_new:
            image = next((image for member, image in new if member == bare), None)
            if image is None:
                raise RunFailed(f"{aside.state} cannot be read back; check the disk.")
        else:
            image = archives.image(name)
        yield _Sample(short, name, image)


def _new_images(aside: Place, split: str) -> Iterator[tuple[bytes, _Image]]:
    """What was made again of a split, in plan order: each image, by the name of its member."""
    for part in proven_parts(aside.state):
        if part.split == split and part.rows:
            yield from _images_of(part)


def _images_of(part: Part) -> Iterator[tuple[bytes, _Image]]:
    with open_regular(part.piece) as piece:
        for sample in samples(part, piece):
            block = read_at(piece, sample.start, BLOCK)
            name, size = block.partition(b"\0")[0], int(block[124:135], 8)
            yield name, _Image(part.piece, sample.start + BLOCK, size)


class _Archives:
    """The archives of a split in OUT, one open at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._index: Index | None = None

    def image(self, name: bytes) -> _Image | None:
        """The image that a row names."""
        archive, _, member = name.decode("utf-8", "replace").partition("/")
        if archive != self._name:
            self.close()
            self._name = archive
            path = self._folder / archive
            if is_archive_name(archive) and not is_link(path) and path.is_file():
                self._index = Index(path)
        place = None if self._index is None else self._index.place(member)
        if place is None or place[0] == NO_FILE:
            return None
        return _Image(self._folder / archive, *place)

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
        self._name, self._index = "", None


def _write(folder: Path, staged: Path, name: str, several: list[_Sample]) -> None:
    """Write an archive aside, unless the one in OUT is the same."""
    if _is_right(folder / name, several):
        return
    with (staged / name).open("xb", buffering=0) as file:
        files = dict[Path, BinaryIO]()
        with ExitStack() as stack:
            for sample in several:
                assert sample.image is not None
                if sample.image.file not in files:
                    stack.close()  # one or two are in turn
                    files = {sample.image.file: stack.enter_context(_open(sample.image.file))}
                _append(file, sample, files[sample.image.file])
        _write_all(file, END)
        os.fsync(file.fileno())


def _open(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except UserError as error:
        raise RunFailed(f"{error} It changed meanwhile; run the same command again.") from error


def _append(file: FileIO, sample: _Sample, source: BinaryIO) -> None:
    image = sample.image
    assert image is not None
    _write_all(file, header(sample.member, image.size))
    try:
        copy_bytes(source, image.start, image.size, file)
    except ValueError as error:
        raise RunFailed(f"{image.file} changed meanwhile; run the same command again.") from error
    _write_all(file, padding(image.size) + sample.beside)


def _write_all(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _is_right(path: Path, several: list[_Sample]) -> bool:
    """Whether the archive in OUT has these samples and nothing else, at their places, but for the
    bytes of images, which are looked at by `verify`."""
    if is_link(path) or not path.is_file():
        return False
    with open_regular(path) as file:
        end = 0
        for sample in several:
            image = sample.image
            if image is None or image.file != path or image.start != end + BLOCK:
                return False
            behind = padding(image.size) + sample.beside
            if read_at(file, end, BLOCK) != header(sample.member, image.size):
                return False
            if read_at(file, image.start + image.size, len(behind)) != behind:
                return False
            end += sample.size
        return read_at(file, end, len(END) + 1) == END


def _keys(manifest: Path) -> Iterator[bytes]:
    with open_regular(manifest) as lines:
        for line in lines:
            yield line[len(_FILE_NAME) :].partition(b'"')[0].rpartition(b"/")[2].partition(b".")[0]


def _holds_others(path: Path, keys: Hashes) -> bool:
    """Whether what stands in the place of an archive is, or holds, something that no run wrote."""
    if is_link(path) or not path.is_file():
        return True
    try:
        with open_regular(path) as file:
            for member in members(file, path):
                if find(keys, hash_of(member.name.partition(b".")[0])) is None:
                    return True
    except UserError:
        return False  # damaged: what is behind the damage is unknown
    return False
