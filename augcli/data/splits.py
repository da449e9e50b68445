"""Tells folders of splits (train, val, test) and of whole data sets from folders of classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from augcli.data.labels import printable, shown
from augcli.errors import UserError
from augcli.published import TRAIN

# The first that a source has is what is most likely meant.
SPLITS = ("train", "training", "trainval", "val", "valid", "validation", "dev", "test", "testing",
          "eval", "holdout")  # fmt: skip
_NAMED = 3


def check_classes(source: str, folders: Iterable[bytes], remedy: str) -> str:
    """A warning where the upper folders of a source are perhaps no classes; else an empty text.

    `folders` are all that hold images, below the folder of classes. `remedy` is what to give
    instead, with {name} for an upper folder. Raises UserError where all upper folders have names of
    splits, hold no image themselves, and one of them has several folders with images.
    """
    inner: dict[bytes, set[bytes]] = {}
    direct: set[bytes] = set()
    for folder in folders:
        top, slash, below = folder.partition(b"/")
        seconds = inner.setdefault(top, set())
        if slash:
            seconds.add(below.partition(b"/")[0])
        else:
            direct.add(top)
    most = max(map(len, inner.values()), default=0)
    splits = sorted(inner, key=_rank)
    if splits and _rank(splits[-1]) < len(SPLITS):
        names = ", ".join(map(printable, splits))
        instead = remedy.format(name=printable(splits[0]))
        if not direct and most > 1:
            what = "splits" if len(splits) > 1 else "a split"
            raise UserError(f"SOURCE {source} holds {what} ({names}), not classes; {instead}.")
        taken = "folders" if len(splits) > 1 else "folder"
        return f"the {taken} {names} of SOURCE count as classes; if they are splits, {instead}."
    if len(inner) == 1 and not direct and most > 1:
        (top,) = inner
        some = ", ".join(map(shown, sorted(inner[top])[:_NAMED]))
        more = f" and {most - _NAMED} more" if most > _NAMED else ""
        return (
            f"SOURCE has one class, {shown(top)}, whose images lie in the folders {some}{more} of"
            f" it; if these are the classes, {remedy.format(name=shown(top))}."
        )
    return ""


def other_splits(source: Path) -> list[str]:
    """The folders of splits in a source but `train`."""
    return [name for name in SPLITS if name != TRAIN and (source / name).is_dir()]


def _rank(folder: bytes) -> int:
    name = printable(folder).lower()
    return SPLITS.index(name) if name in SPLITS else len(SPLITS)
