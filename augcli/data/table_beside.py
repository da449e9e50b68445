"""Finds the table that names the images of a folder, and the options with which it is read."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from augcli.data.columns import divides
from augcli.data.header import column_text, find_column
from augcli.data.left_out import has_suffix
from augcli.data.source_options import SourceOptions
from augcli.data.table_layout import PATHS, find_layout, first_names, lies_there, suffixes_of
from augcli.data.tables import Table, kind_of, open_table, rows
from augcli.errors import UserError
from augcli.text import listed, shorten

# Entries of a folder, tables in it, columns and rows of a table that are looked at.
_ENTRIES, _TABLES, _COLUMNS, _ROWS = 2_000, 20, 50, 200
# Of files that name images and have no labels.
_WITHOUT = ("submission", "sample_sub", "test")
_COLUMN = "COLUMN"


class _Place(NamedTuple):
    """The place of a table's column of paths, the folder below which these lie, and the suffix that
    they lack, empty where a reader finds it itself."""

    column: int
    root: Path
    suffix: str


def table_for(folder: Path) -> str:
    """The table in `folder`, or beside it, that names its images, with the options that it needs,
    as words of a command line in a sentence; empty where there is none.

    Of each table the header and the first rows are read.
    """
    for place in (folder, folder.parent if folder.name not in ("", "..") else folder / ".."):
        for file in _tables_in(place, folder.name):
            try:
                words = _read_as(open_table(file), folder)
            except (UserError, OSError):  # another table may be whole
                continue
            if words:
                return words
    return ""


def _tables_in(folder: Path, name: str) -> list[Path]:
    """The tables in a folder, the most likely ones first."""
    try:
        with os.scandir(folder) as entries:
            files = [
                entry.name
                for entry in islice(entries, _ENTRIES)
                if not entry.name.startswith(".") and kind_of(Path(entry.name)) and entry.is_file()
            ]
    except OSError:
        return []

    def order(file: str) -> tuple[bool, bool, bool, str]:
        stem = file.partition(".")[0].lower()
        return (
            any(word in stem for word in _WITHOUT) and stem != name.lower(),
            stem != name.lower(),
            not ("label" in stem or "train" in stem),
            file,
        )

    return [folder / file for file in sorted(files, key=order)[:_TABLES]]


def _read_as(table: Table, folder: Path) -> str:
    """A table as SOURCE with its options; empty where it does not name images of `folder`."""
    found = _find_paths(table, folder)
    if found is None:
        return ""
    words = [str(table.source)]
    values: dict[str, str] = {}
    if found.root != table.source.parent:
        values["images"] = str(found.root)
    if found.column != _usual_path(table):
        values["path_column"] = table.columns[found.column].strip()
    if found.suffix:
        values["suffix"] = found.suffix
    note = ""
    try:
        find_layout(table, SourceOptions.model_validate(values))
    except UserError:
        labels = _likely_labels(table, found.column)
        if not labels:
            return ""
        values["label_column"] = _COLUMN
        if len(labels) == 1:
            values["label_column"] = labels[0]
        else:
            some = [column_text(name) for name in labels]
            note = f" (COLUMN is one of {listed(some)})"
    for option, value in values.items():
        words += [f"--{option.replace('_', '-')}", value]
    return f"`{shorten(' '.join(map(shlex.quote, words)), 400)}`{note}"


def _usual_path(table: Table) -> int | None:
    """The column of paths that is found without an option."""
    try:
        return find_column(table, "paths", PATHS, "--path-column")
    except UserError:
        return None


def _find_paths(table: Table, folder: Path) -> _Place | None:
    usual = _usual_path(table)
    others = [at for at in range(min(len(table.columns), _COLUMNS)) if at != usual]
    for column in ([] if usual is None else [usual]) + others:
        if not table.columns[column].strip():
            continue
        names = first_names(table, column)
        for root in dict.fromkeys((table.source.parent, folder)):
            if any(has_suffix(name.strip()) and lies_there(root, name) for name in names):
                return _Place(column, root, "")
            endings = suffixes_of(root, names)
            if endings:
                suffix = os.fsdecode(endings[0]) if len(endings) > 1 else ""
                return _Place(column, root, suffix)
    return None


def _likely_labels(table: Table, path: int) -> list[str]:
    """The columns that may have the labels: the only one with texts that repeat, else all."""
    places = [
        at
        for at, name in enumerate(table.columns[:_COLUMNS])
        if at != path and name.strip() and not divides(name)
    ]
    counts: dict[int, Counter[str]] = {at: Counter() for at in places}
    first = [values for _, values in islice(rows(table, places), _ROWS)]
    for values in first:
        for at, value in zip(places, values, strict=True):
            counts[at][str(value)[:100]] += 1
    texts = [
        at
        for at in places
        if len(counts[at]) < max(len(first), 2) and not all(map(_is_number, counts[at]))
    ]
    return [table.columns[at].strip() for at in (texts if len(texts) == 1 else places)]


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True
