"""Groups of images that belong together, as those of a patient or of a video: by a column of a
table, or by a part of their names."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data.labels import printable, shown
from augcli.data.listing import Listing
from augcli.data.name_pattern import NamePattern
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.text import count_text, shorten

NO_GROUP = -1
_OPTION = "--group-by"
# Different texts whose digests are remembered.
_MOST_TEXTS = 50_000


def is_group(column: str, options: SourceOptions) -> bool:
    """Whether a column of a source is the one that --group-by names."""
    return options.group_by is not None and column.strip() == options.group_by.strip()


def group_column(columns: Iterable[str], options: SourceOptions, where: str) -> int | None:
    """The place of the column that --group-by names; None where it names none. Raises UserError
    where several have that name."""
    places = [at for at, name in enumerate(columns) if is_group(name, options)]
    if len(places) > 1:
        raise UserError(
            f"{where}: it has {count_text(len(places), 'column')} named"
            f" {shorten(options.group_by or '', 40)}; rename all but one."
        )
    return places[0] if places else None


@dataclass
class Groups:
    """The groups of images, one after the other: 8 bytes an image, as a group is known by a digest
    of its name."""

    _digests: array[int] = field(default_factory=lambda: array("Q"))
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, value: Any, where: Callable[[], str]) -> None:
        """Append the group that a value of a column names: a text without the blanks around it, or
        a number; nothing and blanks are none. Raises UserError, which begins with `where()`, for
        what is neither."""
        self._digests.append(self._digest(_text(value, where)))

    def add_encoded(self, values: Sequence[Any], places: Any, where: Callable[[], str]) -> None:
        """Append those of a dictionary of values, by an array of places in it, -1 for none."""
        digests = [self._digest(_text(value, where)) for value in values]
        self._digests.extend(np.array([*digests, 0], np.uint64)[places].tolist())

    def _digest(self, text: str) -> int:
        digest = self._known.get(text)
        if digest is None:
            data = text.encode("utf-8", "surrogatepass")
            digest = int.from_bytes(blake2b(data, digest_size=8).digest(), "little") if text else 0
            if len(self._known) < _MOST_TEXTS:
                self._known[text] = digest
        return digest

    def numbers(self) -> npt.NDArray[np.int32]:
        """The number of each image's group; NO_GROUP where it has none."""
        digests = np.frombuffer(self._digests, np.uint64)
        names, numbers = np.unique(digests, return_inverse=True)
        first = len(names) and names[0] == 0
        return (numbers.reshape(-1) - int(first)).astype(np.int32)


def _text(value: Any, where: Callable[[], str]) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:  # NaN, which pandas writes for nothing
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | tuple | dict | bytes):
        raise UserError(
            f"{where()}: what --group-by names is neither a text nor a number; choose another"
            " column."
        )
    return str(value)


def with_groups(listing: Listing, options: SourceOptions, source: str) -> Listing:
    """The listing with the groups that --group-by asks for, if it does: by the column that its
    reader has read, else by a regular expression over the names. Only the split that is augmented
    has them.

    Raises UserError where an image has none.
    """
    if options.group_by is None:
        return listing
    listing = replace(
        listing, others=tuple(replace(other, group_of=None) for other in listing.others)
    )
    if listing.group_of is None:
        return replace(listing, group_of=_by_names(listing, options.group_by, source))
    without = np.flatnonzero(listing.group_of == NO_GROUP)
    if len(without):
        raise UserError(
            f"{_OPTION} {shorten(options.group_by, 80)}: {count_text(len(without), 'image')} of"
            f" SOURCE {source} {'has' if len(without) == 1 else 'have'} nothing in that column (the"
            f" first is {shown(listing.relative_path(int(without[0])))}); write there what it"
            " belongs to."
        )
    return replace(listing, group_of=_dense(listing.group_of))


def fewest_partners(listing: Listing, same_class: bool | None) -> dict[int, int]:
    """For each class, from how many other groups an image of it can have partners, for the image
    that has fewest: partners of its class, of other classes, or (None) of any, which stands under
    class -1."""
    assert listing.group_of is not None
    count = int(listing.group_of.max(initial=-1)) + 1
    if same_class is None:
        return {-1: count - 1}
    pairs = np.unique(listing.class_of.astype(np.int64) * count + listing.group_of)
    of_class, groups = np.divmod(pairs, count)
    of_group = np.bincount(groups, minlength=count)  # in how many classes each group is
    fewest: dict[int, int] = {}
    classes, starts = np.unique(of_class, return_index=True)
    for class_id, inner in zip(classes.tolist(), np.split(groups, starts[1:]), strict=True):
        here = of_group[inner]
        if same_class:
            fewest[class_id] = len(here) - 1
        else:  # groups with images elsewhere, but for its own, if that is one
            alone = int((here == 1).sum())
            fewest[class_id] = count - alone - (alone < len(here))
    return fewest


def _by_names(listing: Listing, pattern: str, source: str) -> npt.NDArray[np.int32]:
    groups, names = Groups(), NamePattern(pattern, _OPTION)
    count = first = 0
    for index in range(len(listing)):
        found = names.find(printable(listing.relative_path(index)))
        if not found:
            first = first if count else index
            count += 1
        groups.add(found, str)
    if count:
        what = f"{count} of {count_text(len(listing), 'image')}"
        raise UserError(
            f"{_OPTION} {shorten(pattern, 80)}: SOURCE {source} has no column of that name, and as"
            f" a regular expression it finds nothing in the names of {what} (the first is"
            f" {shown(listing.relative_path(first))}); fix it."
        )
    return groups.numbers()


def _dense(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The numbers from 0 on without gaps, in the same order."""
    return np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.int32)
