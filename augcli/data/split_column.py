"""A column of a table that says which split each row belongs to."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data.columns import UnreadColumns
from augcli.data.labels import printable
from augcli.data.listing import Listing
from augcli.data.select import take
from augcli.data.source_options import SourceOptions
from augcli.data.split_names import is_training
from augcli.data.splits import choose_split
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text, shorten

# The values that mean the split that is augmented.
_MOST_SPLITS = 100


class SplitColumn:
    """Collects the values of a column; a column that is named `split` divides for certain, another
    only where one of its values is a training split or `--split`."""

    def __init__(self, name: str, where: Callable[[int], str]) -> None:
        self.name, self._where = name, where
        self._numbers: dict[str, int] = {}
        self._values: dict[Any, int] = {}
        self._of = array("b")
        self.is_certain = name.strip().lower() == "split"
        self._is_none = False

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits, in the order of their first rows."""
        return tuple(self._numbers)

    def add(self, value: Any, number: int) -> None:
        """Note the value in row `number`; raises UserError where it is none of a split."""
        if self._is_none:
            return
        found = self._values.get(value) if isinstance(value, str) else None
        if found is None:
            name = "" if value is None else str(value).strip()
            name = printable(name.encode("utf-8", "surrogateescape"))
            if not name and self.is_certain:
                raise UserError(
                    f"{self._where(number)}: the column {self.name} is empty there; name a split."
                )
            if not name or (name not in self._numbers and len(self._numbers) == _MOST_SPLITS):
                if self.is_certain:
                    raise UserError(
                        f"{self._where(number)}: the column {self.name} has more than"
                        f" {_MOST_SPLITS} values, too many for splits; rename it."
                    )
                self._is_none = True
                return
            found = self._numbers.setdefault(name, len(self._numbers))
            if isinstance(value, str):
                self._values[value] = found
        self._of.append(found)

    def divides(self, chosen: str | None) -> bool:
        """Whether the column divides the table, where `chosen` is the value of --split."""
        if self._is_none:
            return False
        wanted = chosen.lower() if chosen is not None else None
        return self.is_certain or any(
            is_training(name) or name.lower() == wanted for name in self._numbers
        )

    def choose(self, chosen: str | None, source: str) -> int:
        """The number of the split that is augmented; raises UserError where there is none."""
        where = f" in its column {shorten(self.name, 40)}"
        return self.splits.index(choose_split(self.splits, chosen, source, where))

    def of_rows(self) -> npt.NDArray[np.int8]:
        """The number of each row's split."""
        return np.frombuffer(self._of, np.int8)


def choose_column(
    splits: list[SplitColumn], options: SourceOptions, source: str, unread: UnreadColumns
) -> tuple[SplitColumn, int] | None:
    """The column that divides the rows, and the number of the split that is augmented; the other
    columns are noted in `unread`. Raises UserError where it is not certain which."""
    dividing = [column for column in splits if column.divides(options.split)]
    certain = [column for column in dividing if column.is_certain] or dividing
    if len(certain) > 1:
        names = " and ".join(shorten(column.name, 40) for column in certain)
        raise UserError(
            f"SOURCE {source} has several columns of splits, {names}; rename all but one of them."
        )
    for column in splits:
        if column not in certain:
            for value in column.splits or ("",):
                unread.add(column.name, value)
    if not certain:
        if options.split is not None:
            raise no_splits(options.split, source)
        return None
    return certain[0], certain[0].choose(options.split, source)


def no_splits(chosen: str, source: str) -> UserError:
    """The error of `--split` where no column divides the rows."""
    return UserError(
        f"--split {shorten(chosen)}: SOURCE {source} has no column named split; leave it out."
    )


def divide(
    listing: Listing,
    of_rows: npt.NDArray[np.int8],
    splits: Sequence[str],
    chosen: int,
) -> Listing:
    """The rows of the chosen split, with the other splits beside them. Rows of others without a
    label, where each should have one, are left out, which the listing's warnings count."""
    others, left_out = [], 0
    for number, name in enumerate(splits):
        if number == chosen:
            continue
        here = of_rows == number
        has_label = (listing.class_of >= 0) | (listing.labels is not Labels.single)
        usable = np.flatnonzero(here & has_label)
        left_out += int(np.count_nonzero(here)) - len(usable)
        if len(usable):
            others.append(replace(take(listing, usable), split=name, warnings=()))
    part = take(listing, np.flatnonzero(of_rows == chosen))
    warnings = list(listing.warnings)
    if left_out:
        images = count_text(left_out, "image")
        verb = "is" if left_out == 1 else "are"
        warnings.append(f"{images} of other splits without a label {verb} left out.")
    return replace(part, split=splits[chosen], others=tuple(others), warnings=tuple(warnings))
