"""The order, the blocks and the partners of a run."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from augcli.arrays.permutation import Permutation
from augcli.data.listing import Listing, ListingBuilder
from augcli.engine.plan import Run
from augcli.enums import Originals, Pair
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.recipes.ricap import RICAP
from tests.helpers.runs import make_run, partners_of, with_options

PIPELINE = Pipeline("cutmix", (Step(CutMix()),))


def listing(classes: list[int]) -> Listing:
    builder = ListingBuilder()
    for number, class_id in enumerate(classes):
        builder.add(builder.folder(b"%d" % class_id), b"%d.jpg" % number, class_id)
    return builder.finish("/data", [str(c) for c in range(max(classes) + 1)])


def run_over(classes: list[int], **options: object) -> Run:
    return make_run(listing(classes), PIPELINE, Path("state"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 63, 64, 65, 1000, 4097])
def test_permutation_is_one(n: int) -> None:
    permuted = Permutation(n, b"key")(np.arange(n, dtype=np.uint64))
    assert sorted(permuted.tolist()) == list(range(n))


def test_permutation_is_uniform_and_keyed() -> None:
    n, keys = 12, 6000
    counts = np.zeros((n, n))
    for key in range(keys):
        order = Permutation(n, str(key).encode())(np.arange(n, dtype=np.uint64))
        counts[np.arange(n), order.astype(int)] += 1
    expected = keys / n
    chi2 = ((counts - expected) ** 2 / expected).sum()
    degrees = (n - 1) ** 2
    # Five standard deviations of chi-squared.
    assert abs(chi2 - degrees) < 5 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("n", [2, 5, 16, 40, 500, 2048, 5000])
def test_blocks_hold_every_image_once(n: int) -> None:
    plan = run_over([i % 3 for i in range(n)]).plan
    blocks = [plan.block(shard.block) for shard in plan.shards()]
    assert sorted(i for block in blocks for i in block) == list(range(n))
    sizes = [len(block) for block in blocks]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 80
    assert [shard.stop - shard.start for shard in plan.shards()] == sizes


def test_plan_depends_on_the_seed_alone() -> None:
    classes = [i % 5 for i in range(300)]
    first, again, other = (run_over(classes, seed=s).plan for s in (1, 1, 2))
    assert first.block(3) == again.block(3)
    assert first.block(3) != other.block(3)


def partners(run: Run) -> list[tuple[int, int | None]]:
    actual = []
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        for place in range(len(block)):
            for copy in run.plan.numbers(shard.block, block[place]):
                partner = partners_of(run.plan).partner(block, place, copy, 1, lambda _: True)
                actual.append((block[place], partner))
    return actual


def test_partners_come_from_the_block_each_image_once_a_copy() -> None:
    run = run_over([0] * 200)
    blocks = {i: s.block for s in run.plan.shards() for i in run.plan.block(s.block)}
    pairs = partners(run)
    assert all(blocks[a] == blocks[b] and a != b for a, b in pairs if b is not None)
    assert sorted(b for _, b in pairs if b is not None) == list(range(200))


def test_pairings_over_classes_are_as_uniform_as_independent_draws() -> None:
    run = run_over([i // 200 for i in range(2000)], copies=20)
    counts = Counter((a // 200, b // 200) for a, b in partners(run) if b is not None)
    table = np.array([[counts[a, b] for b in range(10)] for a in range(10)], float)
    expected = table.sum() * (200 / 2000) * np.where(np.eye(10, dtype=bool), 199 / 1999, 200 / 1999)
    chi2 = ((table - expected) ** 2 / expected).sum()
    assert 0.6 < chi2 / 99 < 1.5


@pytest.mark.parametrize("pair", [Pair.different_class, Pair.same_class])
def test_pair_restricts_classes(pair: Pair) -> None:
    classes = [0] * 150 + [1] * 50 + [2] * 5
    for target, partner in partners(run_over(classes, pair=pair, copies=2)):
        assert partner is not None
        assert partner != target
        assert (classes[target] == classes[partner]) == (pair is Pair.same_class)


def test_different_class_reaches_beyond_a_block_of_one_class() -> None:
    classes = [0] * 300 + [1]
    actual = {partner for target, partner in partners(run_over(classes, pair=Pair.different_class))
             if target != 300}  # fmt: skip
    assert actual == {300}


@pytest.mark.parametrize("classes", [[0, 0, 1, 1], [0, 1, 1, 2, 2], [0] * 3 + [1, 2, 3]])
def test_different_class_uses_each_image_once_where_no_class_is_more_than_half(
    classes: list[int],
) -> None:
    for seed in range(20):
        of = np.tile(classes, 64 // len(classes)).tolist()
        run = run_over(of, pair=Pair.different_class, seed=seed)
        for shard in run.plan.shards():
            block = run.plan.block(shard.block)
            if max(Counter(of[i] for i in block).values()) * 2 > len(block):
                continue
            actual = [
                partners_of(run.plan).partner(block, place, 1, 1, lambda _: True)
                for place in range(len(block))
            ]
            assert set(actual) == set(block)
            served = [partner for partner in actual if partner is not None]
            assert all(of[a] != of[b] for a, b in zip(block, served, strict=True))


def test_different_class_shares_partners_as_evenly_as_a_large_class_allows() -> None:
    of = [0] * 700 + [1] * 150 + [2] * 150
    run = run_over(of, pair=Pair.different_class)
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        served = Counter(
            partners_of(run.plan).partner(block, place, 0, 1, lambda _: True)
            for place in range(len(block))
        )
        most = max(Counter(of[i] for i in block).values())
        assert set(served) <= set(block)
        assert max(served.values()) == max(1, -(-most // (len(block) - most)))


def test_unreadable_partners_are_passed_over() -> None:
    run = run_over([0] * 40)
    block = run.plan.block(0)
    usual = partners_of(run.plan).partner(block, 0, 0, 1, lambda _: True)
    instead = partners_of(run.plan).partner(block, 0, 0, 1, lambda index: index != usual)
    assert instead not in (usual, block[0], None)
    assert partners_of(run.plan).partner(block, 0, 0, 1, lambda _: False) is None


def test_per_class_balances() -> None:
    classes = [0] * 7 + [1] * 3 + [2] * 30
    run = run_over(classes, per_class=10)
    copies = [run.plan.copies(i) for i in range(40)]
    assert [sum(c for c, k in zip(copies, classes, strict=True) if k == j) for j in range(3)] == [
        10
    ] * 3
    assert set(copies[:7]) == {1, 2}
    assert set(copies[10:]) == {0, 1}
    assert run.plan.outputs == 30


def met_partners(run: Run) -> dict[int, list[int | None]]:
    met: dict[int, list[int | None]] = {}
    for target, partner in partners(run):
        met.setdefault(target, []).append(partner)
    return met


@pytest.mark.parametrize("copies", [1, 4, 20])
@pytest.mark.parametrize("pair", [Pair.any, Pair.different_class, Pair.same_class])
def test_copies_meet_as_many_partners_as_free_draws_give(copies: int, pair: Pair) -> None:
    """Of 247 others, 20 free draws give 19.3 distinct ones."""
    run = run_over([i % 4 for i in range(248)], copies=copies, pair=pair)
    met = met_partners(run)
    assert all(len(of) == copies for of in met.values()) and len(met) == 248
    others = {Pair.any: 247, Pair.different_class: 186, Pair.same_class: 61}[pair]
    free = others * (1 - (1 - 1 / others) ** copies)
    distinct = [len(set(of)) for of in met.values()]
    # What is made with one block of 16 images repeats nothing; four of one class are too few.
    least = 0.85 if pair is Pair.same_class else 0.97
    assert np.mean(distinct) >= least * free
    if pair is Pair.any:
        assert all(len(set(of[:4])) == len(of[:4]) for of in met.values())
    served = Counter(partner for of in met.values() for partner in of)
    if pair is not Pair.different_class:
        assert set(served.values()) == {copies}


def test_slots_of_a_copy_repeat_no_partner_after_the_first_copy() -> None:
    run = with_options(run_over([0] * 248, copies=4), recipe=Pipeline("ricap", (Step(RICAP()),)))
    repeats = 0
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        for place in range(len(block)):
            met = [
                partners_of(run.plan).partner(block, place, copy, slot, lambda _: True)
                for copy in range(4)
                for slot in (1, 2, 3)
            ]
            repeats += len(met) - len(set(met))
    # Only what the three of the first copy repeat, and what no exchange could help: of 2976.
    assert repeats < 0.1 * 248 * 12


@pytest.mark.parametrize("copies", [1, 4, 5, 9, 20])
def test_each_order_has_four_copies_of_every_image(copies: int) -> None:
    run = run_over([i % 3 for i in range(100)], copies=copies, include_originals=Originals.copy)
    made = Counter[tuple[int, int]]()
    parts = []
    for shard in run.plan.shards():
        parts.append(shard.name)
        for index in run.plan.block(shard.block):
            numbers = run.plan.numbers(shard.block, index)
            assert len(numbers) <= 4
            made.update((index, number) for number in numbers)
    assert parts == sorted(set(parts))
    assert made == {(index, copy): 1 for index in range(100) for copy in range(copies)}
    assert run.plan.orders == -(-copies // 4)
    originals = [i for s in run.plan.shards() if run.plan.with_originals(s.block)
                 for i in run.plan.block(s.block)]  # fmt: skip
    assert sorted(originals) == list(range(100))


def test_per_class_makes_every_copy_once() -> None:
    counts = [100, 9, 1]
    run = run_over([k for k, n in enumerate(counts) for _ in range(n)], per_class=500)
    made = Counter(
        (index, number)
        for shard in run.plan.shards()
        for index in run.plan.block(shard.block)
        for number in run.plan.numbers(shard.block, index)
    )
    assert set(made.values()) == {1}
    assert len(made) == 1500 and run.plan.orders == 4
    assert len({number for index, number in made if index == 109}) == 500


def test_shards_are_bounded_by_their_outputs_however_many_copies() -> None:
    """The first of 10^9 copies are planned at once, four an image and shard."""
    run = run_over([0] * 50, copies=10**9)
    for shard in islice(run.plan.shards(), 100):
        block = run.plan.block(shard.block)[shard.start : shard.stop]
        assert sum(len(run.plan.numbers(shard.block, index)) for index in block) == 4 * len(block)


def test_shards_of_balanced_classes_are_bounded_by_what_each_target_makes() -> None:
    run = run_over([0] * 2 + [1] * 2000, per_class=10_000)
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)[shard.start : shard.stop]
        copies = [len(run.plan.numbers(shard.block, i)) for i in block]
        assert sum(copies) <= 4096 + 5000 and (len(copies) == 1 or sum(copies) <= 4096)
