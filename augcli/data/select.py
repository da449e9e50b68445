"""Chooses a part of a listing: some of its classes, a limited number of its images, ids by a list
of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from augcli.data.listing import Listing, with_ids
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text, did_you_mean, listed, shorten

_NAMED = 3
_SHOWN = 5


def select(listing: Listing, options: SourceOptions, source: str) -> Listing:
    """The part of SOURCE's listing that the common options choose; raises UserError where nothing
    is left, and where a pattern or a list of classes does not fit the classes.

    Of `--limit N` images, every (n / N)-th is taken, so that all classes have their share.
    """
    if options.classes_include or options.classes_exclude:
        listing = _with_chosen_classes(listing, options, source)
    if options.classes is not None and listing.labels is not Labels.none:
        listing = number_classes(listing, options.classes, source)
    others = tuple(select(other, _of_classes(options), source) for other in listing.others)
    listing = replace(listing, others=others)
    if options.limit is not None and options.limit < len(listing):
        count = options.limit
        listing = take(listing, np.arange(count, dtype=np.int64) * len(listing) // count)
    return listing


def _of_classes(options: SourceOptions) -> SourceOptions:
    return options.model_copy(update={"limit": None})


def number_classes(listing: Listing, classes: Sequence[str], source: str) -> Listing:
    """The listing with ids by their places in `classes`, which may name more than it has."""
    if tuple(classes) == listing.classes:
        return listing
    places = {name: place for place, name in enumerate(classes)}
    strange = [name for name in listing.classes if name not in places]
    if strange:
        hint = did_you_mean(strange[0], classes)
        some = ", ".join(shorten(name) for name in strange[:_NAMED])
        more = ", ..." if len(strange) > _NAMED else ""
        raise UserError(
            f"SOURCE {source} has {count_text(len(strange), 'class')} that --classes does not name"
            f" ({some}{more}){hint}; add them to that file, or leave them out with"
            " --classes-exclude."
        )
    return with_ids(listing, tuple(classes), [places[name] for name in listing.classes])


def take(listing: Listing, indices: npt.NDArray[np.int64]) -> Listing:
    """The images at `indices`, which increase, in a listing of the same classes."""
    ends = listing.ends.astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    lengths = (ends - starts)[indices]
    names = np.frombuffer(listing.names, np.uint8)
    kept = np.zeros(len(names) + 1, np.int8)
    np.add.at(kept, starts[indices], 1)
    np.add.at(kept, ends[indices], -1)
    soft_ids, soft_weights, soft_ends = listing.soft_ids, listing.soft_weights, listing.soft_ends
    if soft_ids is not None and soft_weights is not None and soft_ends is not None:
        first = np.concatenate([[0], soft_ends[:-1]])[indices]
        counts = soft_ends[indices] - first
        soft_ends = np.cumsum(counts)
        within = np.arange(int(counts.sum())) - np.repeat(soft_ends - counts, counts)
        places = np.repeat(first, counts) + within
        soft_ids, soft_weights = soft_ids[places], soft_weights[places]
    return replace(
        listing,
        folder_of=listing.folder_of[indices],
        names=names[np.cumsum(kept[:-1], dtype=np.int8) > 0].tobytes(),
        ends=np.cumsum(lengths).astype(np.uint64),
        class_of=listing.class_of[indices],
        soft_ids=soft_ids,
        soft_weights=soft_weights,
        soft_ends=soft_ends,
        spans=None if listing.spans is None else listing.spans[indices],
        group_of=None if listing.group_of is None else listing.group_of[indices],
    )


def is_chosen(name: str, options: SourceOptions) -> bool:
    """Whether `--classes-include` and `--classes-exclude` leave a class."""
    included = options.classes_include or ("*",)
    return any(fnmatchcase(name, one) for one in included) and not any(
        fnmatchcase(name, one) for one in options.classes_exclude
    )


def _with_chosen_classes(listing: Listing, options: SourceOptions, source: str) -> Listing:
    several = listing.soft_ids is not None and len(listing.soft_ids) > len(listing)
    if several or listing.labels is not Labels.single:
        raise UserError(
            f"SOURCE {source} has labels of several classes an image, so that no classes can be"
            " left out; leave out --classes-include and --classes-exclude."
        )
    for option, patterns in (
        ("--classes-include", options.classes_include),
        ("--classes-exclude", options.classes_exclude),
    ):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in listing.classes):
                hint = did_you_mean(pattern, listing.classes)
                parts = [part for part in pattern.split(",") if part]
                if len(parts) > 1 and set(parts) <= {*listing.classes}:
                    hint = f"; write {' '.join(f'{option} {shorten(part)}' for part in parts)}"
                first = [shorten(name, 60) for name in listing.classes[:_SHOWN]]
                more = [f"{len(listing.classes) - _SHOWN} more"] if listing.classes[_SHOWN:] else []
                hint = hint or f"; it has {listed([*first, *more], 'and')}"
                raise UserError(
                    f"{option} {shorten(pattern)} fits no class of SOURCE {source}{hint}."
                )

    chosen = np.array([is_chosen(name, options) for name in listing.classes], np.bool_)
    kept = np.flatnonzero(chosen[listing.class_of])
    if not len(kept):
        options_given = listed(
            [name for name, patterns in (("--classes-include", options.classes_include),
                                         ("--classes-exclude", options.classes_exclude))
             if patterns], "and")  # fmt: skip
        raise UserError(f"{options_given} leave no image of SOURCE {source}; choose others.")
    part = take(listing, kept)
    ids = np.cumsum(chosen, dtype=np.int32) - np.int32(1)
    names = tuple(name for name, one in zip(listing.classes, chosen, strict=True) if one)
    soft = None if part.soft_ids is None else ids[part.soft_ids]
    return replace(part, classes=names, class_of=ids[part.class_of], soft_ids=soft)
