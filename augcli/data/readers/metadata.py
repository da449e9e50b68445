"""Reads an earlier output, or any folder of images with labels in a `metadata.jsonl`."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from augcli.data.columns import UnreadColumns
from augcli.data.image_file import read_image as read_image
from augcli.data.labels import (
    SoftLabel,
    class_index,
    from_printable,
    one_hot,
    shown,
    split_lines,
)
from augcli.data.listing import Listing, ListingBuilder, first_repeated
from augcli.data.source_options import SourceOptions
from augcli.data.splits import other_splits
from augcli.declared import what_is_amiss
from augcli.errors import UserError
from augcli.files import MIB, parse_json, read_lines
from augcli.published import CLASSES, MANIFEST, TRAIN
from augcli.text import count_text, shorten
from augcli.text_files import LARGEST_LIST, read_text

KIND = f"a folder with a {MANIFEST}"
OPTIONS: frozenset[str] = frozenset()
_TOLERANCE = 1e-6
# Bytes of a row: a million weights fit.
_LONGEST_ROW = 16 * MIB


# What else a run writes into a row.
OF_A_RUN = frozenset(
    ("sample_id", "group_id", "view", "source_ids", "source_paths", "lam", "boxes", "recipe",
     "params", "saliency_method", "width", "height", "sha256", "seed", "schema_version")
)  # fmt: skip


class _Row(BaseModel):
    """What is read of a row; the rest of it is only named. Neither true nor "1" is 1."""

    model_config = ConfigDict(extra="allow", strict=True, defer_build=True)

    file_name: str
    label: int | None = None
    class_name: str | None = None
    label_ids: list[int] | None = None
    label_weights: list[float] | None = None
    soft_label: list[float] | None = None


_KEYS = tuple(f'"{name}"'.encode() for name in _Row.model_fields)


def recognises(source: Path) -> bool:
    """Whether a folder has a manifest."""
    return _find_manifest(source) is not None


def _find_manifest(source: Path) -> Path | None:
    """The manifest of an earlier output (SOURCE/train) or of a folder of images, if any, whatever
    kind of file it is. A folder of that name is one of a class."""
    for folder in (source / TRAIN, source):
        manifest = folder / MANIFEST
        if os.path.lexists(manifest) and not manifest.is_dir():
            return manifest
    return None


def list_images(source: Path, options: SourceOptions) -> Listing:  # noqa: ARG001
    """List the images that the manifest of a folder names, in its order, with their soft labels.

    A row needs `file_name` (below the manifest's folder) and one of: `label_ids` with
    `label_weights`, `soft_label`, `label`, or `class_name`. Class names come from `classes.txt`
    beside the manifest or above it, else from `class_name`. Raises UserError, with the line, for a
    row that is none, leaves the folder, or has a label outside the classes, and for a class that
    has no name of its own. What else rows have, but for the columns of a run, is named in the
    listing's warnings, as are splits that are not read.
    """
    manifest = _find_manifest(source)
    if manifest is None:
        raise UserError(f"SOURCE {source} has no {MANIFEST} any more; put it back.")
    classes = _classes(manifest)
    ids: dict[str, int] = {}
    for class_id, class_name in enumerate(classes):
        if not class_name or any(ord(character) < 0x20 for character in class_name):
            quoted = shorten(repr(class_name))
            raise UserError(f"{manifest}: {quoted} is no name of a class; fix it.")
        if ids.setdefault(class_name, class_id) != class_id:
            raise UserError(
                f"{manifest}: class {ids[class_name]} and class {class_id} are both named"
                f" {shorten(class_name)}; give each a name of its own."
            )
    builder = ListingBuilder()
    soft_ids, soft_weights, soft_ends = array("i"), array("d"), array("q")
    unread = UnreadColumns()
    for number, row in enumerate(_rows(manifest), 1):
        where = f"{manifest}, line {number}"
        path = _below(row.file_name)
        if path is None:
            quoted = shorten(repr(row.file_name))
            raise UserError(f"{where}: the file name {quoted} leaves its folder; fix it.")
        for column, value in (row.model_extra or {}).items():
            if column not in OF_A_RUN:
                unread.add(column, value)
        label = _label(row, ids, len(classes), where)
        folder, _, name = path.rpartition(b"/")
        builder.add(builder.folder(folder), name, label.dominant)
        soft_ids.extend(label.ids)
        soft_weights.extend(label.weights)
        soft_ends.append(len(soft_ids))
    if not soft_ends:
        raise UserError(_no_rows(manifest))
    soft = soft_ids, soft_weights, soft_ends
    warnings = [*unread.warnings(str(manifest)), *_unread_splits(source, manifest)]
    listing = builder.finish(manifest.parent, classes, soft, warnings=warnings)
    again = first_repeated(listing)
    if again is not None:
        twice = shown(listing.relative_path(again))
        raise UserError(
            f"{manifest}, line {again + 1}: the file '{twice}' stands there twice; remove one."
        )
    return listing


def _unread_splits(source: Path, manifest: Path) -> Iterator[str]:
    beside = other_splits(source) if manifest.parent != source else []
    if beside:
        are = "is" if len(beside) == 1 else "are"
        yield f"only {manifest.parent} is read; {', '.join(beside)} beside it {are} not."


def _below(file_name: str) -> bytes | None:
    """The path that a row's file name stands for; None for one that is none below a folder."""
    try:
        name = from_printable(file_name)
    except ValueError:
        return None
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if name.startswith(b"/") or b".." in parts or b"\0" in name or not parts:
        return None
    return b"/".join(parts)


def _rows(manifest: Path) -> Iterator[_Row]:
    try:
        for number, line in enumerate(read_lines(manifest, _LONGEST_ROW), 1):
            try:
                if b"\\u" in line or any(line.count(key) > 1 for key in _KEYS):
                    parse_json(line)  # which refuses a key that stands there twice
                yield _Row.model_validate_json(line)
            except ValidationError as error:
                raise UserError(
                    f"{manifest}, line {number}: {what_is_amiss(error, _Row)}; fix or remove it."
                ) from error
            except ValueError as error:
                raise UserError(
                    f"{manifest}, line {number}: {shorten(str(error))}; fix or remove it."
                ) from error
    except OSError as error:
        raise UserError(f"{manifest} cannot be read: {error.strerror}.") from error


def _classes(manifest: Path) -> tuple[str, ...]:
    for folder in (manifest.parent, manifest.parent.parent):
        file = folder / CLASSES
        if os.path.lexists(file):
            try:
                return tuple(split_lines(read_text(file, LARGEST_LIST)))
            except OSError as error:
                raise UserError(f"{file} cannot be read: {error.strerror}.") from error
            except ValueError as error:
                raise UserError(f"{file} cannot be read: {error}.") from error
    named: dict[int, str | None] = {}
    names: set[str] = set()
    empty = True
    for number, row in enumerate(_rows(manifest), 1):
        empty = False
        if row.label is not None and named.setdefault(row.label, row.class_name) is None:
            named[row.label] = row.class_name
        if row.class_name is not None:
            names.add(row.class_name)
            if row.label is not None and named[row.label] != row.class_name:
                raise UserError(
                    f"{manifest}, line {number}: label {shorten(str(row.label))} is named"
                    f" {shorten(row.class_name)}, and before {shorten(str(named[row.label]))}; fix"
                    f" one, or put a {CLASSES} with one class a line beside it."
                )
    if empty:
        raise UserError(_no_rows(manifest))
    if named and None not in named.values() and set(named) == set(range(len(named))):
        return tuple(str(named[class_id]) for class_id in range(len(named)))
    if named or not names:
        raise UserError(
            f"{manifest} does not name all its classes; put a {CLASSES} with one class a line"
            " beside it."
        )
    return class_index(names)


def _no_rows(manifest: Path) -> str:
    return f"{manifest} has no rows; give an output or a folder of images."


def _label(row: _Row, ids: dict[str, int], classes: int, where: str) -> SoftLabel:
    if row.label_ids is not None and row.label_weights is not None:
        label = SoftLabel(tuple(row.label_ids), tuple(row.label_weights))
    elif row.soft_label is not None:
        nonzero = [(i, weight) for i, weight in enumerate(row.soft_label) if weight != 0.0]
        label = SoftLabel(tuple(i for i, _ in nonzero), tuple(weight for _, weight in nonzero))
    elif row.label is not None:
        label = one_hot(row.label)
    elif row.class_name is not None and row.class_name in ids:
        label = one_hot(ids[row.class_name])
    else:
        raise UserError(f"{where}: it has no label of a known class; add label_ids or class_name.")
    whole = len(label.ids) == len(label.weights) > 0 and len(set(label.ids)) == len(label.ids)
    positive = all(math.isfinite(weight) and weight > 0.0 for weight in label.weights)
    if not whole or not positive or abs(sum(label.weights) - 1.0) > _TOLERANCE:
        raise UserError(f"{where}: its label weights are not positive with the sum 1; fix them.")
    outside = [i for i in label.ids if not 0 <= i < classes]
    if outside:
        raise UserError(
            f"{where}: class {shorten(str(outside[0]))} is not one of"
            f" {count_text(classes, 'class')}."
        )
    return label
