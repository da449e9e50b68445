"""Where the map of each image stands below OUT: on every system apart from all others.

A map's name is its image's path below SOURCE, or its class and id where that is no name for every
system. `map_names` finds those that would meet, also where case and accents do not count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from augcli.data.labels import IMAGES, class_folder, printable
from augcli.data.listing import Listing, sample_id
from augcli.enums import Labels

OVERLAY = ".overlay.jpg"
_ENDINGS = (".png", ".npy", OVERLAY)


def map_name(listing: Listing, names: dict[int, str], index: int) -> str:
    """The name of an image's map, without its ending; `names` as from `map_names`."""
    return names[index] if index in names else _plain_name(listing, index)


def map_names(listing: Listing, reserved: Iterable[str]) -> dict[int, str]:
    """The names of maps that do not stand at their plain names, by the index of their image.

    `reserved` are names in OUT that are not free. Of several maps with one name the first of the
    listing has it. A map that would stand where a folder is needed makes way. Depends on the
    listing alone, not on the options or the system. Some 20 bytes an image meanwhile.
    """
    taken = {_folded(name) for name in reserved}
    count = len(listing)
    hashes = np.empty(count, np.int64)
    names = listing.classes if listing.labels is Labels.single else (IMAGES,)
    folders = {_folded(_class_place(name, taken)) for name in names}
    moving = set[int]()
    for index in range(count):
        name = _folded(_plain_name(listing, index))
        hashes[index] = hash(name)
        folders.update(_parents(name, folders))
        if "/" in name and name.split("/", 1)[0] in taken:
            moving.add(index)
    moving.update(_repeated(listing, hashes))
    ended = {name.removesuffix(end) for end in _ENDINGS for name in folders if name.endswith(end)}
    if ended:
        moving.update(i for i in range(count) if _folded(_plain_name(listing, i)) in ended)
    return {index: _moved_name(listing, index, taken) for index in sorted(moving)}


def _plain_name(listing: Listing, index: int) -> str:
    path = listing.relative_path(index)
    relative = printable(path)
    if all(class_folder(part) == part for part in relative.split("/")):
        return relative
    return f"{class_folder(_class_name(listing, index))}/{sample_id(path)}"


def _moved_name(listing: Listing, index: int, taken: set[str]) -> str:
    """A name that no plain one has: these have a percent sign only before two digits."""
    place = _class_place(_class_name(listing, index), taken)
    return f"{place}/{sample_id(listing.relative_path(index))}%"


def _class_name(listing: Listing, index: int) -> str:
    if listing.labels is not Labels.single:
        return IMAGES
    return listing.classes[listing.label(index).dominant]


def _class_place(class_name: str, taken: set[str]) -> str:
    folder = class_folder(class_name)
    return f"{folder}%" if _folded(folder) in taken else folder


def _parents(name: str, known: set[str]) -> Iterator[str]:
    """The folders above a name, up to the first that is known."""
    for parent in PurePosixPath(name).parents if "/" in name else ():
        if str(parent) in known:
            return
        yield str(parent)


def _repeated(listing: Listing, hashes: npt.NDArray[np.int64]) -> Iterator[int]:
    """The images whose plain name an earlier one has."""
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    seen: dict[str, None] = {}
    last = -2
    for at in same.tolist():
        if at != last + 1:  # the first of others that share a hash
            seen = {_folded(_plain_name(listing, int(order[at]))): None}
        index, last = int(order[at + 1]), at
        name = _folded(_plain_name(listing, index))
        if name in seen:
            yield index
        seen[name] = None


def _folded(name: str) -> str:
    """The name as systems compare it that pass over case, and over how accents are written."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
