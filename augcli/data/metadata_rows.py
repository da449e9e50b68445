"""Metadata files (`metadata.jsonl`, `.csv`, `.parquet`): where they lie, and their rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from augcli.data import json_lines, parquet_columns
from augcli.data.columns import UnreadColumns, divides
from augcli.data.flags import flag_columns, targets_in
from augcli.data.groups import group_column
from augcli.data.header import column_text, given_column, refuse_other_bytes
from augcli.data.labels import from_printable, shown
from augcli.data.source_options import SourceOptions
from augcli.data.tables import Table, open_table, rows
from augcli.declared import what_is_amiss
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.published import MANIFEST as MANIFEST
from augcli.text import listed, shorten

# Of each, what a folder's images are is read as `datasets` reads it.
NAMES = (MANIFEST, "metadata.csv", "metadata.parquet")
_PATH, _PATHS = "file_name", "_file_name"
# What a column of lists may be named too.
_SEVERAL = "labels"
_FIRST = 5

# What else a run writes into a row.
OF_A_RUN = frozenset(
    ("sample_id", "group_id", "view", "source_ids", "source_paths", "lam", "boxes", "recipe",
     "params", "saliency_method", "width", "height", "sha256", "seed", "schema_version")
)  # fmt: skip


class _Fields(BaseModel):
    """What is read of a row. Neither true nor "1" is 1."""

    model_config = ConfigDict(strict=True, defer_build=True)

    file_name: str
    label: int | str | list[int | str] | None = None
    class_name: str | None = None
    label_ids: list[int] | None = None
    label_weights: list[float] | None = None
    soft_label: list[float] | dict[str, float] | None = None


class Row(NamedTuple):
    """What is read of a row, as `_Fields` takes it; some have no more than one name or id."""

    file_name: str
    label: int | str | list[int | str] | None
    class_name: str | None
    label_ids: list[int] | None = None
    label_weights: list[float] | None = None
    soft_label: list[float] | dict[str, float] | None = None


_LABELS = frozenset(Row._fields) - {_PATH}
_LISTS = frozenset({"label_ids", "label_weights", "soft_label"})
_KEYS = tuple(f'"{name}"'.encode() for name in Row._fields)
_NONE = type(None)
# What surrogateescape makes of other bytes than UTF-8.
_HALVES = re.compile("[\ud800-\udfff]")


class Metadata(NamedTuple):
    """A metadata file, the places of its columns that are read, by the fields of Row that they are
    read as, and the names of those that may divide it, behind which stands the one that --group-by
    names (`has_groups`); whether a JSON object is a Row as it is."""

    table: Table
    columns: dict[str, int]
    dividing: list[str]
    is_plain: bool
    has_groups: bool = False


def foreign_files(folder: Path) -> list[Path]:
    """The metadata files in a folder but `metadata.jsonl`, which is never foreign."""
    files = [folder / name for name in NAMES if name != MANIFEST]
    return [file for file in files if os.path.lexists(file) and not file.is_dir()]


def holds_folders(folder: Path) -> bool:
    """Whether a folder has visible folders in it."""
    with os.scandir(folder) as entries:
        return any(not entry.name.startswith(".") and entry.is_dir() for entry in entries)


def why_foreign(file: Path) -> str:
    """Why a metadata file in a folder does not say what the folder's images are; empty where it
    does. Raises UserError where pyarrow is missing."""
    if file.suffix == ".parquet":
        parquet_columns.require(file)
    try:
        table = open_table(file)
        path = path_column(table)
        if path is None:
            return f"it has no column {_PATH}"
        if file.suffix == ".parquet" and parquet_columns.holds_images(file):
            return "it holds images itself"
        if not has_labels(table) and (holds_folders(file.parent) or not flag_columns(table, path)):
            return "it has no column label; give it as SOURCE, with --label-column, to use it"
        first = [below(value) for _, (value,) in islice(rows(table, [path]), _FIRST)]
    except UserError as error:
        return f"it cannot be read ({shorten(str(error).removesuffix('.'))})"
    folder = os.fsencode(file.parent)
    if first and not any(path and os.path.lexists(folder + b"/" + path) for path in first):
        return f"the files that it names first, as {shown(first[0] or b'')}, are not there"
    return ""


def has_labels(table: Table) -> bool:
    """Whether a column is named as one of labels."""
    return bool(_LABELS & {name.strip() for name in table.columns})


def flags_of(file: Path, options: SourceOptions) -> tuple[str, list[str]] | None:
    """The column of files, and those that say of each class whether an image has it, in a metadata
    file without labels; None where it has labels, or no such columns."""
    if options.label_column is not None or options.weights_column is not None:
        return None
    table = open_table(file)
    path = path_column(table) if options.path_column is None else None
    if path is None or has_labels(table) or _SEVERAL in map(str.strip, table.columns):
        return None
    if options.labels is Labels.multi:
        columns = targets_in(table, path, options.classes, options.group_by)
        if columns:
            return table.columns[path], [table.columns[at] for at in columns]
    flags = [name for name in flag_columns(table, path) if name not in OF_A_RUN]
    if flags and options.labels is Labels.multi:
        some = listed(map(column_text, flags[:_FIRST]), "and")
        raise UserError(
            f"{file} has columns of 0 and 1 ({some}) beside others; name those that are classes"
            " with --classes FILE."
        )
    return (table.columns[path], flags) if flags else None


def is_path_column(name: str) -> bool:
    """Whether a column of this name names files, as `datasets` has it."""
    return name.strip() == _PATH or name.strip().endswith(_PATHS)


def path_column(table: Table) -> int | None:
    """The place of the column `file_name`, or of the only one that ends so; None where there is
    none. Raises UserError where there are several."""
    names = [name.strip() for name in table.columns]
    found = [at for at, name in enumerate(names) if name == _PATH]
    found = found or [at for at, name in enumerate(names) if is_path_column(name)]
    if len(found) > 1:
        some = listed([column_text(names[at]) for at in found[:_FIRST]], "and")
        raise UserError(
            f"{table.top}: it has several columns of files, {some}; choose one with --path-column."
        )
    return found[0] if found else None


def open_metadata(file: Path, options: SourceOptions) -> Metadata:
    """A metadata file with the columns that are meant; raises UserError where it has no column of
    files, or none that an option names."""
    table = open_table(file)
    if options.path_column is not None:
        path: int | None = given_column(table, options.path_column, "--path-column")
    else:
        path = path_column(table)
    if not table.columns and next(rows(table, []), None) is None:
        raise UserError(f"{file} has no rows; give an output or a folder of images.")
    if path is None:
        raise UserError(f"{table.top}: {_PATH} is missing; fix or remove it.")
    names = [name.strip() for name in table.columns]
    if options.label_column is not None and options.weights_column is not None:
        raise UserError(
            "--label-column and --weights-column both say what the labels are; give one."
        )
    if options.label_column is not None:
        labels = {"label": given_column(table, options.label_column, "--label-column")}
    elif options.weights_column is not None:
        labels = {"soft_label": given_column(table, options.weights_column, "--weights-column")}
    elif options.labels is Labels.none:
        labels = {}
    else:
        labels = {name: at for at, name in enumerate(names) if name in _LABELS}
        if options.labels is Labels.multi and not labels and _SEVERAL in names:
            labels = {"label": names.index(_SEVERAL)}
    columns = {_PATH: path, **labels}
    used = set(columns.values())
    dividing = [name for at, name in enumerate(names) if divides(name) and at not in used]
    group = group_column(names, options, table.top)
    if group is not None:
        dividing.append(names[group])
    given = options.path_column, options.label_column, options.weights_column
    is_plain = table.kind == "jsonl" and names[path] == _PATH and given == (None, None, None)
    is_plain &= options.labels is not Labels.none and names[labels.get("label", path)] != _SEVERAL
    return Metadata(table, columns, dividing, is_plain, group is not None)


def read_rows(
    metadata: Metadata, unread: UnreadColumns | None = None
) -> Iterator[tuple[int, Row, list[Any]]]:
    """The number of each row, the row, and its values in the columns that may divide the file, and
    in that of groups.

    What else it has, but for the columns of a run, is noted in `unread`. Raises UserError, with the
    line, for what is no row.
    """
    table, columns, dividing, is_plain, _ = metadata
    unread = unread or UnreadColumns()
    if is_plain:
        yield from _json_rows(metadata, unread)
        return
    names = [name.strip() for name in table.columns]
    places = [*columns.values(), *(names.index(name) for name in dividing)]
    for at, name in enumerate(names):
        if at not in places and name not in OF_A_RUN:
            unread.add(column_text(name))
    fields = list(columns)
    for number, values in rows(table, places, unread):
        given = dict(zip(fields, values, strict=False))
        if table.divider:
            for name, text in given.items():
                given[name] = _cell(name, text, table, number)
        yield number, _checked(given, table, number), list(values[len(fields) :])


def _json_rows(metadata: Metadata, unread: UnreadColumns) -> Iterator[tuple[int, Row, list[Any]]]:
    table, dividing = metadata.table, metadata.dividing
    read = frozenset(Row._fields) | frozenset(dividing) | OF_A_RUN
    for number, line in json_lines.lines(table.source):
        row = json_lines.parse_row(table.source, number, line, _KEYS)
        if not row.keys() <= read:
            for column in row.keys() - read:
                if column.strip().lower() == "split":
                    raise UserError(
                        f"{table.where(number)}: it has a split, and the first row none; give every"
                        " row one."
                    )
            for column, value in row.items():
                if column not in read:
                    unread.add(column, value)
        yield number, _checked(row, table, number), [row.get(name) for name in dividing]


def _checked(given: dict[str, Any], table: Table, number: int) -> Row:
    """The fields of a row; raises UserError for one of another type."""
    name, label, class_name = given.get(_PATH), given.get("label"), given.get("class_name")
    if (
        type(name) is str
        and (type(label) in (int, str, _NONE))
        and (type(class_name) in (str, _NONE))
        and _LISTS.isdisjoint(given)
    ):
        return Row(name, label, class_name)
    try:
        fields = _Fields.model_validate(given)
    except ValidationError as error:
        raise UserError(
            f"{table.where(number)}: {what_is_amiss(error, _Fields)}; fix or remove it."
        ) from error
    return Row(**dict(fields))


def _cell(name: str, text: str, table: Table, number: int) -> Any:
    """The value that a text stands for in a column that is read as `name`."""
    if name not in _LISTS and (text.isascii() or not _HALVES.search(text)):
        return text or None
    if name not in _LISTS:
        refuse_other_bytes(text, name, table.where(number))
        return text
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise UserError(
            f"{table.where(number)}: {name} is neither a list nor an object, as JSON; fix it."
        ) from error


# What a path has that is perhaps not as it should be, between slashes.
_ODD = (b"//", b"/./", b"/../", b"\0")


def below(file_name: Any) -> bytes | None:
    """The path that a row's file name stands for; None for one that is none below a folder."""
    try:
        if "\\x" in file_name:
            name = from_printable(file_name)
        else:
            name = file_name.encode("utf-8", "surrogateescape")
    except (TypeError, AttributeError, ValueError):
        return None
    return inside(name)


def inside(name: bytes) -> bytes | None:
    """A path without `.` and doubled slashes; None where it leaves its folder or is none."""
    if not any(odd in b"/" + name + b"/" for odd in _ODD):
        return name
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name or not parts:
        return None
    return b"/".join(parts)
