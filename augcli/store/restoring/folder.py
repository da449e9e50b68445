"""Restores image files in folders of classes: each has a place by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from augcli.errors import RunFailed
from augcli.manifest.forms import folder as form
from augcli.manifest.row import Row
from augcli.published import MANIFEST
from augcli.store.layout import Place, staged_split
from augcli.store.restoring.restoring import Line


def in_place(row: Row, before: Row) -> Row:  # noqa: ARG001 - the same image has the same place
    """As `Restoring.in_place`."""
    return row


def put(staged: Path, folder: Path, row: Row, max_pixels: int) -> str | None:
    """As `Restoring.put`."""
    for what in form.look_into(staged, max_pixels).image_faults(row):
        raise RunFailed(f"{row.file_name} was just made again, but {what}; check the disk.")
    place = folder / row.file_name
    try:
        place.parent.mkdir(exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        (staged / row.file_name).replace(place)
    except OSError as error:
        return f"it cannot be put in its place: {error.strerror}"
    return None


def join(
    aside: Place,
    split: str,
    lines: Iterable[Line],
    shard_size: str | None,  # noqa: ARG001 - of archives
) -> None:
    """As `Restoring.join`."""
    folder = staged_split(aside.state, split)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MANIFEST).open("wb") as manifest:
        manifest.writelines(line.data for line in lines)
        manifest.flush()
        os.fsync(manifest.fileno())


def take_over(aside: Place, split: str) -> None:
    """As `Restoring.take_over`: images are there already."""
