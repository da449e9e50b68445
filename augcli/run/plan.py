"""What will be made: the order of the source, its blocks, shards and partners.

The data set is shuffled by a keyed permutation and cut into blocks; partners come from the same
block, so that an image is decoded once for everything that it is used for. Nothing here depends on
the number of workers, and no file is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.choices import Fit, Originals, Pair
from augcli.dataset.listing import Listing
from augcli.image.codec import Encoding
from augcli.recipes.pipeline import Pipeline
from augcli.run.permutation import Permutation
from augcli.run.seeds import generator

if TYPE_CHECKING:
    from augcli.saliency.spec import ClassifierSpec

_BLOCK = 64
_SMALL_BLOCK = 16
_BLOCKS_FOR_FULL_SIZE = 32
_TRIES = 100


class Shard(NamedTuple):
    """The unit of work: the targets `start` to `stop` of a block."""

    block: int
    start: int
    stop: int

    @property
    def part(self) -> str:
        """The name of its part of the manifest; parts sort in plan order."""
        return f"{self.block:08d}-{self.start:05d}-{self.stop:05d}"


@dataclass(frozen=True)
class Run:
    """All that the bytes of a run's outputs depend on, and where they go. Picklable."""

    listing: Listing
    pipeline: Pipeline
    state: Path
    seed: int = 0
    copies: int = 1
    per_class: int | None = None
    pair: Pair = Pair.any
    size: tuple[int, int] | None = None
    fit: Fit = Fit.cover
    encoding: Encoding = Encoding()
    originals: Originals = Originals.none
    background: tuple[int, int, int] = (255, 255, 255)
    dense_labels: int = 100
    max_pixels: int = 100_000_000
    memory: int = 1 << 29
    classifier: ClassifierSpec | None = None

    def at(self, state: Path) -> Run:
        """The same run, with its state in another folder."""
        return replace(self, state=state)

    @cached_property
    def digest(self) -> str:
        """The digest of recipe and classifier: random streams and output names differ with it."""
        if self.classifier is None:
            return self.pipeline.digest()
        told = json.dumps([self.pipeline.digest(), self.classifier.identity()], sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    @cached_property
    def plan(self) -> Plan:
        """The plan of this run."""
        return Plan(self)


class Plan:
    """The deterministic order of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._n = len(run.listing)
        self._permutation = Permutation(self._n, f"order\0{run.seed}".encode())
        size = min(max(-(-self._n // _BLOCKS_FOR_FULL_SIZE), _SMALL_BLOCK), _BLOCK)
        self.blocks = max(1, round(self._n / size))

    def shards(self) -> Iterator[Shard]:
        """One shard a block, in plan order."""
        for block in range(self.blocks):
            start, stop = self._bounds(block)
            yield Shard(block, 0, stop - start)

    def block(self, block: int) -> list[int]:
        """The indices into the listing of a block's images."""
        start, stop = self._bounds(block)
        positions = np.arange(start, stop, dtype=np.uint64)
        if self._by_class is not None:
            return [int(i) for i in self._by_class[start:stop]]
        return [int(i) for i in self._permutation(positions)]

    def copies(self, index: int) -> int:
        """How many times the image at `index` is a target."""
        if self._run.per_class is None:
            return self._run.copies
        class_id = self._class(index)
        start, stop = self._class_range[class_id]
        each, more = divmod(self._targets_of(class_id), stop - start)
        return each + (self._rank(index) < more)

    def _targets_of(self, class_id: int) -> int:
        """How many outputs have their target in a class, views counted as one."""
        start, stop = self._class_range[class_id]
        if self._run.per_class is None:
            return self._run.copies * (stop - start)
        copied = 0 if self._run.originals is Originals.none else stop - start
        return max(0, self._run.per_class - copied)

    def _rank(self, index: int) -> int:
        """The place of an image in its class, shuffled: the first ones get a copy more."""
        start, stop = self._class_range[self._class(index)]
        place = int(np.searchsorted(self._grouped[start:stop], index))
        extra = Permutation(stop - start, f"extra\0{self._run.seed}".encode())
        return int(extra(np.array([place], np.uint64))[0])

    @cached_property
    def outputs(self) -> int:
        """How many augmented images will be made if nothing fails."""
        views = len(self._run.pipeline.views)
        if self._run.per_class is None:
            return self._n * self._run.copies * views
        return sum(map(self._targets_of, self._class_range)) * views

    def partner(
        self, block: list[int], place: int, copy: int, slot: int, readable: Callable[[int], bool]
    ) -> int | None:
        """The partner of the target at `place` of `block`, as an index into the listing.

        It is the next image on a random cycle through the block that is readable and of a class
        that `--pair` admits, so that each serves once; for `different-class`, see `_first_asked`,
        for `balanced`, `_partner_class`. Where the block has none, images of the whole data set are
        drawn. None where that finds none either.
        """
        wanted = None
        if self._run.pair is Pair.balanced:
            wanted = self._partner_class(block[place], copy, slot)
        found = self._found(block, place, copy, slot, wanted, readable)
        if found is None and wanted is not None:  # the target may be all that its class has
            found = self._found(block, place, copy, slot, None, readable)
        return found

    def _found(
        self,
        block: list[int],
        place: int,
        copy: int,
        slot: int,
        wanted: int | None,
        readable: Callable[[int], bool],
    ) -> int | None:
        run = self._run
        target = block[place]
        order, first = self._cycle(block, copy, slot)
        for step in range(len(order)):
            found = block[order[(first[place] + step) % len(order)]]
            if found != target and self._admits(target, found, wanted) and readable(found):
                return found
        rng = generator(run.seed, "partner", target, copy, slot)
        pool = self._pool(target, wanted)
        for _ in range(_TRIES if len(pool) else 0):
            found = int(pool[int(rng.integers(len(pool)))])
            if found != target and readable(found):
                return found
        return None

    def _partner_class(self, target: int, copy: int, slot: int) -> int:
        """The class of a partner under `balanced`.

        Each class serves as often as it is the target's where outputs are counted by class, so that
        the weight that it gives away comes back; else all serve equally often. All of these turns
        are shuffled together, and each output has one.
        """
        own = self._class(target)
        classes, firsts, ends = self._turns
        start, stop = self._class_range[own]
        number = firsts[own] + copy * (stop - start) + self._rank(target)
        total = int(ends[-1])
        shuffled = Permutation(total, f"turns\0{self._run.seed}\0{slot}".encode())
        turn = int(shuffled(np.array([number], np.uint64))[0])
        return classes[int(np.searchsorted(ends, turn, "right"))]

    @cached_property
    def _turns(self) -> tuple[list[int], dict[int, int], npt.NDArray[np.int64]]:
        """The classes, the number of the first output whose target is of each, and behind which
        turn the turns of each end."""
        classes = list(self._class_range)
        targets = [self._targets_of(class_id) for class_id in classes]
        turns = targets
        if self._run.per_class is None:
            each, more = divmod(sum(targets), len(classes))
            turns = [each + (number < more) for number in range(len(classes))]
        firsts = np.cumsum([0, *targets[:-1]]).tolist()
        return classes, dict(zip(classes, firsts, strict=True)), np.cumsum(turns)

    def _pool(self, target: int, wanted: int | None) -> Sequence[int] | npt.NDArray[np.int64]:
        """All images of the data set that `--pair` admits as partners of `target`."""
        if wanted is not None:
            start, stop = self._class_range[wanted]
            return self._grouped[start:stop]
        if self._run.pair in (Pair.any, Pair.balanced):
            return range(self._n)
        start, stop = self._class_range[self._class(target)]
        if self._run.pair is Pair.same_class:
            return self._grouped[start:stop]
        return np.concatenate([self._grouped[:start], self._grouped[stop:]])

    def _cycle(self, block: list[int], copy: int, slot: int) -> tuple[list[int], list[int]]:
        """A random order of the places of a block, and for each place where in that order its
        partner is looked for first."""
        key = (block[0], copy, slot)
        if key not in self._cycles:
            if len(self._cycles) > 256:
                self._cycles.clear()
            order = self._drawn_cycle(len(block), key)
            self._cycles[key] = order, self._first_asked(block, order)
        return self._cycles[key]

    def _first_asked(self, block: list[int], order: list[int]) -> list[int]:
        """For each place of the block, the position in `order` after its own.

        Under `different-class` the next of another class would serve a whole run of targets of one
        class: there, two targets exchange partners where that suits both, and where one class is
        more than half of the block, all others serve it in turn.
        """
        count = len(order)
        first = [0] * count
        for position, place in enumerate(order):
            first[place] = (position + 1) % count
        if self._run.pair is not Pair.different_class:
            return first

        classes = [self._class(index) for index in block]

        def suits(place: int, other: int) -> bool:
            return classes[place] != classes[order[first[other]]]

        left = 0
        for position, place in enumerate(order):
            if suits(place, place):
                continue
            for other in order[position + 1 :] + order[:position]:
                if suits(place, other) and suits(other, place):
                    first[place], first[other] = first[other], first[place]
                    break
            else:
                serving = [i for i in range(count) if classes[order[i]] != classes[place]]
                if serving:
                    first[place] = serving[left % len(serving)]
                    left += 1
        return first

    def _drawn_cycle(self, count: int, key: tuple[int, int, int]) -> list[int]:
        _, copy, slot = key
        if (copy, slot) == (0, 1):  # the block is shuffled: its own order is as good as any, and
            return list(range(count))  # a partner that is the next target stays in the cache
        rng = generator(self._run.seed, "cycle", *key)
        return [int(place) for place in rng.permutation(count)]

    @cached_property
    def _cycles(self) -> dict[tuple[int, int, int], tuple[list[int], list[int]]]:
        return {}

    def _admits(self, target: int, partner: int, wanted: int | None) -> bool:
        pair = self._run.pair
        if wanted is not None:
            return self._class(partner) == wanted
        if pair in (Pair.any, Pair.balanced):
            return True
        return (self._class(target) == self._class(partner)) == (pair is Pair.same_class)

    def _class(self, index: int) -> int:
        return int(self._run.listing.class_of[index])

    def _bounds(self, block: int) -> tuple[int, int]:
        return block * self._n // self.blocks, (block + 1) * self._n // self.blocks

    @cached_property
    def _by_class(self) -> npt.NDArray[np.int64] | None:
        """The shuffled order, classes together, where partners must share the target's class."""
        if self._run.pair is not Pair.same_class:
            return None
        shuffled = self._permutation(np.arange(self._n, dtype=np.uint64)).astype(np.int64)
        return shuffled[np.argsort(self._run.listing.class_of[shuffled], kind="stable")]

    @cached_property
    def _grouped(self) -> npt.NDArray[np.int64]:
        """All indices, classes together."""
        return np.argsort(self._run.listing.class_of, kind="stable")

    @cached_property
    def _class_range(self) -> dict[int, tuple[int, int]]:
        """Where each class lies in `_grouped`."""
        classes = self._run.listing.class_of[self._grouped]
        found, starts = np.unique(classes, return_index=True)
        stops = [*starts[1:].tolist(), self._n]
        return dict(zip(found.tolist(), zip(starts.tolist(), stops, strict=True), strict=True))
