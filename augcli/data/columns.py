"""Columns of a table, or keys of JSON, that are not read: named in warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from augcli.text import count_text, shorten

# What divides a data set, where it has more than one value.
_DIVIDING = frozenset({"split", "subset", "set", "fold", "partition", "phase"})
_NAMED = 5
_NAMED_VALUES = 3
_LONGEST_NAME = 60
# Of names that differ from row to row, no more are remembered.
_MOST_NAMES = 10_000


def divides(name: str) -> bool:
    """Whether a column of this name says which split a row belongs to."""
    return name.strip().lower() in _DIVIDING


@dataclass(slots=True)
class UnreadColumns:
    """The columns of a source that are not read, and the first values of those that divide it;
    `group` is the one that --group-by names, which is read."""

    noun: str = "column"
    group: str | None = None
    _values: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, name: str, value: Any = None) -> None:
        """Note a column of a row; the value counts where the column divides the data set."""
        if self.group is not None and name.strip() == self.group.strip():
            return
        name = name[:_LONGEST_NAME]
        values = self._values.get(name)
        if values is None:
            if len(self._values) == _MOST_NAMES:
                return
            values = self._values[name] = {}
        if value is not None and len(values) <= _NAMED_VALUES and divides(name):
            values[shorten(str(value).strip(), _LONGEST_NAME)] = None

    def warnings(self, source: str) -> Iterator[str]:
        """One sentence for each column that divides the source, and one that names the others."""
        dividing = {name: values for name, values in self._values.items() if len(values) > 1}
        for name, values in dividing.items():
            some = ", ".join(list(values)[:_NAMED_VALUES])
            more = ", ..." if len(values) > _NAMED_VALUES else ""
            yield (
                f"{source}: the {self.noun} {_shown(name)} is not read, and has several values"
                f" ({some}{more}): all rows are used; keep only those that are meant."
            )
        others = [name for name in self._values if name not in dividing]
        if others:
            some = ", ".join(map(_shown, others[:_NAMED]))
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            are = "is" if len(others) == 1 else "are"
            yield f"{source}: {count_text(len(others), self.noun)} {are} not read ({some}{more})."


def _shown(name: str) -> str:
    return shorten(name.strip(), _LONGEST_NAME) or "one without a name"
