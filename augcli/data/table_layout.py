"""How a table is to be read: which of its columns are paths and labels, where the images lie."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from augcli.data.columns import divides
from augcli.data.flags import targets_in
from augcli.data.header import column_text, find_column, given_column, no_column
from augcli.data.label_column import BLANKS
from augcli.data.label_kinds import OR_UNLABELLED
from augcli.data.labels import shown
from augcli.data.left_out import has_suffix
from augcli.data.path_spelling import spellings
from augcli.data.source_options import SourceOptions
from augcli.data.tables import Table, rows
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.image.formats import image_suffixes
from augcli.text import folded, is_url, listed, shorten

# Of paths, those of a later row only where the table has none of an earlier one.
PATHS = (
    ("path", "file_name", "filename", "image"),
    ("image_path", "file_path", "img_path", "image_name", "image_file", "file", "img", "fname",
     "image_id", "img_id"),
    ("id",),
)  # fmt: skip
_LABELS = (("label", "class", "class_name"), ("category", "target", "label_name", "category_name"))
# Of multi-label tables, lists may be named for what they hold.
_LISTS = ((*_LABELS[0], "labels", "classes"), (*_LABELS[1], "categories", "tags", "targets"))
# What is no single label, though it may be the only other column.
_NO_LABELS = frozenset(
    ("labels", "classes", "categories", "tags", "attributes", "targets", "caption", "captions",
     "text", "description", "bbox", "boxes", "objects", "url", "mask", "encodedpixels")
)  # fmt: skip
# Rows that are looked at before, and entries of a folder.
_FIRST = 5
_MOST_ENTRIES = 2_000
_MOST_COLUMNS = 50


class Layout(NamedTuple):
    """The places of the columns of paths and of labels, weights or targets of single classes (of
    which others are None, or none); whether that of labels is only the one that is left; the folder
    of the images, and what is added to their names."""

    path: int
    label: int | None
    weights: int | None
    by_elimination: bool
    root: Path
    suffix: bytes
    targets: Sequence[int] = ()


def find_layout(table: Table, options: SourceOptions) -> Layout:
    """How a table is to be read, by its columns and the options, and by its first rows where these
    say nothing about the folder of its images, or their suffix.

    Raises UserError that names the options where anything is not certain.
    """
    path = (
        find_column(table, "paths", PATHS, "--path-column")
        if options.path_column is None
        else given_column(table, options.path_column, "--path-column")
    )
    if path is None:
        raise no_column(table, "paths", PATHS[0], "--path-column")
    root, suffix = find_files(table, path, options)
    if options.labels is Labels.none:
        return Layout(path, None, None, False, root, suffix)
    if options.labels is Labels.multi and not _says_labels(table, options):
        targets = targets_in(table, path, options.classes, options.group_by)
        if targets:
            return Layout(path, None, None, False, root, suffix, targets)
    label, weights, by_elimination = _find_labels(table, path, options)
    return Layout(path, label, weights, by_elimination, root, suffix)


def _says_labels(table: Table, options: SourceOptions) -> bool:
    """Whether an option or a name tells the column of labels."""
    if options.label_column is not None or options.weights_column is not None:
        return True
    return find_column(table, "labels", _LISTS, "--label-column") is not None


def _find_labels(
    table: Table, path: int, options: SourceOptions
) -> tuple[int | None, int | None, bool]:
    if options.weights_column is not None:
        if options.label_column is not None:
            raise UserError(
                "--label-column and --weights-column both say what the labels are; give one."
            )
        return None, given_column(table, options.weights_column, "--weights-column"), False
    if options.label_column is not None:
        label = given_column(table, options.label_column, "--label-column")
        if label == path:
            name = column_text(table.columns[path])
            raise UserError(
                f"{table.top}: the column {name} is that of paths; choose another --label-column."
            )
        return label, None, False
    is_multi = options.labels is Labels.multi
    found = find_column(table, "labels", _LISTS if is_multi else _LABELS, "--label-column")
    if found is not None:
        return found, None, False
    others = [at for at, name in enumerate(table.columns) if at != path and not divides(name)]
    if len(others) == 1 and folded(table.columns[others[0]]) not in _NO_LABELS | {""}:
        return others[0], None, True
    if table.divider and len(others) > 1 and _are_flags(table, others):
        raise UserError(
            f"{table.top}: it has no column of labels, but one of 0 and 1 for each class, as it"
            " seems; give --multi-label to read it so, or choose a --label-column."
        )
    if is_multi and len(others) > 1:
        raise UserError(
            f"{table.top}: it has no column of labels, and not all others hold a target from 0 to 1"
            " for each class; choose a --label-column, or name the columns of classes in a file for"
            " --classes."
        )
    raise no_column(table, "labels", _LABELS[0], "--label-column", OR_UNLABELLED)


def _are_flags(table: Table, places: list[int]) -> bool:
    first = [row for _, row in islice(rows(table, places), _FIRST)]
    return bool(first) and all(value.strip() in ("0", "1") for row in first for value in row)


def find_files(table: Table, path: int, options: SourceOptions) -> tuple[Path, bytes]:
    """The folder in which a table's images lie, and the suffix that its names lack."""
    root = table.source.parent if options.images is None else Path(options.images)
    if options.images is not None and not root.is_dir():
        raise UserError(f"--images {root} is no folder; give the one in which the images lie.")
    if options.suffix is not None:
        return root, os.fsencode(options.suffix)
    names = first_names(table, path)
    if not names or any(lies_there(root, name) or is_url(os.fsdecode(name)) for name in names):
        return root, b""
    if not all(map(_has_suffix, names)):
        endings = suffixes_of(root, names)
        if len(endings) == 1:
            return root, endings[0]
        if endings:
            raise UserError(
                f"{table.source}: its names, as {shown(names[0])}, have no suffix, and there are"
                f" files with {listed(map(os.fsdecode, endings), 'and')}; choose one with --suffix."
            )
    if options.path_column is None:
        _refuse_other_column(table, path, names, root)
    if options.images is None:
        _refuse_elsewhere(table, names)
    if not any(map(_has_suffix, names)):
        raise UserError(
            f"{table.source}: its names, as {shown(names[0])}, are no files in {root} and have no"
            " suffix of an image; give the folder with --images, and what follows the names with"
            " --suffix."
        )
    return root, b""


def first_names(table: Table, path: int) -> list[bytes]:
    """The paths in the first rows of a table, as they stand in the column at `path`."""
    return [name for _, (value,) in islice(rows(table, [path]), _FIRST)
            if (name := path_bytes(value)) and b"\0" not in name]  # fmt: skip


def path_bytes(value: Any) -> bytes | None:
    """The path that a value of a row stands for; None where it is none."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        return None
    try:
        return value.encode("utf-8", "surrogateescape") or None
    except UnicodeEncodeError:  # half a character that is no byte
        return None


def lies_there(root: Path, name: bytes) -> bool:
    """Whether a name is that of an entry below a folder, in one of its spellings."""
    try:
        return any(
            os.path.lexists(os.path.join(os.fsencode(root), one))  # noqa: PTH118
            for one in spellings(name)
        )
    except ValueError:  # a NUL
        return False


def _has_suffix(name: bytes) -> bool:
    return has_suffix(name.strip(BLANKS.encode()))


def suffixes_of(root: Path, names: list[bytes]) -> list[bytes]:
    """The suffixes of images with which any of `names` is a file."""
    endings = []
    for suffix in sorted(image_suffixes()):
        for ending in (suffix, suffix.upper()):
            if any(lies_there(root, one + ending) for name in names for one in spellings(name)):
                endings.append(ending)
                break
    return endings


def _refuse_other_column(table: Table, path: int, names: list[bytes], root: Path) -> None:
    """Raise UserError where another column has the files that the usual one does not name."""
    for at, column in enumerate(table.columns[:_MOST_COLUMNS]):
        others = first_names(table, at) if at != path and column.strip() else []
        if any(_has_suffix(name) and lies_there(root, name) for name in others):
            raise UserError(
                f"{table.source}: the names in its column {column_text(table.columns[path])}, as"
                f" {shown(names[0])}, are no files in {root}, and those in {column_text(column)}"
                f" are; give --path-column {shlex.quote(column.strip())}."
            )


def _refuse_elsewhere(table: Table, names: list[bytes]) -> None:
    """Raise UserError with the options to give where the first images lie in another folder."""
    parent = table.source.absolute().parent
    stem = table.source.name.partition(".")[0]
    try:
        with os.scandir(parent) as entries:
            inner = [entry.name for entry in islice(entries, _MOST_ENTRIES) if entry.is_dir()]
    except OSError:
        return
    for folder in (*sorted(inner, key=lambda name: (name != stem, name)), ".."):
        place = table.source.parent / folder
        as_named = any(lies_there(place, name) for name in names)
        endings = (
            [b""] if as_named else [] if all(map(_has_suffix, names)) else suffixes_of(place, names)
        )
        if endings:
            options = f"--images {shlex.quote(str(place))}"
            if endings[0]:
                options += f" --suffix {os.fsdecode(endings[0])}"
            raise UserError(
                f"SOURCE {table.source}: the images that it names first, as {shown(names[0])}, do"
                f" not lie beside it, but in {shorten(str(place))}; give {options}."
            )
