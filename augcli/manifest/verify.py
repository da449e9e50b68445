"""Holds an output directory against its manifest and the records of its run."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.enums import Labels, OutputFormat
from augcli.errors import UserError
from augcli.files import read_json, sha256_of
from augcli.manifest.columns import Columns, Hashes, find, group_of, hash_of
from augcli.manifest.faults import (
    MOST_FAULTS,
    MOST_PIXELS,
    Fault,
    Faults,
    row_faults,
)
from augcli.manifest.forms.form import NO_ROW as NO_ROW
from augcli.manifest.forms.form import Files, Form
from augcli.manifest.forms.table import FORMS
from augcli.manifest.kinds import Kinds
from augcli.manifest.reader import BadLine, parse_row, read_classes, read_lines, read_rows
from augcli.manifest.record import (
    BadRecord,
    Counts,
    read_counts,
    read_schema,
    read_skipped,
    read_splits,
    read_summary,
    why_unread,
)
from augcli.published import CLASSES, ERRORS, IDENTITY, MANIFEST, RUN, STATE, TRAIN
from augcli.text import count_text

_LARGEST_IDENTITY = 256 << 20
_OF_RUN = {"source": "fingerprint"}


class Verified(NamedTuple):
    """How many rows were checked, the first faults (1000 at most), how many there are in all, the
    ids of the outputs that they are about, in order, and the kinds of faults."""

    rows: int
    faults: list[Fault]
    total: int
    wrong: Hashes
    kinds: Kinds


class _Records(NamedTuple):
    """What the records of a run say: None where they do not. `splits` are the counts of other
    splits; `schema` is the version of all rows; `skipped` and `not_made` are, of each split, inputs
    and the outputs that they cost."""

    counts: Counts | None
    splits: dict[str, Counts]
    max_pixels: int
    labels: Labels
    schema: int | None
    form: Form
    skipped: Counter[str] | None
    not_made: Counter[str] | None


def verify(out: Path) -> Verified:
    """Check that every row has its file and every file its row, that sizes and hashes agree, that
    labels are such as the run has, over the class list, that groups are whole, and that there are
    as many rows as the run planned.

    Rows are read one at a time; some 40 bytes of each are kept, and 8 of each that is wrong. No
    link below OUT is followed.
    """
    faults = Faults()
    records = _read_records(out, faults)
    classes = _read_classes(out, records.counts, faults)
    rows = 0
    for split in (TRAIN, *records.splits):
        columns = Columns()
        folder, of_split = out / split, _FaultsOf(faults, split)
        if folder.is_symlink():
            faults.add(split, "it is a link, which is not followed")
        elif not folder.is_dir():
            faults.add(split, "the folder is missing")
        else:
            files = records.form.look_into(folder, records.max_pixels)
            _check_rows(folder, files, classes, records, columns, of_split)
            _check_between_rows(folder, columns, of_split)
            _check_strays(files, columns.files(), of_split)
        _check_counts(records, split, len(columns), faults)
        rows += len(columns)
    if not faults.count:
        _check_digests(out, records, faults)
    wrong = np.unique(np.frombuffer(faults.outputs, np.uint64))
    return Verified(rows, faults.first, faults.count, wrong, faults.kinds)


class _FaultsOf:
    """Faults of a split, whose places are told below OUT where it is not the training split."""

    def __init__(self, faults: Faults, split: str) -> None:
        self._faults = faults
        self._folder = "" if split == TRAIN else f"{split}/"
        self.add_unseen, self.note_output = faults.add_unseen, faults.note_output

    def add(self, where: str, what: str) -> None:
        self._faults.add(f"{self._folder}{where}", what)


def _read_records(out: Path, faults: Faults) -> _Records:
    counts, splits = None, dict[str, Counts]()
    max_pixels, labels, schema = MOST_PIXELS, Labels.single, None
    form = _form(_begun(out))  # where run.json is damaged
    try:
        summary = read_summary(out)
        form = _form(summary)
        labels = _labels(summary)
        max_pixels = _most_pixels(summary)
        counts = read_counts(summary)
        splits = read_splits(summary)
        schema = read_schema(summary)  # of a whole record: a damaged one may have lost it
    except BadRecord as error:
        faults.add(error.name, error.what)
    skipped, not_made, is_older = Counter[str](), Counter[str](), False
    try:
        for line in read_skipped(out):
            skipped[line.split] += 1
            not_made[line.split] += line.outputs or 0
            is_older = is_older or line.outputs is None
    except BadRecord as error:
        faults.add(error.name, error.what)
        return _Records(counts, splits, max_pixels, labels, schema, form, None, None)
    lost = None if is_older else not_made
    return _Records(counts, splits, max_pixels, labels, schema, form, skipped, lost)


def _form(record: dict[str, Any]) -> Form:
    """The form of what a run wrote, by its record; a sink that is not known is refused before."""
    return FORMS.get(str(record.get("sink")), FORMS[OutputFormat.folder])


def _labels(summary: dict[str, Any]) -> Labels:
    """What the labels of the run are; older ones do not say it."""
    try:
        return Labels(summary.get("labels", Labels.single))
    except ValueError as error:
        raise BadRecord(RUN, f"its labels are none of {', '.join(Labels)}") from error


def _most_pixels(summary: dict[str, Any]) -> int:
    """The pixels of the largest image that the run read or wrote."""
    sides = summary.get("size")
    width, height = sides if isinstance(sides, list) and len(sides) == 2 else (1, 1)
    most: Any = summary.get("max_pixels")
    if not all(type(limit) is int and 0 < limit <= 1 << 40 for limit in (most, width, height)):
        raise BadRecord(RUN, "its size or max_pixels is not that of a run")
    return int(max(most, width * height))


def _read_classes(out: Path, counts: Counts | None, faults: Faults) -> list[str]:
    path = out / CLASSES
    try:
        if path.is_symlink():
            raise UserError("it is a link, which is not followed")
        classes = read_classes(path)
    except (OSError, UserError, ValueError) as error:
        faults.add(CLASSES, why_unread(error))
        return []
    if len(set(classes)) != len(classes):
        faults.add(CLASSES, "a class stands in it twice")
    if counts is not None and counts.classes != len(classes):
        counted = count_text(counts.classes, "class")
        faults.add(RUN, f"it counts {counted}, and {CLASSES} has {len(classes)}")
    return classes


def _check_rows(
    train: Path,
    files: Files,
    classes: list[str],
    records: _Records,
    columns: Columns,
    faults: _FaultsOf,
) -> None:
    try:
        for number, _, line in read_lines(train):
            row = parse_row(line, number)
            if isinstance(row, BadLine):
                faults.add(MANIFEST, str(row))
                continue
            columns.add(row)
            name_faults = records.form.name_faults
            for what in row_faults(row, classes, records.labels, name_faults, records.schema):
                faults.add(row.file_name, what)
            for fault in files.faults(row, line):
                faults.add(*fault)
    except (OSError, UserError) as error:
        faults.add(MANIFEST, why_unread(error))


def _check_between_rows(train: Path, columns: Columns, faults: _FaultsOf) -> None:
    """Names and ids that stand twice, and groups that are not whole: rows are read once more where
    there are such."""
    files, ids, broken = columns.repeated_files(), columns.repeated_ids(), columns.broken_groups()
    if not (len(files) or len(ids) or len(broken.groups)):
        return
    named, numbered = np.zeros(len(files), bool), np.zeros(len(ids), bool)
    shown = np.zeros(len(broken.groups), bool)
    for row in read_rows(train):
        if isinstance(row, BadLine):
            continue
        if _is_again(files, named, row.file_name):
            faults.add(row.file_name, "two rows name this file")
        if _is_again(ids, numbered, row.sample_id):
            faults.add(row.file_name, f"two rows have the sample_id {row.sample_id[:100]}")
        at = find(broken.groups, group_of(row))
        if at is None:
            continue
        faults.note_output(row.sample_id)
        if not shown[at]:
            shown[at] = True
            present, whole = int(broken.present[at]), int(broken.whole[at])
            has, rows = columns.views(present), int(broken.rows[at])
            several = "" if rows == len(has) else f", in {rows} rows"
            lacks = ", ".join(columns.views(whole & ~present)) or "none"
            what = f"its views are {', '.join(has)}{several}; missing: {lacks}"
            faults.add(f"group {row.group_id}", what)


def _is_again(repeated: Hashes, met: npt.NDArray[np.bool_], name: str) -> bool:
    """Whether a name that stands twice was met before; it is from now on."""
    at = find(repeated, hash_of(name))
    if at is None:
        return False
    before = bool(met[at])
    met[at] = True
    return before


def _check_strays(files: Files, known: Hashes, faults: _FaultsOf) -> None:
    """Files that no row names: the first by name are shown, whatever the system lists first."""
    strays = _Counting(files.strays(known))
    for where, what in heapq.nsmallest(MOST_FAULTS, strays):
        faults.add(where, what)
        strays.counts[what] -= 1
    for what, count in strays.counts.items():
        faults.add_unseen(what, count)


class _Counting:
    """An iterator over faults of another that counts them by what is wrong."""

    def __init__(self, inner: Iterator[Fault]) -> None:
        self._inner = inner
        self.counts = Counter[str]()

    def __iter__(self) -> Iterator[Fault]:
        for each in self._inner:
            self.counts[each.what] += 1
            yield each


def _check_digests(out: Path, records: _Records, faults: Faults) -> None:
    """Whether records that agree with one another are those that the run wrote: by the digests in
    its run.json, where it has them (not before version 0.2), and by what it wrote down when it
    began, where that is there."""
    summary = read_summary(out)
    files = summary.get("files")
    of_splits = {TRAIN: summary} | {name: summary["splits"][name] for name in records.splits}
    for split, of_split in of_splits.items():
        manifest = of_split.get("manifest")
        if not isinstance(manifest, dict) and split == TRAIN:  # a version before 0.2 wrote none
            continue
        digest = manifest.get("sha256") if isinstance(manifest, dict) else None
        if sha256_of(out / split / MANIFEST) != digest:
            _FaultsOf(faults, split).add(
                MANIFEST, f"its rows are not all as the run wrote them, by the digest in {RUN}"
            )
            for row in read_rows(out / split):
                if not isinstance(row, BadLine):
                    faults.note_output(row.sample_id)
    for name in (CLASSES, ERRORS):
        if isinstance(files, dict) and sha256_of(out / name) != files.get(name):
            faults.add(name, f"it is not as the run wrote it, by the digest in {RUN}")
    begun = _begun(out)
    different = [k for k, v in begun.items() if summary.get(_OF_RUN.get(k, k), v) != v]
    if different:
        faults.add(RUN, f"its {different[0]} is not that with which the run began")


def _begun(out: Path) -> dict[str, Any]:
    try:
        values = read_json(out / STATE / IDENTITY, _LARGEST_IDENTITY)
    except (OSError, UserError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _check_counts(records: _Records, split: str, rows: int, faults: Faults) -> None:
    counts = records.counts if split == TRAIN else records.splits[split]
    if counts is None:
        return
    it, of = ("it", "") if split == TRAIN else (f"of {split} it", f" of {split}")
    if records.skipped is not None:  # of all splits where it is counted for OUT
        skipped = records.skipped.total() if split == TRAIN else records.skipped[split]
        if counts.skipped != skipped:
            counted = f"{it} counts {counts.skipped} inputs skipped"
            faults.add(RUN, f"{counted}, and {ERRORS} has {skipped}{of}")
    not_made = None if records.not_made is None else records.not_made[split]
    if counts.outputs != rows:
        faults.add(RUN, f"{it} counts {counts.outputs} outputs, and there are {rows}")
    elif counts.planned is not None and not_made is not None and rows + not_made != counts.planned:
        faults.add(
            RUN,
            f"{it} planned {counts.planned} outputs; there are {rows}, and {ERRORS} says that"
            f" {not_made} were not made",
        )
