"""What will be made: the order of the source, its blocks and shards.

The data set is shuffled by a keyed permutation and cut into blocks; partners come from the same
block, so that an image is decoded once for all that it is used for there. Four copies of each image
are made so; then the data set is shuffled again, for other partners. Nothing here depends on the
number of workers, and no file is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from augcli.arrays.permutation import Permutation
from augcli.data.listing import Listing, Sample
from augcli.engine.job import Job, Runtime
from augcli.engine.splits import OtherSplit, other_splits, sample_of, split_of
from augcli.enums import Originals, OtherSplits, Pair
from augcli.published import TRAIN
from augcli.store.parts import Shard as Shard
from augcli.store.sinks.sink import Committed, Sink
from augcli.store.sinks.table import SINKS

_BLOCK = 64
_SMALL_BLOCK = 16
_BLOCKS_FOR_FULL_SIZE = 32
_COPIES_TOGETHER = 4
# Of a shard: as many are lost where its worker dies, and one report counts as many.
_OUTPUTS = 4096


@dataclass(frozen=True)
class Run:
    """A job over a source, with where and how it runs: all that a shard needs. Picklable.

    Its images are those of `listing`, by their indices there, and behind them those of its `others`
    one after another.
    """

    listing: Listing
    job: Job
    runtime: Runtime

    @property
    def digest(self) -> str:
        """The digest of the job's recipe and classifier."""
        return self.job.digest

    @property
    def sink(self) -> Sink:
        """Where its outputs go."""
        return SINKS[self.job.sink]

    @cached_property
    def others(self) -> tuple[OtherSplit, ...]:
        """The other splits of the source whose images go along as they are."""
        if self.job.other_splits is OtherSplits.none:
            return ()
        return other_splits(self.listing)

    def split_of(self, index: int) -> OtherSplit | None:
        """The other split of the image at `index`; None for one that is augmented."""
        return split_of(self.others, index)

    def split_name(self, index: int) -> str:
        """The name in OUT of the split of the image at `index`."""
        split = self.split_of(index)
        return TRAIN if split is None else split.name

    def sample(self, index: int) -> Sample:
        """The image at `index`."""
        split = self.split_of(index)
        if split is None:
            return self.listing.sample(index)
        return sample_of(self.listing, split, index)

    @cached_property
    def plan(self) -> Plan:
        """The plan of this run."""
        return Plan(self)


class Plan:
    """The deterministic order of a run: the blocks of the images that are augmented, and behind
    them those of the other splits, which hold the images of one split each, in its order."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._n = len(run.listing)
        size = min(max(-(-self._n // _BLOCKS_FOR_FULL_SIZE), _SMALL_BLOCK), _BLOCK)
        self.blocks = max(1, round(self._n / size))

    @property
    def run(self) -> Run:
        """The run that this is the plan of."""
        return self._run

    @cached_property
    def orders(self) -> int:
        """How often the data set is shuffled: once for every four copies of an image, on average
        where images differ in how many they have."""
        copies = self._run.job.copies
        if self._run.job.per_class is not None:
            copies = -(-sum(map(self.targets_of, self.class_range)) // self._n)
        return max(1, -(-copies // _COPIES_TOGETHER))

    def shards(self) -> Iterator[Shard]:
        """One shard a block, in plan order, or several where a block has many outputs: as many
        targets each as make `_OUTPUTS` together, or one."""
        for number in range(self.orders * self.blocks):
            first, last = self._bounds(number % self.blocks)
            start = outputs_of_shard = 0
            for place, outputs in enumerate(self._most_outputs(number, last - first)):
                if outputs_of_shard and outputs_of_shard + outputs > _OUTPUTS:
                    yield Shard(number, start, place)
                    start, outputs_of_shard = place, 0
                outputs_of_shard += outputs
            yield Shard(number, start, last - first)
        for _, images in self._other_blocks:
            number += 1
            yield Shard(number, 0, len(images))

    @cached_property
    def _other_blocks(self) -> list[tuple[OtherSplit, range]]:
        """The blocks of the other splits, with the indices of their images."""
        blocks = list[tuple[OtherSplit, range]]()
        for split in self._run.others:
            stop = split.first + len(split.listing)
            firsts = range(split.first, stop, _BLOCK)
            blocks += [(split, range(first, min(first + _BLOCK, stop))) for first in firsts]
        return blocks

    def _other_block(self, number: int) -> tuple[OtherSplit, range] | None:
        """The split and the images of block `number` where it is one of the other splits'."""
        behind = number - self.orders * self.blocks
        return self._other_blocks[behind] if behind >= 0 else None

    def split(self, number: int) -> str:
        """The name in OUT of the split to which the images of block `number` belong."""
        other = self._other_block(number)
        return TRAIN if other is None else other[0].name

    def _most_outputs(self, number: int, targets: int) -> Iterator[int]:
        """For each target of a block, how many outputs are made of it with this block at most."""
        views = len(self._run.job.pipeline.views)
        if self._run.job.per_class is None:
            return repeat(_COPIES_TOGETHER * views, targets)
        return (self._together(index) * views for index in self.block(number))

    def block(self, number: int) -> list[int]:
        """The indices of the images of block `number`."""
        other = self._other_block(number)
        if other is not None:
            return list(other[1])
        order, block = divmod(number, self.blocks)
        start, stop = self._bounds(block)
        if self._run.job.pair is Pair.same_class:
            return [int(i) for i in self._by_class(order)[start:stop]]
        return [int(i) for i in self._permutation(order)(np.arange(start, stop, dtype=np.uint64))]

    def _permutation(self, order: int) -> Permutation:
        more = f"\0{order}" if order else ""
        return Permutation(self._n, f"order\0{self._run.job.seed}{more}".encode())

    def with_originals(self, number: int) -> bool:
        """Whether the originals of a block's images are written with it."""
        if number < self.blocks:
            return self._run.job.include_originals is not Originals.none
        return self._other_block(number) is not None

    def numbers(self, number: int, index: int) -> range:
        """The copies of the image at `index` that are made with block `number`."""
        if self._other_block(number) is not None:
            return range(0)
        copies, together = self.copies(index), self._together(index)
        first = number // self.blocks * together
        return range(min(first, copies), min(first + together, copies))

    def numbers_with(self, index: int, copy: int) -> range:
        """The copies of an image that are made with the same block as this one."""
        together = self._together(index)
        first = copy // together * together
        return range(first, first + together)

    def _together(self, index: int) -> int:
        return max(_COPIES_TOGETHER, -(-self.copies(index) // self.orders))

    def copies(self, index: int) -> int:
        """How many times the image at `index` is a target."""
        if index >= self._n:
            return 0
        if self._run.job.per_class is None:
            return self._run.job.copies
        class_id = self.class_of(index)
        start, stop = self.class_range[class_id]
        each, more = divmod(self.targets_of(class_id), stop - start)
        return each + (self.rank(index) < more)

    def targets_of(self, class_id: int) -> int:
        """How many outputs have their target in a class, views counted as one."""
        start, stop = self.class_range[class_id]
        if self._run.job.per_class is None:
            return self._run.job.copies * (stop - start)
        copied = 0 if self._run.job.include_originals is Originals.none else stop - start
        return max(0, self._run.job.per_class - copied)

    def rank(self, index: int) -> int:
        """The place of an image in its class, shuffled: the first ones get a copy more."""
        start, stop = self.class_range[self.class_of(index)]
        place = int(np.searchsorted(self.grouped[start:stop], index))
        extra = Permutation(stop - start, f"extra\0{self._run.job.seed}".encode())
        return int(extra(np.array([place], np.uint64))[0])

    @cached_property
    def outputs(self) -> int:
        """How many augmented images will be made if nothing fails."""
        views = len(self._run.job.pipeline.views)
        if self._run.job.per_class is None:
            return self._n * self._run.job.copies * views
        return sum(map(self.targets_of, self.class_range)) * views

    @cached_property
    def turns(self) -> tuple[list[int], dict[int, int], npt.NDArray[np.int64]]:
        """How often each class is a partner's under `--pair balanced`: the classes; for each, the
        number of the first output whose target it has; and the sum of the turns of all classes up
        to it."""
        classes = list(self.class_range)
        targets = [self.targets_of(class_id) for class_id in classes]
        turns = targets
        if self._run.job.per_class is None:
            each, more = divmod(sum(targets), len(classes))
            turns = [each + (number < more) for number in range(len(classes))]
        firsts = np.cumsum([0, *targets[:-1]]).tolist()
        return classes, dict(zip(classes, firsts, strict=True)), np.cumsum(turns)

    def class_of(self, index: int) -> int:
        return int(self._run.listing.class_of[index])

    def _bounds(self, block: int) -> tuple[int, int]:
        return block * self._n // self.blocks, (block + 1) * self._n // self.blocks

    def _by_class(self, order: int) -> npt.NDArray[np.int64]:
        """The shuffled order, classes together, where partners must share the target's class."""
        if self._sorted is None or self._sorted[0] != order:
            shuffled = self._permutation(order)(np.arange(self._n, dtype=np.uint64))
            classes = self._run.listing.class_of[shuffled]
            self._sorted = order, shuffled[np.argsort(classes, kind="stable")].astype(np.int64)
        return self._sorted[1]

    _sorted: tuple[int, npt.NDArray[np.int64]] | None = None

    @cached_property
    def grouped(self) -> npt.NDArray[np.int64]:
        """All indices, classes together."""
        return np.argsort(self._run.listing.class_of, kind="stable")

    @cached_property
    def class_range(self) -> dict[int, tuple[int, int]]:
        """Where each class lies in `grouped`."""
        classes = self._run.listing.class_of[self.grouped]
        class_ids, starts = np.unique(classes, return_index=True)
        stops = [*starts[1:].tolist(), self._n]
        return dict(zip(class_ids.tolist(), zip(starts.tolist(), stops, strict=True), strict=True))


def remaining(plan: Plan, committed: Iterable[Committed]) -> Iterator[Shard]:
    """The shards, or the pieces of shards, that are not committed yet, in plan order."""
    done: dict[int, list[tuple[int, int]]] = {}
    for block, start, stop in (one.shard for one in committed):
        done.setdefault(block, []).append((start, stop))
    for shard in plan.shards():
        at = shard.start
        for start, stop in done.get(shard.block, []):
            if at < start < shard.stop:
                yield Shard(shard.block, at, start)
            at = max(at, min(stop, shard.stop))
        if at < shard.stop:
            yield Shard(shard.block, at, shard.stop)
