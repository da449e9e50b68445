"""Tells where folders that count as classes are perhaps groups of classes, as in
`animals/pets/cat` where `animals` is SOURCE."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from augcli.data.labels import shown
from augcli.data.split_names import SPLITS
from augcli.text import count_text, listed

# The share of all images that lie deeper than classes have them.
_MOST = 0.9
_NAMED = 3
_LABELS_FROM = {2: "parent", 3: "grandparent"}
_NO_LETTERS = re.compile(r"[\W\d_]+")


def level_warning(
    folders: Sequence[bytes], counts: Sequence[int], remedy: str, listing: str
) -> str:
    """A warning where nearly all images lie in folders of the folders that count as classes, and
    the names of these tell several things apart; else an empty text.

    `folders` are all that hold images, below SOURCE, and `counts` how many each. `remedy` is what
    to give instead, with {name} for a folder; `listing` goes behind it where there is a
    --labels-from for the level, which stands in for {level}.
    """
    paths = [folder.split(b"/") for folder in folders]
    first, last = min(paths), max(paths)
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    )
    if shared > 1:  # one folder in another, again and again
        below = sorted({path[shared] for path in paths if len(path) > shared})
        if len(below) < 2:
            return ""
        return (
            f"SOURCE has one class, {shown(paths[0][0])}, whose images lie in the folders"
            f" {_first(below)} further down; if these are the classes,"
            f" {remedy.format(name=shown(b'/'.join(paths[0][:shared])))}."
        )
    depths: Counter[int] = Counter()
    inner: dict[bytes, set[bytes]] = {}
    for path, count in zip(paths, counts, strict=True):
        depths[len(path)] += count
        inner.setdefault(path[0], set()).update(path[1:2])
    if len(inner) < 2 or depths[1] > (1 - _MOST) * depths.total():
        return ""
    grouping = [top for top in sorted(inner) if len(_stems(inner[top])) > 1]
    if not grouping:
        return ""
    level = _LABELS_FROM.get(min(depths)) if len(depths) == 1 else None
    names = sorted(set[bytes]().union(*inner.values()))
    also = listing.format(level=level) if level else ""
    return (
        f"the {count_text(len(inner), 'folder')} {_first(sorted(inner))} of SOURCE count as"
        f" classes, and the images lie in folders of them: {_first(names)}; if these are the"
        f" classes, {remedy.format(name=shown(grouping[0]))}{also}."
    )


def _stems(names: Iterable[bytes]) -> set[str]:
    """What is left of names that may be those of classes: none of splits, dates and numbers, and
    one of those that are numbered."""
    texts = {name.decode("utf-8", "replace").casefold() for name in names} - {*SPLITS}
    return {stem for text in texts if len(stem := _NO_LETTERS.sub("", text)) > 1}


def _first(names: Sequence[bytes]) -> str:
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return listed([*map(shown, names[:_NAMED]), *more], "and")
