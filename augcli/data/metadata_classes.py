"""The classes of a metadata file: by a list beside it, by its rows, by its schema."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from augcli.data.label_column import BLANKS, MOST_CLASSES, is_id
from augcli.data.label_kinds import items_of, refuse_list
from augcli.data.labels import class_index, label_index, split_lines
from augcli.data.metadata_rows import Metadata, read_rows
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.published import CLASSES
from augcli.text import shorten
from augcli.text_files import LARGEST_LIST, read_text

_WITHOUT_LISTS = (None, None, None)


def find_classes(metadata: Metadata, options: SourceOptions) -> tuple[str, ...]:
    """The names of the classes, in the order of their ids.

    They stand in `classes.txt` beside the file or above it; else rows name them with `class_name`
    or text as `label`; else they are those of the schema (a ClassLabel) or of the options; else
    ids are their own names, also those that no row has. Raises UserError, with the line, where two
    ids have one name, an id two names, or a class no name.
    """
    file = metadata.table.source
    listed = listed_classes(file)
    if listed is not None:
        return listed
    said = _in_rows(metadata, options)
    if said.named:
        ids = set(said.named)
        if None in said.named.values() or ids != set(range(len(ids))):
            raise _not_all(file)
        return _unique(
            [(str(said.named[class_id]), said.lines[class_id]) for class_id in range(len(ids))],
            metadata.table.where,
        )
    names = set(said.names)
    if said.texts:
        if not names and metadata.table.divider and all(map(is_id, said.texts)):
            said = said._replace(most=max(said.most, 1 + max(map(int, said.texts))))
        elif said.has_ids:
            raise UserError(
                f"{file}: some labels are numbers, and others text, as"
                f" {shorten(next(iter(said.texts)), 60)}; write all as ids, or all as names."
            )
        else:
            names |= set(said.texts)
    if names:
        ordered = label_index(names) if said.texts else class_index(names)
        lines = {**said.texts, **said.names}
        return _unique([(name, lines[name]) for name in ordered], metadata.table.where)
    label = metadata.columns.get("label")
    column = "" if label is None else metadata.table.columns[label]
    schema = metadata.table.class_names.get(column)
    known = schema or options.classes
    if known is not None:
        return _unique([(name, 1) for name in known], metadata.table.where)
    if said.most > MOST_CLASSES:
        raise _not_all(file)
    return tuple(map(str, range(said.most)))


def names_its_classes(metadata: Metadata) -> bool:
    """Whether the classes are named by labels of rows alone: neither by a list, nor by the schema,
    nor by a column that is there to name ids."""
    folder = metadata.table.source.parent
    if any(os.path.lexists(place / CLASSES) for place in (folder, folder.parent)):
        return False
    return "class_name" not in metadata.columns and not metadata.table.class_names


def _not_all(file: Path) -> UserError:
    return UserError(
        f"{file} does not name all its classes; put a {CLASSES} with one class a line beside it."
    )


class _Said(NamedTuple):
    """What rows say about classes: the names of ids, with the lines of their first rows; names
    without ids, and labels that are text, with their lines; whether there are ids, and how many
    classes these need."""

    named: dict[int, str | None]
    lines: dict[int, int]
    names: dict[str, int]
    texts: dict[str, int]
    has_ids: bool
    most: int


def _in_rows(metadata: Metadata, options: SourceOptions) -> _Said:
    named: dict[int, str | None] = {}
    lines: dict[int, int] = {}
    names: dict[str, int] = {}
    texts: dict[str, int] = {}
    is_named, has_ids, most, empty = False, False, 0, True
    seen: set[tuple[int | str | None, str | None]] = set()
    file, where = metadata.table.source, metadata.table.where
    for number, row, _ in read_rows(metadata):
        empty = False
        label, name = row.label, row.class_name
        if row[3:] == _WITHOUT_LISTS and not isinstance(label, list):
            if (label, name) in seen:
                continue
            seen.add((label, name))
        if options.labels is Labels.multi and row.label_ids is None:
            for item in items_of(label, options.label_separator, lambda: where(number)):  # noqa: B023
                if isinstance(item, str):
                    texts.setdefault(item, number)
                else:
                    has_ids, most = True, max(most, item + 1)
            label = None
        if isinstance(label, list):
            raise refuse_list(where(number))
        if isinstance(label, str) and (text := label.strip(BLANKS)):
            texts.setdefault(text, number)
        if isinstance(row.soft_label, dict):
            for key in row.soft_label:
                texts.setdefault(key.strip(BLANKS), number)
        elif row.soft_label is not None:
            most = max(most, len(row.soft_label))
        if row.label_ids:
            most = max(most, max(row.label_ids) + 1)
        if name is not None and not isinstance(label, int):
            names.setdefault(name, number)
        if isinstance(label, int) and label != -1:
            has_ids = True
            most = max(most, label + 1)
            if named.setdefault(label, name) is None:
                named[label] = name
            lines.setdefault(label, number)
            is_named |= name is not None
            if name is not None and named[label] != name:
                raise UserError(
                    f"{metadata.table.where(number)}: label {shorten(str(label))} is named"
                    f" {shorten(name)}, and before {shorten(str(named[label]))}; fix one, or put a"
                    f" {CLASSES} with one class a line beside it."
                )
    if empty:
        raise UserError(f"{file} has no rows; give an output or a folder of images.")
    return _Said(named if is_named else {}, lines, names, texts, has_ids, most)


def listed_classes(file: Path) -> tuple[str, ...] | None:
    """The classes in the list beside a metadata file, or above it, if there is one."""
    for folder in (file.parent, file.parent.parent):
        place = folder / CLASSES
        if os.path.lexists(place):
            try:
                names = split_lines(read_text(place, LARGEST_LIST))
            except OSError as error:
                raise UserError(f"{place} cannot be read: {error.strerror}.") from error
            except ValueError as error:
                raise UserError(f"{place} cannot be read: {error}.") from error
            lines = [(name, line) for line, name in enumerate(names, 1)]
            return _unique(lines, partial("{}, line {}".format, place))
    return None


def _unique(names: Sequence[tuple[str, int]], where: Callable[[int], str]) -> tuple[str, ...]:
    """Names with their lines, in the order of ids; raises UserError where one is no name, or is
    that of two ids."""
    ids: dict[str, int] = {}
    for class_id, (name, line) in enumerate(names):
        if not name or any(ord(character) < 0x20 for character in name):
            raise UserError(f"{where(line)}: {shorten(repr(name))} is no name of a class; fix it.")
        if ids.setdefault(name, class_id) != class_id:
            raise UserError(
                f"{where(line)}: class {ids[name]} and class {class_id} are both named"
                f" {shorten(name)}; give each a name of its own."
            )
    return tuple(ids)
