"""Warnings where others who list folders of classes count them otherwise than the manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from augcli.enums import Labels
from augcli.published import CLASSES, MANIFEST, TRAIN
from augcli.text import listed, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing

_NAMED = 3
_REMEDY = f"use the ids of {MANIFEST} and {CLASSES}."


def order_warning(listing: Listing) -> str:
    """What to warn of where explicit ids are others than ImageFolder's of OUT/train, or the names
    of classes sort otherwise than their folders in OUT; else an empty text."""
    from augcli.data.labels import first_out_of_order

    classes = listing.classes
    differs = first_out_of_order(classes)
    if differs is not None:
        return (
            f"ImageFolder sorts the folders of OUT/{TRAIN} and gives other ids than the manifest:"
            f" {_place(classes, *differs)}; {_REMEDY}"
        )
    if listing.soft_ends is not None or sorted(classes, key=_plain) == list(classes):
        return ""
    plain = sorted(range(len(classes)), key=lambda class_id: _plain(classes[class_id]))
    first = next(place for place, class_id in enumerate(plain) if place != class_id)
    return (
        f"some names of classes are percent-encoded in OUT/{TRAIN}, and ids follow the folders"
        " there; by names, as ImageFolder has them of SOURCE, they are others:"
        f" {_place(classes, first, plain.index(first))}; {_REMEDY}"
    )


def missing_warning(splits: Iterable[Path], classes: Sequence[str]) -> str:
    """What to warn of where classes have no folder in those of splits in OUT, so that ImageFolder
    counts on without them and gives others other ids; else an empty text."""
    missing = [(split, gone) for split in splits if (gone := _missing(split, classes))]
    if not missing:
        return ""
    places = [
        f"{shorten(str(split))} has no folder for {_named(gone)}" if number == 0
        else f"{shorten(str(split))} none for {_named(gone)}"
        for number, (split, gone) in enumerate(missing)
    ]  # fmt: skip
    them = "it" if len(missing) == 1 and len(missing[0][1]) == 1 else "them"
    return (
        f"{listed(places, 'and')}, as no image there shows most of {them}: ImageFolder counts on"
        f" without {them} and gives other ids than the manifest; {_REMEDY}"
    )


def _missing(split: Path, classes: Sequence[str]) -> list[str]:
    """The classes without a folder in that of a split, where a class behind them has one."""
    from augcli.data.labels import class_folder

    try:
        with os.scandir(split) as entries:
            there = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    except OSError:
        return []
    gone = [class_id for class_id, name in enumerate(classes) if class_folder(name) not in there]
    if not gone or len(there) == gone[0]:  # the ids before it stay
        return []
    return [classes[class_id] for class_id in gone]


def _named(classes: Sequence[str]) -> str:
    """Classes in a sentence; of many the first."""
    names = [shorten(name, 40) for name in classes[:_NAMED]]
    if len(classes) > _NAMED:
        names.append(f"{len(classes) - _NAMED} more")
    return f"{'class' if len(classes) == 1 else 'classes'} {listed(names, 'and')}"


def _place(classes: Sequence[str], own: int, other: int) -> str:
    return f"class {shorten(classes[own])} has id {own}, and there {other}"


def _plain(name: str) -> str:
    """The name of a class as Python lists a folder of that name."""
    from augcli.data.labels import from_printable

    try:
        return from_printable(name).decode("utf-8", "surrogateescape")
    except ValueError:
        return name


def warn_of_missing(
    warn: Callable[[str], None], listing: Listing, out: Path, others: Iterable[str]
) -> None:
    """Warn once of classes without a folder in OUT/train or in the folders of `others`, the other
    splits, where ids differ for that alone."""
    from augcli.data.labels import first_out_of_order

    classes = listing.classes
    if listing.labels is not Labels.single or first_out_of_order(classes) is not None:
        return
    if warning := missing_warning((out / split for split in (TRAIN, *others)), classes):
        warn(warning)
