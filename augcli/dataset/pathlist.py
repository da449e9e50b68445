"""Reads a list of image paths from a stream, NUL- or newline-separated, as `find` writes it."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

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
    builder = ListingBuilder()
    numbers: dict[str, int] = {}
    class_of = array("i")
    seen: set[bytes] = set()
    for path in _paths(data):
        digest = hashlib.blake2b(path, digest_size=12).digest()
        if digest in seen:
            continue
        seen.add(digest)
        name = class_name(path, labels_from)
        folder, _, file_name = path.rpartition(b"/")
        builder.add(builder.folder(folder), file_name, 0)
        class_of.append(numbers.setdefault(name, len(numbers)))
    if not class_of:
        raise UserError("The list of paths on standard input is empty; pipe in image paths.")
    classes = class_index(numbers)
    ids = {name: class_id for class_id, name in enumerate(classes)}
    of_number = np.array([ids[name] for name in numbers], np.int32)
    listing = builder.finish(Path.cwd(), classes)
    return replace(listing, class_of=of_number[np.frombuffer(class_of, np.int32)])


def _paths(data: bytes) -> Iterator[bytes]:
    """The paths in a list, one at a time: they are not to stand in memory a second time."""
    separator = b"\0" if b"\0" in data else b"\n"
    start = 0
    while start < len(data):
        end = data.find(separator, start)
        end = len(data) if end < 0 else end
        path = data[start:end]
        if separator == b"\n":
            path = path.removesuffix(b"\r")
        if path:
            yield os.path.normpath(path)
        start = end + 1


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
