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
# Of a shard: what is lost where its worker dies, and what a report is waited for.
_OUTPUTS = 4096


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
        """One shard a block, in plan order, or several where a block has many outputs: as many
        targets each as make `_OUTPUTS` together, or one."""
        for block in range(self.blocks):
            first, last = self._bounds(block)
            start = held = 0
            for place, outputs in enumerate(self._most_outputs(block)):
                if held and held + outputs > _OUTPUTS:
                    yield Shard(block, start, place)
                    start, held = place, 0
                held += outputs
            yield Shard(block, start, last - first)

    def _most_outputs(self, block: int) -> list[int]:
        """For each target of a block, how many outputs are made of it at most."""
        start, stop = self._bounds(block)
        views, per_class = len(self._run.pipeline.views), self._run.per_class
        if per_class is None:
            return [self._run.copies * views] * (stop - start)
        sizes = {name: stop - start for name, (start, stop) in self._class_range.items()}
        return [-(-per_class // sizes[self._class(i)]) * views for i in self.block(block)]

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
        start, stop = self._class_range[self._class(index)]
        each, more = divmod(self._run.per_class, stop - start)
        place = int(np.searchsorted(self._grouped[start:stop], index))
        extra = Permutation(stop - start, f"extra\0{self._run.seed}".encode())
        return each + (int(extra(np.array([place], np.uint64))[0]) < more)

    @cached_property
    def outputs(self) -> int:
        """How many augmented images will be made if nothing fails."""
        views = len(self._run.pipeline.views)
        if self._run.per_class is None:
            return self._n * self._run.copies * views
        return len(self._class_range) * self._run.per_class * views

    def partner(
        self, block: list[int], place: int, copy: int, slot: int, readable: Callable[[int], bool]
    ) -> int | None:
        """The partner of the target at `place` of `block`, as an index into the listing.

        It is the next image on a random cycle through the block that is readable and of a class
        that `--pair` admits, so that each serves once; for `different-class`, see `_first_asked`.
        Where the block has none, images of the whole data set are drawn. None where that finds none
        either.
        """
        run = self._run
        target = block[place]
        order, first = self._cycle(block, copy, slot)
        for step in range(len(order)):
            found = block[order[(first[place] + step) % len(order)]]
            if found != target and self._admits(target, found) and readable(found):
                return found
        rng = generator(run.seed, "partner", target, copy, slot)
        pool = self._pool(target)
        for _ in range(_TRIES if len(pool) else 0):
            found = int(pool[int(rng.integers(len(pool)))])
            if found != target and readable(found):
                return found
        return None

    def _pool(self, target: int) -> Sequence[int] | npt.NDArray[np.int64]:
        """All images of the data set that `--pair` admits as partners of `target`."""
        if self._run.pair is Pair.any:
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

    def _admits(self, target: int, partner: int) -> bool:
        pair = self._run.pair
        if pair is Pair.any:
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
