"""The images that a run began with: their names, labels and sizes, kept in OUT, by which a resumed
run says what has changed in SOURCE since, and a repair knows what is not there any more.

The file is one line of JSON, which says how many bytes each column of the listing has, and then the
columns themselves: 24 bytes a file beside its name. Those of other splits follow. Pixels are not
compared: an image that was exchanged for another one of as many bytes goes unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.data.labels import from_printable, printable, shown
from augcli.data.listing import GONE, Listing, sample_ids
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import parse_json, read_bytes, remove_unfinished, replace_file
from augcli.store.layout import LISTED, SOURCES, STATE
from augcli.text import count_text, listed, shorten

_LARGEST = 64 << 30
_NAMED = 3
_COLUMNS: dict[str, type[np.generic]] = {
    "folder_of": np.uint32,
    "ends": np.uint64,
    "class_of": np.int32,
    "soft_ids": np.int32,
    "soft_weights": np.float64,
    "soft_ends": np.int64,
    "spans": np.uint64,
    "group_of": np.int32,
    "sizes": np.int64,
}


Sizes = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]
# Files of a listing, by their indices, and what is the matter with them.
_Difference = tuple[Listing, Indices, str]


class _Sources(NamedTuple):
    """A listing, and the bytes of each file of it."""

    listing: Listing
    sizes: Sizes


def keep_sources(state: Path, listing: Listing) -> None:
    """Write down what a run begins with. Each file is looked up, for its size."""
    remove_unfinished(state / SOURCES)  # of a run that was killed here
    head, pieces = _to_columns(listing)
    others = []
    for other in listing.others:
        of_split, more = _to_columns(other)
        others.append(of_split)
        pieces += more
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    head |= {"digest": digest.hexdigest(), **({"splits": others} if others else {})}
    replace_file(state / SOURCES, json.dumps(head).encode() + b"\n", *pieces)


def _to_columns(listing: Listing) -> tuple[dict[str, Any], list[bytes | memoryview]]:
    """What the first line says of a listing, and the columns behind it."""
    folders, sizes = b"\0".join(listing.folders), listing.sizes()
    values = {name: getattr(listing, name, None) for name in _COLUMNS} | {"sizes": sizes}
    columns = {
        name: np.ascontiguousarray(column, _COLUMNS[name]).reshape(-1).view(np.uint8)
        for name, column in values.items()
        if column is not None
    }
    head: dict[str, Any] = {
        "root": printable(os.path.abspath(listing.root)),  # noqa: PTH100 - bytes
        "classes": listing.classes,
        "folders": len(folders),
        "names": len(listing.names),
        "columns": {name: column.nbytes for name, column in columns.items()},
    }
    if listing.labels is not Labels.single:
        head["labels"] = listing.labels.value
    if listing.split:
        head["split"] = listing.split
    return head, [folders, listing.names, *(column.data for column in columns.values())]


def sources_changed(state: Path, listing: Listing) -> str | None:
    """How a listing differs from the one that `keep_sources` wrote into `state`, in words, as in "3
    files added (a/1.jpg, a/2.jpg, a/3.jpg), 1 removed (b/1.jpg)"; "" where it does not, None where
    nothing was written there.

    Compared are names, labels, order and sizes. Raises UserError where the record is damaged.
    """
    try:
        splits = _read(state / SOURCES)
        if splits is None:
            return None
        before, *others = splits
        words = [_compare(before, _Sources(replace(listing, others=()), listing.sizes()))]
        was = {other.listing.split: other for other in others}
        now = {other.split: _Sources(other, other.sizes()) for other in listing.others}
        for name in {**was, **now}:
            if name not in was or name not in now:
                words.append(f"{'a' if name in now else 'no'} split {shorten(name)}")
            elif differs := _compare(was[name], now[name]):
                words.append(f"in the split {shorten(name)} {differs}")
        words = [one for one in words if one]
        return listed(words, "and") if words else ""
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(
            f"{state / SOURCES}, the list of the files that OUT was begun with, is damaged;"
            " remove it to go on without comparing them."
        ) from error


def kept_listing(state: Path, fingerprint: object) -> Listing | None:
    """The listing, of image files, that `keep_sources` wrote into `state`, where that has this
    fingerprint: of a source from which files have gone since, or to which some were added. None
    where nothing proves itself as that."""
    try:
        splits = _read(state / SOURCES)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    if splits is None:
        return None
    before, *others = (one.listing for one in splits)
    whole = replace(before, others=tuple(others))
    is_sound = all(map(_is_of_files, (before, *others)))
    return whole if is_sound and whole.fingerprint() == fingerprint else None


def _is_of_files(listing: Listing) -> bool:
    """Whether a listing from a record is one of image files, whose columns fit together."""
    count, classes = len(listing), len(listing.classes)
    if not listing.root or not listing.are_files or count == 0:
        return False
    if len(listing.folder_of) != count or len(listing.class_of) != count:
        return False
    ids, weights, row_ends = listing.soft_ids, listing.soft_weights, listing.soft_ends
    ids_of = [listing.class_of]
    ends: list[tuple[npt.NDArray[Any], int]] = [(listing.ends, len(listing.names))]
    if ids is not None and weights is not None and row_ends is not None:
        if len(row_ends) != count or len(ids) != len(weights) or ids.min(initial=0) < 0:
            return False
        ends.append((row_ends, len(ids)))
        ids_of.append(ids)
    elif any(column is not None for column in (ids, weights, row_ends)):
        return False
    if listing.labels is Labels.single and len(ids_of) == 1 and listing.class_of.min() < 0:
        return False
    if listing.group_of is not None and len(listing.group_of) != count:
        return False
    return (
        int(listing.folder_of.max()) < len(listing.folders)
        and all(int(column[-1]) == last and _is_rising(column) for column, last in ends)
        and all(c.min(initial=-1) >= -1 and c.max(initial=-1) < classes for c in ids_of)
    )


def _is_rising(column: npt.NDArray[Any]) -> bool:
    """Whether no number of a column is less than the one before it, or than 0."""
    return bool(column[0] >= 0 and np.all(column[1:] >= column[:-1]))


def read_names(file: Path) -> tuple[tuple[str, ...], bytes] | None:
    """The classes that a run began with, and the SHA-256 of its paths, each with a NUL behind it;
    None where the record is missing or damaged."""
    try:
        splits = _read(file)
        if splits is None:
            return None
        listing, digest = splits[0].listing, hashlib.sha256()
        for index in range(len(listing)):
            digest.update(listing.relative_path(index) + b"\0")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return listing.classes, digest.digest()


def _read(file: Path) -> list[_Sources] | None:
    """What `keep_sources` wrote, the other splits behind the first; raises one of several
    exceptions where it is damaged."""
    try:
        data = read_bytes(file, _LARGEST)
    except FileNotFoundError:
        return None
    except UserError as error:
        raise ValueError(str(error)) from error
    at = data.index(b"\n") + 1
    head, rest = parse_json(data[:at]), memoryview(data)[at:]
    if hashlib.blake2b(rest, digest_size=16).hexdigest() != head["digest"]:
        raise ValueError("its digest differs")
    splits = []
    for one in (head, *head.get("splits", ())):
        lengths = [one["folders"], one["names"], *one["columns"].values()]
        splits.append(_from_columns(one, lengths, rest))
        rest = rest[sum(lengths) :]
    return splits


def _from_columns(head: dict[str, Any], lengths: list[int], data: memoryview) -> _Sources:
    """A listing of which `_to_columns` returned the head and the columns, which `data` begins
    with."""
    starts = [0, *accumulate(lengths)]
    folders, names, *parts = (data[a:b] for a, b in pairwise(starts))
    columns: dict[str, Any] = {
        name: np.frombuffer(part, _COLUMNS[name])
        for name, part in zip(head["columns"], parts, strict=True)
    }
    sizes = columns.pop("sizes")
    if "spans" in columns:
        columns["spans"] = columns["spans"].reshape(len(sizes), -1)
    columns["labels"] = Labels(head.get("labels", Labels.single))
    root, folder_names = from_printable(head.get("root", "")), tuple(bytes(folders).split(b"\0"))
    classes, split = tuple(head["classes"]), str(head.get("split", ""))
    listing = Listing(
        root, classes, folder_names, names=bytes(names), split=split, **columns
    )  # fmt: skip
    return _Sources(listing, sizes)


def _compare(before: _Sources, now: _Sources) -> str:
    old, new = before.listing, now.listing
    if old.fingerprint() == new.fingerprint():
        every = np.arange(len(new))
        return _in_words(_with_other_sizes(before, now, every, every))
    old_ids, new_ids = sample_ids(old), sample_ids(new)
    _, in_old, in_new = np.intersect1d(old_ids, new_ids, return_indices=True)
    by_place = np.argsort(in_new)
    in_old, in_new = in_old[by_place], in_new[by_place]
    words = _in_words(
        [
            (new, np.flatnonzero(~np.isin(new_ids, old_ids)), "added"),
            (old, np.flatnonzero(~np.isin(old_ids, new_ids)), "removed"),
            *_with_other_sizes(before, now, in_old, in_new),
            (new, in_new[_have_other_labels(old, new, in_old, in_new)], "with another label"),
        ]
    )
    if words:
        return words
    if old.classes != new.classes:
        return f"other classes, {_few(old.classes)} then and {_few(new.classes)} now"
    if not _have_same_groups(old, new):
        return "the same files in other groups (--group-by)"
    if np.any(np.diff(in_old) < 0):
        return "the same files in another order"
    return "the same files at other places of the archive"


def _with_other_sizes(
    before: _Sources, now: _Sources, in_old: Indices, in_new: Indices
) -> list[_Difference]:
    """Which of the files that both list are not there any more, or have another size."""
    was, is_ = before.sizes[in_old], now.sizes[in_new]
    other = in_new[(was >= 0) & (is_ >= 0) & (was != is_)]
    gone = in_new[(was >= 0) & (is_ == GONE)]
    return [(now.listing, gone, "gone"), (now.listing, other, "of another size")]


def _have_other_labels(
    old: Listing, new: Listing, in_old: Indices, in_new: Indices
) -> npt.NDArray[np.bool_]:
    """Of files that both list, in pairs, whether their labels differ. Classes count by name."""
    if old.labels is not new.labels or old.labels is Labels.none:
        return np.full(len(in_new), old.labels is not new.labels)
    ids = {name: class_id for class_id, name in enumerate(new.classes)}
    now = np.array([ids.get(name, -1) for name in old.classes], np.int64)
    if old.soft_ends is None and new.soft_ends is None:
        return np.asarray(now[old.class_of[in_old]] != new.class_of[in_new])

    def differ(i: int, j: int) -> bool:
        was, is_ = old.label(i), new.label(j)
        weights = dict(zip((int(now[c]) for c in was.ids), was.weights, strict=True))
        return weights != dict(zip(is_.ids, is_.weights, strict=True))

    pairs = zip(in_old.tolist(), in_new.tolist(), strict=True)
    return np.fromiter((differ(i, j) for i, j in pairs), np.bool_, len(in_new))


def _have_same_groups(old: Listing, new: Listing) -> bool:
    if old.group_of is None or new.group_of is None:
        return old.group_of is new.group_of
    return np.array_equal(old.group_of, new.group_of)


def _in_words(differences: list[_Difference]) -> str:
    """Those differences that there are, each with how many files it is about and the first."""
    words: list[str] = []
    for listing, indices, what in differences:
        count = len(indices)
        if count:
            names = [shown(listing.relative_path(int(i))) for i in indices[:_NAMED]]
            named = ", ".join([*names, *(["..."] if count > _NAMED else [])])
            words.append(f"{count if words else count_text(count, 'file')} {what} ({named})")
    return ", ".join(words)


def _few(classes: tuple[str, ...]) -> str:
    return shorten(", ".join(classes), 80)


def keep_listed(state: Path, listing: Listing) -> None:
    """Keep the paths of a list that was piped in, for `verify`: it cannot be read again."""
    unfinished = state / f"{LISTED}.{os.getpid()}.tmp"
    unfinished.unlink(missing_ok=True)
    with unfinished.open("xb") as file:
        for index in range(len(listing)):
            file.write(listing.relative_path(index) + b"\0")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(state / LISTED)


def read_listed(out: Path) -> bytes | None:
    """The paths that `keep_listed` kept, each with a NUL behind it, if it did."""
    file = out / STATE / LISTED
    return read_bytes(file, _LARGEST) if file.is_file() else None
