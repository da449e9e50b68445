"""Splits of a data set whose images lie inside of tables: their files, labels and places, and the
listings of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.data.arrow_columns import Columns
from augcli.data.class_numbers import Labels, name_classes
from augcli.data.columns import UnreadColumns
from augcli.data.doubtful_labels import doubt_labels
from augcli.data.inner_splits import choose_split, join_splits
from augcli.data.labels import label_index, printable
from augcli.data.listing import Listing, ListingBuilder
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError

# What datasets whose labels are withheld have in their place.
_NO_LABEL = -1
_SUFFIXES = {
    b"\xff\xd8\xff": b".jpg", b"\x89PNG": b".png", b"RIFF": b".webp", b"GIF8": b".gif",
    b"BM": b".bmp", b"II*\0": b".tif", b"MM\0*": b".tif",
}  # fmt: skip


@dataclass
class TableSplit:
    """The images of one split, as its files are read. Labels are numbers, or places in `texts`,
    which all splits share; `spans` has the places of a file's images, as in Listing."""

    texts: dict[str, int]
    files: list[bytes] = field(default_factory=list)
    suffixes: list[bytes] = field(default_factory=list)
    spans: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)

    def add_labels(self, column: Any, has_numbers: bool, where: str, first: int) -> None:
        """Append an Arrow array, whose first value is that of row `first`; raises UserError."""
        import pyarrow

        if column.null_count:
            row = first + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise UserError(f"{where}, row {row} has no label; give one to each image.")
        try:
            if has_numbers:
                numbers = column.cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
                self.labels.append(np.array(numbers, np.int64))
                return
            encoded = column.cast(pyarrow.large_string()).dictionary_encode()
            names = [text.encode("utf-8", "surrogateescape") for text in
                     encoded.dictionary.to_pylist()]  # fmt: skip
        except (pyarrow.ArrowException, ValueError) as error:
            raise UserError(f"{where} has labels that cannot be read; save it anew.") from error
        if b"" in names:
            raise UserError(f"{where} has an image with an empty label; give one to each image.")
        ids = np.array(
            [self.texts.setdefault(printable(name), len(self.texts)) for name in names], np.int64
        )
        self.labels.append(ids[encoded.indices.to_numpy(zero_copy_only=False)])

    def numbers(self) -> Labels:
        """One number an image."""
        return np.concatenate(self.labels) if self.labels else np.empty(0, np.int64)


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
    numbers = _labelled(splits, columns, chosen, source, warnings)
    classes, ids = _number(numbers, splits[chosen].texts, columns, options, source)
    if not columns.has_numbers and (doubt := doubt_labels(classes, source)):
        warnings.append(doubt)
    listings = {
        name: _listing(root, splits[name], ids[name], classes, warnings if name == chosen else [])
        for name in ids
    }
    return join_splits(listings, chosen)


def _labelled(
    splits: Mapping[str, TableSplit],
    columns: Columns,
    chosen: str,
    source: str,
    warnings: list[str],
) -> dict[str, Labels]:
    """The numbers of the splits that have labels: -1, which stands for none, is no class. A
    sentence about each that has none is added to `warnings`."""
    known: dict[str, Labels] = {}
    for name, split in splits.items():
        numbers = split.numbers()
        if not len(numbers) and name == chosen:
            raise UserError(f"SOURCE {source} has no rows; give a table of images.")
        hidden = columns.has_numbers and bool((numbers == _NO_LABEL).all())
        if name == chosen or (len(numbers) and not hidden):
            known[name] = numbers
        elif len(numbers):
            warnings.append(
                f"{source}: the split {name} has no labels (all are {_NO_LABEL}), and is not read."
            )
    return known


def _number(
    numbers: Mapping[str, Labels],
    texts: Mapping[str, int],
    columns: Columns,
    options: SourceOptions,
    source: str,
) -> tuple[tuple[str, ...], Mapping[str, Labels]]:
    """The classes, and the class ids of all images of each split."""
    if columns.has_numbers:
        return name_classes(numbers.values(), columns.names, options, source), numbers
    classes = label_index(texts)
    places = {name: place for place, name in enumerate(classes)}
    order = np.array([places[name] for name in texts], np.int64)
    return classes, {name: order[one] for name, one in numbers.items()}


def _listing(
    root: Path, split: TableSplit, labels: Labels, classes: tuple[str, ...], warnings: Sequence[str]
) -> Listing:
    builder, at = ListingBuilder(), 0
    for name, suffix, spans in zip(split.files, split.suffixes, split.spans, strict=True):
        folder = builder.folder(name)
        for row, label in enumerate(labels[at : at + len(spans)].tolist()):
            builder.add(folder, b"%d%s" % (row, suffix), label)
        at += len(spans)
    places = np.concatenate(split.spans)
    return builder.finish(root, classes, spans=places, archives=split.files, warnings=warnings)


def suffix_of(start: bytes) -> bytes:
    """The suffix of an image file that begins so; empty where it is none of the usual ones."""
    return next((end for magic, end in _SUFFIXES.items() if start.startswith(magic)), b"")
