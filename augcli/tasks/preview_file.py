"""The file of a contact sheet: what it is by its name, where it may lie, and how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from augcli.arrays.types import Pixels
from augcli.data.destination import (
    LARGEST_SHEET,
    check_destination,
    check_not_in_run,
    check_outside,
)
from augcli.enums import STDIN, Format
from augcli.errors import RunFailed, UserError
from augcli.files import Standing, replace_only, standing
from augcli.image.sheet_file import encode_sheet, is_sheet

if TYPE_CHECKING:
    from augcli.data.listing import Listing

_FORMATS = {
    ".png": Format.png,
    ".jpg": Format.jpeg,
    ".jpeg": Format.jpeg,
    ".webp": Format.webp,
}


def sheet_format(to: Path, option: str) -> Format:
    """The format that the name of a file says, as `option` names it; raises UserError."""
    if to.suffix.lower() not in _FORMATS:
        raise UserError(f"{option} {to} is no PNG, JPEG or WebP file; name it like preview.png.")
    return _FORMATS[to.suffix.lower()]


def place_for(to: Path, option: str, listing: Listing, source: str) -> Standing:
    """What stands where a sheet is to be written; raises UserError where that is not to be
    replaced, or no place for it."""
    check_destination(to, option, is_sheet, LARGEST_SHEET)
    check_outside(to, option, listing, None if source == STDIN else Path(source))
    check_not_in_run(to, option)
    return standing(to)


def write_sheet(to: Path, sheet: Pixels, before: Standing) -> None:
    """Write the sheet whole, or leave what stood there; raises RunFailed."""
    try:
        data = encode_sheet(sheet, to.suffix)
    except (OSError, ValueError) as error:
        height, width = sheet.shape[:2]
        raise RunFailed(
            f"--to {to} cannot hold {width} x {height} pixels; name a .png file, or draw fewer"
            " --examples."
        ) from error
    try:
        replace_only(to, data, before)
    except OSError as error:
        raise RunFailed(
            f"--to {to} cannot be written: {error.strerror or error}; name another file."
        ) from error
