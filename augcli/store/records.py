"""What runs write down about themselves in OUT, read as what anybody may have written."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from augcli.errors import RunFailed, UserError
from augcli.files import MIB, is_link, parse_json, read_json, read_lines, sha256_of
from augcli.manifest.columns import Hashes, find, hash_of
from augcli.manifest.forms.form import Form
from augcli.manifest.forms.table import FORMS
from augcli.published import is_archive_name, is_split_folder
from augcli.store.layout import (
    DEFAULT_SINK,
    IDENTITY,
    LISTS,
    MANIFEST,
    OUTPUT_NAME,
    REMOVAL,
    RUN,
    STATE,
    TRAIN,
)
from augcli.text import listed, shorten

# An identity holds recipe files and class maps.
LARGEST_RECORD = 256 * MIB
IMAGE_BYTES = "image_bytes"  # among the counts of run.json, since version 0.2
TARS = "tars"  # in run.json, the bytes of each archive of each split
_LONGEST_LINE = 64 * MIB
_KEYS = ("recipe", "seed", "copies", "pair", "fit", "format", "versions")


class Identity(NamedTuple):
    """All that the bytes of a run depend on, as JSON values; what an older record lacks; and what
    says in words how the values of another one differ."""

    values: dict[str, Any]
    usual: dict[str, Any]
    differences: Callable[[dict[str, Any]], str]


def read_record(file: Path, *keys: str) -> dict[str, Any] | None:
    """A record of a run, if `file` is one: a JSON object with all of these keys, and `versions` of
    augcli among them."""
    try:
        record = read_json(file, LARGEST_RECORD)
    except (OSError, UserError, ValueError):
        return None
    if not isinstance(record, dict) or any(key not in record for key in keys):
        return None
    versions = record.get("versions")
    return record if isinstance(versions, dict) and "augcli" in versions else None


def read_identity(file: Path) -> dict[str, Any] | None:
    """The identity that `file` holds, if it is one."""
    return read_record(file, *_KEYS, "source")


def read_run_record(file: Path) -> dict[str, Any] | None:
    """What a `run.json` says, if it parses as the record of a run; its `outputs` and `skipped` are
    counts."""
    record = read_record(file, *_KEYS, "fingerprint", "counts")
    counts = record["counts"] if record is not None else None
    if not isinstance(counts, dict):
        return None
    numbers = [counts.get("outputs"), counts.get("skipped")]
    return record if all(type(number) is int and number >= 0 for number in numbers) else None


def form_in(out: Path, what: str) -> Form:
    """The form of what the run in OUT writes, by its own records; raises UserError where they name
    a sink of which none is known; `what` begins the sentence that says what is for others."""
    records = (read_identity(out / STATE / IDENTITY), *map(read_run_record, run_records(out)),
               read_identity(out / STATE / REMOVAL))  # fmt: skip
    sinks = [record.get("sink", DEFAULT_SINK) for record in records if record is not None]
    for sink in sinks:
        if not isinstance(sink, str) or sink not in FORMS:
            raise UserError(
                f"{out} was written with --output-format {shorten(str(sink), 60)}; {what} only what"
                f" --output-format {listed(FORMS)} writes."
            )
    return FORMS[sinks[0] if sinks else DEFAULT_SINK]


def is_run(out: Path) -> bool:
    """Whether OUT's own records prove that it holds a run, whole, interrupted or half removed."""
    state = out / STATE
    if is_link(state):
        return False
    return (
        read_identity(state / IDENTITY) is not None
        or read_run_record(out / RUN) is not None
        or is_half_removed(out)
    )


def is_half_removed(out: Path) -> bool:
    """Whether OUT holds the rest of a run that was being replaced."""
    removal = out / STATE / REMOVAL
    return read_identity(removal) is not None or read_run_record(removal) is not None


def splits_of(record: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """What a run's record says of the other splits in OUT, by their names there; none where it does
    not, or what it says are no splits."""
    splits = None if record is None else record.get("splits")
    if not isinstance(splits, dict) or not all(map(is_split_folder, splits)):
        return {}
    return splits if all(isinstance(one, dict) for one in splits.values()) else {}


def tars_of(record: dict[str, Any] | None) -> dict[str, dict[str, int]]:
    """What a run's record says of archives in OUT: the bytes of each, by split and name; none where
    it does not, or what it says are no archives."""
    splits = None if record is None else record.get(TARS)
    if not isinstance(splits, dict) or not {*splits} <= {TRAIN, *splits_of(record)}:
        return {}
    for sizes in splits.values():
        if not isinstance(sizes, dict) or not all(map(is_archive_name, sizes)):
            return {}
        if not all(type(size) is int and size > 0 for size in sizes.values()):
            return {}
    return splits


def splits_in(out: Path) -> list[str]:
    """The other splits that the run in OUT published, or is about to, by their names there."""
    return list(splits_of(next(filter(None, map(read_run_record, run_records(out))), None)))


def run_records(out: Path) -> tuple[Path, Path, Path]:
    """Where the record of a run that was published stands, is staged, or lies while it is
    replaced."""
    return out / RUN, out / STATE / RUN, out / STATE / REMOVAL


def manifest_is(out: Path, record: dict[str, Any], split: str = TRAIN) -> bool:
    """Whether the split's folder in OUT has the manifest that a run's record speaks of. Records of
    versions before 0.2 do not say which: then one of as many rows is it."""
    if is_link(out / split):
        return False
    of_split = record if split == TRAIN else splits_of(record).get(split, {})
    file, manifest = out / split / MANIFEST, of_split.get("manifest")
    try:
        if not isinstance(manifest, dict):
            rows = sum(1 for _ in read_lines(file, _LONGEST_LINE))
            return split == TRAIN and bool(rows == record["counts"]["outputs"])
        return sha256_of(file) == manifest.get("sha256")
    except (OSError, UserError):
        return False


def check_complete(out: Path) -> None:
    """Raise RunFailed where a finished run lacks images that its manifest names, where one of them
    is empty, where all together have other than the bytes that the run wrote, and where its lists
    are not those that it wrote.

    A lookup a file; `verify` reads each.
    """
    record = read_run_record(out / RUN) or {}
    _check_images(out, TRAIN, record.get("counts", {}).get(IMAGE_BYTES))
    for split, of_split in splits_of(record).items():
        _check_images(out, split, of_split.get(IMAGE_BYTES))
    digests = record.get("files")
    if not isinstance(digests, dict):  # a version before 0.2 wrote none
        return
    for name in LISTS:
        try:
            is_own = not is_link(out / name) and sha256_of(out / name) == digests.get(name)
        except (OSError, UserError):
            is_own = False
        if not is_own:
            raise RunFailed(
                f"{out / name} is not as the run in OUT wrote it; `augcli verify {out}` tells more."
            )


def _check_images(out: Path, split: str, written: int | None) -> None:
    """Raise RunFailed where a split lacks images that its manifest names, or they have other than
    so many bytes together."""
    remedy = f"`augcli verify {out} --repair` makes them again."
    where = f"OUT {out}" if split == TRAIN else f"The split {split} of OUT {out}"
    names, folders = _names_by_manifest(out / split / MANIFEST, remedy)
    there = size = 0
    for folder in sorted(folders):
        for length in _sizes_of(out / split / folder, names):
            there, size = there + (length > 0), size + length
    if there < len(names):
        lacking = f"lacks {len(names) - there} of its {len(names)} images"
        raise RunFailed(f"{where} {lacking}, or they are empty; {remedy}")
    if written is not None and written != size:
        of = f"OUT {out}" if split == TRAIN else f"the split {split} of OUT {out}"
        raise RunFailed(
            f"The images of {of} have {size} bytes where its run wrote {written};"
            f" `augcli verify {out} --repair` makes again those that are damaged."
        )


def _names_by_manifest(manifest: Path, remedy: str) -> tuple[Hashes, set[str]]:
    """The images that a manifest names, by their hashes, in order, and their folders; raises
    RunFailed where a line is no row."""
    hashes, folders = array("Q"), set[str]()
    try:
        for line in read_lines(manifest, _LONGEST_LINE):
            name = _file_name(line)
            hashes.append(hash_of(name))
            folders.add(name.partition("/")[0])
    except (OSError, UserError, ValueError) as error:
        raise RunFailed(f"{manifest} has rows that cannot be read; {remedy}") from error
    return np.unique(np.frombuffer(hashes, np.uint64)), folders


def _file_name(line: bytes) -> str:
    """The image that a row names; raises ValueError where it names none."""
    row = parse_json(line)
    name = row.get("file_name") if isinstance(row, dict) else None
    folder, _, image = name.partition("/") if isinstance(name, str) else ("", "", "")
    if folder in ("", ".", "..") or "\0" in folder or not OUTPUT_NAME.fullmatch(image):
        raise ValueError("a line is no row")
    return f"{folder}/{image}"


def _sizes_of(folder: Path, names: Hashes) -> Iterator[int]:
    """The bytes of each file in a folder that is among the images of these names."""
    if is_link(folder):
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if find(names, hash_of(os.fsencode(f"{folder.name}/{entry.name}"))) is not None:
                status = entry.stat(follow_symlinks=False)
                yield status.st_size if stat.S_ISREG(status.st_mode) else 0
