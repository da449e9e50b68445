"""Splits of a data set whose images lie inside of tables: their files, labels and places, and the
listings of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data.array_labels import ArrayInMemory, ArrayLabels, joined, read_labels
from augcli.data.arrow_columns import Columns
from augcli.data.class_numbers import Labels as ClassIds
from augcli.data.class_numbers import Numbered, name_classes
from augcli.data.columns import UnreadColumns
from augcli.data.doubtful_labels import doubt_labels
from augcli.data.groups import Groups
from augcli.data.inner_splits import join_splits
from augcli.data.label_kinds import items_of, with_sets
from augcli.data.labels import label_index, printable
from augcli.data.listing import NO_CLASS, Listing, ListingBuilder
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text

# What datasets whose labels are withheld have in their place.
_NO_LABEL = -1
_LONGEST_LABEL = 64 << 10  # bytes
_LISTS = ("list<", "large_list<", "fixed_size_list<")
_SUFFIXES = {
    b"\xff\xd8\xff": b".jpg", b"\x89PNG": b".png", b"RIFF": b".webp", b"GIF8": b".gif",
    b"BM": b".bmp", b"II*\0": b".tif", b"MM\0*": b".tif",
}  # fmt: skip


@dataclass
class TableSplit:
    """The images of one split, as its files are read. Labels are numbers, or places in `texts`,
    which all splits share; `counts` says how many each image has, where these may be several.
    `spans` has the places of a file's images, as in Listing; `groups` are those of a column that
    --group-by names."""

    texts: dict[str, int]
    files: list[bytes] = field(default_factory=list)
    suffixes: list[bytes] = field(default_factory=list)
    spans: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    labels: list[Numbered] = field(default_factory=list)
    groups: Groups = field(default_factory=Groups)
    counts: list[npt.NDArray[np.int64]] = field(default_factory=list)
    weights: list[ArrayLabels] = field(default_factory=list)

    def add_weights(
        self, batch: Any, names: Sequence[str], where: str, first: int, options: SourceOptions
    ) -> None:
        """Append the weights of all classes in a record batch whose first row is row `first`: a
        column of lists, or one for each class. Raises UserError."""
        at = where if first == 0 else f"{where}, from row {first} on"
        columns = [batch.column(name) for name in names]
        if any(column.null_count for column in columns):
            raise UserError(f"{at} has rows without weights; give each image some.")
        if str(columns[0].type).startswith(_LISTS):
            lengths = np.unique(columns[0].value_lengths().to_numpy(zero_copy_only=False))
            if len(lengths) > 1:
                raise UserError(f"{at} has weights for different numbers of classes; fix them.")
            flat = columns[0].flatten()
            values = _numbers(flat, at).reshape(batch.num_rows, -1)
        else:
            values = np.column_stack([_numbers(column, at) for column in columns])
        if batch.num_rows:
            part = read_labels(ArrayInMemory(at, values), batch.num_rows, options.labels)
            self.weights.append(part)

    def add_column(
        self, column: Any, has_numbers: bool, where: str, first: int, options: SourceOptions
    ) -> None:
        """Append an Arrow array of labels, whose first value is that of row `first`; of several
        labels an image, lists of them, or texts with separators. Raises UserError."""
        if options.labels is Labels.single:
            self.add_labels(column, has_numbers, where, first)
            return
        import pyarrow

        if hasattr(column, "flatten") and str(column.type).startswith(_LISTS):
            counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            values = column.flatten()
        elif has_numbers:
            values = column.drop_null()
            counts = column.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            try:
                texts = column.cast(pyarrow.large_string()).to_pylist()
            except (pyarrow.ArrowException, ValueError) as error:
                raise UserError(f"{where} has labels that cannot be read; save it anew.") from error
            rows = [
                items_of(text, options.label_separator, partial("{}, row {}".format, where, at))
                for at, text in enumerate(texts, first)
            ]
            counts = np.fromiter(map(len, rows), np.int64, len(rows))
            values = pyarrow.array([str(name) for row in rows for name in row], pyarrow.string())
        self.counts.append(np.array(counts, np.int64))
        self.add_labels(values, has_numbers, where, None)

    def add_labels(self, column: Any, has_numbers: bool, where: str, first: int | None) -> None:
        """Append an Arrow array, whose first value is that of row `first`; None where it has not
        one a row. Raises UserError."""
        import pyarrow.compute

        if column.null_count:
            row = (first or 0) + int(
                np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]
            )
            raise UserError(f"{where}, row {row} has no label; give one to each image.")
        try:
            if has_numbers:
                numbers = column.cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
                self.labels.append(Numbered(where, np.array(numbers, np.int64), first))
                return
            # A dictionary stays one: a few of its texts may stand for GiB.
            is_encoded = pyarrow.types.is_dictionary(column.type)
            encoded = column if is_encoded else column.dictionary_encode()
            texts = encoded.dictionary.cast(pyarrow.large_string())
            lengths = pyarrow.compute.binary_length(texts).fill_null(0).to_numpy()
            if len(lengths) and int(lengths.max()) > _LONGEST_LABEL:
                raise UserError(
                    f"{where} has a label of {int(lengths.max()):,} bytes, too long for one; choose"
                    " another --label-column."
                )
            names = [(text or "").encode("utf-8", "surrogateescape") for text in texts.to_pylist()]
        except (pyarrow.ArrowException, ValueError) as error:
            raise UserError(f"{where} has labels that cannot be read; save it anew.") from error
        if b"" in names and (encoded.indices.to_numpy() == names.index(b"")).any():
            raise UserError(f"{where} has an image with an empty label; give one to each image.")
        ids = np.array(
            [self.texts.setdefault(printable(name), len(self.texts)) for name in names], np.int64
        )
        numbers = ids[encoded.indices.to_numpy(zero_copy_only=False)]
        self.labels.append(Numbered(where, numbers, first))

    def sets(self, ids: ClassIds) -> Iterator[list[int]]:
        """The classes of each image, each once, given those of all labels."""
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *self.counts])).tolist()
        flat = ids.tolist()
        return (list(dict.fromkeys(flat[a:b])) for a, b in pairwise(ends))

    def add_groups(self, column: Any, where: str) -> None:
        """Append an Arrow array of texts or numbers; raises UserError."""
        import pyarrow

        if not pyarrow.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        places = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        self.groups.add_encoded(column.dictionary.to_pylist(), places, lambda: where)

    def numbers(self) -> ClassIds:
        """One number an image."""
        parts = [part.labels for part in self.labels]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _numbers(column: Any, where: str) -> npt.NDArray[np.float64]:
    if column.null_count:
        raise UserError(f"{where} has lists in which weights are missing; fix them.")
    values = column.to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float64)


def list_tables(
    root: Path,
    splits: Mapping[str, TableSplit],
    columns: Columns,
    options: SourceOptions,
    source: str,
) -> Listing:
    """The listing of the split that is augmented, with the others that have labels. Images are
    called FILE/ROW, with the suffix of the first of their file.

    Raises UserError where it has no images, or no split of the chosen name.
    """
    chosen = choose_split(splits, options.split, source)
    unread = UnreadColumns()
    for name in columns.others:
        unread.add(name)
    warnings = list(unread.warnings(source))
    if not sum(map(len, splits[chosen].spans)):
        raise UserError(f"SOURCE {source} has no rows; give a table of images.")
    if columns.weights:
        return join_splits(_weighted(root, splits, columns, options, source, warnings), chosen)
    if options.labels is Labels.single:
        numbers = _labelled(splits, columns, chosen, source, warnings)
    else:
        numbers = {name: split.numbers() for name, split in splits.items() if split.files}
    classes: tuple[str, ...] = ()
    if options.labels is not Labels.none:
        parts = [part for name in numbers for part in splits[name].labels]
        classes, numbers = _number(numbers, parts, splits[chosen].texts, columns, options, source)
    is_single = options.labels is Labels.single
    if is_single and not columns.has_numbers and (doubt := doubt_labels(classes, source)):
        warnings.append(doubt)
    listings = {}
    for name, ids in numbers.items():
        rows = sum(map(len, splits[name].spans))
        labels = ids if is_single else np.full(rows, NO_CLASS, np.int64)
        said = warnings if name == chosen else []
        listings[name] = _listing(root, splits[name], labels, classes, columns, said)
        if options.labels is Labels.multi:
            listings[name] = with_sets(listings[name], splits[name].sets(ids))
    return join_splits(listings, chosen)


def _weighted(
    root: Path,
    splits: Mapping[str, TableSplit],
    columns: Columns,
    options: SourceOptions,
    source: str,
    warnings: Sequence[str],
) -> dict[str, Listing]:
    """The listings of splits whose images have a weight for each class."""
    labels = {name: joined(split.weights) for name, split in splits.items() if split.weights}
    widths = {one.classes for one in labels.values()}
    if len(widths) > 1:
        raise UserError(f"SOURCE {source} has splits with weights for other classes; fix them.")
    width = next(iter(widths)) or 0
    known = columns.names if columns.names is not None else options.classes
    if known is not None and len(known) != width:
        raise UserError(
            f"SOURCE {source} has weights for {count_text(width, 'class')}, and"
            f" {count_text(len(known), 'name')} for them; name each."
        )
    classes = tuple(map(str, range(width))) if known is None else tuple(known)
    listings = {}
    for name, one in labels.items():
        listing = _listing(root, splits[name], one.classes_of, classes, columns, ())
        if one.soft is not None:
            ids, weights, ends = one.soft
            listing = replace(
                listing,
                soft_ids=np.array(ids, np.int32),
                soft_weights=np.array(weights, np.float64),
                soft_ends=np.array(ends, np.int64),
            )
        said = [*warnings, *(one.normaliser.warnings(source) if one.normaliser else ())]
        listings[name] = replace(listing, labels=options.labels, warnings=tuple(said))
        warnings = ()
    return listings


def _labelled(
    splits: Mapping[str, TableSplit],
    columns: Columns,
    chosen: str,
    source: str,
    warnings: list[str],
) -> dict[str, ClassIds]:
    """The numbers of the splits that have labels: -1, which stands for none, is no class. A
    sentence about each that has none is added to `warnings`."""
    known: dict[str, ClassIds] = {}
    for name, split in splits.items():
        numbers = split.numbers()
        hidden = columns.has_numbers and bool((numbers == _NO_LABEL).all())
        if name == chosen or (len(numbers) and not hidden):
            known[name] = numbers
        elif len(numbers):
            warnings.append(
                f"{source}: the split {name} has no labels (all are {_NO_LABEL}), and is not read."
            )
    return known


def _number(
    numbers: dict[str, ClassIds],
    parts: Sequence[Numbered],
    texts: Mapping[str, int],
    columns: Columns,
    options: SourceOptions,
    source: str,
) -> tuple[tuple[str, ...], dict[str, ClassIds]]:
    """The classes, and the class ids of all images of each split, whose labels are `parts`."""
    if columns.has_numbers:
        return name_classes(parts, columns.names, options, source), numbers
    classes = label_index(texts)
    places = {name: place for place, name in enumerate(classes)}
    order = np.array([places[name] for name in texts], np.int64)
    return classes, {name: order[one] for name, one in numbers.items()}


def _listing(
    root: Path,
    split: TableSplit,
    labels: ClassIds,
    classes: tuple[str, ...],
    columns: Columns,
    warnings: Sequence[str],
) -> Listing:
    builder, at = ListingBuilder(), 0
    for name, suffix, spans in zip(split.files, split.suffixes, split.spans, strict=True):
        folder = builder.folder(name)
        for row, label in enumerate(labels[at : at + len(spans)].tolist()):
            builder.add(folder, b"%d%s" % (row, suffix), label)
        at += len(spans)
    places = np.concatenate(split.spans)
    listing = builder.finish(root, classes, spans=places, archives=split.files, warnings=warnings)
    return listing if columns.group is None else replace(listing, group_of=split.groups.numbers())


def suffix_of(start: bytes) -> bytes:
    """The suffix of an image file that begins so; empty where it is none of the usual ones."""
    return next((end for magic, end in _SUFFIXES.items() if start.startswith(magic)), b"")
