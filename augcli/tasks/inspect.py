"""What a source holds and how it is understood, before any work."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augcli.data.listing import Listing
from augcli.data.source import kind_of, read_image
from augcli.enums import Labels
from augcli.errors import UnreadableImage
from augcli.image.header import describe

# Images whose headers are read where not all are.
SAMPLE = 500
_NAMED = 3
_SHOWN_SIZES = 5


@dataclass(frozen=True)
class SplitFacts:
    """A split (its name is empty where the source has none): images, and how many of each class;
    of multi-label images also how many have no class and several, else None."""

    name: str
    images: int
    counts: tuple[int, ...]
    without: int | None = None
    several: int | None = None


@dataclass
class Headers:
    """What the headers of `read` images say: how many have each (width, height), format and mode;
    those that are unreadable, with the reason."""

    read: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> None:
        """Count one image file."""
        self.read += 1
        try:
            header = describe(data)
        except UnreadableImage as error:
            self.unreadable.append((name, str(error)))
            return
        self.sizes[header.width, header.height] += 1
        self.formats[header.format] += 1
        self.modes[header.mode] += 1


@dataclass(frozen=True)
class Duplicates:
    """Images of equal bytes: groups of two or more, images beyond the first of each group, groups
    with several classes, groups in several splits, and the first groups by their names."""

    groups: int
    images: int
    across_classes: int
    across_splits: int
    first: list[list[str]]


@dataclass(frozen=True)
class GroupFacts:
    """The groups of the images that are augmented (`--group-by`): how many images each has, the
    largest first, and an image of that one."""

    sizes: tuple[int, ...]
    example: str

    @property
    def counts(self) -> list[tuple[int, int]]:
        """(images, groups of so many), the largest first."""
        return list(Counter(self.sizes).items())


@dataclass(frozen=True)
class Inspection:
    """What `inspect` tells of a source. `bytes` are those of all image files."""

    kind: str
    classes: tuple[str, ...]
    splits: list[SplitFacts]
    bytes: int
    headers: Headers
    duplicates: Duplicates | None
    labels: Labels = Labels.single
    groups: GroupFacts | None = None


def inspect(
    listing: Listing,
    *,
    deep: bool,
    max_pixels: int,
    on_start: Callable[[int, int], None] = lambda *_: None,
    on_image: Callable[[int], None] = lambda _: None,
) -> Inspection:
    """Look at a listed source: at the headers of up to SAMPLE images spread over it, or with `deep`
    of all, whose contents are then compared too.

    `on_start` is called with the number of images that are opened and 0, `on_image` with 1 for
    each of them.
    """
    parts = [listing, *listing.others]
    total = sum(map(len, parts))
    chosen = range(total) if deep or total <= SAMPLE else _spread(total)
    on_start(len(chosen), 0)
    headers = Headers()
    digests = np.zeros((total, 16), np.uint8) if deep else None
    for number, part, index in _images(parts, chosen):
        name = _name(part, index)
        try:
            data = read_image(part, index, max_pixels)
        except UnreadableImage as error:
            headers.read += 1
            headers.unreadable.append((name, str(error)))
            data = b""
        else:
            headers.add(name, data)
        if digests is not None and data:
            digest = hashlib.blake2b(data, digest_size=16).digest()
            digests[number] = np.frombuffer(digest, np.uint8)
        on_image(1)
    sizes = np.concatenate([part.sizes() for part in parts])
    return Inspection(
        kind_of(listing),
        listing.classes,
        [_facts(part) for part in parts],
        int(sizes[sizes > 0].sum()),
        headers,
        None if digests is None else _duplicates(parts, digests),
        listing.labels,
        _groups(listing),
    )


def to_json(facts: Inspection) -> dict[str, Any]:
    """The inspection as JSON values."""
    headers = facts.headers
    values: dict[str, Any] = {
        "kind": facts.kind,
        "classes": list(facts.classes),
        "splits": [
            {"name": one.name, "images": one.images, "counts": list(one.counts)}
            | ({} if one.without is None else {"no_class": one.without, "several": one.several})
            for one in facts.splits
        ],
        "bytes": facts.bytes,
        "headers_read": headers.read,
        "sizes": [[*size, count] for size, count in headers.sizes.most_common()],
        "formats": dict(headers.formats.most_common()),
        "modes": dict(headers.modes.most_common()),
        "unreadable": [{"path": path, "reason": reason} for path, reason in headers.unreadable],
    }
    if facts.labels is not Labels.single:
        values["labels"] = facts.labels.value
    if facts.groups is not None:
        values["groups"] = {
            "count": len(facts.groups.sizes),
            "sizes": [list(one) for one in facts.groups.counts],
        }
    if facts.duplicates is not None:
        same = facts.duplicates
        values["duplicates"] = {
            "groups": same.groups,
            "images": same.images,
            "across_classes": same.across_classes,
            "across_splits": same.across_splits,
            "first": same.first,
        }
    return values


def _spread(total: int) -> list[int]:
    return [place * total // SAMPLE for place in range(SAMPLE)]


def _images(parts: list[Listing], chosen: range | list[int]) -> Iterator[tuple[int, Listing, int]]:
    """(number, listing, index) of the chosen images, whose numbers count through all parts."""
    start, rest = 0, iter(chosen)
    number = next(rest, None)
    for part in parts:
        while number is not None and number < start + len(part):
            yield number, part, number - start
            number = next(rest, None)
        start += len(part)


def _facts(part: Listing) -> SplitFacts:
    if part.labels is Labels.multi and part.soft_ids is not None and part.soft_ends is not None:
        counts = np.bincount(part.soft_ids, minlength=len(part.classes))
        sizes = np.diff(part.soft_ends, prepend=0)
        without, several = int((sizes == 0).sum()), int((sizes > 1).sum())
        return SplitFacts(part.split, len(part), tuple(counts.tolist()), without, several)
    labelled = part.class_of[part.class_of >= 0]
    counts = np.bincount(labelled, minlength=len(part.classes))
    return SplitFacts(part.split, len(part), tuple(counts.tolist()))


def _groups(listing: Listing) -> GroupFacts | None:
    if listing.group_of is None:
        return None
    sizes = np.bincount(listing.group_of)
    example = int(np.argmax(listing.group_of == np.argmax(sizes)))
    return GroupFacts(tuple(np.sort(sizes)[::-1].tolist()), _name(listing, example))


def _duplicates(parts: list[Listing], digests: Any) -> Duplicates:
    keys = digests.view([("", np.uint8)] * 16).reshape(-1)
    order = np.argsort(keys, kind="stable")
    same = np.concatenate([[False], (digests[order[1:]] == digests[order[:-1]]).all(axis=1)])
    same &= digests[order].any(axis=1)  # those that could not be read have no digest
    starts = np.cumsum([0, *map(len, parts)])
    groups: list[list[int]] = []
    for place in np.flatnonzero(same).tolist():
        if not same[place - 1]:
            groups.append([int(order[place - 1])])
        groups[-1].append(int(order[place]))
    groups.sort()
    across_classes = across_splits = 0
    first: list[list[str]] = []
    for group in groups:
        at = [int(np.searchsorted(starts, number, "right")) - 1 for number in group]
        where = [(parts[k], number - int(starts[k])) for number, k in zip(group, at, strict=True)]
        across_classes += len({_label(part, index) for part, index in where}) > 1
        across_splits += len(set(at)) > 1
        if len(first) < _NAMED:
            first.append([_name(part, index) for part, index in where[:_NAMED]])
    return Duplicates(
        len(groups), sum(map(len, groups)) - len(groups), across_classes, across_splits, first
    )


def _label(part: Listing, index: int) -> frozenset[int]:
    if part.labels is Labels.multi:
        return frozenset(part.label(index).ids)
    return frozenset([int(part.class_of[index])])


def _name(part: Listing, index: int) -> str:
    relative = part.sample(index).relative
    return f"{part.split}/{relative}" if part.split else relative
