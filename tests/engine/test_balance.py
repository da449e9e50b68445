"""Classes of unequal size: as many images of each, and as much label."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.engine.plan import Run
from augcli.engine.shard import run_shard
from augcli.enums import Originals, Pair
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.ricap import RICAP
from augcli.store.staged import prepare_state
from tests.conftest import Augcli, write_photo
from tests.engine.test_plan import listing
from tests.helpers.runs import generate as generate_all
from tests.helpers.runs import make_run, partners_of, run_over

COUNTS = {"ant": 40, "bee": 6, "cow": 1, "dog": 13}


@pytest.fixture
def unequal(tmp_path: Path) -> Path:
    for number, (name, count) in enumerate(COUNTS.items()):
        for image in range(count):
            write_photo(tmp_path / "unequal" / name / f"{image}.jpg", 100 * number + image, 20, 20)
    return tmp_path / "unequal"


RICAP_ALONE = Pipeline("ricap", (Step(RICAP()),))


def planned_over(classes: list[int], **options: Any) -> Run:
    return make_run(listing(classes), RICAP_ALONE, Path("state"), **options)


def classes_of(counts: list[int]) -> list[int]:
    return [class_id for class_id, count in enumerate(counts) for _ in range(count)]


def served(run: Run, slot: int = 1) -> tuple[Counter[int], int]:
    """How often each class is a partner's, and how many partners come from outside of the block."""
    classes = run.listing.class_of
    partners, outside = Counter[int](), 0
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        for place, target in enumerate(block):
            for copy in run.plan.numbers(shard.block, target):
                partner = partners_of(run.plan).partner(block, place, copy, slot, lambda _: True)
                assert partner is not None
                assert partner != target
                partners[int(classes[partner])] += 1
                outside += partner not in block
    return partners, outside


@pytest.mark.parametrize("per_class", [7, 20])
@pytest.mark.parametrize("slot", [1, 3])
def test_each_class_serves_equally_often(per_class: int, slot: int) -> None:
    counts = [200, 40, 3, 80]
    run = planned_over(classes_of(counts), per_class=per_class, pair=Pair.balanced)
    partners, _ = served(run, slot)
    assert partners == dict.fromkeys(range(4), per_class)
    by_size, _ = served(planned_over(classes_of(counts), per_class=per_class), slot)
    assert by_size[0] > 1.8 * per_class


def test_without_a_number_a_class_each_class_serves_equally_often_too() -> None:
    run = planned_over(classes_of([200, 40, 3, 80]), copies=2, pair=Pair.balanced)
    partners, _ = served(run)
    assert sorted(partners.values()) == [161, 161, 162, 162]


def test_where_originals_count_a_class_serves_as_often_as_it_is_the_targets() -> None:
    counts = [200, 40, 3, 80]
    run = planned_over(
        classes_of(counts), per_class=100, pair=Pair.balanced, include_originals=Originals.copy
    )
    partners, _ = served(run)
    assert partners == {1: 60, 2: 97, 3: 20}  # 200 are more than enough
    assert run.plan.outputs == 60 + 97 + 20


def test_a_class_of_one_image_is_no_partner_of_itself() -> None:
    partners, _ = served(planned_over([0] * 30 + [1], per_class=40, pair=Pair.balanced))
    assert sum(partners.values()) == 80
    assert 0 < partners[1] < 40  # and where it would be, another class is


def test_targets_meet_all_classes_alike() -> None:
    classes = classes_of([300, 60, 60])
    run = planned_over(classes, per_class=600, pair=Pair.balanced)
    table = np.zeros((3, 3))
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        for place, target in enumerate(block):
            for copy in run.plan.numbers(shard.block, target):
                partner = partners_of(run.plan).partner(block, place, copy, 1, lambda _: True)
                table[classes[target], classes[partner or 0]] += 1
    # 200 each; five standard deviations of a binomial distribution.
    assert np.abs(table - 200).max() < 60


def test_partners_of_many_copies_cost_decodes(unequal: Path, tmp_path: Path) -> None:
    """Beside the 60 images: far partners of the 60 copies of one image, and partners of classes
    that a block does not hold."""
    decodes = {}
    for pair in (Pair.any, Pair.balanced):
        run = run_over(unequal, tmp_path / pair, per_class=60, pair=pair)
        prepare_state(run.runtime.state)
        reports = [run_shard(run, shard) for shard in run.plan.shards()]
        assert sum(report.outputs for report in reports) == 240
        decodes[pair] = sum(report.decodes for report in reports)
    assert 60 <= decodes[Pair.any] <= 120
    assert 60 <= decodes[Pair.balanced] <= 150


def generate(augcli: Augcli, source: Path, out: Path, *options: object) -> tuple[Any, str]:
    result = augcli("generate", source, out, *options, "--workers", 1)
    assert result.returncode == 0, result.stderr
    return json.loads((out / "run.json").read_text()), result.stdout


def test_originals_count_towards_the_number_of_a_class(
    augcli: Augcli, unequal: Path, tmp_path: Path
) -> None:
    options = ("--recipe", "cutout", "--per-class", 10, "--include-originals", "copy")
    summary, text = generate(augcli, unequal, tmp_path / "out", *options)
    assert summary["counts"]["outputs"] == 40 + 10 + 10 + 13
    assert summary["label_mass"] == {"ant": 40.0, "bee": 10.0, "cow": 10.0, "dog": 13.0}
    assert "Label mass of a class: 10.00 (bee) to 40.00 (ant)." in text
    assert augcli("verify", tmp_path / "out").returncode == 0
    summary, _ = generate(augcli, unequal, tmp_path / "plain", *options[:4])
    assert summary["label_mass"] == dict.fromkeys(COUNTS, 10.0)


@pytest.mark.parametrize("originals", ["none", "copy"])
def test_label_mass_is_balanced_under_mixing(
    augcli: Augcli, unequal: Path, tmp_path: Path, originals: str
) -> None:
    options = ("--recipe", "cutmix", "--per-class", 100, "--include-originals", originals)
    summary, _ = generate(augcli, unequal, tmp_path / "out", *options)
    assert summary["pair"] == "balanced"
    mass = summary["label_mass"]
    assert sum(mass.values()) == pytest.approx(400, abs=1e-4)
    # What is left is the chance of lam: a standard deviation of 0.3 an output, and cow alone.
    assert all(75 < one < 125 for one in mass.values())
    summary, _ = generate(augcli, unequal, tmp_path / "any", *options, "--pair", "any")
    assert summary["label_mass"]["ant"] > 1.2 * max(mass.values())


def test_what_does_not_balance_has_no_label_mass(
    augcli: Augcli, unequal: Path, tmp_path: Path
) -> None:
    summary, text = generate(augcli, unequal, tmp_path / "out", "--recipe", "cutmix")
    assert "label_mass" not in summary and "mass" not in text
    assert summary["pair"] == "any"


def test_the_masses_of_many_classes_are_not_listed(
    unequal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augcli.tasks.generate._LISTED_CLASSES", 3)
    out = tmp_path / "out"
    run = run_over(unequal, out, per_class=2, pair=Pair.balanced)
    outcome = generate_all(run, source={"source": str(unequal)}, workers=1)
    assert "label_mass" not in json.loads((out / "run.json").read_text())
    assert outcome.label_mass is not None and sum(outcome.label_mass) == pytest.approx(8)
