"""Tables with a column of 0 and 1 for each class, as Roboflow writes them: `_classes.csv`."""

from __future__ import annotations

from collections.abc import Sequence

from augcli.data.header import find_column, no_column
from augcli.data.labels import printable
from augcli.data.tables import Table
from augcli.errors import UserError
from augcli.text import shorten

CLASSES_FILE = "_classes.csv"
_PATHS = (("filename", "file_name", "path", "image"),)


def find_flags(table: Table) -> tuple[int, list[int]]:
    """The places of the column of paths and of those of the classes, in the order of their ids.

    Raises UserError where there are none, or two classes have one name.
    """
    path = find_column(table, "paths", _PATHS, "--path-column")
    if path is None:
        raise no_column(table, "paths", _PATHS[0], "--path-column")
    flags = [at for at in range(len(table.columns)) if at != path]
    names: set[str] = set()
    for at in flags:
        name = class_of_column(table.columns[at])
        if not name or name in names:
            what = f"two columns are named {shorten(name)}" if name else "a column has no name"
            raise UserError(f"{table.top}: {what}; each names its class.")
        names.add(name)
    if not flags:
        raise UserError(f"{table.top}: it has no column of a class; add one for each.")
    return path, flags


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
        raise UserError(
            f"{table.where(number)}: the image has {has}; only tables with one class for each image"
            " are read."
        )
    return ids[0]
