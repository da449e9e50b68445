"""How the images of a finished run lie in the folders of its splits: what reads them goes by it.

A module of `manifest.forms` is a form where it has the functions of `Form`;
`manifest/forms/table.py` lists them by the sinks that write so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from augcli.enums import Labels
from augcli.files import MIB
from augcli.manifest.columns import Hashes
from augcli.manifest.faults import Fault
from augcli.manifest.row import Row

NO_ROW = "no row names this file"
OTHER_BYTES = "the file's sha256 is not the row's"
MISSING = "the file is missing"
A_LINK = "it is a link, which is not followed"
NO_FILE = "it is not a regular file"

# The most that a file takes: four channels of 16 bits as they are, metadata and further pages.
_BYTES_A_PIXEL, _ROOM = 8, 64 * MIB


class Files(Protocol):
    """The images in the folder of a split, looked at one row after another; no link is followed,
    and no image read that is too large for its pixels."""

    def faults(self, row: Row, line: bytes) -> Iterator[Fault]:
        """What is wrong with the image that a row names, and with what stands beside it; `line` is
        the row's in the manifest."""

    def image_faults(self, row: Row) -> Iterator[str]:
        """What is wrong with the image alone."""

    def strays(self, known: Hashes) -> Iterator[Fault]:
        """What lies in the folder that is of none of the rows that were looked at, and what else is
        wrong there; `known` are the hashes of all names of files in rows, in order."""

    def read(self, row: Row) -> bytes:
        """The bytes of the image that a row names; raises OSError, UserError and ValueError where
        there is none."""


class Form(Protocol):
    """The verbs of a form."""

    def file_of(self, file_name: str) -> str:
        """The file, below the folder of a split, in which the image is that a row names."""

    def is_own(self, name: str) -> bool:
        """Whether a run may have written a file of this name below the folder of a split."""

    def name_faults(self, row: Row, labels: Labels) -> Iterator[str]:
        """What is wrong with the name of a row's file, of a run with these labels."""

    def look_into(self, folder: Path, max_pixels: int) -> Files:
        """The images in the folder of a split, of at most so many pixels."""


def most_bytes(max_pixels: int) -> int:
    """The most bytes of an image of so many pixels."""
    return _ROOM + _BYTES_A_PIXEL * max_pixels


def too_large(limit: int) -> str:
    """What is said of a file of more bytes than that."""
    return f"the file is larger than {limit // MIB:,} MiB, the most for --max-pixels"


def size_fault(height: int, width: int, row: Row) -> Iterator[str]:
    """What is wrong where an image has another size than its row says."""
    if (width, height) != (row.width, row.height):
        yield f"the image has {width} x {height} pixels, the row says {row.width} x {row.height}"
