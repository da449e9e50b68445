"""Turns a finished OUT into another form, without augmenting again: the same images and rows.

The other OUT is made beside its place, and appears there by one rename.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from augcli.data.labels import NO_CLASSES, SoftLabel
from augcli.enums import Originals, OtherSplits, OutputFormat
from augcli.errors import RunFailed, UserError
from augcli.files import is_link, sha256_of
from augcli.manifest.faults import MOST_PIXELS
from augcli.manifest.forms.form import Files
from augcli.manifest.reader import BadLine, parse_row, read_classes, read_lines
from augcli.manifest.record import BadRecord, Skipped, read_skipped
from augcli.manifest.row import Row
from augcli.store.durable import flush, write_json
from augcli.store.journal import check_place
from augcli.store.layout import (
    CLASSES,
    DEFAULT_SINK,
    ERRORS,
    IDENTITY,
    LISTED,
    LISTS,
    MANIFEST,
    RUN,
    SOURCES,
    STATE,
    TIMINGS,
    TRAIN,
    Place,
)
from augcli.store.lock import holding
from augcli.store.merge import Published
from augcli.store.parts import Shard
from augcli.store.records import (
    TARS,
    Identity,
    form_in,
    is_run,
    manifest_is,
    read_identity,
    read_run_record,
    splits_of,
)
from augcli.store.removal import forget_removal, remove_run
from augcli.store.sinks.sink import OutputFile
from augcli.store.sinks.table import SINKS

# Outputs that are put together, but for the last group of views.
_TOGETHER = 1024
# Before which key of a record that of a sink stands, as a run of that sink writes it.
_BEHIND_SINK = ("labels", "schema_version", "name", "versions")
_SINK, _SHARD_SIZE, _NAME = "sink", "shard_size", "name"


class Converted(NamedTuple):
    """How many images the training split has, and each other one, by its name."""

    outputs: int
    others: dict[str, int]


class _Run(NamedTuple):
    """A finished run that is converted."""

    out: Path
    record: dict[str, Any]
    splits: list[str]


def convert(
    out: Path,
    other: Path,
    form: OutputFormat,
    shard_size: str | None = None,
    *,
    on_start: Callable[[int, int], None] = lambda *_: None,
    on_images: Callable[[int], None] = lambda _: None,
) -> Converted:
    """Make `other`, which is empty or not there, what the run in `out` would be with another form.

    `on_start` is called with how many images there are, and 0; `on_images` with more of them that
    are there. Raises UserError where `out` is no finished run as it was published, or `other` is no
    place for one; RunFailed where an image is not the one of its row.
    """
    run = _read_run(out)
    check_other(out, other)
    total = sum(_counts(run).values())
    on_start(total, 0)
    place = Place(_beside(other))
    _clear(place.out)
    try:
        with holding(place.out):
            values = _with_form(_identity(run), form, shard_size)
            write_json(place.state / IDENTITY, values)
            _put_all(run, place, form, values, on_images)
            for name in (LISTED, SOURCES, TIMINGS):
                if (out / STATE / name).is_file() and not is_link(out / STATE / name):
                    shutil.copyfile(out / STATE / name, place.state / name)
            flush(place.out)
        if other.is_dir():
            other.rmdir()
        place.out.rename(other)
        flush(other.parent)
    except OSError as error:
        where, why = error.filename or place.out, error.strerror or error
        raise RunFailed(f"{where}: {why}; fix that and run the same command again.") from error
    counts = _counts(run)
    return Converted(counts.pop(TRAIN), counts)


def check_other(out: Path, other: Path) -> None:
    """Refuse a place for what is converted; nothing is changed. Raises UserError."""
    try:
        check_place(other, out)
        is_free = not os.path.lexists(other) or not any(other.iterdir())
    except UserError as error:
        text = str(error).replace(f"OUT {other}", f"OTHER {other}")
        raise UserError(text.replace(f"SOURCE {out}", f"OUT {out}")) from error
    except OSError as error:
        raise UserError(
            f"OTHER {other} cannot be used: {error.strerror}; choose another."
        ) from error
    if other.is_symlink():
        raise UserError(f"OTHER {other} is a link; name the folder itself.")
    if not is_free:
        raise UserError(f"OTHER {other} is not empty; choose an empty folder, or a new one.")


def _beside(other: Path) -> Path:
    """Where a converted run is made."""
    place = other.absolute()
    return place.with_name(f".{place.name}.augcli-convert")


def _clear(place: Path) -> None:
    """Remove what an earlier call left that was killed; raises UserError where it is not that."""
    if not os.path.lexists(place):
        return
    state = place / STATE
    if is_link(place) or not place.is_dir():
        raise UserError(f"{place} is in the way; move it away.")
    with holding(place):
        if is_run(place):
            remove_run(place)
            forget_removal(place)
        strange = [path for path in place.rglob("*") if path != state and path.parent != state]
        if strange:
            raise UserError(f"{strange[0]} is nothing that augcli writes there; move it away.")


def _read_run(out: Path) -> _Run:
    """The finished run in OUT; raises UserError where it is not as it was published."""
    form_in(out, "converted is")
    record = read_run_record(out / RUN)
    if record is None:
        raise UserError(f"{out / RUN} is damaged; `augcli verify {out}` tells more.")
    splits = [TRAIN, *splits_of(record)]
    digests = record.get("files")
    try:
        are_own = isinstance(digests, dict) and all(
            not is_link(out / name) and sha256_of(out / name) == digests.get(name) for name in LISTS
        )
    except (OSError, UserError):
        are_own = False
    if not are_own or not all(manifest_is(out, record, split) for split in splits):
        raise UserError(
            f"The manifest and the lists in OUT {out} are not as its run published them; `augcli"
            f" verify {out}` tells more, and with --repair makes them again."
        )
    return _Run(out, record, splits)


def _counts(run: _Run) -> dict[str, int]:
    """The images of each split."""
    others = {name: int(one.get("outputs", 0)) for name, one in splits_of(run.record).items()}
    return {TRAIN: run.record["counts"]["outputs"], **others}


def _identity(run: _Run) -> dict[str, Any]:
    """What the run is, as it wrote it down when it began, or by its record."""
    begun = read_identity(run.out / STATE / IDENTITY)
    if begun is not None:
        return begun
    keys = ("recipe", "seed", "fingerprint", "copies", "per_class", "pair", "size", "fit", "format",
            "quality", "chroma", "include_originals", "other_splits", "background", "dense_labels",
            "max_pixels", "classifier", _SINK, _SHARD_SIZE, "labels", "schema_version", _NAME,
            "versions")  # fmt: skip
    values = {key: run.record[key] for key in keys if key in run.record}
    return {"source" if key == "fingerprint" else key: one for key, one in values.items()}


def _with_form(
    values: Mapping[str, Any], form: OutputFormat, shard_size: str | None
) -> dict[str, Any]:
    """A record of a run as one of another form has it: there, archives hold copies, and images are
    called by their ids alone where they come from archives or go there."""
    are_renamed = values.get(_SINK, DEFAULT_SINK) != DEFAULT_SINK or form != DEFAULT_SINK
    named: dict[str, Any] = {} if form == DEFAULT_SINK else {_SINK: form.value}
    if shard_size is not None:
        named[_SHARD_SIZE] = shard_size
    changed = dict[str, Any]()
    for key, value in values.items():
        if key in _BEHIND_SINK:
            changed |= named
        if key == "include_originals" and value == Originals.link:
            changed[key] = Originals.copy.value
        elif key == "other_splits" and value == OtherSplits.link:
            changed[key] = OtherSplits.copy.value
        elif key not in (_SINK, _SHARD_SIZE, TARS, "files") and not (key == _NAME and are_renamed):
            changed[key] = value
    return changed


def _put_all(
    run: _Run,
    place: Place,
    form: OutputFormat,
    values: dict[str, Any],
    on_images: Callable[[int], None],
) -> None:
    """Put all images of a run to a place, and publish them there."""
    sink = SINKS[form]
    sink.begin(place, Identity(values, {}, lambda _: ""), resumed=False)
    for number, (count, contents) in enumerate(_shards(run)):
        part = sink.put(place, Shard(number, 0, max(1, count)), contents)
        on_images(part.rows)

    def summarise(published: Published) -> dict[str, Any]:
        record = _with_form(run.record, form, values.get(_SHARD_SIZE))
        due = {TRAIN: run.record, **splits_of(run.record)}
        there = {TRAIN: published.sha256}
        rows = {TRAIN: published.rows}
        for name, split in published.splits.items():
            there[name], rows[name] = split.sha256, split.rows
        if rows != _counts(run) or sha256_of(place.state / ERRORS) != sha256_of(run.out / ERRORS):
            raise RunFailed(
                f"OUT {run.out} changed while it was converted; run the same command again."
            )
        record["manifest"] = {"sha256": there[TRAIN]}
        if len(due) > 1:
            record["splits"] = {
                name: one | {"manifest": {"sha256": there[name]}}
                for name, one in splits_of(run.record).items()
            }
        return record

    sink.finish(place, read_classes(run.out / CLASSES), summarise, interrupted=False)


def _shards(run: _Run) -> Iterator[tuple[int, Iterator[OutputFile | Skipped]]]:
    """The images of a run, some at a time, with their number, and behind those of each split its
    inputs that were skipped. A group of views is not divided."""
    form = form_in(run.out, "converted is")
    most = run.record.get("max_pixels", MOST_PIXELS)
    width, height = run.record.get("size") or (1, 1)
    try:
        skipped = list(read_skipped(run.out))
    except BadRecord as error:
        raise UserError(f"{run.out / error.name}: {error.what}.") from error
    if any(line.outputs is None for line in skipped):
        raise UserError(
            f"{run.out / ERRORS} is of an older version, which did not count the outputs; make OUT"
            " anew."
        )
    for split in run.splits:
        files = form.look_into(run.out / split, max(most, width * height))
        group = list[tuple[bytes, Row]]()
        for _, views in groupby(_rows(run.out / split), lambda pair: pair[1].group_id):
            group += views
            if len(group) >= _TOGETHER:
                yield len(group), _outputs(run, files, group, split)
                group = []
        if group:
            yield len(group), _outputs(run, files, group, split)
        lost = [line for line in skipped if line.split == split]
        if lost:
            yield 1, iter(lost)


def _rows(folder: Path) -> Iterator[tuple[bytes, Row]]:
    for number, _, line in read_lines(folder):
        row = parse_row(line, number)
        if isinstance(row, BadLine):
            raise UserError(f"{folder / MANIFEST}, {row}.")
        yield line, row


def _outputs(
    run: _Run, files: Files, rows: list[tuple[bytes, Row]], split: str
) -> Iterator[OutputFile]:
    for line, row in rows:
        where = f"{run.out / split / row.file_name}"
        try:
            data = files.read(row)
            what = "its sha256 is not its row's"
        except FileNotFoundError:
            data, what = None, "it is missing"
        except (OSError, UserError, ValueError) as error:
            data, what = None, str(error)
        if data is None or hashlib.sha256(data).hexdigest() != row.sha256:
            raise RunFailed(f"{where}: {what}; `augcli verify {run.out} --repair` makes it again.")
        values = orjson.loads(line)
        del values["file_name"]
        label = NO_CLASSES
        if row.label_ids is not None and row.label_weights is not None:
            label = SoftLabel(tuple(row.label_ids), tuple(row.label_weights))
        path = Path(row.file_name)
        yield OutputFile(values, label, data, path.suffix, split=split, name=path.stem)
