"""What to do where a folder given as SOURCE holds images and no class folders."""

from __future__ import annotations

import os
import shlex
from itertools import islice
from pathlib import Path

from augcli.data.left_out import is_image_name
from augcli.data.split_names import is_split_name
from augcli.text import listed, shorten

# Entries of a folder that are looked at, and folders beside SOURCE.
_LOOKED_AT = 2_000
_MOST_FOLDERS = 50
_NAMED = 3
# What holds the images of all classes, and is none.
_OF_IMAGES = frozenset(
    ("images", "image", "img", "imgs", "jpegimages", "pictures", "photos", "data", "raw", "labels",
     "masks", "annotations")
)  # fmt: skip


def level_too_low(source: Path) -> str:
    """What to give, as the end of a sentence, where a folder of images is one of several beside
    each other that are classes, as it seems; empty where it is not."""
    folder = parent_of_classes(source)
    if folder is None:
        return ""
    beside = _beside(source)
    some = [shorten(name, 40) for name in beside[:_NAMED]]
    if len(beside) > _NAMED:
        some.append(f"{len(beside) - _NAMED} more")
    do = "does" if len(beside) == 1 else "do"
    return (
        f"so {do} {listed(some, 'and')} beside it; if these are classes, give `{folder}`, which"
        " holds them"
    )


def parent_of_classes(folder: Path) -> str | None:
    """The folder above a folder of images, for a command line, where others stand beside it that
    hold images too; None where these are no classes. Not more than a few are looked at."""
    if not _beside(folder):
        return None
    above = folder.parent if folder.name not in ("", "..") else folder / ".."
    return shlex.quote(str(above))


def _beside(folder: Path) -> list[str]:
    """The folders beside one that hold images directly, sorted; none where one of them has the
    name of a split or of a folder for all images."""
    try:
        place = folder.resolve()
        if place.parent == place or _is_no_class(place.name):
            return []
        with os.scandir(place.parent) as entries:
            names = sorted(
                entry.name
                for entry in islice(entries, _LOOKED_AT)
                if entry.name != place.name and not entry.name.startswith(".") and entry.is_dir()
            )
        beside = [name for name in names[:_MOST_FOLDERS] if holds_images(place.parent / name)]
    except OSError:
        return []
    return [] if any(map(_is_no_class, beside)) else beside


def _is_no_class(name: str) -> bool:
    return is_split_name(name) or name.casefold() in _OF_IMAGES


def holds_images(folder: Path) -> bool:
    """Whether images lie directly in a folder, of the first entries; raises OSError."""
    with os.scandir(os.fsencode(folder)) as entries:
        return any(is_image_name(entry.name) for entry in islice(entries, _LOOKED_AT))
