"""Chooses the reader for a SOURCE on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from augcli.data.listing import Listing
from augcli.data.readers.imagefolder import read_image_folder
from augcli.data.readers.metadata import find_manifest, read_labelled
from augcli.data.splits import other_splits
from augcli.errors import UserError


def list_source(source: Path) -> Listing:
    """List a folder (by its manifest where it has one, else as an image folder), a tar archive, or
    a table of paths and labels.

    Raises UserError.
    """
    try:
        if source.exists() and not source.is_dir():
            from augcli.data.readers.table import is_table, read_table
            from augcli.data.readers.tar import is_tar, read_tar

            if is_table(source):
                return read_table(source)
            if is_tar(source):
                return read_tar(source)
            raise UserError(
                f"SOURCE {source} is a file; give a folder with one folder a class, a .tar archive"
                " or a .csv table."
            )
        manifest = find_manifest(source)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    if manifest is None:
        return read_image_folder(source)
    listing = read_labelled(manifest)
    beside = other_splits(source) if manifest.parent != source else []
    if not beside:
        return listing
    are = "is" if len(beside) == 1 else "are"
    warning = f"only {manifest.parent} is read; {', '.join(beside)} beside it {are} not."
    return replace(listing, warnings=(*listing.warnings, warning))
