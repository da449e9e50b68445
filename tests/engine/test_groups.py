"""Images of one group (`--group-by`) are never mixed with each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from augcli.data.listing import Listing, ListingBuilder
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.engine.plan import Run
from augcli.engine.shard import run_shard
from augcli.enums import Pair
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe, recipe_names
from augcli.recipes.cutmix import CutMix
from augcli.recipes.ricap import RICAP
from augcli.store.layout import STATE
from augcli.store.staged import prepare_state
from tests.conftest import Augcli, tree, write_photo
from tests.helpers.runs import make_run, partners_of

MIXING = [name for name in recipe_names() if build_recipe(name, {}).sources > 1]
PATTERN = r"p(\d+)_"


def listing(classes: list[int], groups: list[int] | None) -> Listing:
    builder = ListingBuilder()
    for number, class_id in enumerate(classes):
        builder.add(builder.folder(b"%d" % class_id), b"%d.jpg" % number, class_id)
    listed = builder.finish("/data", [str(c) for c in range(max(classes) + 1)])
    return replace(listed, group_of=None if groups is None else np.array(groups, np.int32))


def plan_of(
    classes: list[int], groups: list[int] | None, recipe: str = "cutmix", **options: object
) -> Run:
    pipeline = Pipeline(recipe, (Step(build_recipe(recipe, {})),))
    return make_run(listing(classes, groups), pipeline, Path("state"), **options)  # type: ignore[arg-type]


def outputs(run: Run, readable: Callable[[int], bool] = lambda _: True) -> list[list[int | None]]:
    """The images of each output of a plan, the target first."""
    made: list[list[int | None]] = []
    for shard in run.plan.shards():
        block = run.plan.block(shard.block)
        for place in range(len(block)):
            for copy in run.plan.numbers(shard.block, block[place]):
                slots = range(1, run.job.pipeline.sources)
                partners = [
                    partners_of(run.plan).partner(block, place, copy, s, readable) for s in slots
                ]
                made.append([block[place], *partners])
    return made


def shares_a_group(made: list[list[int | None]], groups: list[int]) -> int:
    """How many outputs have two images of one group."""
    several = [[groups[i] for i in images if i is not None] for images in made]
    return sum(len(set(of)) < len(of) for of in several)


def many_small() -> tuple[list[int], list[int]]:
    return [i % 3 for i in range(90)], [i // 5 for i in range(90)]


def one_large() -> tuple[list[int], list[int]]:
    """Four of five images belong to one patient, in all classes."""
    return [i % 4 for i in range(120)], [i // 20 + 1 if i % 20 >= 16 else 0 for i in range(120)]


def by_class() -> tuple[list[int], list[int]]:
    """Each group is of one class, as that of a patient with a diagnosis."""
    return [i // 32 for i in range(128)], [i // 8 for i in range(128)]


def rare() -> tuple[list[int], list[int]]:
    """So few others that most blocks have none."""
    return [i % 2 for i in range(100)], [i // 2 if i >= 92 else 0 for i in range(100)]


@pytest.mark.parametrize("data", [many_small, one_large, by_class, rare])
@pytest.mark.parametrize("pair", list(Pair))
@pytest.mark.parametrize("recipe", ["cutmix", "ricap"])
@pytest.mark.parametrize("amount", [{"copies": 1}, {"copies": 5}, {"per_class": 70}])
def test_no_output_has_two_images_of_a_group(
    data: Callable[[], tuple[list[int], list[int]]],
    pair: Pair,
    recipe: str,
    amount: dict[str, int],
) -> None:
    classes, groups = data()
    run = plan_of(classes, groups, recipe, pair=pair, **amount)
    made = outputs(run)
    assert len(made) == run.plan.outputs
    assert shares_a_group(made, groups) == 0
    assert all(None not in images for images in made), "there are others"
    for target, *partners in made:
        for partner in partners:
            assert target is not None and partner is not None
            if pair in (Pair.same_class, Pair.different_class):
                same = classes[target] == classes[partner]
                assert same == (pair is Pair.same_class)
    # Without groups there are such outputs.
    without = outputs(plan_of(classes, None, recipe, pair=pair, **amount))
    assert shares_a_group(without, groups) > 0 or (
        data is by_class and pair is Pair.different_class and recipe == "cutmix"
    )


@pytest.mark.parametrize("recipe", ["cutmix", "ricap"])
@pytest.mark.parametrize("pair", list(Pair))
def test_no_fallback_for_unreadable_images_takes_one_of_the_group(recipe: str, pair: Pair) -> None:
    classes, groups = many_small()
    run = plan_of(classes, groups, recipe, pair=pair, copies=5)
    made = outputs(run, lambda index: index % 7 != 0 and groups[index] != 3)
    assert shares_a_group(made, groups) == 0
    assert not any(i is not None and i % 7 == 0 for images in made for i in images[1:])
    only = outputs(run, lambda index: groups[index] == 3)
    for target, *partners in only:
        assert target is not None
        # The class gives way under `balanced`, the group never does.
        possible = [i for i in range(90) if groups[i] == 3 and groups[target] != 3]
        if pair in (Pair.same_class, Pair.different_class):
            is_same = pair is Pair.same_class
            possible = [i for i in possible if (classes[i] == classes[target]) == is_same]
        assert all(partner is None or partner in possible for partner in partners)
        assert bool(possible) == (partners[0] is not None)
        assert all(partner is None for partner in partners[1:]), "they would be of its group"


def test_a_class_gives_way_before_a_group() -> None:
    """Under `balanced`, a partner of a class that has no other group is one of another class."""
    classes, groups = [0] * 20 + [1] * 20, [0] * 20 + list(range(20))
    made = outputs(plan_of(classes, groups, pair=Pair.balanced, copies=3))
    assert shares_a_group(made, groups) == 0
    assert all(partner is not None and partner > 20 for target, partner in made if target < 20)  # type: ignore[operator]


def test_each_image_serves_about_as_often_in_groups_of_equal_size() -> None:
    classes, groups = [0] * 320, [i % 4 for i in range(320)]
    served = Counter(partner for _, partner in outputs(plan_of(classes, groups, copies=4)))
    assert len(served) > 300 and max(served.values()) <= 10


def test_a_partner_does_not_depend_on_what_was_asked_before() -> None:
    classes, groups = one_large()
    run = plan_of(classes, groups, "ricap", copies=5, pair=Pair.balanced)
    again = plan_of(classes, groups, "ricap", copies=5, pair=Pair.balanced)
    block = run.plan.block(1)
    asked = [(place, copy, slot) for place in range(len(block)) for copy in range(4)
             for slot in (1, 2, 3)]  # fmt: skip
    find = partners_of(run.plan).partner
    forwards = {one: find(block, *one, lambda _: True) for one in asked}
    other = again.plan.block(1)
    backwards = {
        one: partners_of(again.plan).partner(other, *one, lambda _: True) for one in reversed(asked)
    }
    assert forwards == backwards


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Six patients of four images each, in two classes, three patients in both of them."""
    for number in range(24):
        patient = number % 6
        name = f"{'ab'[(number // 6 + patient % 2 * (patient > 2)) % 2]}/p{patient}_{number}.png"
        write_photo(tmp_path / "patients" / name, number, 24, 20)
    return tmp_path / "patients"


def rows_of(out: Path) -> list[list[str]]:
    lines = (out / "train/metadata.jsonl").read_text().splitlines()
    return [json.loads(line)["source_paths"] for line in lines]


def patients_of(paths: list[str]) -> list[str]:
    return [path.partition("/")[2].partition("_")[0] for path in paths]


@pytest.mark.parametrize("recipe", MIXING)
def test_no_recipe_mixes_a_patient_with_itself(recipe: str, patients: Path, tmp_path: Path) -> None:
    listed = list_source(patients, SourceOptions(group_by=PATTERN))
    pipeline = Pipeline(recipe, (Step(build_recipe(recipe, {})),))
    counts = []
    for groups in (listed, replace(listed, group_of=None)):
        shared = 0
        for pair in Pair:
            out = tmp_path / f"{pair.value}{groups.group_of is None}"
            run = make_run(groups, pipeline, out / STATE, pair=pair, copies=2)
            prepare_state(run.runtime.state)
            for shard in run.plan.shards():
                run_shard(run, shard)
            lines = [
                line for part in run.sink.committed(run.runtime.place) for line in part.row_lines()
            ]
            assert len(lines) == 48
            several = [patients_of(json.loads(line)["source_paths"]) for line in lines]
            shared += sum(len(set(of)) < len(of) for of in several)
        counts.append(shared)
    assert counts[0] == 0
    assert counts[1] > 0, "without groups"


@pytest.mark.slow
def test_workers_resuming_replay_and_repair_give_the_same_bytes(
    augcli: Augcli, patients: Path, tmp_path: Path
) -> None:
    options = ("-r", "ricap", "-k", 5, "--group-by", PATTERN, "--pair", "balanced")
    one = augcli("generate", patients, tmp_path / "one", *options, "--workers", 1)
    assert one.returncode == 0, one.stderr
    expected = tree(tmp_path / "one/train")
    assert all(len(set(patients_of(row))) == len(row) for row in rows_of(tmp_path / "one"))
    record = json.loads((tmp_path / "one/run.json").read_text())
    assert record["source_options"] == {"group_by": PATTERN}
    assert augcli("generate", patients, tmp_path / "two", *options, "-j", 2).returncode == 0
    assert tree(tmp_path / "two/train") == expected

    (tmp_path / "one/train" / next(name for name in expected if name.endswith("jpg"))).unlink()
    assert augcli("verify", tmp_path / "one").returncode == 1
    assert augcli("verify", tmp_path / "one", "--repair").returncode == 0
    assert tree(tmp_path / "one/train") == expected
    assert augcli("verify", tmp_path / "one", "--replay").returncode == 0

    plain = augcli("generate", patients, tmp_path / "plain", *options[:4], "--pair", "balanced")
    assert plain.returncode == 0, plain.stderr
    assert "source_options" not in json.loads((tmp_path / "plain/run.json").read_text())
    assert any(len(set(patients_of(row))) < len(row) for row in rows_of(tmp_path / "plain"))


def test_a_run_is_resumed_with_the_same_groups_alone(
    augcli: Augcli, patients: Path, tmp_path: Path
) -> None:
    from augcli.engine.job import identity
    from augcli.enums import Existing
    from augcli.store.journal import begin

    listed = list_source(patients, SourceOptions(group_by=PATTERN))
    pipeline = Pipeline("cutmix", (Step(CutMix()),))
    run = make_run(listed, pipeline, tmp_path / "out" / STATE, copies=3)
    (tmp_path / "out" / STATE).mkdir(parents=True)
    begin(tmp_path / "out", identity(run.job, listed), listed, Existing.refuse)
    prepare_state(run.runtime.state)
    run_shard(run, next(run.plan.shards()))

    options = ("generate", patients, tmp_path / "out", "-r", "cutmix", "-k", 3, "--name", "{id}")
    for other in ((), ("--group-by", "[ab]/")):
        refused = augcli(*options, "--resume", *other)
        assert refused.returncode == 2
        assert (
            "begun with other files in SOURCE: the same files in other groups (--group-by); resume"
            in " ".join(refused.stderr.split())
        )
    resumed = augcli(*options, "--resume", "--group-by", PATTERN)
    assert resumed.returncode == 0, resumed.stderr
    whole = augcli("generate", patients, tmp_path / "whole", *options[3:], "--group-by", PATTERN)
    assert whole.returncode == 0
    assert tree(tmp_path / "out/train") == tree(tmp_path / "whole/train")


def test_a_recipe_file_of_several_steps(augcli: Augcli, patients: Path, tmp_path: Path) -> None:
    (tmp_path / "chain.toml").write_text(
        '[[steps]]\nrecipe = "cutmix"\nprobability = 0.5\n[[steps]]\nrecipe = "mixup"\n'
    )
    options = ("--recipe-file", tmp_path / "chain.toml", "-k", 4)
    for name, more in (("with", ("--group-by", PATTERN)), ("without", ())):
        result = augcli("generate", patients, tmp_path / name, *options, *more)
        assert result.returncode == 0, result.stderr
    kinds = [
        Counter(len(set(patients_of(row))) == len(row) for row in rows_of(tmp_path / name))
        for name in ("with", "without")
    ]
    assert kinds[0] == {True: 96} and kinds[1][False] > 0


def refusal(augcli: Augcli, *arguments: object) -> str:
    result = augcli(*arguments)
    assert result.returncode == 2, result.stdout
    return " ".join(result.stderr.split())


def test_too_few_groups_are_refused_before_work(
    augcli: Augcli, patients: Path, tmp_path: Path
) -> None:
    for command in (("generate", patients, tmp_path / "out"), ("preview", patients)):
        said = refusal(augcli, *command, "-r", "cutmix", "--group-by", "p[0-9]+_.*(png)")
        assert said == (
            f"augcli: Recipe cutmix mixes images of 2 groups, but by --group-by SOURCE {patients}"
            " has 1 group; choose another --group-by, or a recipe for fewer images."
        )
    said = refusal(
        augcli, "generate", patients, tmp_path / "out", "-r", "ricap", "--group-by", "p([0-2])_"
    )  # fmt: skip
    assert "finds nothing in the names of 12 of 24 images (the first is" in said
    said = refusal(
        augcli, "generate", patients, tmp_path / "out", "-r", "ricap", "--group-by", "^[ab]"
    )
    assert "mixes images of 4 groups, but by --group-by" in said and "has 2 groups" in said
    said = refusal(
        augcli, "generate", patients, tmp_path / "out", "-r", "cutmix", "--group-by", "^[ab]",
        "--pair", "same-class",
    )  # fmt: skip
    assert said == (
        f"augcli: --pair same-class leaves an image of class a of SOURCE {patients} no 1 other"
        " group in it to be mixed with (--group-by); use --pair any, or choose other classes."
    )
    assert not (tmp_path / "out").exists()


def test_ricap_needs_four_groups_in_other_classes() -> None:
    from augcli.errors import UserError
    from augcli.tasks.checks import check_groups

    pipeline = Pipeline("ricap", (Step(RICAP()),))
    check_groups(listing([0, 0, 1, 1, 1], [0, 0, 1, 2, 3]), pipeline, "S", Pair.any)
    with pytest.raises(UserError, match="different-class leaves an image of class 1 of SOURCE S"):
        check_groups(listing([0, 0, 1, 1, 1], [0, 0, 1, 2, 3]), pipeline, "S", Pair.different_class)
    both = listing([0] * 4 + [1] * 4, [0, 1, 2, 3] * 2)
    check_groups(both, pipeline, "S", Pair.different_class)
    check_groups(both, pipeline, "S", Pair.same_class)
