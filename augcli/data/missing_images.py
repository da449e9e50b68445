"""Images that a table or a list names, none of which is there: where they may be."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from augcli.data.labels import shown
from augcli.data.listing import Listing
from augcli.data.source import READERS
from augcli.errors import UserError
from augcli.text import folded, shorten

# Images that are looked up, spread evenly; entries that are looked at to find them elsewhere.
_LOOKED_UP = 500
_ENTRIES, _DEEPEST = 20_000, 3


def refuse_all_missing(listing: Listing, source: str, *, takes_images: bool = True) -> None:
    """Raise UserError where none of the images of a listing is there, of some that are looked up,
    which says where they are if they lie nearby. `takes_images`: whether the command has
    --images."""
    if not listing.are_files or not len(listing):
        return
    count = min(len(listing), _LOOKED_UP)
    chosen = [number * len(listing) // count for number in range(count)]
    if any(os.path.lexists(listing.path(index)) for index in chosen):
        return
    takes_images = takes_images and "images" in READERS[listing.reader].OPTIONS
    root = Path(os.fsdecode(listing.root))
    name = listing.relative_path(0)
    some = "none of its images" if count == len(listing) else f"none of {count} of its images"
    if count == 1:
        some = "its only image is not"
    are = "" if count == 1 else " is"
    place = shorten(str(root)) if not name.startswith(b"/") else "the places that it names"
    raise UserError(
        f"SOURCE {source}: {some}{are} there, as {shown(name)} in {place}"
        f"{_elsewhere(root, name, takes_images=takes_images)}."
    )


def _elsewhere(root: Path, name: bytes, *, takes_images: bool) -> str:
    """What to do, behind what is missing."""
    alike = _other_case(root, name)
    if alike is not None:
        return f", where {shown(alike)} is; write names as the files have them"
    if name.startswith(b"/"):
        return "; write paths relative to the folder of the images"
    if b"\\" in name:
        return "; write / between folders"
    found = next(_holding(root.absolute(), name), None)
    if found is not None and takes_images:
        return f"; give --images {shlex.quote(str(found))}, where it is"
    if found is not None:
        return f", but in {shorten(str(found))}; move them, or fix the paths"
    inner = name.partition(b"/")[2]
    shorter = next(_holding(root.absolute(), inner), None) if inner else None
    if shorter is not None:
        return f", but {shown(inner)} is in {shorten(str(shorter))}; fix the paths"
    return "; give the folder with --images" if takes_images else "; fix the paths"


def _other_case(root: Path, name: bytes) -> bytes | None:
    """The path below `root` that differs from `name` in the case of letters alone, or in the
    separators of words."""
    place, parts = os.fsencode(root), list[bytes]()
    for part in name.strip(b"/").split(b"/"):
        try:
            with os.scandir(place) as entries:
                near = [one.name for _, one in zip(range(_ENTRIES), entries, strict=False)
                        if folded(os.fsdecode(one.name)) == folded(os.fsdecode(part))]  # fmt: skip
        except OSError:
            return None
        if not near:
            return None
        parts.append(part if part in near else min(near))
        place += b"/" + parts[-1]
    path = b"/".join(parts)
    return path if path != name else None


def _holding(root: Path, name: bytes) -> Iterator[Path]:
    """The folders near `root` below which a path is that of a file, nearest ones first: those in
    it, and the ones above it with those beside it."""
    left = _ENTRIES
    for top, deepest in ((root, _DEEPEST), (root.parent, 2), (root.parent.parent, 1)):
        level = [os.fsencode(top)]
        for depth in range(deepest + 1):
            inner: list[bytes] = []
            for place in level:
                if os.path.lexists(place + b"/" + name):
                    yield Path(os.fsdecode(place))
                if depth == deepest:
                    continue
                try:
                    with os.scandir(place) as entries:
                        for entry in entries:
                            left -= 1
                            if left < 0:
                                return
                            if entry.is_dir(follow_symlinks=False) and entry.name[:1] != b".":
                                inner.append(place + b"/" + entry.name)
                except OSError:
                    continue
            level = sorted(inner)
