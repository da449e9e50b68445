"""What has to be known of all rows of a manifest at once, as columns of numbers: 40 bytes a row."""

from __future__ import annotations

import hashlib
import os
from array import array
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.manifest.row import Row

Hashes = npt.NDArray[np.uint64]

# Names in a manifest may be chosen so that they share a digest; nobody knows the key of this one.
_KEY = os.urandom(16)
# A bit a view; a manifest with more kinds of them is broken in all its groups.
_LAST_VIEW = 62


def hash_of(name: str | bytes) -> int:
    """64 bits that stand for a name within this process."""
    data = name if isinstance(name, bytes) else name.encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=_KEY).digest(), "little")


def group_of(row: Row) -> int:
    """The hash of a row's group: those of two recipes are two."""
    return hash_of(f"{row.recipe}\0{row.group_id}")


def find(ordered: Hashes, number: int) -> int | None:
    """Where a hash stands among others in order, if it does."""
    at = int(np.searchsorted(ordered, np.uint64(number)))
    return at if at < len(ordered) and int(ordered[at]) == number else None


class BrokenGroups(NamedTuple):
    """The groups that lack a view, or have one twice, by their hashes in order: the views that each
    has and should have, as bits, and its rows."""

    groups: Hashes
    present: Hashes
    whole: Hashes
    rows: npt.NDArray[np.int64]


class Columns:
    """Hashes of the names, ids, groups and recipes of rows, and their views."""

    def __init__(self) -> None:
        self._files = array("Q")
        self._ids = array("Q")
        self._groups = array("Q")
        self._recipes = array("Q")
        self._views = array("Q")
        self._view_bits: dict[int, int] = {}
        self._view_names: list[str] = []

    def __len__(self) -> int:
        return len(self._files)

    def add(self, row: Row) -> None:
        """Append a row."""
        self._files.append(hash_of(row.file_name))
        self._ids.append(hash_of(row.sample_id))
        self._groups.append(group_of(row))
        self._recipes.append(hash_of(row.recipe))
        self._views.append(1 << self._bit(row.view))

    def _bit(self, view: str) -> int:
        name = hash_of(view)
        bit = self._view_bits.get(name)
        if bit is None:
            bit = len(self._view_names)
            if bit >= _LAST_VIEW:
                return _LAST_VIEW
            self._view_bits[name] = bit
            self._view_names.append(view[:100])
        return bit

    def views(self, bits: int) -> list[str]:
        """The names of the views that bits stand for."""
        names = [name for bit, name in enumerate(self._view_names) if bits >> bit & 1]
        return names + ["others"] * (bits >> _LAST_VIEW & 1)

    def files(self) -> Hashes:
        """The hashes of file names, in order."""
        return np.sort(np.frombuffer(self._files, np.uint64))

    def repeated_ids(self) -> Hashes:
        """The hashes of sample ids that stand twice, in order."""
        return _repeated(np.sort(np.frombuffer(self._ids, np.uint64)))

    def repeated_files(self) -> Hashes:
        """The hashes of file names that stand twice, in order."""
        return _repeated(self.files())

    def broken_groups(self) -> BrokenGroups:
        """The groups that are not whole: any group of a recipe has all views that one has."""
        groups = np.frombuffer(self._groups, np.uint64)
        recipes = np.frombuffer(self._recipes, np.uint64)
        order = np.lexsort((groups, recipes))
        groups, recipes = groups[order], recipes[order]
        views = np.frombuffer(self._views, np.uint64)[order]
        starts = _starts(groups)
        present = np.bitwise_or.reduceat(views, starts) if len(starts) else views
        rows = np.diff(starts, append=len(groups))
        groups, recipes = groups[starts], recipes[starts]
        firsts = _starts(recipes)
        whole = np.bitwise_or.reduceat(present, firsts) if len(firsts) else present
        whole = np.repeat(whole, np.diff(firsts, append=len(recipes)))
        broken = (present != whole) | (rows != _count_bits(whole))
        by_group = np.argsort(groups[broken], kind="stable")
        return BrokenGroups(
            *(column[broken][by_group] for column in (groups, present, whole, rows))
        )


def _starts(ordered: Hashes) -> npt.NDArray[np.int64]:
    """Where each value of a column begins whose equal values stand together."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])


def _repeated(ordered: Hashes) -> Hashes:
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _count_bits(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """The bits that are set in each whole number; NumPy before 2.0 has no `bitwise_count`."""
    counts = np.zeros(len(numbers), np.int64)
    for bit in range(8 * numbers.dtype.itemsize):
        counts += ((numbers >> bit) & 1).astype(np.int64)
    return counts
