"""Makes outputs again from their manifest rows and compares their bytes.

Sources are decoded by workers, as in a run: one that crashes its decoder, takes too long or too
much memory is a fault, and the rest goes on.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, NoReturn

from augcli.arrays.types import Pixels
from augcli.data.labels import SoftLabel
from augcli.declared import what_is_unlike
from augcli.engine.described import Places, places_in, read_run, read_sources, record_of
from augcli.engine.executors.pool import Pool
from augcli.engine.images import Decoded, Images
from augcli.engine.job import Runtime
from augcli.engine.outputs import Output, output_label
from augcli.engine.plan import Run
from augcli.engine.run_work import RunWork
from augcli.engine.shard import encoded
from augcli.engine.watch import Watch
from augcli.errors import BadValue, UnreadableImage, UserError
from augcli.files import parse_json
from augcli.manifest.faults import MOST_FAULTS, Fault
from augcli.manifest.reader import LONGEST_LINE, BadLine, open_own, parse_row, read_lines
from augcli.manifest.row import Row, boxes_column
from augcli.pipeline.execute import Execution
from augcli.published import MANIFEST
from augcli.recipes.recipe import SaliencySpec
from augcli.store.layout import TRAIN

# Rows that a worker makes in a row.
_TOGETHER = 16
_REMEDY = "fix that and run the same command again."


class _Report(NamedTuple):
    """What differs of some rows, and the images (by index) that could not be read: why, and of how
    many of the rows that was the fault."""

    rows: range
    faults: list[Fault]
    unreadable: dict[int, tuple[str, int]]


class _Rows(NamedTuple):
    """The rows that are made again: in which of the `folders` of splits each stands, where it
    begins in the manifest there, and the image (by index) that it is about, -1 for none."""

    folders: list[Path]
    folder_of: array[int]
    offsets: array[int]
    targets: array[int]

    def read(self, numbers: range) -> Iterator[Row]:
        """The rows with these numbers."""
        for folder, of_folder in groupby(numbers, self.folder_of.__getitem__):
            with open_own(self.folders[folder] / MANIFEST) as file:
                for number in of_folder:
                    file.seek(self.offsets[number])
                    row = parse_row(file.readline(LONGEST_LINE + 1), 0)
                    if isinstance(row, Row):  # else the manifest has changed
                        yield row


def replay(runtime: Runtime, count: int = 0, *, moved: Path | None = None) -> Iterator[Fault]:
    """Make `count` outputs (0: all) of the OUT of `runtime`, evenly spread over its rows, again
    from their parameters and sources, which are in `moved` now; yields what differs, in the order
    of the rows, and behind it the sources that cannot be read any more.

    Raises UserError where the run or its source is not known.
    """
    record = record_of(runtime.place.out, moved)
    train, seconds = record.out / TRAIN, runtime.seconds_an_image
    listing = read_sources(record, lambda: _whole_rows(train))
    run = read_run(record, listing, runtime)
    places = places_in(run)
    rows = _choose([train, *(record.out / split.name for split in run.others)], count, places)
    total = len(rows.offsets)
    starts = range(0, total, _TOGETHER)
    items = (range(start, min(start + _TOGETHER, total)) for start in starts)
    pool = Pool(
        ReplayWork(run, rows, places), items, max(1, min(runtime.workers, len(starts))),
        remedy=_REMEDY, seconds_an_image=seconds, seconds_an_output=seconds,
    )  # fmt: skip
    unreadable: dict[int, tuple[str, int]] = {}
    early: dict[int, _Report] = {}
    at = 0
    with closing(pool):
        for report in pool.reports():
            early[report.rows.start] = report
            while at in early:
                following = early.pop(at)
                at = following.rows.stop
                yield from following.faults
                for index, (reason, times) in following.unreadable.items():
                    if index in unreadable or len(unreadable) < MOST_FAULTS:
                        known = unreadable.get(index, (reason, 0))
                        unreadable[index] = known[0], known[1] + times
                    else:
                        yield _unreadable(run, index, reason, times)
    for index, (reason, times) in unreadable.items():
        yield _unreadable(run, index, reason, times)


def _unreadable(run: Run, index: int, reason: str, times: int) -> Fault:
    outputs = "an output" if times == 1 else f"{times} outputs"
    return Fault(
        run.sample(index).relative,
        f"the source cannot be used any more ({reason}), and {outputs} cannot be made again",
    )


def _whole_rows(train: Path) -> Iterator[Row]:
    for number, _, line in read_lines(train):
        row = parse_row(line, number)
        if isinstance(row, Row):
            yield row


def _choose(folders: list[Path], count: int, places: Places) -> _Rows:
    folder_of, offsets, targets = array("L"), array("Q"), array("q")
    for at, folder in enumerate(folders):
        try:
            for number, offset, line in read_lines(folder):
                row = parse_row(line, number)
                if not isinstance(row, BadLine):
                    target = places.of(row.source_ids[0]) if row.source_ids else None
                    folder_of.append(at)
                    offsets.append(offset)
                    targets.append(-1 if target is None else target)
        except OSError as error:
            raise UserError(f"{folder / MANIFEST} cannot be read: {error.strerror}.") from error
    total = len(offsets)
    wanted = min(count, total) or total
    numbers = [i * total // wanted for i in range(wanted)] if wanted < total else range(total)
    columns = (
        array(column.typecode, (column[i] for i in numbers))
        for column in (folder_of, offsets, targets)
    )
    return _Rows(folders, *columns)


@dataclass(frozen=True)
class ReplayWork(RunWork):
    """Rows that are made again as work for an executor: an item are rows by their numbers, which
    follow one another. Nothing is written."""

    rows: _Rows
    places: Places

    def make(self, numbers: range, watch: Watch) -> _Report:
        """Make rows again, and say what differs."""
        images = Images(self.run, (), watch)
        faults: list[Fault] = []
        unreadable: dict[int, tuple[str, int]] = {}
        for target, row in zip(self.targets(numbers), self.rows.read(numbers), strict=False):
            if len(row.source_ids) != len(row.source_paths):
                continue  # that is a fault already
            indices = [self.places.of(source) for source in row.source_ids]
            missing = [p for i, p in zip(indices, row.source_paths, strict=True) if i is None]
            if missing:
                what = f"its source {missing[0][:300]} is no longer in SOURCE"
                faults.append(Fault(row.file_name, what))
                continue
            watch.target(target)
            used: list[Decoded] = []
            for index in indices:
                assert index is not None
                try:
                    used.append(images.get(index))
                except UnreadableImage as error:
                    _, times = unreadable.get(index, ("", 0))
                    unreadable[index] = str(error), times + 1
                    break
            if len(used) == len(indices):
                faults += _faults_of(row, _compare(self.run, images, row, used))
        watch.target(None)
        return _Report(numbers, faults, unreadable)

    def targets(self, numbers: range) -> list[int]:
        """The images that rows are about, -1 for none."""
        return self.rows.targets[numbers.start : numbers.stop].tolist()

    def piece(self, numbers: range, start: int, stop: int) -> range:
        """Some of the rows of an item."""
        return numbers[start:stop]

    def committed(self, numbers: range) -> None:
        """None: nothing is kept of what a dead worker did."""


def _faults_of(row: Row, differences: Iterator[str]) -> list[Fault]:
    """What differs of a row, which is made again meanwhile."""
    try:
        return [Fault(row.file_name, what) for what in differences]
    except MemoryError:
        what = "made again from its row it takes more memory than a worker may use"
    except Exception as error:  # noqa: BLE001 - a row may hold anything
        what = f"its params do not fit its recipe and sources: {what_is_unlike(error)}"
    return [Fault(row.file_name, what)]


def _compare(run: Run, images: Images, row: Row, used: list[Decoded]) -> Iterator[str]:
    if row.recipe == "":
        label = used[0].sample.label
        if hashlib.sha256(used[0].data).hexdigest() != row.sha256:
            yield "its source is no longer the file that was copied"
        if _label_of(row) != label:
            yield "its label is not its source's"
        return
    pictures = iter([images.picture(decoded, number) for number, decoded in enumerate(used)])
    record = run.job.pipeline.full_record(parse_json(row.params))
    execution = Execution(run.job.pipeline, run.job.fit, _look_at_nothing)
    every = len(used) == execution.sources_of(record)
    picture = execution.replay(record, pictures, every=every)
    labels = [used[number].sample.label for number in picture.shares]
    label = output_label(run, picture, labels, row.view)
    output = Output(picture, tuple(used), label, row.sample_id, row.group_id, row.view)
    data, _ = encoded(run, output)
    if hashlib.sha256(data).hexdigest() != row.sha256:
        yield "made again from its row it is another image"
    if _label_of(row) != label:
        yield "made again from its row it has another label"
    boxes = boxes_column(picture.boxes, run.job.schema_version)
    if row.lam != picture.shares[0] or row.boxes != boxes:
        yield "made again from its row it has another lam or other boxes"


def _label_of(row: Row) -> SoftLabel:
    pairs = zip(row.label_ids or (), row.label_weights or (), strict=True)
    weighed = [(class_id, weight) for class_id, weight in pairs if weight != 0.0]
    return SoftLabel(tuple(i for i, _ in weighed), tuple(weight for _, weight in weighed))


def _look_at_nothing(_: Pixels, __: Mapping[int, float], spec: SaliencySpec) -> NoReturn:
    raise BadValue(f"a row that was drawn needs no saliency, not {spec}")
