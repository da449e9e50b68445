"""Chooses the reader for a SOURCE folder."""

from __future__ import annotations

from pathlib import Path

from augcli.dataset.imagefolder import read_image_folder
from augcli.dataset.labelled import find_manifest, read_labelled
from augcli.dataset.listing import Listing


def read_folder(source: Path) -> Listing:
    """List a folder: by its manifest where it has one, else as an image folder.

    Raises UserError.
    """
    manifest = find_manifest(source)
    return read_image_folder(source) if manifest is None else read_labelled(manifest)
