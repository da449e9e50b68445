"""Finds the columns of a table that are read, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from augcli.data.labels import printable
from augcli.data.left_out import is_image_name
from augcli.data.tables import Table
from augcli.errors import UserError
from augcli.text import count_text, did_you_mean, folded, listed, shorten

# What divides columns in files of other programs, and how a sentence names it.
_DIVIDERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SHOWN = 20  # names of columns
_OTHER_BYTES = re.compile("[\udc80-\udcff]")


def find_column(
    table: Table, what: str, tiers: Sequence[tuple[str, ...]], option: str
) -> int | None:
    """The place of the one column of `what` (paths, say), which has one of the names of the first
    of `tiers` that any column is named by, however it is spelled; None where there is none.

    Raises UserError where there are several; `option` says which is meant.
    """
    for names in tiers:
        known = {folded(name) for name in names}
        places = [at for at, name in enumerate(table.columns) if folded(name.strip()) in known]
        if len(places) == 1:
            return places[0]
        if places:
            which = _names([table.columns[at] for at in places])
            raise UserError(
                f"{table.top}: it has {count_text(len(places), 'column')} of {what}, {which}; leave"
                f" one of them so, or choose one with {option}."
            )
    return None


def given_column(table: Table, name: str, option: str) -> int:
    """The place of the column that an option names; raises UserError where there is none, or where
    several have that name."""
    columns = [column.strip() for column in table.columns]
    places = [at for at, column in enumerate(columns) if name.strip() == column]
    places = places or [at for at, column in enumerate(columns) if folded(column) == folded(name)]
    if len(places) == 1:
        return places[0]
    if places:
        raise UserError(
            f"{table.top}: it has {count_text(len(places), 'column')} named {shorten(name)}; rename"
            " all but one."
        )
    hint = did_you_mean(name, columns)
    raise UserError(
        f"{table.top}: it has no column {shorten(name)}{hint}, but {_names(table.columns)}; choose"
        f" another {option}."
    )


def no_column(
    table: Table, what: str, names: tuple[str, ...], option: str, instead: str = ""
) -> UserError:
    """The error of a table without a column of `what`, which says what stands there, and what else
    may be given."""
    header = table.columns
    if not any(name.strip() for name in header):
        amiss = f"it is empty; name the columns there, one of them {listed(names)}"
    elif any("\0" in name for name in header):
        amiss = "it has NUL bytes, as texts in UTF-16 do; save it in UTF-8"
    elif table.divider and len(header) == 1 and (other := _other_divider(table)):
        ending = {"\t": ", or name it .tsv", ",": ", or name it .csv"}.get(other, "")
        amiss = (
            f"its columns are divided by {_DIVIDERS[other]}; divide them by"
            f" {_DIVIDERS[table.divider]}{ending}"
        )
    elif table.divider and any(
        is_image_name(name.strip().encode("utf-8", "surrogateescape")) for name in header
    ):
        amiss = (
            f"it is a row, {_names(header)}; put a line with names above, as"
            f" path{table.divider}label"
        )
    else:
        columns = f"column{'s' if len(header) > 1 else ''} {_names(header)}"
        amiss = (
            f"it has the {columns}, and none of {what}; name one of them {listed(names)}, or choose"
            f" one with {option}{f', or {instead}' if instead else ''}"
        )
    return UserError(f"{table.top}: {amiss}.")


def column_text(name: str) -> str:
    """The name of a column in a sentence."""
    return shorten(printable(name.strip().encode("utf-8", "surrogateescape")), 40)


def _other_divider(table: Table) -> str | None:
    return next((o for o in _DIVIDERS if o != table.divider and o in table.columns[0]), None)


def _names(header: Sequence[str]) -> str:
    shown = [column_text(name) or "''" for name in header[:_SHOWN]]
    more = [f"{len(header) - _SHOWN} more"] if len(header) > _SHOWN else []
    return listed([*shown, *more], "and")


def refuse_other_bytes(value: object, column: str, where: str) -> None:
    """Raise UserError where a path or label in a table has bytes that are not UTF-8, which stand
    for themselves as Python's surrogateescape has them."""
    if not isinstance(value, str) or value.isascii() or not _OTHER_BYTES.search(value):
        return
    raise UserError(
        f"{where}: the {column_text(column)} {column_text(value)}"
        " is not UTF-8; save the table in UTF-8 (files whose own names are not UTF-8 can be given"
        " as a list on standard input)."
    )
