"""Faults by their kind: what is wrong, how often, and where first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import starmap

from augcli.published import CLASSES

# Kinds that are told apart; faults of others are counted together.
MOST_KINDS = 50
NAMED = 3

_OTHER = "other faults"
# How faults of one kind begin that differ in names or numbers, and what they have in common.
_KINDS = [
    (re.compile(beginning), words)
    for beginning, words in (
        (r"schema version ", "another schema version"),
        (r"it has \d+ label ids? and ", "label ids and weights differ in number"),
        (r"label id .* is not in ", f"a label id is not in {CLASSES}"),
        (r"label weights sum to ", "label weights do not sum to 1, or one is not positive"),
        (r"label .* is not the class of ", "the label is not the class of greatest weight"),
        (r"class name .* is not that of ", "the class name is not that of the label"),
        (r"the file does not lie in ", "the file does not lie in the folder of its class"),
        (r"label weight .* is not above ", "a label weight is not above 0 and at most 1"),
        (r"it has no box", "a row has no box, not even the empty one"),
        (r"lam ", "lam is not between 0 and 1"),
        (r"it has \d+ source ids? and ", "source ids and paths differ in number"),
        (r"box .* is not \[", "a box is not [top, left, bottom, right]"),
        (r"box .* lies outside ", "a box lies outside the image"),
        (r"the image has .* pixels, ", "the image has another size than its row says"),
        (r"two rows have the sample_id ", "two rows have the same sample_id"),
        (r"its views are ", "views of a group are missing, or there twice"),
        (r"line \d+", "a line is no row"),
        (r"its source .* is no longer in ", "a source is no longer in SOURCE"),
        (r"the source cannot be used any more ", "the source cannot be used any more"),
        (r"output .* of it cannot be made again", "an output of it cannot be made again"),
        (r"made again it is another image than ", "made again it is another image"),
        (r"its row is lost and cannot ", "its row is lost and cannot be made again for sure"),
    )
]
_LINE = re.compile(r"line \d+")


@dataclass(slots=True)
class _Kind:
    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)


class Kinds:
    """How many faults there are of each kind, in the order in which kinds came, and the first
    three."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, where: str, what: str) -> None:
        """Count a fault, whose place and words may be shown."""
        kind = self._of(what)
        kind.count += 1
        if len(kind.first) < NAMED:
            kind.first.append((where, what))

    def count(self, what: str, more: int) -> None:
        """Count more faults of the kind of `what`, without their places."""
        if more > 0:
            self._of(what).count += more

    def _of(self, what: str) -> _Kind:
        name: str | None = what if what in self._kinds else None
        name = name or next((words for start, words in _KINDS if start.match(what)), None)
        name = name or what.partition(": ")[0]
        if name not in self._kinds and len(self._kinds) >= MOST_KINDS:
            name = _OTHER
        return self._kinds.setdefault(name, _Kind())

    def lines(self) -> Iterator[str]:
        """A line for each kind: one fault as it is, of several what they have in common."""
        for name, kind in self._kinds.items():
            if kind.count == 1 and kind.first:
                where, what = kind.first[0]
                yield f"{where}: {what}"
                continue
            places = list(dict.fromkeys(starmap(_place, kind.first)))
            if kind.count > len(kind.first):
                places.append("...")
            yield f"{name} ({kind.count}): {', '.join(places)}"

    @property
    def are_all_shown(self) -> bool:
        """Whether `lines` has each fault as it is."""
        return all(kind.count == 1 and kind.first for kind in self._kinds.values())


def _place(where: str, what: str) -> str:
    line = _LINE.match(what)
    return f"{where} {line[0]}" if line else where
