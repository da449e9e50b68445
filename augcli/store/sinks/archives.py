"""Writes the samples of all shards into archives of a bounded size, each behind the other."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from augcli.data.tar_blocks import END
from augcli.errors import RunFailed, UserError
from augcli.files import is_link, open_regular
from augcli.published import archive_name, is_archive_name
from augcli.store.layout import MANIFEST, RUN, TRAIN, staged_split
from augcli.store.parts import Part
from augcli.store.records import read_run_record, tars_of
from augcli.store.sinks.pieces import Sample, samples, sizes_of
from augcli.store.sinks.shard_size import Limits
from augcli.store.staged import staged_splits, strange

_CHUNK, _MOST = 1 << 20, 1 << 30
_IN_KERNEL: Callable[[int, int, int, int], int] | None = getattr(os, "copy_file_range", None)
_NOT_IN_KERNEL = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
_FILE_NAME = b'{"file_name":"'


class Archives:
    """The archives of a run that ends, staged; `sizes` are the bytes of each, by split and name.

    A group of views is never divided. An archive is never empty.
    """

    def __init__(self, state: Path, limits: Limits) -> None:
        self._state = state
        self._limits = limits
        self._file: FileIO | None = None
        self._split = TRAIN
        self._samples = self._bytes = 0
        self.sizes: dict[str, dict[str, int]] = {}

    def __enter__(self) -> Archives:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._file is not None and kind is None:
            self._end()
        elif self._file is not None:
            self._file.close()

    def add(self, part: Part) -> Iterator[bytes]:
        """Append the samples of a part; yields the lines of the manifest for its rows.

        Raises RunFailed where the piece of the part is not there as it was written.
        """
        if not part.rows:
            return
        try:
            with open_regular(part.piece) as piece:
                sizes = sizes_of(part, piece)
                total = sum(size for size, _ in sizes)
                if self._has_room(part.split, len(sizes), total):
                    self._append(piece, 0, total)
                    self._count(len(sizes), total)
                    prefix = self._prefix
                    for line in part.row_lines():
                        yield prefix + line.removeprefix(_FILE_NAME)
                else:
                    yield from self._add_groups(part, piece)
        except (UserError, ValueError, FileNotFoundError) as error:
            raise RunFailed(
                f"{part.piece} is not as a worker wrote it: it was damaged while the run went on;"
                " run the same command with --resume."
            ) from error

    def _add_groups(self, part: Part, piece: BinaryIO) -> Iterator[bytes]:
        """Append the samples of a part group by group, as another archive begins among them."""
        start = stop = 0  # what has its place in this archive and is not there yet
        for views in _groups(samples(part, piece)):
            size = sum(view.size for view in views)
            if not self._has_room(part.split, len(views), size):
                self._append(piece, start, stop)
                start = stop
                self._begin(part.split)
            stop += size
            self._count(len(views), size)
            for view in views:
                yield self._prefix + view.line.removeprefix(_FILE_NAME)
        self._append(piece, start, stop)

    def _count(self, count: int, size: int) -> None:
        self._samples += count
        self._bytes += size

    @property
    def _prefix(self) -> bytes:
        """How a row begins whose image is in the archive that is being written."""
        return _FILE_NAME + self.name.encode() + b"/"

    @property
    def name(self) -> str:
        """The archive that is being written."""
        return archive_name(self._split, len(self.sizes[self._split]) - 1)

    def _has_room(self, split: str, count: int, size: int) -> bool:
        """Whether so many samples of so many bytes have a place in the archive."""
        together, most = self._samples + count, self._limits
        return (
            self._file is not None
            and split == self._split
            and (most.samples is None or together <= most.samples)
            and (most.size is None or self._bytes + size + len(END) <= most.size)
        )

    def _begin(self, split: str) -> None:
        if self._file is not None:
            self._end()
        self._split = split
        of_split = self.sizes.setdefault(split, {})
        of_split[archive_name(split, len(of_split))] = 0
        folder = staged_split(self._state, split)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / self.name).open("xb", buffering=0)
        self._samples = self._bytes = 0

    def _append(self, piece: BinaryIO, start: int, stop: int) -> None:
        if stop > start:
            assert self._file is not None
            copy_bytes(piece, start, stop - start, self._file)

    def _end(self) -> None:
        assert self._file is not None
        with self._file as file:
            file.write(END)
            file.flush()
            os.fsync(file.fileno())
        self.sizes[self._split][self.name] = self._bytes + len(END)
        self._file = None


def _groups(several: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Samples with those that are of the same group of views."""
    group: list[Sample] = []
    for sample in several:
        if group and not sample.is_next:
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def copy_bytes(source: BinaryIO, start: int, size: int, target: FileIO) -> None:
    """Append bytes of a file to another, in the kernel where that can, which on some file systems
    shares them; raises ValueError where there are fewer."""
    while size and _IN_KERNEL is not None:
        try:
            count = _IN_KERNEL(source.fileno(), target.fileno(), min(size, _MOST), start)
        except OSError as error:
            if error.errno not in _NOT_IN_KERNEL:
                raise
            break
        if not count:
            break
        start, size = start + count, size - count
    source.seek(start)
    while size:
        data = source.read(min(size, _CHUNK))
        if not data:
            raise ValueError("it breaks off")
        left = memoryview(data)
        while left:
            left = left[target.write(left) :]
        size -= len(data)


def remove_staged(state: Path) -> None:
    """Remove the archives of a run that was killed while it ended; raises RunFailed where something
    lies there that no run wrote."""
    for split in (TRAIN, *staged_splits(state)):
        for path in sorted(staged_split(state, split).iterdir()):
            is_own = path.name == MANIFEST or is_archive_name(path.name)
            if not is_own or is_link(path) or path.is_dir():
                raise strange(path)
            path.unlink()


def check_archives(out: Path) -> None:
    """Raise RunFailed where a finished run lacks archives, or one has other than the bytes that the
    run wrote; `verify` reads each."""
    record = read_run_record(out / RUN) or {}
    for split, sizes in tars_of(record).items():
        for name, size in sizes.items():
            path = out / split / name
            is_there = path.is_file() and not is_link(path)
            there = path.stat().st_size if is_there else 0
            if there != size:
                what = f"has {there} bytes where its run wrote {size}" if there else "is missing"
                raise RunFailed(f"{path} {what}; `augcli verify {out} --repair` makes it again.")
