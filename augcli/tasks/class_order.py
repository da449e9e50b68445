"""Warnings where others who list folders of classes count them otherwise than the manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from augcli.enums import Labels
from augcli.published import CLASSES, MANIFEST, TRAIN
from augcli.text import shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing

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


def missing_warning(train: Path, classes: Sequence[str]) -> str:
    """What to warn of where a class has no folder in OUT/train (or the folder of another split), so
    that ImageFolder counts on without it; else an empty text."""
    from augcli.data.labels import class_folder

    try:
        with os.scandir(train) as entries:
            there = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    except OSError:
        return ""
    gone = [class_id for class_id, name in enumerate(classes) if class_folder(name) not in there]
    if not gone or len(there) == gone[0]:  # the ids before it stay
        return ""
    return (
        f"no image in OUT/{train.name} shows most of class {shorten(classes[gone[0]])}, so that"
        f" ImageFolder counts on without it and gives other ids than the manifest; {_REMEDY}"
    )


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
    """Warn of classes without a folder in OUT/train or in the folders of `others`, the other
    splits, where ids differ for that alone."""
    from augcli.data.labels import first_out_of_order

    classes = listing.classes
    if listing.labels is not Labels.single or first_out_of_order(classes) is not None:
        return
    for split in (TRAIN, *others):
        if warning := missing_warning(out / split, classes):
            warn(warning)
