"""Removes a run from OUT, and nothing that a run cannot have written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augcli.errors import UserError
from augcli.files import read_lines
from augcli.manifest.reader import LONGEST_LINE, parse_row
from augcli.manifest.row import MANIFEST, Row
from augcli.run import parts
from augcli.run.layout import (
    ASIDE,
    CLASSES,
    ERRORS,
    IDENTITY,
    KEPT,
    LISTED,
    OURS,
    OUTPUT_NAME,
    REMOVAL,
    REMOVED,
    RUN,
    SOURCES,
    STATE,
    TRAIN,
)
from augcli.run.records import is_half_removed, manifest_is, read_identity, read_run_record
from augcli.run.storage import flush, name_digest

_STATE_FILES = (CLASSES, ERRORS, RUN, IDENTITY, LISTED, SOURCES, MANIFEST)
_UNFINISHED = re.compile(
    rf"({'|'.join(map(re.escape, (*_STATE_FILES, REMOVAL, *KEPT)))})(\.[0-9]+)?\.tmp"
)


def remove_run(out: Path) -> None:
    """Remove what a run left in OUT but its lock and the record of its removal.

    That is what its own record becomes before anything is removed: a half removed run neither
    passes for a whole one nor for somebody else's files. It stays until the next run has a record
    of its own (`forget_removal`). Raises UserError, with nothing removed, where something lies
    among the images that no run wrote.
    """
    state = out / STATE
    strangers = [] if _was_published(out) else [out / name for name in OURS if name != STATE]
    for stranger in strangers:
        if os.path.lexists(stranger):
            raise UserError(
                f"{stranger} was not written by the run in OUT, which has not published yet; move"
                " it away to replace the run."
            )
    records = [out / name for name in (CLASSES, ERRORS, RUN)]
    for record in (*records, *(state / name for name in (*_STATE_FILES, REMOVAL, REMOVED))):
        if record.is_dir():
            raise UserError(f"{record} is a folder, no record of a run; move it away.")
    for stranger in _strangers_in_train(out):
        raise UserError(
            f"{stranger} is nothing that a run writes; move it away to replace the run."
        )
    for folder in (state, state / ASIDE):
        for stranger in _strangers(folder / TRAIN):
            raise UserError(
                f"{stranger} is nothing that a run writes; move it away to replace the run."
            )
    state.mkdir(exist_ok=True)
    if read_identity(state / IDENTITY) is not None:
        (state / IDENTITY).replace(state / REMOVAL)
    elif not is_half_removed(out) and read_run_record(out / RUN) is not None:
        (out / RUN).replace(state / REMOVAL)
    flush(out)
    (out / RUN).unlink(missing_ok=True)
    flush(out)
    for name in (CLASSES, ERRORS):
        (out / name).unlink(missing_ok=True)
    if (out / TRAIN / MANIFEST).exists():
        (out / TRAIN / MANIFEST).replace(state / REMOVED)  # which tells what of it was a run's
        flush(out)
    for folder in (out, state / ASIDE, state):
        _remove_train(folder / TRAIN)
    (state / REMOVED).unlink(missing_ok=True)
    for folder in (state / ASIDE, state):
        parts.remove_all(folder)
        _remove_files(folder)
    _remove_empty(state / ASIDE)
    flush(out)


def forget_removal(out: Path) -> None:
    """Remove the record of a run of which nothing else is left."""
    (out / STATE / REMOVAL).unlink(missing_ok=True)


def _was_published(out: Path) -> bool:
    """Whether the run in OUT wrote anything outside of its state, as far as that tells."""
    state = out / STATE
    return (
        is_half_removed(out)
        or read_run_record(out / RUN) is not None
        or os.path.lexists(state / RUN)  # put there before the first of the others appears
        or _names_in(out / TRAIN / MANIFEST) is not None  # where run.json is damaged
    )


def _names_in(manifest: Path) -> npt.NDArray[np.uint64] | None:
    """The digests, in order, of the file names in a manifest, if that is one of rows alone."""
    digests: list[int] = []
    try:
        for number, line in enumerate(read_lines(manifest, LONGEST_LINE), 1):
            row = parse_row(line, number)
            if not isinstance(row, Row):
                return None
            digests.append(int(name_digest(row.file_name)))
    except (OSError, UserError):
        return None
    return np.sort(np.array(digests, np.uint64))


def _strangers_in_train(out: Path) -> Iterator[Path]:
    """What lies in OUT/train and is not in its manifest, which stands elsewhere once removal has
    begun."""
    train, removed = out / TRAIN, out / STATE / REMOVED
    if not os.path.lexists(train):
        return
    has_begun = removed.exists()
    if has_begun and os.path.lexists(train / MANIFEST):
        yield train / MANIFEST
    names = _names_in(removed if has_begun else train / MANIFEST)
    record = read_run_record(out / RUN)
    if not has_begun and record is not None and not manifest_is(out, record):
        names = None  # it may name what the run did not write
    if names is None:
        if not train.is_dir() or any(_entries(train)):
            yield train
        return
    for folder in _entries(train):
        if not folder.is_dir(follow_symlinks=False):
            if folder.name != MANIFEST:
                yield Path(folder.path)
            continue
        for image in _entries(folder.path):
            digest = name_digest(f"{folder.name}/{image.name}")
            at = int(np.searchsorted(names, digest))
            if at == len(names) or names[at] != digest or image.is_dir(follow_symlinks=False):
                yield Path(image.path)


def _strangers(train: Path) -> Iterator[Path]:
    """What lies in a folder of images that no run can have written."""
    for folder in _entries(train):
        if not folder.is_dir(follow_symlinks=False):
            if folder.name != MANIFEST or not folder.is_file(follow_symlinks=False):
                yield Path(folder.path)
            continue
        for image in _entries(folder.path):
            if not (OUTPUT_NAME.fullmatch(image.name) and image.is_file(follow_symlinks=False)):
                yield Path(image.path)


def _remove_train(train: Path) -> None:
    """Remove images, a manifest, and the folders that are empty then."""
    for folder in _entries(train):
        if folder.is_dir(follow_symlinks=False):
            for image in _entries(folder.path):
                if OUTPUT_NAME.fullmatch(image.name):
                    os.unlink(image.path)  # noqa: PTH108 - without a Path for each of a million
            _remove_empty(folder.path)
    (train / MANIFEST).unlink(missing_ok=True)
    _remove_empty(train)


def _remove_files(state: Path) -> None:
    for entry in _entries(state):
        if entry.name in _STATE_FILES or _UNFINISHED.fullmatch(entry.name):
            Path(entry.path).unlink(missing_ok=True)


def _remove_empty(folder: Path | str) -> None:
    with suppress(OSError):  # what else is in it is not ours, and stays
        os.rmdir(folder)  # noqa: PTH106


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
