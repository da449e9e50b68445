"""Finds the columns of a table that are read, by its first line."""

from __future__ import annotations

from pathlib import Path

from augcli.data.labels import printable
from augcli.data.left_out import is_image_name
from augcli.errors import UserError
from augcli.text import count_text, folded, listed, shorten

# What divides columns in files of other programs, and how a sentence names it.
_DIVIDERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SHOWN = 20  # names of columns


def find_column(
    header: list[str], what: str, names: tuple[str, ...], source: Path, divider: str
) -> int:
    """The place of the one column of `what` (paths, say), which has one of `names`, however it is
    spelled, in the first line of a table whose columns are divided by `divider`.

    Raises UserError that says what stands there instead.
    """
    known = {folded(name) for name in names}
    places = [at for at, name in enumerate(header) if folded(name.strip()) in known]
    if len(places) == 1:
        return places[0]
    raise UserError(f"{source}, line 1: {_amiss(header, places, what, names, divider)}.")


def _amiss(
    header: list[str], places: list[int], what: str, names: tuple[str, ...], divider: str
) -> str:
    if places:
        which = _names([header[at] for at in places])
        return (
            f"it has {count_text(len(places), 'column')} of {what}, {which}; leave one of them so"
        )
    if not any(name.strip() for name in header):
        return f"it is empty; name the columns there, one of them {listed(names)}"
    if any("\0" in name for name in header):
        return "it has NUL bytes, as texts in UTF-16 do; save it in UTF-8"
    other = next((one for one in _DIVIDERS if one != divider and one in header[0]), None)
    if len(header) == 1 and other is not None:
        ending = {"\t": ", or name it .tsv", ",": ", or name it .csv"}.get(other, "")
        return (
            f"its columns are divided by {_DIVIDERS[other]}; divide them by {_DIVIDERS[divider]}"
            f"{ending}"
        )
    if any(is_image_name(name.strip().encode("utf-8", "surrogateescape")) for name in header):
        return f"it is a row, {_names(header)}; put a line with names above, as path{divider}label"
    columns = f"column{'s' if len(header) > 1 else ''} {_names(header)}"
    return f"it has the {columns}, and none of {what}; name one of them {listed(names)}"


def _names(header: list[str]) -> str:
    shown = [_text(name) or "''" for name in header[:_SHOWN]]
    more = [f"{len(header) - _SHOWN} more"] if len(header) > _SHOWN else []
    return listed([*shown, *more], "and")


def _text(name: str) -> str:
    return shorten(printable(name.strip().encode("utf-8", "surrogateescape")), 40)
