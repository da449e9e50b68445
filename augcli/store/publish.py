"""Lets a merged run appear in OUT, as a whole and beside nobody else's files.

OUT/train appears by one rename when everything is there, so a reader never sees half a data set: no
row without its file, no file without its row. Other splits appear before it, each by one rename.
OUT/run.json, which proves that all of them are the run's, comes last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from augcli.errors import RunFailed, UserError
from augcli.files import is_link, move_new, open_regular, sha256_of
from augcli.store import parts
from augcli.store.durable import flush, write_durably, write_json
from augcli.store.layout import (
    CARD,
    CLASSES,
    LISTS,
    MANIFEST,
    RUN,
    SPLITS,
    STATE,
    TRAIN,
    staged_split,
    staged_train,
)
from augcli.store.links import refuse_links
from augcli.store.records import Identity, manifest_is, read_record, read_run_record, splits_of
from augcli.store.staged import strange

_CHUNK = 1 << 20


def publish(
    out: Path, classes: Iterable[str], summary: dict[str, Any], card: str | None = None
) -> None:
    """Let the merged run appear: the splits that `summary` names and OUT/train by one rename each,
    the `card`, unless there is one of somebody else, and run.json, which proves them, last.

    Raises RunFailed where something that is not the run's stands in its place; nothing of that is
    changed.
    """
    state = out / STATE
    try:
        refuse_links(out)
    except UserError as error:
        raise RunFailed(f"{error} Then run the same command with --resume.") from error
    (state / RUN).unlink(missing_ok=True)  # once it is there, the names in OUT are the run's
    write_durably(state / CLASSES, "".join(f"{name}\n" for name in classes))
    for name in LISTS:
        _refuse_strange(out / name, state / name)
    splits = [*splits_of(summary), TRAIN]
    for split in splits:
        _refuse_strange(out / split, None)
    _refuse_strange(out / RUN, None)
    names: tuple[str, ...] = LISTS
    if card is not None:
        write_durably(state / CARD, card)
        names = (*LISTS, CARD)
    write_json(state / RUN, summary | {"files": {n: sha256_of(state / n) for n in names}})
    flush(state)
    for name in LISTS:
        _appear(state / name, out / name)
    flush(state)
    for split in splits:
        staged_split(state, split).rename(out / split)
        flush(state)
    _finish(out)


def finish_publishing(out: Path) -> bool:
    """Complete a publication that ended between the rename of OUT/train and that of run.json; False
    where none did."""
    state = out / STATE
    record = read_record(state / RUN, "counts", "manifest", "versions")
    if record is None or (staged_train(state) / MANIFEST).exists():
        return False
    if not isinstance(record["manifest"], dict):
        return False
    if not all(manifest_is(out, record, split) for split in (TRAIN, *splits_of(record))):
        return False
    _finish(out)
    return True


def is_finished(out: Path, now: Identity) -> bool:
    """Whether the run of this identity was published in OUT: its record is there, and the manifest
    that this speaks of. A publication that ended between the two is completed.

    Raises UserError where something else than what the run published stands in its place, and
    RunFailed where its manifest is damaged.
    """
    if not finish_publishing(out):
        _take_back(out)
    record = read_run_record(out / RUN)
    if record is None or not _is_of(record, now):
        if os.path.lexists(out / RUN):
            raise UserError(
                f"{out / RUN} is damaged, or of another run; `augcli verify {out}` tells more. Move"
                " it away and give --overwrite to start anew."
            )
        train = out / TRAIN
        if is_link(train) or (train.is_dir() and any(train.iterdir())) or train.is_file():
            raise UserError(
                f"{train} is there, but no {RUN} that says that it is of the run in OUT; move it"
                " away, or give --overwrite."
            )
        return False
    if is_link(out / TRAIN) or not manifest_is(out, record):
        raise RunFailed(
            f"{out / TRAIN / MANIFEST} is not the one that the run in OUT published; `augcli verify"
            f" {out} --repair` makes it again."
        )
    for split in splits_of(record):
        if not manifest_is(out, record, split):
            raise RunFailed(
                f"{out / split / MANIFEST} is not the one that the run in OUT published; `augcli"
                f" verify {out} --repair` makes it again."
            )
    return True


def _take_back(out: Path) -> None:
    """Stage the splits again that appeared in a publication that did not come to OUT/train: those
    whose manifests its record proves."""
    state = out / STATE
    record = read_record(state / RUN, "counts", "manifest", "versions")
    if record is None or os.path.lexists(out / RUN):
        return
    for split in splits_of(record):
        staged = staged_split(state, split)
        if not os.path.lexists(staged) and manifest_is(out, record, split):
            staged.parent.mkdir(exist_ok=True)
            (out / split).rename(staged)
            flush(state)


def _is_of(record: dict[str, Any], now: Identity) -> bool:
    """Whether a run.json tells of this run."""
    return all(
        record.get("fingerprint" if k == "source" else k) == v for k, v in now.values.items()
    )


def _finish(out: Path) -> None:
    state = out / STATE
    with suppress(OSError):
        (state / SPLITS).rmdir()
    with suppress(FileExistsError, FileNotFoundError):  # no card, or one of somebody else
        move_new(state / CARD, out / CARD)
    (state / CARD).unlink(missing_ok=True)
    _appear(state / RUN, out / RUN)
    flush(state)
    parts.remove_all(state)


def _appear(staged: Path, place: Path) -> None:
    """Move a file to its place, unless something else appears there, up to the last moment."""
    try:
        move_new(staged, place)
    except FileExistsError:
        _refuse_strange(place, staged)
        staged.replace(place)
        staged.unlink(missing_ok=True)  # which is still there where both are one file


def _refuse_strange(path: Path, ours: Path | None) -> None:
    """Refuse to put something in the place of what the run did not put there. An empty folder may
    be replaced by OUT/train."""
    if not os.path.lexists(path):
        return
    if not is_link(path):
        if ours is None and path.is_dir() and not any(path.iterdir()):
            return
        if ours is not None and _same_bytes(path, ours):
            return
    raise strange(path)


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        with open_regular(one) as a, open_regular(other) as b:
            while True:
                piece = a.read(_CHUNK)
                if piece != b.read(_CHUNK):
                    return False
                if not piece:
                    return True
    except (OSError, UserError):
        return False
