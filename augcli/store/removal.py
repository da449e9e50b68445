"""Removes a run from OUT, and nothing that a run cannot have written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.errors import UserError
from augcli.files import is_link, read_lines, sha256_of
from augcli.manifest.forms.form import Form
from augcli.manifest.reader import LONGEST_LINE, parse_row
from augcli.manifest.row import Row
from augcli.store import parts
from augcli.store.durable import flush
from augcli.store.layout import (
    ASIDE,
    CARD,
    CLASSES,
    ERRORS,
    IDENTITY,
    KEPT,
    LISTED,
    LISTS,
    MANIFEST,
    OURS,
    PARTS,
    REMADE,
    REMOVAL,
    REMOVED,
    RUN,
    SOURCES,
    SPLITS,
    STATE,
    TIMINGS,
    TRAIN,
)
from augcli.store.records import (
    form_in,
    is_half_removed,
    manifest_is,
    read_identity,
    read_run_record,
    run_records,
    splits_in,
)
from augcli.store.staged import name_digest
from augcli.store.strangers import set_strangers_aside

_STATE_FILES = (CLASSES, ERRORS, RUN, IDENTITY, LISTED, SOURCES, MANIFEST, TIMINGS, CARD)
UNFINISHED = re.compile(
    rf"({'|'.join(map(re.escape, (*_STATE_FILES, REMOVAL, *KEPT)))})\.[0-9]+\.tmp"
)


def remove_run(out: Path) -> None:
    """Remove what a run left in OUT but its lock and the record of its removal.

    That is what its own record becomes before anything is removed: a half removed run neither
    passes for a whole one nor for somebody else's files. It stays until the next run has a record
    of its own (`forget_removal`). Raises UserError, with nothing removed, where something lies
    among the images that no run wrote.
    """
    form = form_in(out, "move it away, as --overwrite removes")
    state = out / STATE
    records = [out / name for name in (*LISTS, RUN)]
    for record in (*records, *(state / name for name in (*_STATE_FILES, REMOVAL, REMOVED))):
        if record.is_dir():
            raise UserError(f"{record} is a folder, no record of a run; move it away.")
    for stranger in _foreign_records(out):
        raise UserError(
            f"{stranger} was not written by the run in OUT; move it away to replace the run."
        )
    for stranger in chain(_strangers_in_train(out, form), _strangers_in_splits(out, form)):
        raise UserError(
            f"{stranger} is nothing that a run writes; move it away to replace the run."
        )
    for stranger in _strangers_staged(state, form):
        raise UserError(
            f"{stranger} is nothing that a run writes; move it away to replace the run."
        )
    for stranger in _strangers_behind_publication(out):
        raise UserError(
            f"{stranger} was not written by the run in OUT; move it away to replace the run."
        )
    _refuse_strangers_aside(state / ASIDE, form)
    set_strangers_aside(state)
    state.mkdir(exist_ok=True)
    if read_identity(state / IDENTITY) is not None:
        (state / IDENTITY).replace(state / REMOVAL)
    elif not is_half_removed(out) and read_run_record(out / RUN) is not None:
        (out / RUN).replace(state / REMOVAL)
    flush(out)
    if (out / RUN).exists():
        (out / RUN).replace(state / RUN)  # which tells what of the others is the run's
        (out / RUN).unlink(missing_ok=True)  # a rename between two names of one file does nothing
    flush(out)
    for name in LISTS:
        (out / name).unlink(missing_ok=True)
    _remove_card(out)
    if (out / TRAIN / MANIFEST).exists():
        (out / TRAIN / MANIFEST).replace(state / REMOVED)  # which tells what of it was a run's
        flush(out)
    for split in splits_in(out):
        _remove_train(state / SPLITS / split, form)
        if manifest_is(out, _record_of(out) or {}, split):
            (state / SPLITS).mkdir(exist_ok=True)
            (out / split).rename(state / SPLITS / split)  # so that it is the run's all the time
            flush(out)
        _remove_empty(out / split)
    _remove_splits(state, form)
    for folder in (out, state):
        _remove_train(folder / TRAIN, form)
    remove_aside(state / ASIDE, form)
    (state / REMOVED).unlink(missing_ok=True)
    parts.remove_all(state)
    _remove_files(state)
    flush(out)


def _remove_card(out: Path) -> None:
    """Remove the card of the run in OUT, unless somebody has changed it."""
    digests = (_record_of(out) or {}).get("files")
    if not isinstance(digests, dict) or is_link(out / CARD):
        return
    with suppress(OSError, UserError):
        if sha256_of(out / CARD) == digests.get(CARD):
            (out / CARD).unlink()


def forget_removal(out: Path) -> None:
    """Remove the record of a run of which nothing else is left."""
    if is_half_removed(out):
        (out / STATE / REMOVAL).unlink()


def empty_aside(aside: Path, form: Form) -> None:
    """Remove what an earlier repair left, which was killed; raises UserError, with nothing removed,
    where something else lies there."""
    _refuse_strangers_aside(aside, form)
    remove_aside(aside, form)


def remove_aside(aside: Path, form: Form) -> None:
    """Remove what a repair writes, and its folder where nothing else is in it."""
    _remove_splits(aside, form)
    _remove_train(aside / TRAIN, form)
    parts.remove_all(aside)
    for file in (aside / REMADE / MANIFEST, aside / MANIFEST):
        file.unlink(missing_ok=True)
    for folder in (aside / REMADE, aside):
        _remove_empty(folder)


def holds_strangers_aside(aside: Path, form: Form) -> bool:
    """Whether something lies where a repair makes its outputs that no repair writes."""
    return bool(_strangers_aside(aside, form))


def _refuse_strangers_aside(aside: Path, form: Form) -> None:
    for stranger in _strangers_aside(aside, form):
        raise UserError(f"{stranger} is nothing that a repair writes; move it away.")


def _strangers_aside(aside: Path, form: Form) -> list[Path]:
    folders = (PARTS, TRAIN, SPLITS, REMADE)
    strangers = [Path(e.path) for e in _entries(aside) if e.name not in (*folders, MANIFEST)]
    strangers += [aside / name for name in folders if (aside / name).is_file()]
    strangers += _strangers_staged(aside, form)
    strangers += [Path(e.path) for e in _entries(aside / REMADE) if e.name != MANIFEST]
    return strangers + parts.strangers(aside)


def _foreign_records(out: Path) -> Iterator[Path]:
    """What stands in OUT under a name of a run, and is not the one's that its records tell of."""
    record = _record_of(out)
    if record is None:  # nothing is published yet, or what proves it is lost
        names = sorted(OURS, key=lambda name: name != RUN)
        yield from (out / n for n in names if n != STATE and os.path.lexists(out / n))
        return
    if os.path.lexists(out / RUN) and read_run_record(out / RUN) is None:
        yield out / RUN
    digests = record.get("files")
    if not isinstance(digests, dict):  # a version before 0.2 wrote none
        return
    for name in LISTS:
        path = out / name
        if os.path.lexists(path) and (not path.is_file() or sha256_of(path) != digests.get(name)):
            yield path


def _record_of(out: Path) -> dict[str, Any] | None:
    """What tells of the files of the run in OUT, which is none before it begins to publish."""
    return next(filter(None, map(read_run_record, run_records(out))), None)


def _names_in(manifest: Path, form: Form) -> npt.NDArray[np.uint64] | None:
    """The digests, in order, of the names of the files that a manifest is about, if that is one of
    rows alone."""
    digests: list[int] = []
    try:
        for number, line in enumerate(read_lines(manifest, LONGEST_LINE), 1):
            row = parse_row(line, number)
            if not isinstance(row, Row):
                return None
            digests.append(int(name_digest(form.file_of(row.file_name))))
    except (OSError, UserError):
        return None
    return np.sort(np.array(digests, np.uint64))


def _strangers_in_train(out: Path, form: Form) -> Iterator[Path]:
    """What lies in OUT/train and is not in its manifest, which stands elsewhere once removal has
    begun."""
    train, removed = out / TRAIN, out / STATE / REMOVED
    if not os.path.lexists(train):
        return
    has_begun = is_half_removed(out) and removed.exists()
    if has_begun and os.path.lexists(train / MANIFEST):
        yield train / MANIFEST
    names = _names_in(removed if has_begun else train / MANIFEST, form)
    record = read_run_record(out / RUN)
    if not has_begun and record is not None and not manifest_is(out, record):
        names = None  # it may name what the run did not write
    yield from _not_named(train, names, form)


def _strangers_in_splits(out: Path, form: Form) -> Iterator[Path]:
    """What lies in the folders of other splits and is not in their manifests."""
    record = _record_of(out) or {}
    for split in splits_in(out):
        folder = out / split
        if os.path.lexists(folder):
            is_own = manifest_is(out, record, split)
            names = _names_in(folder / MANIFEST, form) if is_own else None
            yield from _not_named(folder, names, form)


def _not_named(train: Path, names: npt.NDArray[np.uint64] | None, form: Form) -> Iterator[Path]:
    """What lies in a folder of images and is not among these names; the folder itself where none
    are known and it holds anything."""
    if names is None:
        if not train.is_dir() or any(_entries(train)):
            yield train
        return
    for folder in _entries(train):
        if not folder.is_dir(follow_symlinks=False):
            is_own = form.is_own(folder.name) and _is_among(names, folder.name)
            if folder.name != MANIFEST and not is_own:
                yield Path(folder.path)
            continue
        for image in _entries(folder.path):
            is_own = _is_among(names, f"{folder.name}/{image.name}")
            if not is_own or image.is_dir(follow_symlinks=False):
                yield Path(image.path)


def _is_among(digests: npt.NDArray[np.uint64], name: str) -> bool:
    digest = name_digest(name)
    at = int(np.searchsorted(digests, digest))
    return at < len(digests) and bool(digests[at] == digest)


def _strangers_behind_publication(out: Path) -> Iterator[Path]:
    """What lies among staged images and parts of a run that was published: it has none, but for
    parts that prove themselves, which it removes last."""
    record = read_run_record(out / RUN)
    if record is None or not manifest_is(out, record):
        return
    state = out / STATE
    splits = [Path(entry.path) for entry in _entries(state / SPLITS)]
    for folder in chain.from_iterable(map(_entries, (state / TRAIN, *splits))):
        yield from (Path(image.path) for image in _entries(folder.path))
        if not folder.is_dir(follow_symlinks=False):
            yield Path(folder.path)
    yield from parts.unproven(out / STATE)


def _strangers_staged(state: Path, form: Form) -> Iterator[Path]:
    """What lies among staged images that no run can have written."""
    yield from _strangers(state / TRAIN, form)
    if os.path.lexists(state / SPLITS) and not (state / SPLITS).is_dir():
        yield state / SPLITS
    for split in _entries(state / SPLITS):
        if not split.is_dir(follow_symlinks=False):
            yield Path(split.path)
        yield from _strangers(Path(split.path), form)


def _remove_splits(state: Path, form: Form) -> None:
    """Remove the staged images of other splits."""
    for split in _entries(state / SPLITS):
        _remove_train(Path(split.path), form)
    _remove_empty(state / SPLITS)


def _strangers(train: Path, form: Form) -> Iterator[Path]:
    """What lies in a folder of images that no run can have written."""
    for folder in _entries(train):
        if not folder.is_dir(follow_symlinks=False):
            is_own = folder.name == MANIFEST or form.is_own(folder.name)
            if not is_own or not folder.is_file(follow_symlinks=False):
                yield Path(folder.path)
            continue
        for image in _entries(folder.path):
            is_own = form.is_own(f"{folder.name}/{image.name}")
            if not (is_own and image.is_file(follow_symlinks=False)):
                yield Path(image.path)


def _remove_train(train: Path, form: Form) -> None:
    """Remove images, a manifest, and the folders that are empty then."""
    for folder in _entries(train):
        if not folder.is_dir(follow_symlinks=False):
            if form.is_own(folder.name):
                Path(folder.path).unlink()
        else:
            for image in _entries(folder.path):
                if form.is_own(f"{folder.name}/{image.name}"):
                    os.unlink(image.path)  # noqa: PTH108 - without a Path for each of a million
            _remove_empty(folder.path)
    (train / MANIFEST).unlink(missing_ok=True)
    _remove_empty(train)


def _remove_files(state: Path) -> None:
    for entry in _entries(state):
        if entry.name in _STATE_FILES or UNFINISHED.fullmatch(entry.name):
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
