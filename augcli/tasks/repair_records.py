"""The records of a run that is repaired: what it set aside, and what is written again."""

from __future__ import annotations

import filecmp
import os
from collections import Counter
from pathlib import Path

from augcli.engine.described import RunRecord, places_in
from augcli.engine.plan import Run
from augcli.errors import UserError
from augcli.files import is_link, read_bytes, replace_file
from augcli.manifest.record import BadRecord, Skipped, read_counts, read_skipped, read_splits
from augcli.store.durable import flush
from augcli.store.layout import (
    CLASSES,
    ERRORS,
    RUN,
    STATE,
    TRAIN,
)
from augcli.store.strangers import free_place
from augcli.tasks.generate import planned


def read_set_aside(record: RunRecord, run: Run) -> dict[int, Skipped]:
    """What the run did not make, by the index of the image; raises UserError where that is not
    known for sure."""
    out = record.out
    try:
        counts, splits = read_counts(record.summary), read_splits(record.summary)
        try:
            lines = list(read_skipped(out))
        except BadRecord:
            if counts.skipped > 0:
                raise
            lines = []  # the file is written again, as it was
    except BadRecord as error:
        raise UserError(
            f"{out / error.name}: {error.what}; what the run set aside is not known, so nothing is"
            " repaired; make OUT anew."
        ) from error
    places = places_in(run)
    skipped = {places.of(line.source_id): line for line in lines}
    not_made = Counter[str]()
    for line in lines:
        not_made[line.split] += line.outputs or 0
    is_complete = all(line.outputs is not None for line in lines) and counts.planned is not None
    of_splits = {
        split.name: (len(split.listing), len(split.listing) - not_made[split.name])
        for split in run.others
    }
    if (
        len(skipped) != counts.skipped
        or None in skipped
        or (is_complete and counts.outputs + not_made[TRAIN] != counts.planned)
        or {name: (one.planned, one.outputs) for name, one in splits.items()} != of_splits
        or counts.planned not in (None, planned(run))
    ):
        raise UserError(
            f"{out / ERRORS} and the counts of {RUN} differ, or are those of another source: what"
            " the run set aside is not known, so nothing is repaired; make OUT anew."
        )
    return {index: line for index, line in skipped.items() if index is not None}


def is_same(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    return one.is_file() and filecmp.cmp(one, other, shallow=False)


def keep_record(out: Path, record: Path) -> None:
    """Keep what stands in the place of a record, under a name of its own: it may be somebody's."""
    if not record.is_file() or is_link(record):
        return
    place = free_place(out / STATE, record.name)
    try:
        os.link(record, place)
    except OSError:  # a file system without hard links
        record.replace(place)
    flush(place.parent)


def write_records(run: Run, skipped: dict[int, Skipped]) -> None:
    """Write what else can be written again, where it is not as it was."""
    out = run.runtime.place.out
    records = [(out / CLASSES, "".join(f"{name}\n" for name in run.listing.classes).encode())]
    if not skipped:
        records.append((out / ERRORS, b""))
    for path, data in records:
        try:
            is_right = read_bytes(path, len(data)) == data
        except (OSError, UserError):
            is_right = False
        if not is_right:
            if path.is_dir():
                raise UserError(f"{path} is a folder; move it away.")
            keep_record(out, path)
            replace_file(path, data)
