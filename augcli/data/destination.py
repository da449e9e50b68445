"""Where a single file may be written: never over what it is made of, or over something else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from augcli.data.labels import printable
from augcli.data.listing import Listing
from augcli.data.splits import splits_of_run
from augcli.errors import UserError
from augcli.files import open_regular, read_beyond, why_unwritable
from augcli.published import MAPS_STATE, STATE, TRAIN

_SIGNATURE = 16
LARGEST_SHEET = 1 << 28


def check_destination(
    path: Path, option: str, is_replaceable: Callable[[bytes], bool], longest: int = _SIGNATURE
) -> None:
    """Refuse a place where no file can be written, or where something stands that is not to be
    replaced: a folder, a FIFO, a device, or a file whose first bytes, `longest` at most,
    `is_replaceable` refuses.

    Raises UserError, with the option's name. Nothing is changed.
    """
    if path.is_symlink():
        raise UserError(f"{option} {path} is a link; name the file itself.")
    folder = path.absolute().parent
    above = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), folder)
    if above.is_file():
        raise UserError(
            f"{option} {path} lies below {above}, which is a file; name a file in a folder."
        )
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError as error:
        raise UserError(
            f"{option} {path} cannot be written, as there is no folder {path.parent}; make it, or"
            " name a file elsewhere."
        ) from error
    except OSError as error:
        raise UserError(
            f"{option} {path} cannot be written: {error.strerror}; name a file elsewhere."
        ) from error
    if not stat.S_ISDIR(mode):
        raise UserError(
            f"{option} {path} cannot be written: {path.parent} is not a folder; name a file in one."
        )
    if reason := why_unwritable(path.parent):
        raise UserError(f"{option} {path} cannot be written: {reason}; name a file elsewhere.")
    try:
        with open_regular(path) as file:
            start = read_beyond(file, longest)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{option} {path} cannot be replaced: {error.strerror}.") from error
    if start and not is_replaceable(start):
        raise UserError(
            f"{option} {path} exists and is a file of another kind, which is not replaced; choose"
            " another name."
        )


def check_outside(path: Path, option: str, listing: Listing, source: Path | None) -> None:
    """Refuse a path that lies inside the folder SOURCE, also by a link, or is one of its files.

    `source` is None for a list of paths. Raises UserError. Where something stands at `path`, each
    file of the listing is looked at.
    """
    absolute = path.absolute()
    places = {absolute.parent.resolve() / absolute.name, absolute.resolve()}
    if source is not None and source.is_dir():
        folders = {_identity(source)}
        folders |= {_identity(os.path.join(listing.root, name)) for name in listing.folders}  # noqa: PTH118
        folders.discard(None)
        if any(_identity(parent) in folders for place in places for parent in place.parents):
            raise UserError(
                f"{option} {path} lies inside SOURCE {source}, which is not written to; choose"
                " another place."
            )
    try:
        there = path.stat()
    except OSError:
        return
    identity = (there.st_dev, there.st_ino)
    check_other(path, option, {"SOURCE": source})
    root = Path(os.fsdecode(listing.root))
    for archive in listing.archives:
        check_other(path, option, {f"{printable(archive)} of SOURCE": root / os.fsdecode(archive)})
    if not listing.are_files:
        return
    for index in range(len(listing)):
        relative = listing.relative_path(index)
        if _identity(os.path.join(listing.root, relative)) == identity:  # noqa: PTH118
            raise UserError(
                f"{option} {path} is {printable(relative)} of SOURCE; choose another name."
            )


def check_cache(cache: Path | None, source: Path | None, out: Path | None = None) -> None:
    """Refuse a --saliency-cache that is SOURCE or OUT, or lies in one of them; raises UserError.

    `source` is None for a list of paths.
    """
    if cache is None:
        return
    place = cache.resolve()
    for name, other in (("SOURCE", source), ("OUT", out)):
        if other is not None and other.resolve() in (place, *place.parents):
            where = "is" if other.resolve() == place else "lies inside"
            raise UserError(
                f"--saliency-cache {cache} {where} {name} {other}, which holds images only; choose"
                " another place."
            )


def check_not_in_run(path: Path, option: str) -> None:
    """Refuse a file among the images of a run, or among saliency maps; raises UserError."""
    place = path.absolute().parent.resolve()
    for folder in (place, *place.parents):
        below = place.relative_to(folder).parts[:1]
        of_run = False
        if below and (folder / STATE).is_dir():
            of_run = below[0] in (TRAIN, STATE, *splits_of_run(folder))
        if of_run or (folder / MAPS_STATE).is_dir():
            raise UserError(
                f"{option} {path} lies inside {folder}, which augcli wrote as a whole; choose"
                " another place."
            )


def check_other(path: Path, option: str, others: Mapping[str, Path | None]) -> None:
    """Refuse a path at which one of the other files stands that a command was given, by what the
    command line calls them; raises UserError."""
    there = _identity(path)
    for name, other in others.items():
        if there is not None and other is not None and _identity(other) == there:
            raise UserError(f"{option} {path} is {name} itself; choose another name.")


def _identity(path: Path | bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a path object a file is not needed
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
