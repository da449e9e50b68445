"""Classes of a source whose labels are numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.text import count_text, shorten

Labels = npt.NDArray[np.int64]
# A higher number is no class but an id, or noise.
MOST_CLASSES = 1_000_000


class Numbered(NamedTuple):
    """Labels that are numbers, and the place in which they stand as the beginning of a sentence:
    the first is that of row `first`; None where they are not one a row."""

    where: str
    labels: Labels
    first: int | None = 0

    def place_of(self, index: int) -> str:
        """The place of one label, as the beginning of a sentence."""
        return self.where if self.first is None else f"{self.where}: row {self.first + index}"


def name_classes(
    parts: Iterable[Numbered],
    names: Sequence[str] | None,
    options: SourceOptions,
    source: str,
    most: int = MOST_CLASSES,
) -> tuple[str, ...]:
    """The classes that the numbers of all splits stand for: class 3 is the fourth.

    Their names are those that the source has, else those of --classes, else the numbers themselves,
    which are below `most`. Raises UserError, with the place, for a number that is none, or has no
    name, and for names that are empty or stand twice.
    """
    known = [one for one in parts if len(one.labels)]
    for one in known:
        if int(one.labels.min()) < 0:
            index = int(np.argmax(one.labels < 0))
            raise UserError(
                f"{one.place_of(index)} has the label {one.labels[index]}, and classes are numbered"
                " from 0 on; leave out images without a label."
            )
    if names is None and options.classes is None:
        _refuse_from(most, known, f"there are at most {most:,} classes", "give --classes for more")
        highest = max((int(one.labels.max()) for one in known), default=0)
        return tuple(map(str, range(highest + 1)))
    whose = f"SOURCE {source}" if names is not None else "--classes"
    classes = tuple(names if names is not None else options.classes or ())
    check_names(classes, whose)
    count = count_text(len(classes), "class")
    _refuse_from(len(classes), known, f"{whose} names {count}", "name it too")
    return classes


def _refuse_from(most: int, parts: Iterable[Numbered], why: str, remedy: str) -> None:
    for one in parts:
        if int(one.labels.max()) >= most:
            index = int(np.argmax(one.labels >= most))
            raise UserError(
                f"{one.place_of(index)} has the label {one.labels[index]}, and {why}, numbered from"
                f" 0 on; {remedy}."
            )


def check_names(classes: Sequence[str], whose: str) -> None:
    """Raise UserError where a class has no name, or that of another one."""
    ids: dict[str, int] = {}
    for number, name in enumerate(classes):
        if not name.strip() or any(ord(character) < 0x20 for character in name):
            given = shorten(repr(name))
            raise UserError(f"{whose} names class {number} {given}, which is no name; fix it.")
        if ids.setdefault(name, number) != number:
            raise UserError(
                f"{whose} names class {ids[name]} and class {number} both {shorten(name)}; give"
                " each a name of its own."
            )
