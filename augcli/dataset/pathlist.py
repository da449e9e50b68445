"""Reads a list of image paths from a stream, NUL- or newline-separated, as `find` writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from augcli.choices import LabelsFrom
from augcli.dataset.labels import class_index, printable
from augcli.dataset.listing import Listing, ListingBuilder
from augcli.errors import UserError


def read_path_list(stream: BinaryIO, labels_from: LabelsFrom) -> Listing:
    """List the paths in `stream` in the order given, each once.

    A NUL anywhere makes NUL the separator (`find -print0`), else it is the newline. Paths are
    relative to the working directory. Nothing is opened. Raises UserError for an empty list and
    for a path without the part that should name its class.
    """
    data = stream.read()
    separator = b"\0" if b"\0" in data else b"\n"
    paths = data.split(separator)
    if separator == b"\n":
        paths = [path.removesuffix(b"\r") for path in paths]
    unique = list(dict.fromkeys(os.path.normpath(path) for path in paths if path))
    if not unique:
        raise UserError("The list of paths on standard input is empty; pipe in image paths.")
    names = [class_name(path, labels_from) for path in unique]
    classes = class_index(names)
    ids = {name: class_id for class_id, name in enumerate(classes)}
    builder = ListingBuilder()
    for path, name in zip(unique, names, strict=True):
        folder, _, file_name = path.rpartition(b"/")
        builder.add(builder.folder(folder), file_name, ids[name])
    return builder.finish(Path.cwd(), classes)


def class_name(path: bytes, labels_from: LabelsFrom) -> str:
    """The class that a listed path names; raises UserError where it names none."""
    *folders, name = path.split(b"/")
    if labels_from is LabelsFrom.prefix:
        prefix, underscore, _ = name.partition(b"_")
        found = prefix if underscore else b""
    else:
        up = 1 if labels_from is LabelsFrom.parent else 2
        found = folders[-up] if len(folders) >= up else b""
    if found in (b"", b".", b".."):
        raise UserError(
            f"The path {printable(path)} on standard input has no {labels_from.value} to name its"
            " class; list paths with class folders or choose another --labels-from."
        )
    return printable(found)
