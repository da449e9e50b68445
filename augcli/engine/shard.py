"""Makes one shard: decode, find saliency, draw, apply, encode, and hand it to the run's sink.

`run_shard` may be called anywhere, any number of times, with the same result. What becomes of its
outputs, and when they are there, is the sink's affair.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import NamedTuple

from augcli.engine.images import Decoded, Images
from augcli.engine.outputs import Output, Outputs
from augcli.engine.plan import Run, Shard
from augcli.engine.rows import (
    image_suffix,
    name_of,
    original_name,
    original_row,
    original_suffix,
    row_of,
)
from augcli.engine.run_work import RunWork
from augcli.engine.watch import UNWATCHED, Watch
from augcli.enums import Originals, OtherSplits
from augcli.errors import UnreadableImage, fault_of_augcli
from augcli.image.codec import encode, output_format, suffix
from augcli.manifest.record import Skipped
from augcli.store.sinks.sink import OutputFile

# Bytes of outputs, and copies, that are worked on together.
_TOGETHER, _COPIES_TOGETHER = 32 << 20, 1 << 10


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of a shard; `unreadable` are the images (by index) that did not decode, with the
    reason."""

    shard: Shard
    outputs: int
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
        part = next(self.run.sink.committed(self.run.runtime.place, shard), None)
        return None if part is None else ShardReport(shard, part.rows, part.skipped, 0, 0)


def run_shard(run: Run, shard: Shard, watch: Watch = UNWATCHED) -> ShardReport:
    """Make the outputs of a shard, seen by `watch`, and hand them to the run's sink, which commits
    them. Raises OSError where they cannot be written."""
    block = run.plan.block(shard.block)
    making = _Making(run, shard, block, Images(run, block, watch), watch)
    part = run.sink.put(run.runtime.place, shard, making.contents())
    images = making.images
    return ShardReport(
        shard, part.rows, part.skipped, images.decodes, making.bytes_written, images.unreadable
    )


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


@dataclass
class _Making:
    """A shard that is being made: the images of its block, and the targets (by index) that could
    not be made."""

    run: Run
    shard: Shard
    block: list[int]
    images: Images
    watch: Watch
    failed: dict[int, _Failure] = field(default_factory=dict)
    bytes_written: int = 0

    def contents(self) -> Iterator[OutputFile | Skipped]:
        """The outputs as they are made, and the inputs that were skipped behind them."""
        for copy in _copies(self):
            for file in _files(self.run, copy):
                if file.link is None:
                    self.bytes_written += len(file.data)
                yield file
        yield from _skipped(self)


def _copies(making: _Making) -> Iterator[_Copy]:
    """All copies of a shard's targets, made and encoded. The first copy of a target that could not
    be made ends it."""
    run, failed = making.run, making.failed
    outputs = Outputs(run, making.images, making.block)
    for copies in _together(making):
        for phase in (partial(_make, making.images, outputs), partial(_encode, run)):
            for copy in copies:
                if copy.index in failed and copy.order >= failed[copy.index].order:
                    continue
                making.watch.target(copy.index)
                reason = _reason_against(phase, copy)
                if reason is not None:
                    first = failed.get(copy.index)
                    failed[copy.index] = _Failure(first.reason if first else reason, copy.order)
        for copy in copies:
            if copy.index not in failed or copy.order < failed[copy.index].order:
                yield copy
    making.watch.target(None)


def _together(making: _Making) -> Iterator[list[_Copy]]:
    """The copies of a shard's targets in groups that go through each phase together, with the
    targets decoded, and where memory allows it those of all groups before the first. A target that
    has failed by then has no more.

    A phase that does the same thing again and again finds its code and tables in the processor's
    caches; going through all phases copy by copy costs a tenth more for photographs, and half as
    much again for images of 32 pixels. The outputs of a group take a bounded number of bytes.
    """
    run, images, block, shard = making.run, making.images, making.block, making.shard
    originals: list[int | None] = [None] if run.plan.with_originals(shard.block) else []
    wanted: dict[int, range] = {}  # copies by place
    for place in range(shard.start, shard.stop):
        numbers = run.plan.numbers(shard.block, block[place])
        if originals or numbers:
            wanted[place] = numbers
    images.decode_ahead(block[place] for place in wanted)
    group: list[_Copy] = []
    total, limit = 0, min(_TOGETHER, run.runtime.memory // 4)
    for place, numbers in wanted.items():
        index, size = block[place], 0
        readable = images.readable(index)
        if readable:
            size = images.get(index).image.nbytes * len(run.job.pipeline.views)
        for number in chain(originals, numbers):
            if index in making.failed:
                break
            group.append(_Copy(place, index, number))
            total += size
            if total >= limit or len(group) == _COPIES_TOGETHER:
                yield group
                group, total = [], 0
            if not readable:  # the first says why, and none is made behind it
                break
    if group:
        yield group


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
        return f"augcli failed on it: {fault_of_augcli(error)}"
    return None


def encoded(run: Run, output: Output) -> tuple[memoryview, str]:
    """The file of an output and its suffix."""
    file_format = output_format(output.used[0].data, run.job.encoding.format)
    return encode(output.picture.content, file_format, run.job.encoding), suffix(file_format)


def _files(run: Run, copy: _Copy) -> Iterator[OutputFile]:
    """What was made of a copy, as a sink gets it."""
    if copy.original is not None:
        sample, data = copy.original.sample, copy.original.data
        other = run.split_of(copy.index)
        if other is None:
            is_linked, ending = run.job.include_originals is Originals.link, original_suffix(sample)
        else:
            is_linked = run.job.other_splits is OtherSplits.link and other.listing.are_files
            ending = image_suffix(sample, data)
        link = os.path.realpath(sample.path) if is_linked else None
        row = original_row(run, copy.original)
        split, name = run.split_name(copy.index), original_name(run, sample)
        yield OutputFile(row, sample.label, data, ending, True, link, split, name)
    for output, (content, ending) in zip(copy.outputs, copy.files, strict=True):
        assert copy.number is not None
        name = name_of(run, output, copy.number)
        yield OutputFile(row_of(run, output, content), output.label, content, ending, name=name)


def _skipped(making: _Making) -> Iterator[Skipped]:
    """Each input that cost itself, with the number of outputs that it cost: the last ones of those
    planned with its block."""
    run, block = making.run, making.shard.block
    views, has_original = len(run.job.pipeline.views), run.plan.with_originals(block)
    for index, (reason, order) in making.failed.items():
        sample = run.sample(index)
        numbers = run.plan.numbers(block, index)
        missing = max(0, numbers.stop - max(numbers.start, order))
        lost = missing * views + (has_original and order < 0)
        yield Skipped(sample.sample_id, sample.relative, reason, lost, run.plan.split(block))
