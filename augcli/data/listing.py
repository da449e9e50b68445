"""The names of a data set's images, held compactly: no object a file, no file opened."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from augcli.data.labels import NO_CLASSES, SoftLabel, one_hot, printable
from augcli.enums import Labels

# The class of an image that has none.
NO_CLASS = -1
# What stands for the bytes of a file that is not there, and of one that cannot be looked up.
GONE, UNKNOWN = -1, -2


@dataclass(slots=True)
class Sample:
    """One image of the source: the file in which it lies, what the manifest calls it, what it
    shows."""

    index: int
    path: bytes
    relative: str
    sample_id: str
    label: SoftLabel


@dataclass(frozen=True)
class Listing:
    """All images of a source, in a fixed order.

    `names` is one blob of file names; file i is `names[ends[i - 1]:ends[i]]` inside folder
    `folders[folder_of[i]]`. About 10 bytes a file beside its name. Labels are one class a file, or
    soft labels in compressed sparse rows (`soft_ids`, `soft_weights`, `soft_ends`). `labels` says
    what they are: multi-label ones stand in such rows, where an image may have none, and `class_of`
    has the class of greatest weight or NO_CLASS; without labels there are no classes. `warnings`
    are sentences about what of the source is not read.

    `group_of` says of each image to which group it belongs (a patient, a video), numbered from 0
    on, where --group-by does: images of one group are never each other's partners. While a reader
    lists, -1 stands for none.

    `split` is the name of the source's split that these are, if it has splits; `others` are its
    other splits, whose images are never augmented: listings of the same classes.

    `reader` is the name of the one in `source.READERS` that reads the images. Where they lie inside
    `root`, a file, and are no files themselves, `spans` (n, k) says where: its last column is how
    many bytes each has, and the others are for the reader alone. Where they lie in several files,
    these are `archives`, relative to `root` or absolute, and the first column of `spans` says in
    which.
    """

    root: bytes
    classes: tuple[str, ...]
    folders: tuple[bytes, ...]
    folder_of: npt.NDArray[np.uint32]
    names: bytes
    ends: npt.NDArray[np.uint64]
    class_of: npt.NDArray[np.int32]
    soft_ids: npt.NDArray[np.int32] | None = None
    soft_weights: npt.NDArray[np.float64] | None = None
    soft_ends: npt.NDArray[np.int64] | None = None
    spans: npt.NDArray[np.uint64] | None = None
    archives: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()
    reader: str = "imagefolder"
    split: str = ""
    others: tuple[Listing, ...] = ()
    labels: Labels = Labels.single
    group_of: npt.NDArray[np.int32] | None = None

    @property
    def are_files(self) -> bool:
        """Whether each image is a file of its own."""
        return self.spans is None

    def __len__(self) -> int:
        return len(self.ends)

    def relative_path(self, index: int) -> bytes:
        """The path below `root` (absolute for a listed file that lies elsewhere)."""
        start = int(self.ends[index - 1]) if index else 0
        name = self.names[start : int(self.ends[index])]
        folder = self.folders[int(self.folder_of[index])]
        return folder + b"/" + name if folder else name

    def path(self, index: int) -> bytes:
        """The file of the image at `index`, or in which it lies."""
        if self.spans is None:
            return self._below_root(self.relative_path(index))
        if not self.archives:
            return self.root
        return self._below_root(self.archives[int(self.spans[index, 0])])

    def _below_root(self, path: bytes) -> bytes:
        return path if path.startswith(b"/") else self.root + b"/" + path

    def sizes(self) -> npt.NDArray[np.int64]:
        """The bytes of each image; GONE where its file is not there, UNKNOWN where it cannot be
        looked up."""
        if self.spans is not None:
            return self.spans[:, -1].astype(np.int64)
        count = len(self)
        return np.fromiter(map(_size, map(self.path, range(count))), np.int64, count)

    def sample(self, index: int) -> Sample:
        """The image at `index`."""
        relative = self.relative_path(index)
        path = self._below_root(relative) if self.are_files else self.path(index)
        return Sample(index, path, printable(relative), sample_id(relative), self.label(index))

    def label(self, index: int) -> SoftLabel:
        """The soft label of the image at `index`."""
        if self.labels is Labels.none:
            return NO_CLASSES
        if self.soft_ends is None or self.soft_ids is None or self.soft_weights is None:
            return one_hot(int(self.class_of[index]))
        start = int(self.soft_ends[index - 1]) if index else 0
        row = slice(start, int(self.soft_ends[index]))
        return SoftLabel(tuple(self.soft_ids[row].tolist()), tuple(self.soft_weights[row].tolist()))

    def fingerprint(self) -> str:
        """A digest of every name, label, group and place in an archive, by which a resumed run
        knows its source again."""
        digest = hashlib.blake2b(digest_size=16)
        if self.labels is not Labels.single:
            digest.update(self.labels.value.encode())
        for part in (*map(str.encode, self.classes), *self.folders, self.names, *self.archives):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        columns = (self.folder_of, self.ends, self.class_of)
        more = (self.soft_ids, self.soft_weights, self.soft_ends, self.spans)
        for column in (*columns, *(c for c in more if c is not None)):
            digest.update(np.ascontiguousarray(column).data)
        if self.group_of is not None:
            digest.update(b"groups")
            digest.update(np.ascontiguousarray(self.group_of).data)
        for other in self.others:
            digest.update(f"{other.split} {other.fingerprint()}".encode())
        return digest.hexdigest()


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - bytes, and a million of them
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    except (OSError, ValueError):
        return UNKNOWN


def with_classes(listing: Listing, classes: Sequence[str]) -> Listing:
    """The listing with ids in the order of `classes`, which have the same names; where they have
    others, the listing as it is."""
    if tuple(classes) == listing.classes or sorted(classes) != sorted(listing.classes):
        return listing
    places = {name: class_id for class_id, name in enumerate(classes)}
    return with_ids(listing, tuple(classes), [places[name] for name in listing.classes])


def with_ids(listing: Listing, classes: tuple[str, ...], new_ids: Sequence[int]) -> Listing:
    """The listing with `classes`, in which each id so far is another one: its place in `new_ids`
    holds that."""
    ids = np.array([*new_ids, NO_CLASS], np.int32)  # NO_CLASS, the last place, stays itself
    soft = None if listing.soft_ids is None else ids[listing.soft_ids]
    return replace(listing, classes=classes, class_of=ids[listing.class_of], soft_ids=soft)


def in_order(listing: Listing, order: Callable[[Iterable[str]], Sequence[str]]) -> Listing:
    """The listing with ids in the order of its classes, which `order` returns; until then they are
    numbered as `ListingBuilder.class_id` does."""
    return with_classes(listing, order(listing.classes))


def sample_id(relative: bytes) -> str:
    """16 hex digits that stand for a source image, by its path below the source."""
    return hashlib.blake2b(relative, digest_size=8).hexdigest()


def sample_ids(listing: Listing) -> npt.NDArray[np.uint64]:
    """The ids of all images of a listing, as numbers, in its order."""
    count = len(listing)
    paths = map(listing.relative_path, range(count))
    return np.fromiter((int(sample_id(path), 16) for path in paths), np.uint64, count)


def first_repeated(listing: Listing) -> int | None:
    """The first index at which a file stands for the second time, if any does; some 30 bytes a file
    meanwhile."""
    count = len(listing)
    hashes = np.fromiter((hash(listing.relative_path(i)) for i in range(count)), np.int64, count)
    order = np.argsort(hashes, kind="stable")
    # The order of hashes is another in each process, that of the files is not.
    alike = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    for at in alike[np.argsort(order[alike + 1])]:
        first, second = order[at : at + 2].tolist()
        if listing.relative_path(first) == listing.relative_path(second):
            return second
    return None


class ListingBuilder:
    """Collects files one by one into the columns of a Listing."""

    def __init__(self) -> None:
        self._folders: dict[bytes, int] = {}
        self._folder_of = array("I")
        self._names = bytearray()
        self._ends = array("Q")
        self._class_of = array("i")
        self._classes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes that `class_id` was given so far."""
        return tuple(self._classes)

    @property
    def folders(self) -> tuple[bytes, ...]:
        """All folders so far."""
        return tuple(self._folders)

    def folder(self, folder: bytes) -> int:
        """The number of a folder, to pass to `add`."""
        return self._folders.setdefault(folder, len(self._folders))

    def class_id(self, name: str) -> int:
        """The number of a class, to pass to `add`, where all classes are only known at the end: see
        `in_order`."""
        return self._classes.setdefault(name, len(self._classes))

    def add(self, folder: int, name: bytes, class_id: int) -> None:
        """Append one file."""
        self._folder_of.append(folder)
        self._names += name
        self._ends.append(len(self._names))
        self._class_of.append(class_id)

    def finish(
        self,
        root: str | bytes | os.PathLike[str],
        classes: Sequence[str],
        soft: tuple[Sequence[int], Sequence[float], Sequence[int]] | None = None,
        spans: npt.NDArray[np.uint64] | None = None,
        archives: Iterable[bytes] = (),
        warnings: Iterable[str] = (),
    ) -> Listing:
        """The listing; `soft` holds soft labels as (ids, weights, ends)."""
        return Listing(
            root=os.fsencode(root),
            classes=tuple(classes),
            folders=tuple(self._folders),
            folder_of=np.frombuffer(self._folder_of, np.uint32),
            names=bytes(self._names),
            ends=np.frombuffer(self._ends, np.uint64),
            class_of=np.frombuffer(self._class_of, np.int32),
            soft_ids=None if soft is None else np.asarray(soft[0], np.int32),
            soft_weights=None if soft is None else np.asarray(soft[1], np.float64),
            soft_ends=None if soft is None else np.asarray(soft[2], np.int64),
            spans=spans,
            archives=tuple(archives),
            warnings=tuple(warnings),
        )
