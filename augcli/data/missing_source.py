"""Why a SOURCE is not there, or cannot be read, and what may be meant instead."""

from __future__ import annotations

import glob
import os
import re
import shlex
from itertools import islice
from pathlib import Path

from augcli.errors import UserError
from augcli.text import closest, count_text, folded, shorten

_LOOKED_AT = 2_000
_GIVE = "give a folder with one folder a class"
_VARIABLE = re.compile(r"\$(\{\w+\}|[A-Za-z_]\w*)|%[A-Za-z_]\w*%")


def missing_source(source: Path) -> UserError:
    """The error of a SOURCE that does not exist: a dead link, what only a shell expands, a near
    name, or the first of its folders that is not there."""
    return UserError(f"SOURCE {source} does not exist{why_missing(source) or f'; {_GIVE}'}.")


def why_missing(source: Path, give: str = _GIVE) -> str:
    """What follows `does not exist` in a sentence, empty where nothing is known of it; `give` says
    what stands there."""
    text = str(source)
    if source.is_symlink():
        to = shorten(str(source.readlink()))
        return f": it is a link to {to}, which is not there; fix the link"
    if text.startswith("~"):
        return ": only a shell expands ~, outside quotes; write the whole path"
    variable = _VARIABLE.search(text)
    if variable is not None:
        return (
            f": only a shell expands {variable[0]}, and not inside single quotes; write the whole"
            " path"
        )
    if "\\" in text and os.path.lexists(text.replace("\\", "/")):
        return f" (did you mean {shlex.quote(text.replace(chr(92), '/'))}?)"
    if any(sign in text for sign in "*?["):
        return _of_pattern(text, give)
    place = source
    while place.parent != place and not os.path.lexists(place.parent):
        place = place.parent
    near = _near(place)
    if near is not None:
        whole = near / source.relative_to(place)
        return f" (did you mean {shlex.quote(str(whole if whole.exists() else near))}?)"
    if place != source:
        return f", as there is no {place}; {give}"
    return ""


def _of_pattern(text: str, give: str) -> str:
    """What a pattern that no reader takes names."""
    names = list(islice(glob.iglob(text), _LOOKED_AT))  # noqa: PTH207 - of any folder
    if not names:
        return f": it is a pattern that names nothing; {give}"
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120
    number = count_text(len(names), "file or folder", "files and folders")
    remedy = give
    if len(folders) == 1:
        (folder,) = folders
        remedy = f"give `{shlex.quote(folder or '.')}`, the folder itself"
    return f": it is a pattern that names {number}, and only archives are read so; {remedy}"


def _near(place: Path) -> Path | None:
    """What has a name near that of `place` in its folder, if anything."""
    try:
        with os.scandir(place.parent) as entries:
            names = sorted(
                entry.name for entry in islice(entries, _LOOKED_AT) if entry.name[0] != "."
            )
    except OSError:
        return None
    same = [name for name in names if folded(name) == folded(place.name)]
    near = same[0] if same else closest(place.name, names)
    return None if near is None else place.parent / near


def unreadable_source(source: Path, error: OSError) -> UserError:
    """The error of a SOURCE that the system does not let be read."""
    where = f"SOURCE {source}"
    if isinstance(error, PermissionError):
        other = error.filename
        place = source if other is None else Path(os.fsdecode(other))
        of = "" if place == source else f", {shorten(str(place))}"
        return UserError(
            f"{where} cannot be read: no permission{of}; have its owner give you the right to read"
            " it."
        )
    return UserError(f"{where} cannot be read: {error.strerror}.")
