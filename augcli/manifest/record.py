"""What a run left beside its images: run.json, which describes it, and errors.jsonl, which says
what could not be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from augcli.errors import UserError
from augcli.files import MIB, parse_json, read_beyond, size_text
from augcli.manifest.reader import open_own
from augcli.manifest.row import OLDEST_SCHEMA, SCHEMA_VERSION, to_line
from augcli.published import ERRORS, RUN, TRAIN, is_split_folder

_LONGEST_SUMMARY = 64 * MIB
_LONGEST_LINE = MIB
_MOST = 1 << 62


class BadRecord(Exception):
    """A record of OUT that is missing or damaged: `name` is its file, `what` is wrong with it."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name, self.what = name, what


class Counts(NamedTuple):
    """What a run counted; `planned` outputs would have been made had nothing failed (None: an older
    version did not write that down)."""

    outputs: int
    skipped: int
    classes: int
    planned: int | None


class Skipped(NamedTuple):
    """An input of which not all outputs were made: why, how many are not there, the last ones of it
    (None: an older version did not write that down), and the split to which they belong, by its
    name in OUT."""

    source_id: str
    source_path: str
    reason: str
    outputs: int | None
    split: str = TRAIN


def read_summary(out: Path) -> dict[str, Any]:
    """What OUT/run.json says; raises BadRecord where it cannot be read or is no object."""
    try:
        with open_own(out / RUN) as file:
            data = read_beyond(file, _LONGEST_SUMMARY)
        if len(data) > _LONGEST_SUMMARY:
            raise ValueError(f"it is longer than {size_text(_LONGEST_SUMMARY)}")
        values = parse_json(data)
    except (OSError, UserError, ValueError) as error:
        raise BadRecord(RUN, why_unread(error)) from error
    if not isinstance(values, dict):
        raise BadRecord(RUN, "it does not describe a run of augcli")
    return values


def read_counts(summary: dict[str, Any]) -> Counts:
    """The counts in what OUT/run.json says; raises BadRecord where they are none."""
    counts = summary.get("counts")
    if not isinstance(counts, dict):
        raise BadRecord(RUN, "it has no counts, as that of a finished run has")
    names = ("outputs", "skipped", "classes")
    outputs, skipped, classes = (_count(RUN, f"counts.{n}", counts.get(n)) for n in names)
    planned = counts.get("planned")
    if "planned" in counts:
        planned = _count(RUN, "counts.planned", planned)
    return Counts(outputs, skipped, classes, planned)


def read_schema(summary: dict[str, Any]) -> int:
    """The schema version of all rows by what OUT/run.json says; raises BadRecord for another than
    is known here."""
    version = summary.get("schema_version", OLDEST_SCHEMA)
    if type(version) is not int or not OLDEST_SCHEMA <= version <= SCHEMA_VERSION:
        shown = str(version)[:40]
        raise BadRecord(RUN, f"its schema_version {shown} is none that this augcli knows")
    return version


def read_splits(summary: dict[str, Any]) -> dict[str, Counts]:
    """The counts of other splits, by their names in OUT, in what OUT/run.json says; raises
    BadRecord where they are none."""
    splits = summary.get("splits", {})
    if not isinstance(splits, dict) or not all(isinstance(s, dict) for s in splits.values()):
        raise BadRecord(RUN, "its splits are none")
    if bool(splits) != ("other_splits" in summary):
        raise BadRecord(RUN, "its splits are not those of its other_splits")
    counts = {}
    for name, split in splits.items():
        if not is_split_folder(name):
            raise BadRecord(RUN, f"{name[:40]!r} is not the name of a split")
        where = f"splits.{name[:40]}"
        outputs, skipped, planned = (
            _count(RUN, f"{where}.{key}", split.get(key))
            for key in ("outputs", "skipped", "planned")
        )
        counts[name] = Counts(outputs, skipped, 0, planned)
    return counts


def read_skipped(out: Path) -> Iterator[Skipped]:
    """The lines of OUT/errors.jsonl, one at a time; raises BadRecord at the first that is none."""
    number = 0
    try:
        with open_own(out / ERRORS) as file:
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                yield _skipped(line, number)
    except (OSError, UserError) as error:
        raise BadRecord(ERRORS, why_unread(error)) from error


def skipped_line(skipped: Skipped) -> str:
    """The line of OUT/errors.jsonl, with its newline, about an input that was skipped."""
    values = {
        "source_path": skipped.source_path,
        "source_id": skipped.source_id,
        "reason": skipped.reason,
        "outputs": skipped.outputs,
    }
    return to_line(values if skipped.split == TRAIN else values | {"split": skipped.split})


def why_unread(error: Exception) -> str:
    """Why a file of OUT could not be read, as the part of a sentence."""
    if isinstance(error, FileNotFoundError):
        return "the file is missing"
    if isinstance(error, OSError):
        return f"the file cannot be read: {error.strerror or error}"
    if isinstance(error, UserError):
        return str(error)
    return f"the file is damaged: {' '.join(str(error).split())[:200]}"


def _skipped(line: bytes, number: int) -> Skipped:
    where = f"line {number}"
    if not line.endswith(b"\n"):
        raise BadRecord(ERRORS, f"{where} breaks off, or is too long")
    try:
        values = parse_json(line)
    except ValueError as error:
        raise BadRecord(ERRORS, f"{where} is no JSON: {error}"[:300]) from error
    if not isinstance(values, dict):
        raise BadRecord(ERRORS, f"{where} is no object")
    texts = [values.get(name) for name in ("source_id", "source_path", "reason")]
    if not all(isinstance(text, str) for text in texts):
        raise BadRecord(ERRORS, f"{where} lacks a source_id, a source_path or a reason")
    outputs = values.get("outputs")
    if "outputs" in values:
        outputs = _count(ERRORS, f"{where}, outputs", outputs)
    split = values.get("split", TRAIN)
    if not isinstance(split, str):
        raise BadRecord(ERRORS, f"{where}, split is {str(split)[:40]}, which names nothing")
    return Skipped(str(texts[0]), str(texts[1]), str(texts[2]), outputs, split)


def _count(name: str, where: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise BadRecord(name, f"{where} is {str(value)[:40]}, which counts nothing")
    return value
