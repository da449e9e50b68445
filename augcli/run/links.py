"""No link below OUT is ever written, removed or repaired through."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from augcli.errors import UserError

# How deep a run's own folders lie below OUT, as `.augcli/repair/train/<class>` does.
_DEPTH = 3


def refuse_links(out: Path) -> None:
    """Refuse an OUT in which a folder or a record of a run is a link; OUT itself may be one.

    Images in class folders are not looked at: they are written and removed under their own name,
    never through it. Raises UserError that names the first link.
    """
    for path in _links(out, _DEPTH):
        raise UserError(
            f"{path} is a link, and nothing below OUT {out} is written or removed through a link;"
            " remove the link or choose another OUT."
        )


def is_link(path: str | Path) -> bool:
    """Whether a link stands at `path`: a symbolic one, or a junction of Windows."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    # Of Windows' reparse points, mount points are junctions.
    tag = getattr(status, "st_reparse_tag", 0)
    return stat.S_ISLNK(status.st_mode) or tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)


def _links(folder: Path, depth: int) -> Iterator[Path]:
    """Links among the entries of `folder` and of the folders in it, down to `depth` levels. At the
    last level, which holds images by the million, nothing is listed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if is_link(entry.path) if os.name == "nt" else entry.is_symlink():
            yield Path(entry.path)
        elif depth and entry.is_dir(follow_symlinks=False) and _is_listed(entry.path, depth):
            yield from _links(Path(entry.path), depth - 1)


def _is_listed(path: str, depth: int) -> bool:
    """Class folders hold images alone, and are not listed."""
    parent = Path(path).parent.name
    return not (parent == "train" and depth < _DEPTH)
