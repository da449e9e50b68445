"""Classes of a source whose labels are numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.text import count_text, shorten

Labels = npt.NDArray[np.int64]
# A higher number is no class but an id, or noise.
_MOST_CLASSES = 1_000_000


def name_classes(
    labels: Iterable[Labels], names: Sequence[str] | None, options: SourceOptions, source: str
) -> tuple[str, ...]:
    """The classes that the numbers in `labels`, of all splits, stand for: class 3 is the fourth.

    Their names are those that the source has, else those of --classes, else the numbers
    themselves. Raises UserError for a number that is none, or has no name, and for names that are
    empty or stand twice.
    """
    arrays = [one for one in labels if len(one)]
    lowest = min((int(one.min()) for one in arrays), default=0)
    highest = max((int(one.max()) for one in arrays), default=0)
    if lowest < 0:
        raise UserError(
            f"SOURCE {source} has the label {lowest}, and classes are numbered from 0 on; leave out"
            " images without a label."
        )
    if names is None and options.classes is None:
        if highest >= _MOST_CLASSES:
            raise UserError(
                f"SOURCE {source} has the label {highest}, more than {_MOST_CLASSES:,} classes;"
                " number them from 0 on."
            )
        return tuple(map(str, range(highest + 1)))
    whose = f"SOURCE {source}" if names is not None else "--classes"
    classes = tuple(names if names is not None else options.classes or ())
    check_names(classes, whose)
    if highest >= len(classes):
        raise UserError(
            f"SOURCE {source} has the label {highest}, and {whose} names"
            f" {count_text(len(classes), 'class')}, numbered from 0 on; name it too."
        )
    return classes


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
