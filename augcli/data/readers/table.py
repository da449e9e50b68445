"""Reads a table of paths and labels: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data import parquet_columns
from augcli.data.columns import UnreadColumns, divides
from augcli.data.doubtful_labels import doubt_labels
from augcli.data.flags import CLASSES_FILE, class_of_column, find_flags, one_class, targets
from augcli.data.groups import Groups, group_column
from augcli.data.header import column_text, refuse_other_bytes
from augcli.data.image_file import read_image as read_image
from augcli.data.label_column import BLANKS, NO_LABEL, LabelColumn
from augcli.data.label_kinds import OR_MULTI, refuse_separator
from augcli.data.labels import shown
from augcli.data.listing import Listing, ListingBuilder
from augcli.data.metadata_rows import inside
from augcli.data.path_spelling import PathSpelling
from augcli.data.repeated import refuse_repeated
from augcli.data.source_options import SourceOptions
from augcli.data.split_column import SplitColumn, choose_column, divide, no_splits
from augcli.data.table_layout import Layout, find_files, find_layout, path_bytes
from augcli.data.tables import Table, kind_of, open_table, rows
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text, is_url, shorten

KIND = "a table (.csv, .tsv, .jsonl, .parquet)"
OPTIONS: frozenset[str] = frozenset(
    {"path_column", "label_column", "weights_column", "images", "suffix", "split"}
)


def recognises(source: Path) -> bool:
    """Whether a file is a table, by its name, and by its columns where these may hold images; or a
    folder with a table of flags."""
    if source.is_dir():
        return (source / CLASSES_FILE).is_file()
    kind = kind_of(source)
    return kind is not None and not (kind == "parquet" and parquet_columns.holds_images(source))


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images that a table names, in its order.

    The first line of a text, or the keys of the first JSON object, name the columns: `path`,
    `file_name`, `filename` or `image`, and `label`, `class` or `class_name`; see `find_layout` for
    others. A column `split` divides the rows; columns that are not read are named in the listing's
    warnings. Paths are relative to the table's folder, or to `--images`, and lead anywhere, but for
    those of Roboflow's `_classes.csv`. Labels are names, without blanks around them (where all are
    numbers, ids follow their values), or integers of JSON and Parquet, which are ids. No image is
    opened. Raises UserError, with the line, for what is no such table.
    """
    if source.is_dir():
        source /= CLASSES_FILE
    table = open_table(source)
    flags: Sequence[int] = ()
    if source.name == CLASSES_FILE and options.labels is not Labels.none:
        path, flags = find_flags(table, options)
        root, suffix = find_files(table, path, options)
        layout = Layout(path, None, None, False, root, suffix)
    else:
        layout = find_layout(table, options)
        flags = layout.targets
    unread = UnreadColumns(group=options.group_by)
    return _collect(table, layout, flags, options, unread)


def _collect(
    table: Table,
    layout: Layout,
    flags: Sequence[int],
    options: SourceOptions,
    unread: UnreadColumns,
) -> Listing:
    source = str(table.source)
    used = {layout.path, layout.label, layout.weights, *flags}
    columns = [at for at, name in enumerate(table.columns) if at not in used and divides(name)]
    splits = [SplitColumn(table.columns[at].strip(), table.where) for at in columns]
    if options.split is not None and not splits:
        raise no_splits(options.split, source)
    group, groups = group_column(table.columns, options, table.top), Groups()
    for at, name in enumerate(table.columns):
        if at not in used and at not in columns:
            unread.add(column_text(name))
    is_multi = options.labels is Labels.multi
    known = _known_names(table, layout, flags, options)
    labels = LabelColumn(table.where, known, options.labels, options.label_separator)
    values = [at for at in (layout.label, layout.weights) if at is not None]
    if options.labels is Labels.none:
        add: Any = lambda *_: labels.numbers.append(NO_LABEL)  # noqa: E731
    elif flags and is_multi:
        refuse_separator(options, source, "a column for each class")
        add = lambda row, number: labels.add_flags(targets(row, number, table), number)  # noqa: E731
        values = list(flags)
    elif flags:
        add = lambda row, number: labels.add(one_class(row, number, table), number)  # noqa: E731
        values = list(flags)
    elif layout.weights is not None:
        refuse_separator(options, source, "weights")
        add = lambda row, number: labels.add_weights(row[0], number)  # noqa: E731
    else:
        add = lambda row, number: labels.add(row[0], number)  # noqa: E731
    builder, numbers = ListingBuilder(), array("I")
    spelling = PathSpelling(os.fsencode(layout.root), layout.suffix)
    blanks = 0
    first_split = 1 + len(values)
    names = [table.columns[at] for at in (layout.path, *values)]
    grouping = [] if group is None else [group]
    for number, row in rows(table, [layout.path, *values, *columns, *grouping], unread):
        for column, value in zip(names, row, strict=False):
            if isinstance(value, str) and not value.isascii():
                refuse_other_bytes(value, column, table.where(number))
        folder, file_name = _divide_path(row[0], layout.suffix, table, number, spelling)
        label = None if layout.label is None else row[1]
        if type(label) is str and label != label.strip(BLANKS):
            blanks += 1
        add(row[1:first_split], number)
        for split, value in zip(splits, row[first_split:], strict=not grouping):
            split.add(value, number)
        if grouping:
            groups.add(row[-1], partial(table.where, number))
        builder.add(builder.folder(folder), file_name, NO_LABEL)
        numbers.append(number)
    if not numbers:
        raise UserError(f"SOURCE {source} has no rows; give a table of images.")
    if layout.by_elimination and not is_multi and labels.count > max(10, len(labels) // 2):
        name = column_text(table.columns[values[0]])
        raise UserError(
            f"{table.top}: no column is named label, and the only other one, {name}, has another"
            " value in most rows; if these are classes, choose it with --label-column."
        )
    group_of = groups.numbers() if grouping else None
    listing = _finish(builder, numbers, labels, group_of, splits, table, layout, options, unread)
    warnings = [*listing.warnings, *spelling.warnings(source)]
    if blanks:
        them = "it" if blanks == 1 else "them"
        number_of = count_text(blanks, "label")
        warnings.append(f"{source}: {number_of} with blanks around {them} read without.")
    is_single = options.labels is Labels.single
    if is_single and known is None and (doubt := doubt_labels(listing.classes, source)):
        warnings.append(doubt)
    return replace(listing, warnings=tuple(warnings))


def _known_names(
    table: Table, layout: Layout, flags: Sequence[int], options: SourceOptions
) -> tuple[str, ...] | None:
    if flags:
        return tuple(class_of_column(table.columns[at]) for at in flags)
    if layout.label is not None and table.columns[layout.label] in table.class_names:
        return table.class_names[table.columns[layout.label]]
    return options.classes


def _divide_path(
    value: Any, suffix: bytes, table: Table, number: int, spelling: PathSpelling
) -> tuple[bytes, bytes]:
    """The folder and the name in a path; raises UserError for what is no path of an image."""
    path = path_bytes(value)
    if path is None or b"\0" in path:
        given = "" if value in (None, "") else shorten(str(value), 100)
        raise UserError(f"{table.where(number)}: {given} is no path of an image; fix it.")
    if b":" in path and is_url(os.fsdecode(path)):
        raise UserError(
            f"{table.where(number)}: {shown(path)} is a URL; give paths on this machine."
        )
    path = spelling.read(path, table.where(number))
    if table.source.name == CLASSES_FILE and inside(path) is None:
        raise UserError(
            f"{table.where(number)}: {shown(path)} leaves its folder; fix it, or give the file"
            " under another name, as a table."
        )
    folder, _, name = os.path.normpath(path + suffix).rpartition(b"/")
    if name in (b"", b".", b".."):
        raise UserError(f"{table.where(number)}: {shown(path)} is no path of an image; fix it.")
    return folder, name


def _finish(
    builder: ListingBuilder,
    numbers: array[int],
    labels: LabelColumn,
    group_of: npt.NDArray[np.int32] | None,
    splits: list[SplitColumn],
    table: Table,
    layout: Layout,
    options: SourceOptions,
    unread: UnreadColumns,
) -> Listing:
    source = str(table.source)
    is_single = options.labels is Labels.single
    classes, ids = labels.classes()
    of_rows = np.frombuffer(labels.numbers, np.int32)
    soft = None
    if len(labels.soft_ends):
        soft = ids[np.frombuffer(labels.soft_ids, np.int32)], labels.soft_weights, labels.soft_ends
    listing = builder.finish(layout.root, classes, soft)  # type: ignore[arg-type]
    class_of = np.append(ids, np.int32(NO_LABEL))[of_rows]
    class_of = class_of.astype(np.int32)
    listing = replace(listing, class_of=class_of, group_of=group_of, labels=options.labels)
    refuse_repeated(listing, numbers, source, "row" if table.kind == "parquet" else "line")
    chosen = choose_column(splits, options, source, unread)
    unlabelled = (class_of < 0) & is_single
    if chosen is not None:
        column, number = chosen
        unlabelled &= column.of_rows() == number
    if unlabelled.any():
        index = int(np.argmax(unlabelled))
        raise UserError(
            f"{table.where(numbers[index])}: {shown(listing.relative_path(index))} has no label;"
            f" add one, or {OR_MULTI}."
        )
    warnings = [*unread.warnings(source), *labels.normaliser.warnings(source)]
    if options.classes is None and layout.label is not None and table.divider:
        warnings += [f"{source}: {sentence}" for sentence in labels.gaps()]
    listing = replace(listing, warnings=tuple(warnings))
    if chosen is not None:
        listing = divide(listing, column.of_rows(), column.splits, number)
    return listing
