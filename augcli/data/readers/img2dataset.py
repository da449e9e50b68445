"""Reads folders of img2dataset's `files`: SOURCE/00000/000000000.jpg, with a .json beside each."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from augcli.data.image_file import read_image as read_image
from augcli.data.labels import shown
from augcli.data.left_out import has_suffix
from augcli.data.listing import Listing
from augcli.data.sample_labels import with_labels
from augcli.data.samples import Gathered, is_shard_number
from augcli.data.shards import is_folder
from augcli.data.source_options import SourceOptions
from augcli.data.tar_headers import LARGEST_RECORD, Member
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import open_regular

KIND = "a folder of img2dataset"
OPTIONS = frozenset({"label_column"})
# Entries of SOURCE's first folder that are looked at.
_LOOKED_AT = 1_000


def recognises(source: Path) -> bool:
    """Whether SOURCE is a folder whose folders are named as img2dataset's shards, in the first of
    which each image has such a shard's number in its name, and a .json or .txt beside it."""
    if not source.is_dir():
        return False
    first = b""
    with os.scandir(os.fsencode(source)) as entries:
        for entry in entries:
            if entry.name.startswith(b".") or not is_folder(entry):
                continue
            if not is_shard_number(entry.name):
                return False
            first = min(first or entry.name, entry.name)
    if not first:
        return False
    with os.scandir(os.fsencode(source) + b"/" + first) as entries:
        names = {entry.name for entry in islice(entries, _LOOKED_AT)}
    images = [name for name in names if has_suffix(name)]
    stems = [name.partition(b".")[0] for name in images]
    return (
        bool(stems)
        and all(
            stem.isdigit() and stem.startswith(first) and len(stem) > len(first) for stem in stems
        )
        and _have_texts(names, stems)
    )


def _have_texts(names: set[bytes], stems: list[bytes]) -> bool:
    """Whether a .json or .txt stands beside images; of some, it may be beyond those looked at."""
    beside = sum(bool({stem + b".json", stem + b".txt"} & names) for stem in stems)
    return beside == len(stems) or (len(names) == _LOOKED_AT and beside > 0)


def list_images(source: Path, options: SourceOptions) -> Listing:
    """List the images with the labels in the .json beside them, by the order of their names.

    Raises UserError where these have no label, as captions are none.
    """
    gathered = Gathered(options.label_column, options.labels is Labels.multi)
    gathered.begin((0,), b"")
    root = os.fsencode(source)
    try:
        with os.scandir(root) as entries:
            folders = sorted(entry.name for entry in entries
                             if is_folder(entry) and not entry.name.startswith(b"."))  # fmt: skip
        for folder in folders:
            for member in _files(root, folder):
                if has_suffix(member.name):
                    gathered.add(member, io.BytesIO())
                    continue
                with open_regular(Path(os.fsdecode(root + b"/" + member.name))) as file:
                    gathered.add(member, file)
    except OSError as error:
        where = shown(os.fsencode(error.filename or source))
        raise UserError(f"{where} in SOURCE cannot be read: {error.strerror}.") from error
    gathered.close_group()
    listing = gathered.builder.finish(source, ())
    return with_labels(listing, gathered, np.zeros(len(listing), np.int64), options, source)[0]


def _files(root: bytes, folder: bytes) -> Iterator[Member]:
    """The files in a folder by name, as members of an archive."""
    with os.scandir(root + b"/" + folder) as entries:
        found = sorted((entry.name, entry.is_file()) for entry in entries)
    for name, is_file in found:
        yield Member(folder + b"/" + name, (0, LARGEST_RECORD), is_file, name.startswith(b"."))
