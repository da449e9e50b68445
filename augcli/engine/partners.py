"""Chooses the images that are mixed with a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.arrays.permutation import Permutation
from augcli.arrays.seeds import generator
from augcli.engine.plan import Plan
from augcli.enums import Pair

_TRIES = 100
_USUALLY_TOGETHER = 4  # copies of an image that are made with one block; see the plan

Readable = Callable[[int], bool]


class _Request(NamedTuple):
    """The target, its copy, and which of the recipe's further sources (`slot`, from 1) a partner is
    chosen for; `groups` are those of the target and of its partners in earlier slots."""

    block: list[int]
    place: int
    copy: int
    slot: int
    groups: frozenset[int] = frozenset()

    @property
    def target(self) -> int:
        return self.block[self.place]


class Partners:
    """The partners of a plan's targets.

    A partner is the next image on a random cycle through the target's block that is readable and of
    a class that `--pair` admits, so that each serves once a copy; targets exchange theirs where one
    would meet its partner again. For `different-class`, see `_first_positions`, for `balanced`,
    `_partner_class`. Where the block has none, images of the whole data set are drawn. A target
    has the same partner again where another one would have to be decoded, or where none is left.

    Where images belong to groups (`--group-by`), all images of an output are of different ones,
    whatever else has to give way.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._run = plan.run
        self._n = len(plan.run.listing)
        self._group_of = plan.run.listing.group_of
        self._slots = max(1, plan.run.job.pipeline.sources - 1)
        self._block: list[int] = []
        self._cycles: list[tuple[list[int], list[int]]] = []
        self._paired: list[set[int]] = []
        self._met: dict[int, list[int | None]] = {}
        self._chosen_for: tuple[int, int, Readable] | None = None
        self._chosen: list[int | None] = []  # the partners of that target, by their slots

    def partner(
        self, block: list[int], place: int, copy: int, slot: int, readable: Readable
    ) -> int | None:
        """The partner of the target at `place` of `block`, as an index into the listing; None where
        none is readable."""
        if slot > self._slots:
            raise ValueError(f"the recipe mixes {self._slots + 1} images, and has no number {slot}")
        if block is not self._block:
            self._block, self._cycles, self._met, self._chosen_for = block, [], {}, None
            self._paired = [set() for _ in block]
        if self._group_of is None:
            return self._choose(_Request(block, place, copy, slot), readable)
        if self._chosen_for != (place, copy, readable):
            self._chosen_for, self._chosen = (place, copy, readable), []
        while len(self._chosen) < slot:  # what earlier slots have decides about later ones
            groups = self._groups([block[place], *self._chosen])
            request = _Request(block, place, copy, len(self._chosen) + 1, groups)
            self._chosen.append(self._choose(request, readable))
        return self._chosen[slot - 1]

    def _choose(self, request: _Request, readable: Readable) -> int | None:
        """The partner for a request; None where none is readable."""
        copy = request.copy
        required_class = self._required_class(request)
        *earlier, candidate = self._sequence(request)
        if candidate is not None and self._is_apart(request, candidate) and readable(candidate):
            return candidate
        met = {partner for partner in earlier if partner is not None} if copy else set()
        candidate = self._in_block(request, required_class, met, readable)
        if candidate is None and copy and self._is_long(request.target) and self._plan.blocks > 1:
            candidate = self._outside(request, earlier.count(None), required_class, met, readable)
        if candidate is None:
            candidate = self._anywhere(request, required_class, readable)
        if (
            candidate is None and required_class is not None
        ):  # the target may be all that its class has
            candidate = self._anywhere(request, None, readable)
        return candidate

    def _anywhere(
        self, request: _Request, required_class: int | None, readable: Readable
    ) -> int | None:
        """One that may have been the target's partner before."""
        candidate = self._in_block(request, required_class, set(), readable)
        if candidate is None:
            candidate = self._draw(request, required_class, readable)
        return candidate

    def _is_long(self, target: int) -> bool:
        """Whether so many copies of an image are made with one block that it would meet the same
        few images again and again."""
        return len(self._plan.numbers_with(target, 0)) > _USUALLY_TOGETHER

    def _sequence(self, request: _Request) -> list[int | None]:
        """The target's partners from the block, one a copy and slot, up to the requested one, if
        all images are readable; None where the target has met them all."""
        met = self._met.setdefault(request.place, [])
        number = self._number(request)
        while len(met) <= number:
            turn, slot = divmod(len(met), self._slots)
            first = self._plan.numbers_with(request.target, request.copy).start
            groups = self._groups([request.target, *met[turn * self._slots :]])
            one = request._replace(copy=first + turn, slot=slot + 1, groups=groups)
            excluded = {partner for partner in met if partner is not None} if one.copy else set()
            met.append(self._in_block(one, self._required_class(one), excluded, lambda _: True))
        return met[: number + 1]

    def _number(self, request: _Request) -> int:
        """The number of the request among the target's copies and slots made with the block."""
        first = self._plan.numbers_with(request.target, request.copy).start
        return (request.copy - first) * self._slots + request.slot - 1

    def _in_block(
        self, request: _Request, required_class: int | None, excluded: set[int], readable: Readable
    ) -> int | None:
        block, target = request.block, request.target
        order, first = self._cycle(self._number(request))
        for step in range(len(order)):
            candidate = block[order[(first[request.place] + step) % len(order)]]
            if (
                candidate != target
                and candidate not in excluded
                and self._admits(target, candidate, required_class)
                and self._is_apart(request, candidate)
                and readable(candidate)
            ):
                return candidate
        return None

    def _draw(
        self, request: _Request, required_class: int | None, readable: Readable
    ) -> int | None:
        """One of the whole data set, drawn for each copy and slot."""
        rng = generator(self._run.job.seed, "partner", request.target, request.copy, request.slot)
        pool = self._pool(request.target, required_class)
        for _ in range(_TRIES if len(pool) else 0):
            candidate = int(pool[int(rng.integers(len(pool)))])
            if (
                candidate != request.target
                and self._is_apart(request, candidate)
                and readable(candidate)
            ):
                return candidate
        if self._group_of is None:
            return None
        every = np.asarray(pool)  # nearly all are of the target's group
        every = every[~np.isin(self._group_of[every], list(request.groups))]
        drawn = (int(every[at]) for at in rng.permutation(len(every))[:_TRIES])
        return next((candidate for candidate in drawn if readable(candidate)), None)

    def _groups(self, images: list[int | None]) -> frozenset[int]:
        """The groups of these images, where there are groups."""
        if self._group_of is None:
            return frozenset()
        return frozenset(int(self._group_of[image]) for image in images if image is not None)

    def _is_apart(self, request: _Request, candidate: int) -> bool:
        """Whether an image is of another group than the target and its partners so far."""
        return self._group_of is None or int(self._group_of[candidate]) not in request.groups

    def _outside(
        self,
        request: _Request,
        number: int,
        required_class: int | None,
        met: set[int],
        readable: Readable,
    ) -> int | None:
        """One of the whole data set that the target has not met: the `number`th, or one soon behind
        it, on a random order of all."""
        pool = self._pool(request.target, required_class)
        count = len(pool)
        if number >= count:
            return None
        shuffled = Permutation(count, f"far\0{self._run.job.seed}\0{request.target}".encode())
        for step in range(min(count - number, _TRIES)):
            place = int(shuffled(np.array([number + step], np.uint64))[0])
            candidate = int(pool[place])
            if (
                candidate != request.target
                and candidate not in met
                and self._is_apart(request, candidate)
                and readable(candidate)
            ):
                return candidate
        return None

    def _required_class(self, request: _Request) -> int | None:
        if self._run.job.pair is not Pair.balanced:
            return None
        return self._partner_class(request.target, request.copy, request.slot)

    def _partner_class(self, target: int, copy: int, slot: int) -> int:
        """The class of a partner under `balanced`.

        With `--per-class`, each class is the partner's as often as it is the target's, so that it
        gets back the label weight that it gives away; else all are equally often. All of these
        turns are shuffled together, and each output has one.
        """
        target_class = self._plan.class_of(target)
        classes, firsts, ends = self._plan.turns
        start, stop = self._plan.class_range[target_class]
        number = firsts[target_class] + copy * (stop - start) + self._plan.rank(target)
        total = int(ends[-1])
        shuffled = Permutation(total, f"turns\0{self._run.job.seed}\0{slot}".encode())
        turn = int(shuffled(np.array([number], np.uint64))[0])
        return classes[int(np.searchsorted(ends, turn, "right"))]

    def _pool(
        self, target: int, required_class: int | None
    ) -> Sequence[int] | npt.NDArray[np.int64]:
        """All images of the data set that `--pair` admits as partners of `target`."""
        if required_class is not None:
            start, stop = self._plan.class_range[required_class]
            return self._plan.grouped[start:stop]
        if self._run.job.pair in (Pair.any, Pair.balanced):
            return range(self._n)
        start, stop = self._plan.class_range[self._plan.class_of(target)]
        if self._run.job.pair is Pair.same_class:
            return self._plan.grouped[start:stop]
        return np.concatenate([self._plan.grouped[:start], self._plan.grouped[stop:]])

    def _cycle(self, number: int) -> tuple[list[int], list[int]]:
        """A random order of the places of the block, and for each place the position in that order
        from which its partner is searched."""
        block = self._block
        while len(self._cycles) <= number:
            turn, slot = divmod(len(self._cycles), self._slots)
            order = self._draw_cycle(len(block), block[0], turn, slot + 1)
            first = self._first_positions(block, order)
            if self._run.job.pair is not Pair.balanced:
                first = self._exchange(order, first, may_change=turn > 0)
            self._cycles.append((order, first))
        return self._cycles[number]

    def _exchange(self, order: list[int], first: list[int], *, may_change: bool) -> list[int]:
        """The positions from which partners are searched, after targets that have met theirs
        exchanged them with others; each image serves as often as before."""
        count, block = len(order), self._block
        first = [self._first_admitted(order, first[place], place) for place in range(count)]

        def suits(place: int, position: int) -> bool:
            other = order[position]
            return (
                other != place
                and other not in self._paired[place]
                and self._admits(block[place], block[other], None)
            )

        for at, place in enumerate(order if may_change else []):
            if order[first[place]] not in self._paired[place]:
                continue
            for other in order[at + 1 :] + order[:at]:
                if suits(place, first[other]) and suits(other, first[place]):
                    first[place], first[other] = first[other], first[place]
                    break
        for place in range(count):
            self._paired[place].add(order[first[place]])
            if len(self._paired[place]) >= count - 1:  # it has met all: the next round begins
                self._paired[place].clear()
        return first

    def _first_admitted(self, order: list[int], position: int, place: int) -> int:
        """The first position from `position` on whose image `--pair` admits; that itself where
        there is none."""
        block, count = self._block, len(order)
        for step in range(count):
            candidate = (position + step) % count
            other = order[candidate]
            if other != place and self._admits(block[place], block[other], None):
                return candidate
        return position

    def _first_positions(self, block: list[int], order: list[int]) -> list[int]:
        """For each place of the block, the position in `order` after its own.

        Under `different-class` the next of another class would serve a whole run of targets of one
        class: there, two targets exchange partners where that suits both, and where one class is
        more than half of the block, all others serve it in turn. So it is with groups.
        """
        count = len(order)
        first = [0] * count
        for position, place in enumerate(order):
            first[place] = (position + 1) % count
        pair, groups = self._run.job.pair, self._group_of
        if pair is not Pair.different_class and groups is None:
            return first

        classes = [self._plan.class_of(index) for index in block]
        of_groups = range(count) if groups is None else groups[block].tolist()

        def admits(place: int, other: int) -> bool:
            if of_groups[place] == of_groups[other]:
                return False
            if pair in (Pair.any, Pair.balanced):
                return True
            return (classes[place] == classes[other]) == (pair is Pair.same_class)

        def suits(place: int, other: int) -> bool:
            return admits(place, order[first[other]])

        turn = 0
        for position, place in enumerate(order):
            if suits(place, place):
                continue
            for other in order[position + 1 :] + order[:position]:
                if suits(place, other) and suits(other, place):
                    first[place], first[other] = first[other], first[place]
                    break
            else:
                serving = [i for i in range(count) if admits(place, order[i])]
                if serving:
                    first[place] = serving[turn % len(serving)]
                    turn += 1
        return first

    def _draw_cycle(self, count: int, leading: int, copy: int, slot: int) -> list[int]:
        if (copy, slot) == (0, 1):  # the block is shuffled: its own order is as good as any, and
            return list(range(count))  # a partner that is the next target stays in the cache
        rng = generator(self._run.job.seed, "cycle", leading, copy, slot)
        return [int(place) for place in rng.permutation(count)]

    def _admits(self, target: int, partner: int, required_class: int | None) -> bool:
        pair, groups = self._run.job.pair, self._group_of
        if groups is not None and groups[target] == groups[partner]:
            return False
        if required_class is not None:
            return self._plan.class_of(partner) == required_class
        if pair in (Pair.any, Pair.balanced):
            return True
        return (self._plan.class_of(target) == self._plan.class_of(partner)) == (
            pair is Pair.same_class
        )
