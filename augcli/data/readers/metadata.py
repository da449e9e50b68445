"""Reads an earlier output, or any folder of images with labels in a metadata file."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from augcli.data.columns import UnreadColumns
from augcli.data.doubtful_labels import doubt_labels
from augcli.data.groups import Groups
from augcli.data.header import column_text
from augcli.data.image_file import read_image as read_image
from augcli.data.label_column import BLANKS, NO_LABEL, is_id, refuse_unknown
from augcli.data.label_kinds import (
    OR_MULTI,
    OR_UNLABELLED,
    RANGE,
    are_targets,
    items_of,
    refuse_list,
)
from augcli.data.labels import SoftLabel
from augcli.data.listing import Listing, ListingBuilder
from augcli.data.metadata_classes import find_classes, names_its_classes
from augcli.data.metadata_rows import MANIFEST as MANIFEST
from augcli.data.metadata_rows import (
    NAMES,
    Row,
    below,
    flags_of,
    inside,
    is_path_column,
    open_metadata,
    read_rows,
    why_foreign,
)
from augcli.data.parquet_columns import holds_images
from augcli.data.path_spelling import PathSpelling
from augcli.data.readers import table as tables
from augcli.data.repeated import refuse_repeated
from augcli.data.sample_rows import names_archives
from augcli.data.source_options import SourceOptions
from augcli.data.split_column import SplitColumn, choose_column, divide, no_splits
from augcli.data.splits import other_splits
from augcli.data.tables import open_table
from augcli.data.weights import BEYOND, Normaliser
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.published import TRAIN
from augcli.text import count_text, listed, shorten

KIND = f"a folder with a {MANIFEST}"
_NAMED = 3
_WITHOUT_LISTS = (None, None, None)
OPTIONS: frozenset[str] = frozenset({"path_column", "label_column", "weights_column", "split"})


def recognises(source: Path) -> bool:
    """Whether a folder has a metadata file that names its images, or a file is one."""
    if source.is_dir():
        files = _find(source)
        return bool(files) and not names_archives(files[0])
    if source.name == MANIFEST:
        if names_archives(source):
            raise UserError(
                f"SOURCE {source} names images in tar archives, which are read by themselves; give"
                f" the folder {source.parent}."
            )
        return True
    if source.name not in NAMES:
        return False
    if source.suffix == ".parquet" and holds_images(source):
        return False
    return any(is_path_column(name) for name in open_table(source).columns)


def _find(source: Path) -> list[Path]:
    """The metadata files of an earlier output (SOURCE/train) or of a folder of images, if any; a
    `metadata.jsonl` whatever it holds, others that name images. A folder of that name is one of a
    class."""
    for folder in (source / TRAIN, source):
        files = [folder / name for name in NAMES]
        files = [file for file in files if os.path.lexists(file) and not file.is_dir()]
        files = [file for file in files if file.name == MANIFEST or not why_foreign(file)]
        if files:
            return files
    return []


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images that the metadata file of a folder names, in its order, with their soft
    labels.

    A row needs `file_name` (below the file's folder) and one of: `label_ids` with `label_weights`,
    `soft_label`, `label` (an id, or a name), or `class_name`; for the names of the classes see
    `find_classes`. A column `split` divides the rows. Raises UserError, with the line, for a row
    that is none, leaves the folder, or has a label outside the classes, and for a class that has no
    name of its own. What else rows have, but for the columns of a run, is named in the listing's
    warnings, as are splits that are not read.
    """
    file = _file_of(source)
    if options.labels is not Labels.none and (flags := flags_of(file, options)):
        return _list_flags(file, *flags, options)
    metadata = open_metadata(file, options)
    table = metadata.table
    is_labelled = options.labels is not Labels.none
    classes = find_classes(metadata, options) if is_labelled else ()
    ids = {class_name: class_id for class_id, class_name in enumerate(classes)}
    dividing_names = metadata.dividing[:-1] if metadata.has_groups else metadata.dividing
    splits, groups = [SplitColumn(name, table.where) for name in dividing_names], Groups()
    if options.split is not None and not splits:
        raise no_splits(options.split, str(file))
    builder, numbers = ListingBuilder(), array("I")
    soft_ids, soft_weights, soft_ends = array("i"), array("d"), array("q")
    unread, normaliser = UnreadColumns(group=options.group_by), Normaliser()
    missing, spelling = array("I"), PathSpelling(os.fsencode(file.parent))
    simple: dict[tuple[int | str | None, str | None], SoftLabel] = {}
    for number, row, dividing in read_rows(metadata, unread):
        path = below(row.file_name)
        if path is not None:  # with slashes for backslashes, it may leave the folder yet
            path = inside(spelling.read(path, table.where(number)))
        if path is None:
            raise UserError(
                f"{table.where(number)}: the file name {shorten(repr(row.file_name))} leaves its"
                " folder; fix it, or give the file under another name, as a table."
            )
        for split, value in zip(splits, dividing, strict=not metadata.has_groups):
            split.add(value, number)
        if metadata.has_groups:
            groups.add(dividing[-1], partial(table.where, number))
        folder, _, name = path.rpartition(b"/")
        is_simple = row[3:] == _WITHOUT_LISTS and not isinstance(row.label, list)
        label = simple.get((row.label, row.class_name)) if is_simple else None  # type: ignore[arg-type]
        if label is None and is_labelled:
            where, is_text = table.where(number), bool(table.divider)
            if options.labels is Labels.multi:
                label = _targets(row, ids, classes, where, options, is_text)
            else:
                label = _label(row, ids, classes, where, normaliser, is_text)
            if label is not None and is_simple:
                simple[row.label, row.class_name] = label  # type: ignore[index]
        if label is None:
            missing.append(len(numbers))
            builder.add(builder.folder(folder), name, NO_LABEL)
        else:
            dominant = label.dominant if label.ids else NO_LABEL
            builder.add(builder.folder(folder), name, dominant)
            soft_ids.extend(label.ids)
            soft_weights.extend(label.weights)
        numbers.append(number)
        soft_ends.append(len(soft_ids))
    soft = soft_ids, soft_weights, soft_ends
    listing = builder.finish(file.parent, classes, soft)
    listing = replace(listing, labels=options.labels)
    if metadata.has_groups:
        listing = replace(listing, group_of=groups.numbers())
    refuse_repeated(listing, numbers, str(file), "row" if table.kind == "parquet" else "line")
    chosen = choose_column(splits, options, str(file), unread)
    for index in missing if is_labelled else ():
        if chosen is None or chosen[0].of_rows()[index] == chosen[1]:
            raise UserError(
                f"{table.where(numbers[index])}: it has no label of a known class; add label_ids or"
                f" class_name, or {OR_UNLABELLED}."
            )
    warnings = [*unread.warnings(str(file)), *normaliser.warnings(str(file))]
    warnings += spelling.warnings(str(file))
    is_single = options.labels is Labels.single
    if is_single and names_its_classes(metadata) and (doubt := doubt_labels(classes, str(file))):
        warnings.append(doubt)
    listing = replace(listing, warnings=(*warnings, *_unread_splits(source, file)))
    if chosen is not None:
        listing = divide(listing, chosen[0].of_rows(), chosen[0].splits, chosen[1])
    return listing


def _file_of(source: Path) -> Path:
    """The manifest of SOURCE; raises UserError for a folder with none, or with several."""
    if not source.is_dir():
        return source
    files = _find(source)
    if not files:
        raise UserError(f"SOURCE {source} has no {MANIFEST} any more; put it back.")
    if len(files) > 1:
        names = listed((one.name for one in files), "and")
        raise UserError(
            f"SOURCE {source} has {names}, which all name its images; give one of them as"
            " SOURCE, or remove the others."
        )
    return files[0]


def _list_flags(file: Path, path: str, flags: Sequence[str], options: SourceOptions) -> Listing:
    """The listing of a metadata file with a column for each class; raises UserError where an image
    is to have one class."""
    if options.labels is Labels.multi:
        return tables.list_images(file, options.model_copy(update={"path_column": path}))
    more = ", ..." if len(flags) > _NAMED else ""
    some = ", ".join(column_text(name) for name in flags[:_NAMED])
    raise UserError(
        f"{file} has no column label, and {len(flags)} of 0 and 1 ({some}{more}); if each of these"
        " is a class, give --multi-label, else name the labels with --label-column."
    )


def _unread_splits(source: Path, file: Path) -> Iterator[str]:
    beside = other_splits(source) if file != source and file.parent != source else []
    if beside:
        are = "is" if len(beside) == 1 else "are"
        yield f"only {file.parent} is read; {', '.join(beside)} beside it {are} not."


def _label(
    row: Row,
    ids: dict[str, int],
    classes: Sequence[str],
    where: str,
    normaliser: Normaliser,
    is_text: bool,
) -> SoftLabel | None:
    """The label of a row, None where it has none; raises UserError for one that is none, or that
    other columns contradict. Numbers are ids also as text where all is text (`is_text`)."""
    named = None if row.class_name is None else _id_of(row.class_name, ids)
    one = row.label
    if isinstance(one, list):
        raise refuse_list(where)
    if isinstance(one, str):
        given = _id_of(one, ids)
        if given is None and is_text and is_id(one.strip(BLANKS)):
            given = int(one)
        if given is None and one.strip(BLANKS):
            raise refuse_unknown(one, classes, where)
        one = given
    if one == NO_LABEL:
        one = None
    keys: Sequence[int]
    weights: Sequence[float] | None
    if row.label_ids is not None and row.label_weights is not None:
        if len(row.label_ids) != len(row.label_weights):
            raise UserError(f"{where}: its label weights are {BEYOND}; fix them.")
        keys, weights = row.label_ids, row.label_weights
    elif isinstance(row.soft_label, dict):
        pairs = [(name, weight) for name, weight in row.soft_label.items() if weight != 0.0]
        keys = [_known(name, ids, classes, where) for name, _ in pairs]
        weights = [weight for _, weight in pairs]
    elif row.soft_label is not None:
        nonzero = [(i, weight) for i, weight in enumerate(row.soft_label) if weight != 0.0]
        keys, weights = [i for i, _ in nonzero], [weight for _, weight in nonzero]
    elif one is not None:
        keys, weights = [one], [1.0]
    elif named is not None:
        keys, weights = [named], [1.0]
    elif row.class_name is not None:
        raise refuse_unknown(row.class_name, classes, where)
    else:
        return None
    of_all = len(row.soft_label or ()) if row.label_ids is None else 0
    weights = normaliser.normalised(weights, of_all) if len(set(keys)) == len(keys) else None
    if weights is None:
        raise UserError(f"{where}: its label weights are {BEYOND}; fix them, or {OR_MULTI}.")
    label = SoftLabel(tuple(keys), tuple(weights))
    outside = [i for i in label.ids if not 0 <= i < len(classes)]
    if outside:
        raise UserError(
            f"{where}: class {shorten(str(outside[0]))} is not one of"
            f" {count_text(len(classes), 'class')}."
        )
    if one is not None and one not in label.ids:
        raise UserError(
            f"{where}: label {shorten(str(row.label))} has no weight in the weights beside it; fix"
            " one."
        )
    if one is not None and row.class_name is not None and one != named:
        raise UserError(
            f"{where}: label {shorten(str(row.label))} is {shorten(classes[one])}, and class_name"
            f" {shorten(row.class_name)}; fix one."
        )
    return label


def _targets(
    row: Row,
    ids: dict[str, int],
    classes: Sequence[str],
    where: str,
    options: SourceOptions,
    is_text: bool,
) -> SoftLabel:
    """The targets of a row whose image may have several classes or none; raises UserError for what
    is none. Numbers are ids also as text where all is text (`is_text`)."""
    if row.label_ids is not None and row.label_weights is not None:
        keys, weights = row.label_ids, row.label_weights
    elif isinstance(row.soft_label, dict):
        keys = [_known(name, ids, classes, where) for name in row.soft_label]
        weights = list(row.soft_label.values())
    elif row.soft_label is not None:
        keys, weights = list(range(len(row.soft_label))), row.soft_label
    else:
        items = items_of(row.label, options.label_separator, lambda: where)
        if not items and row.class_name is not None:
            items = [row.class_name]
        keys = [_class_id(item, ids, classes, where, is_text) for item in items]
        weights = [1.0] * len(keys)
    if len(keys) != len(weights) or len(set(keys)) < len(keys) or not are_targets(weights):
        raise UserError(f"{where}: its label weights are {RANGE}, one for each class; fix them.")
    for key in keys:
        if not 0 <= key < len(classes):
            raise UserError(
                f"{where}: class {shorten(str(key))} is not one of"
                f" {count_text(len(classes), 'class')}; fix it."
            )
    pairs = [(key, float(weight)) for key, weight in zip(keys, weights, strict=True) if weight]
    return SoftLabel(tuple(key for key, _ in pairs), tuple(weight for _, weight in pairs))


def _class_id(
    item: int | str, ids: dict[str, int], classes: Sequence[str], where: str, is_text: bool
) -> int:
    if isinstance(item, str) and is_text and _id_of(item, ids) is None and is_id(item):
        return int(item)
    return item if isinstance(item, int) else _known(item, ids, classes, where)


def _id_of(name: str, ids: dict[str, int]) -> int | None:
    """The id of a class as it is named, or without the blanks around its name."""
    found = ids.get(name)
    return ids.get(name.strip(BLANKS)) if found is None else found


def _known(name: str, ids: dict[str, int], classes: Sequence[str], where: str) -> int:
    found = _id_of(name, ids)
    if found is None:
        raise refuse_unknown(name, classes, where)
    return found
