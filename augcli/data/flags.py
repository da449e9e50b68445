"""Tables with a column of 0 and 1 for each class, as Roboflow writes them: `_classes.csv`. Where an
image may have several classes they may have other names, and targets between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from augcli.data.columns import divides
from augcli.data.header import find_column, given_column, no_column
from augcli.data.label_kinds import OR_MULTI, are_targets
from augcli.data.labels import printable
from augcli.data.source_options import SourceOptions
from augcli.data.tables import Table, rows
from augcli.errors import UserError
from augcli.text import shorten

CLASSES_FILE = "_classes.csv"
_PATHS = (("filename", "file_name", "path", "image"),)
_NUMBER = re.compile(r"(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE]-[0-9]{1,3})?")
_FIRST = 5
_PLAIN = {"0": 0.0, "1": 1.0, 0: 0.0, 1: 1.0}  # of nearly all values


def find_flags(table: Table, options: SourceOptions) -> tuple[int, list[int]]:
    """The places of the column of paths and of those of the classes, in the order of their ids.

    Raises UserError where there are none, or two classes have one name.
    """
    if options.path_column is not None:
        path: int | None = given_column(table, options.path_column, "--path-column")
    else:
        path = find_column(table, "paths", _PATHS, "--path-column")
    if path is None:
        raise no_column(table, "paths", _PATHS[0], "--path-column")
    flags = [at for at in range(len(table.columns)) if at != path]
    check_flags(table, flags)
    return path, flags


def check_flags(table: Table, flags: Sequence[int]) -> None:
    """Raise UserError where there is no column of a class, or one has no name of its own."""
    names: set[str] = set()
    for at in flags:
        name = class_of_column(table.columns[at])
        if not name or name in names:
            what = f"two columns are named {shorten(name)}" if name else "a column has no name"
            raise UserError(f"{table.top}: {what}; each names its class.")
        names.add(name)
    if not flags:
        raise UserError(f"{table.top}: it has no column of a class; add one for each.")


def targets_in(
    table: Table, path: int, classes: Sequence[str] | None, group: str | None = None
) -> list[int]:
    """The places of the columns with a target for each class, in a table that is not said to have
    them: those that `classes` name, else all but those of paths and of the groups where their first
    rows hold nothing else than numbers from 0 to 1; none where there are others."""
    others = [
        at for at, name in enumerate(table.columns)
        if at != path and not divides(name) and name.strip() != group
    ]  # fmt: skip
    named = [at for at in others if class_of_column(table.columns[at]) in set(classes or ())]
    if named:
        check_flags(table, named)
        return named
    first = [row for _, row in islice(rows(table, others), _FIRST)]
    if not first or not others or any(_target(value) is None for row in first for value in row):
        return []
    check_flags(table, others)
    return others


def flag_columns(table: Table, path: int) -> list[str]:
    """The columns of which the first rows hold 0 and 1 alone, as they do of classes; none where
    they are fewer than two."""
    others = [at for at, name in enumerate(table.columns) if at != path and not divides(name)]
    first = [row for _, row in islice(rows(table, others), _FIRST)]
    flags = [
        class_of_column(table.columns[at]) for place, at in enumerate(others)
        if all(_target(row[place]) in (0.0, 1.0) for row in first)
    ]  # fmt: skip
    return flags if first and len(flags) > 1 else []


def targets(values: Sequence[Any], number: int, table: Table) -> list[float]:
    """The target of each class in row `number`; raises UserError for what is no number from 0 to
    1."""
    try:
        plain = [_PLAIN[value] for value in values]
    except (KeyError, TypeError):  # other numbers, or none
        pass
    else:
        return plain
    found = []
    for value in values:
        target = _target(value)
        if target is None:
            text = (
                "nothing" if value is None else shorten(str(value).strip(), 60) or "an empty text"
            )
            raise UserError(
                f"{table.where(number)}: targets of classes are numbers from 0 to 1, and {text} is"
                " none; fix it."
            )
        found.append(target)
    return found


def _target(value: Any) -> float | None:
    """The target that a value of a row stands for, if it is one."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            return None
        value = float(value)
    if not isinstance(value, (bool, int, float)) or not are_targets([value]):
        return None
    return float(value)


def class_of_column(name: str) -> str:
    """The class that a column is of."""
    return printable(name.strip().encode("utf-8", "surrogateescape"))


def class_ids(flags: Sequence[str], number: int, table: Table) -> list[int]:
    """The ids of the classes whose flag in row `number` is 1; raises UserError for another flag
    than 0 and 1."""
    ids = []
    for class_id, flag in enumerate(flags):
        text = flag.strip()
        if text == "1":
            ids.append(class_id)
        elif text != "0":
            raise UserError(
                f"{table.where(number)}: {shorten(text, 60) or 'an empty text'} is neither 0 nor 1;"
                " fix it."
            )
    return ids


def one_class(flags: Sequence[str], number: int, table: Table) -> int:
    """The id of the only class whose flag is 1; raises UserError where there is another number."""
    ids = class_ids(flags, number, table)
    if len(ids) != 1:
        has = f"{len(ids)} classes" if ids else "no class"
        raise UserError(f"{table.where(number)}: the image has {has}; fix it, or {OR_MULTI}.")
    return ids[0]
