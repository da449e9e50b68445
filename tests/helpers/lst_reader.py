"""A reader as one would be added: images in base64 in a `.lst` file, a line of name and text each.

`class/name.png<TAB>aGVsbG8=`
"""

from __future__ import annotations

import base64
import os
from array import array
from pathlib import Path

import numpy as np

from augcli.data.labels import class_index, printable
from augcli.data.listing import Listing, ListingBuilder, in_order
from augcli.data.source_options import SourceOptions
from augcli.errors import UnreadableImage

KIND = "a .lst file"
OPTIONS: frozenset[str] = frozenset()


def recognises(source: Path) -> bool:
    return source.suffix == ".lst" and source.is_file()


def list_images(source: Path, options: SourceOptions) -> Listing:  # noqa: ARG001
    builder, spans, at = ListingBuilder(), array("Q"), 0
    for line in source.read_bytes().splitlines(keepends=True):
        path, text = line.rstrip().split(b"\t")
        folder, _, name = path.rpartition(b"/")
        builder.add(builder.folder(folder), name, builder.class_id(printable(folder)))
        spans.extend((at + len(path) + 1, len(text), len(text) * 3 // 4 - text.count(b"=")))
        at += len(line)
    places = np.frombuffer(spans, np.uint64).reshape(-1, 3)
    return in_order(builder.finish(source, builder.classes, spans=places), class_index)


def read_image(listing: Listing, index: int, limit: int) -> bytes:
    assert listing.spans is not None
    start, length, size = listing.spans[index].tolist()
    if size > limit:
        raise UnreadableImage("it is too large")
    with Path(os.fsdecode(listing.root)).open("rb") as file:
        file.seek(start)
        return base64.b64decode(file.read(length))
