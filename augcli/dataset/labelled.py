"""Reads an earlier output, or any folder of images with labels in a `metadata.jsonl`."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from augcli.dataset.labels import (
    SoftLabel,
    class_index,
    from_printable,
    one_hot,
    printable,
    split_lines,
)
from augcli.dataset.listing import Listing, ListingBuilder, first_repeated
from augcli.errors import UserError
from augcli.text import count_text

MANIFEST = "metadata.jsonl"
_CLASSES = "classes.txt"
_TOLERANCE = 1e-6


class _Row(BaseModel):
    """What is read of a row; the rest of it is not looked at."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    file_name: str
    label: int | None = None
    class_name: str | None = None
    label_ids: list[int] | None = None
    label_weights: list[float] | None = None
    soft_label: list[float] | None = None


def find_manifest(source: Path) -> Path | None:
    """The manifest of an earlier output (SOURCE/train) or of a folder of images, if any."""
    for folder in (source / "train", source):
        if (folder / MANIFEST).is_file():
            return folder / MANIFEST
    return None


def read_labelled(manifest: Path) -> Listing:
    """List the images that `manifest` names, in its order, with their soft labels.

    A row needs `file_name` (below the manifest's folder) and one of: `label_ids` with
    `label_weights`, `soft_label`, `label`, or `class_name`. Class names come from `classes.txt`
    beside the manifest or above it, else from `class_name`. Raises UserError, with the line, for a
    row that is none, leaves the folder, or has a label outside the classes.
    """
    classes = _classes(manifest)
    for class_name in classes:
        if not class_name or any(ord(character) < 0x20 for character in class_name):
            raise UserError(f"{manifest}: {class_name!r} is no name of a class; mend it.")
    ids = {name: class_id for class_id, name in enumerate(classes)}
    builder = ListingBuilder()
    soft_ids, soft_weights, soft_ends = array("i"), array("d"), array("q")
    for number, row in enumerate(_rows(manifest), 1):
        where = f"{manifest}, line {number}"
        path = _below(row.file_name)
        if path is None:
            told = row.file_name[:200]
            raise UserError(f"{where}: the file name {told!r} leaves its folder; mend it.")
        label = _label(row, ids, len(classes), where)
        folder, _, name = path.rpartition(b"/")
        builder.add(builder.folder(folder), name, label.dominant)
        soft_ids.extend(label.ids)
        soft_weights.extend(label.weights)
        soft_ends.append(len(soft_ids))
    if not soft_ends:
        raise UserError(_no_rows(manifest))
    listing = builder.finish(manifest.parent, classes, (soft_ids, soft_weights, soft_ends))
    again = first_repeated(listing)
    if again is not None:
        told = printable(listing.relative_path(again))
        raise UserError(
            f"{manifest}, line {again + 1}: the file {told!r} stands there twice; remove one."
        )
    return listing


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
        with manifest.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield _Row.model_validate_json(line)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"])) or "the line"
                    raise UserError(
                        f"{manifest}, line {number}: {where}: {first['msg']}; mend or remove it."
                    ) from error
    except OSError as error:
        raise UserError(f"{manifest} cannot be read: {error.strerror}.") from error


def _classes(manifest: Path) -> tuple[str, ...]:
    for folder in (manifest.parent, manifest.parent.parent):
        file = folder / _CLASSES
        if file.is_file():
            try:
                return tuple(split_lines(file.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as error:
                raise UserError(f"{file} cannot be read: {error}.") from error
    named: dict[int, str | None] = {}
    names: set[str] = set()
    empty = True
    for row in _rows(manifest):
        empty = False
        if row.label is not None:
            named[row.label] = row.class_name
        if row.class_name is not None:
            names.add(row.class_name)
    if empty:
        raise UserError(_no_rows(manifest))
    if named and None not in named.values() and set(named) == set(range(len(named))):
        return tuple(str(named[class_id]) for class_id in range(len(named)))
    if not names:
        raise UserError(
            f"{manifest} names no classes; put a {_CLASSES} with one class a line beside it."
        )
    return class_index(names)


def _no_rows(manifest: Path) -> str:
    return f"{manifest} has no rows; give an output or a folder of images."


def _label(row: _Row, ids: dict[str, int], classes: int, where: str) -> SoftLabel:
    if row.label_ids is not None and row.label_weights is not None:
        label = SoftLabel(tuple(row.label_ids), tuple(row.label_weights))
    elif row.soft_label is not None:
        kept = [(i, weight) for i, weight in enumerate(row.soft_label) if weight != 0.0]
        label = SoftLabel(tuple(i for i, _ in kept), tuple(weight for _, weight in kept))
    elif row.label is not None:
        label = one_hot(row.label)
    elif row.class_name is not None and row.class_name in ids:
        label = one_hot(ids[row.class_name])
    else:
        raise UserError(f"{where}: it has no label of a known class; add label_ids or class_name.")
    whole = len(label.ids) == len(label.weights) > 0 and len(set(label.ids)) == len(label.ids)
    positive = all(math.isfinite(weight) and weight > 0.0 for weight in label.weights)
    if not whole or not positive or abs(sum(label.weights) - 1.0) > _TOLERANCE:
        raise UserError(f"{where}: its label weights are not positive with the sum 1; mend them.")
    outside = [i for i in label.ids if not 0 <= i < classes]
    if outside:
        raise UserError(
            f"{where}: class {outside[0]} is not one of {count_text(classes, 'class')}."
        )
    return label
