"""Makes one shard: decode, find saliency, draw, apply, encode, write, and commit.

`run_shard` may be called anywhere, any number of times, with the same result. Its images go to the
run's staging folder; the rename of its part of the manifest is its commit.
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from augcli.arrays.seeds import output_id
from augcli.data.labels import SoftLabel, class_folder, dense
from augcli.engine.images import Decoded, Images
from augcli.engine.outputs import ORIGINAL, Output, Outputs, saliency_method
from augcli.engine.plan import Run, Shard
from augcli.engine.run_work import RunWork
from augcli.engine.watch import UNWATCHED, Watch
from augcli.enums import Originals
from augcli.errors import UnreadableImage
from augcli.image.codec import encode, output_format, suffix
from augcli.manifest.row import SCHEMA_VERSION, to_line, to_text
from augcli.store.layout import staged_train
from augcli.store.parts import PartWriter, read_part
from augcli.store.sinks.folder import check_no_link, flush, link_file, write_file

# Bytes of outputs, and copies, that are worked on together.
_TOGETHER, _COPIES_TOGETHER = 32 << 20, 1 << 10


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of a shard; `unreadable` are the images (by index) that did not decode, with the
    reason."""

    shard: Shard
    made: int
    failed: int
    decodes: int
    bytes_written: int
    unreadable: Mapping[int, str] = field(default_factory=dict)


class ShardWork(RunWork):
    """Shards of a run as work for an executor."""

    def make(self, shard: Shard, watch: Watch) -> ShardReport:
        """Make and commit the outputs of a shard; raises OSError where they cannot be written."""
        return run_shard(self.run, shard, watch)

    def targets(self, shard: Shard) -> list[int]:
        """The images (by index) that are the targets of a shard."""
        return self.run.plan.block(shard.block)[shard.start : shard.stop]

    def piece(self, shard: Shard, start: int, stop: int) -> Shard:
        """The shard of the targets `start` to `stop` of a shard."""
        return Shard(shard.block, shard.start + start, shard.start + stop)

    def committed(self, shard: Shard) -> ShardReport | None:
        """The report of a shard whose part is there: how often it decoded is not known."""
        part = read_part(self.run.runtime.state, shard.part)
        return None if part is None else ShardReport(shard, part.rows, part.skipped, 0, 0)


def run_shard(run: Run, shard: Shard, watch: Watch = UNWATCHED) -> ShardReport:
    """Make and commit the outputs of a shard, seen by `watch`. Raises OSError where they cannot be
    written."""
    block = run.plan.block(shard.block)
    images = Images(run, block, watch)
    part = PartWriter(run.runtime.state, shard.part)
    try:
        writer = _Writer(run, part)
        _make_copies(run, images, block, shard, writer, watch)
        part.commit(writer.errors(shard.block), flush)
    except BaseException:
        part.abandon()
        raise
    made, failed = part.rows, len(writer.failed)
    return ShardReport(shard, made, failed, images.decodes, writer.bytes_written, images.unreadable)


def _make_copies(
    run: Run,
    images: Images,
    block: list[int],
    shard: Shard,
    writer: _Writer,
    watch: Watch,
) -> None:
    """Make and write all copies of a shard's targets. The first copy of a target that could not be
    made ends it."""
    outputs = Outputs(run, images, block)
    failed = writer.failed
    for copies in _together(run, images, block, shard, failed):
        for phase in (partial(_make, images, outputs), partial(_encode, run)):
            for copy in copies:
                if copy.index in failed and copy.order >= failed[copy.index].order:
                    continue
                watch.target(copy.index)
                reason = _reason_against(phase, copy)
                if reason is not None:
                    first = failed.get(copy.index)
                    failed[copy.index] = _Failure(first.reason if first else reason, copy.order)
        for copy in copies:
            if copy.index not in failed or copy.order < failed[copy.index].order:
                writer.write(copy)
    watch.target(None)


class _Failure(NamedTuple):
    """Why a target could not be made, and from which of its copies on (see `_Copy.order`)."""

    reason: str
    order: int


@dataclass(slots=True)
class _Copy:
    """One copy of a target on its way through the phases of a shard: all of its views are made, or
    none of it and of the copies behind it. `number` None stands for the source image itself, as
    `--include-originals` asks for."""

    place: int
    index: int
    number: int | None
    original: Decoded | None = None
    outputs: list[Output] = field(default_factory=list)
    files: list[tuple[memoryview, str]] = field(default_factory=list)

    @property
    def order(self) -> int:
        """Its place among the copies of its target."""
        return -1 if self.number is None else self.number


def _together(
    run: Run, images: Images, block: list[int], shard: Shard, failed: Mapping[int, _Failure]
) -> Iterator[list[_Copy]]:
    """The copies of a shard's targets in groups that go through each phase together, with the
    targets decoded, and where memory allows it those of all groups before the first. A target that
    is among the `failed` by then has no more.

    A phase that does the same thing again and again finds its code and tables in the processor's
    caches; going through all phases copy by copy costs a tenth more for photographs, and half as
    much again for images of 32 pixels. The outputs of a group take a bounded number of bytes.
    """
    plan = run.plan
    originals: list[int | None] = [None] if _has_originals(run, shard.block) else []
    wanted: dict[int, range] = {}  # copies by place
    for place in range(shard.start, shard.stop):
        numbers = plan.numbers(shard.block, block[place])
        if originals or numbers:
            wanted[place] = numbers
    images.decode_ahead(block[place] for place in wanted)
    group: list[_Copy] = []
    held, limit = 0, min(_TOGETHER, run.runtime.memory // 4)
    for place, numbers in wanted.items():
        index, size = block[place], 0
        readable = images.readable(index)
        if readable:
            size = images.get(index).image.nbytes * len(run.job.pipeline.views)
        for number in chain(originals, numbers):
            if index in failed:
                break
            group.append(_Copy(place, index, number))
            held += size
            if held >= limit or len(group) == _COPIES_TOGETHER:
                yield group
                group, held = [], 0
            if not readable:  # the first says why, and none is made behind it
                break
    if group:
        yield group


def _has_originals(run: Run, block: int) -> bool:
    """Whether the source images of a block are written with it."""
    return run.job.include_originals is not Originals.none and run.plan.with_originals(block)


def _make(images: Images, outputs: Outputs, copy: _Copy) -> None:
    if copy.number is None:
        copy.original = images.get(copy.index)
    else:
        copy.outputs = outputs.of(copy.place, copy.number)


def _encode(run: Run, copy: _Copy) -> None:
    copy.files = [encoded(run, output) for output in copy.outputs]


def _reason_against(work: Callable[[_Copy], None], copy: _Copy) -> str | None:
    """Do a phase's work; why it could not be done, or None. Raises OSError."""
    try:
        work(copy)
    except UnreadableImage as error:
        return str(error)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours costs one image, and is listed
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        reason = f"augcli failed on it: {kind}: {error} ({where.name}, line {where.lineno})"
        return " ".join(reason.split())
    return None


def encoded(run: Run, output: Output) -> tuple[memoryview, str]:
    """The file of an output and its suffix."""
    file_format = output_format(output.used[0].data, run.job.encoding.format)
    return encode(output.picture.content, file_format, run.job.encoding), suffix(file_format)


class _Writer:
    """Writes images into the staging folder, and their manifest rows into a part."""

    def __init__(self, run: Run, part: PartWriter) -> None:
        self._run = run
        self._part = part
        self._folders: set[str] = set()
        self.failed: dict[int, _Failure] = {}
        self.bytes_written = 0
        self._train = os.fspath(staged_train(run.runtime.state))
        for folder in (os.fspath(run.runtime.state), self._train):
            check_no_link(folder)

    def write(self, copy: _Copy) -> None:
        """Write what was made of a copy."""
        if copy.original is not None:
            self._write_original(copy.original)
        for output, (data, ending) in zip(copy.outputs, copy.files, strict=True):
            self._write_output(output, data, ending)

    def _write_output(self, output: Output, data: memoryview, ending: str) -> None:
        file_name = self._file_name(output.label, output.output_id + ending)
        self._store(file_name, data)
        picture = output.picture
        height, width = picture.content.shape[:2]
        samples = output.samples
        self._add_row(
            file_name,
            output.label,
            len(data),
            sample_id=output.output_id,
            group_id=output.group_id,
            view=output.view,
            source_ids=[sample.sample_id for sample in samples],
            source_paths=[sample.relative for sample in samples],
            lam=picture.shares[0],
            boxes=picture.boxes,
            recipe=self._run.job.pipeline.name,
            params=to_text(self._run.job.pipeline.row_record(picture.record)),
            saliency_method=saliency_method(self._run.job.pipeline, picture),
            width=width,
            height=height,
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def _write_original(self, decoded: Decoded) -> None:
        """Copy or link a source image, byte for byte."""
        sample = decoded.sample
        name = output_id(self._run.job.seed, "original", sample.sample_id, 0, ORIGINAL)
        ending = Path(sample.relative).suffix.lower()
        if not (ending.isascii() and ending[1:].isalnum()):
            ending = ".bin"
        file_name = self._file_name(sample.label, name + ending)
        if self._run.job.include_originals is Originals.link:
            self._check_folder(file_name)
            link_file(os.path.realpath(sample.path), f"{self._train}/{file_name}")
        else:
            self._store(file_name, decoded.data)
        height, width = decoded.upright
        self._add_row(
            file_name,
            sample.label,
            len(decoded.data),
            sample_id=name,
            group_id=name,
            view=ORIGINAL,
            source_ids=[sample.sample_id],
            source_paths=[sample.relative],
            lam=1.0,
            boxes=[],
            recipe="",
            params="null",
            saliency_method="",
            width=width,
            height=height,
            sha256=hashlib.sha256(decoded.data).hexdigest(),
        )

    def errors(self, block: int) -> list[str]:
        """A line for each input that cost itself, with the number of outputs that it cost: the last
        ones of those planned with this block."""
        run, lines = self._run, []
        views, has_original = len(run.job.pipeline.views), _has_originals(run, block)
        for index, (reason, order) in self.failed.items():
            sample = run.listing.sample(index)
            numbers = run.plan.numbers(block, index)
            missing = max(0, numbers.stop - max(numbers.start, order))
            lost = missing * views + (has_original and order < 0)
            line = {
                "source_path": sample.relative,
                "source_id": sample.sample_id,
                "reason": reason,
                "outputs": lost,
            }
            lines.append(to_line(line))
        return lines

    def _add_row(self, file_name: str, label: SoftLabel, size: int, **values: Any) -> None:
        classes = self._run.listing.classes
        row = {
            "file_name": file_name,
            "label": label.dominant,
            "class_name": classes[label.dominant],
            "label_ids": label.ids,
            "label_weights": label.weights,
        }
        if len(classes) <= self._run.job.dense_labels:
            row["soft_label"] = dense(label, len(classes))
        row |= values
        row["seed"] = f"{self._run.job.seed:x}"
        row["schema_version"] = SCHEMA_VERSION
        self._part.add_row(to_line(row), size)

    def _file_name(self, label: SoftLabel, name: str) -> str:
        return f"{class_folder(self._run.listing.classes[label.dominant])}/{name}"

    def _check_folder(self, file_name: str) -> None:
        folder = file_name.partition("/")[0]
        if folder not in self._folders:
            check_no_link(f"{self._train}/{folder}")
            self._folders.add(folder)

    def _store(self, file_name: str, data: bytes | memoryview) -> None:
        self._check_folder(file_name)
        write_file(f"{self._train}/{file_name}", data)
        self.bytes_written += len(data)
