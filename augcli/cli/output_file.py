"""The one file that a command writes: checked before any work, then whole or as it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from augcli.choices import STDIN
from augcli.errors import UserError
from augcli.files import replace_file


def check_file(option: str, path: Path, source: str, inputs: Iterable[Path] = ()) -> None:
    """Raise UserError where `option` `path` names no file that may be written: no regular file, one
    of the command's `inputs`, or one inside the folder `source`."""
    given = f"{option} {path}"
    if path.is_dir():
        raise UserError(f"{given} is a folder; name a file.")
    if path.exists() and not path.is_file():
        raise UserError(f"{given} is not a regular file; name another one.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.absolute().parent} for {given}.")
    for read in inputs:
        if path.exists() and path.samefile(read):
            raise UserError(f"{given} is {read}, which the command reads; name another file.")
    # Where the name lies counts, and where a link there leads.
    places = (path.parent.resolve(), path.resolve())
    folder = Path(source).resolve()
    if source != STDIN and any(place.is_relative_to(folder) for place in places):
        raise UserError(f"{given} lies inside SOURCE {source}, where nothing is written.")


def write_file(option: str, path: Path, data: bytes) -> None:
    """Write it; raises UserError where the system refuses."""
    try:
        replace_file(path, data)
    except OSError as error:
        raise UserError(f"{option} {path} cannot be written: {error.strerror}.") from error
