"""Links below OUT, which nothing that is written, removed or repaired may pass through.

OUT itself may be a link: whoever gives it names the folder behind it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from augcli.errors import UserError
from augcli.files import is_link
from augcli.store.layout import ASIDE, OURS, PARTS, SPLITS, STATE, TRAIN
from augcli.store.records import splits_in


def refuse_links(out: Path) -> None:
    """Refuse an OUT in which a name of a run, of one of its splits, or a folder of a class, is a
    link.

    Images are not looked at: they are replaced and removed by name, which follows no link. Raises
    UserError that names the link, OSError where a folder cannot be read.
    """
    for path in _places(out):
        if is_link(path):
            raise UserError(f"{path} is a link, and nothing is written through links; remove it.")


def _places(out: Path) -> Iterator[Path]:
    """What a run may have in OUT, but for its images. A folder comes before what it holds, so that
    no link among them is ever passed through."""
    yield from (out / name for name in OURS)
    state = out / STATE
    aside = state / ASIDE
    for folder in (
        out / TRAIN, state, state / TRAIN, state / PARTS, aside, aside / TRAIN, aside / PARTS
    ):  # fmt: skip
        yield from _no_files(folder)
    for folder in (state / SPLITS, aside / SPLITS):
        for split in _no_files(folder):
            yield split
            yield from _no_files(split)
    for name in splits_in(out):
        yield out / name
        yield from _no_files(out / name)


def _no_files(folder: Path) -> Iterator[Path]:
    """What lies in a folder and is no ordinary file: those are most of it, and cost no call."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if not e.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (folder / name for name in sorted(names))
