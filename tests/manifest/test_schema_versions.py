"""Rows of schema version 1 have the seed in hex and lists that may be empty: they stay readable,
and no run has rows of two versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.engine.job import Job, identity
from augcli.engine.plan import Run
from augcli.enums import Existing, Labels, Originals
from augcli.errors import UserError
from augcli.manifest.row import to_line
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.store.journal import begin
from augcli.store.layout import STATE
from augcli.store.lock import holding
from augcli.tasks.generate import check
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import write_photo
from tests.helpers.runs import generate, make_run, runtime_of

SEED = 30
Values = dict[str, Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(8):
        write_photo(folder / "ab"[number % 2] / f"{number}.png", number, 20, 18)
    return folder


@pytest.fixture
def without_classes(tmp_path: Path) -> Path:
    folder = tmp_path / "several"
    lines = ["filename,cat,dog"]
    for number in range(6):
        write_photo(folder / f"{number}.png", number, 20, 18)
        lines.append(f"{number}.png,0,{number % 2}")
    (folder / "_classes.csv").write_text("\n".join(lines) + "\n")
    return folder


def run_of(source: Path, out: Path, labels: Labels = Labels.single, **options: Any) -> Run:
    pipeline = Pipeline("random_erasing", (Step(build_recipe("random_erasing", {})),))
    listing = list_source(source, SourceOptions(labels=labels))
    return make_run(
        listing, pipeline, out / STATE, labels=labels, seed=SEED, include_originals=Originals.copy,
        **options,
    )  # fmt: skip


def make(source: Path, out: Path, labels: Labels = Labels.single, **options: Any) -> Path:
    record = {"source": str(source), "source_options": SourceOptions(labels=labels).record()}
    generate(run_of(source, out, labels, **options), source=record)
    return out


def rows_of(out: Path) -> list[Values]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def test_what_the_versions_differ_in(source: Path, tmp_path: Path) -> None:
    old = rows_of(make(source, tmp_path / "old", schema_version=1))
    new = rows_of(make(source, tmp_path / "new"))
    assert [(row.pop("seed"), row.pop("schema_version")) for row in old] == [("1e", 1)] * 16
    assert [(row.pop("seed"), row.pop("schema_version")) for row in new] == [("30", 2)] * 16
    boxes = [(a["boxes"], b["boxes"]) for a, b in zip(old, new, strict=True)]
    assert ([], [[0, 0, 0, 0]]) in boxes
    assert all(then == now or (then, now) == ([], [[0, 0, 0, 0]]) for then, now in boxes)
    assert {len(then) for then, _ in boxes} == {0, 1}
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("old", "new")]
    assert ["schema_version" in record for record in records] == [False, True]
    assert [Job.from_json(record).schema_version for record in records] == [1, 2]


def test_an_image_of_no_class(without_classes: Path, tmp_path: Path) -> None:
    old = make(without_classes, tmp_path / "old", Labels.multi, schema_version=1)
    new = make(without_classes, tmp_path / "new", Labels.multi)
    labels = [
        sorted({(tuple(row["label_ids"]), tuple(row["label_weights"])) for row in rows_of(out)})
        for out in (old, new)
    ]
    assert labels == [[((), ()), ((1,), (1.0,))], [((0,), (0.0,)), ((1,), (1.0,))]]
    for out in (old, new):
        assert verify(out).faults == []
        assert list(replay(runtime_of(out))) == []
        listing = list_source(out, SourceOptions(labels=Labels.multi))
        read = {tuple(listing.label(index)) for index in range(len(listing))}
        assert read == {((), ()), ((1,), (1.0,))}


def test_outputs_of_version_1_are_verified_replayed_and_repaired(
    source: Path, tmp_path: Path
) -> None:
    out = make(source, tmp_path / "old", schema_version=1)
    assert verify(out).faults == []
    assert list(replay(runtime_of(out))) == []
    rows = rows_of(out)
    before = (out / "train/metadata.jsonl").read_bytes()
    (out / "train" / rows[1]["file_name"]).unlink()
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows[:3] + rows[4:])))
    wrong = verify(out).wrong
    assert repair(runtime_of(out), wrong).faults == []
    assert (out / "train/metadata.jsonl").read_bytes() == before
    assert verify(out).faults == []


def test_outputs_of_both_versions_are_the_same_source(source: Path, tmp_path: Path) -> None:
    for name, version in (("old", 1), ("new", 2)):
        out = make(source, tmp_path / name, schema_version=version)
        shutil.copytree(out / "train", tmp_path / f"{name}-train")
    listings = [list_source(tmp_path / f"{name}-train") for name in ("old", "new")]
    labels = [[one.label(index) for index in range(len(one))] for one in listings]
    assert labels[0] == labels[1]
    np.testing.assert_array_equal(listings[0].class_of, listings[1].class_of)


def test_an_unfinished_run_of_version_1_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = run_of(source, out, schema_version=1)
    with holding(out):
        begin(out, identity(before.job, before.listing), before.listing, Existing.refuse)
    check(before, Existing.resume)
    with pytest.raises(UserError) as error:
        check(run_of(source, out), Existing.resume)
    assert str(error.value) == (
        f"OUT {out} was begun with rows of schema version 1 (now 2); resume with the same, or give"
        " --overwrite to start anew."
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema_version": 1}, ["schema version 1 is not 2"]),
        ({"schema_version": 3}, ["schema version 3 is not 2"]),
        ({"boxes": []}, ["it has no box, not even the empty one"]),
        ({"label_ids": [], "label_weights": []}, ["it has 0 label ids and 0 weights"]),
        (
            {"label_ids": [1], "label_weights": [0.0]},
            ["label weight 0 is not above 0 and at most 1"],
        ),
    ],
)
def test_a_row_that_is_not_of_the_runs_version(
    without_classes: Path, tmp_path: Path, changes: Values, expected: list[str]
) -> None:
    out = make(without_classes, tmp_path / "out", Labels.multi)
    rows = rows_of(out)
    rows[0].update(changes)
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    assert [fault.what for fault in verify(out).faults] == expected


@pytest.mark.parametrize("version", [0, 3, "2", None, True])
def test_a_record_of_a_version_that_is_not_known(
    source: Path, tmp_path: Path, version: object
) -> None:
    out = make(source, tmp_path / "out")
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | {"schema_version": version}))
    faults = verify(out).faults
    assert [tuple(fault) for fault in faults] == [
        ("run.json", f"its schema_version {version} is none that this augcli knows")
    ]
    with pytest.raises(UserError, match="does not describe a run of augcli: schema_version"):
        list(replay(runtime_of(out)))


def test_rows_of_either_version_where_no_record_says_it(source: Path, tmp_path: Path) -> None:
    for version in (1, 2):
        out = make(source, tmp_path / f"v{version}", schema_version=version)
        (out / "run.json").unlink()
        assert [tuple(one) for one in verify(out).faults] == [("run.json", "the file is missing")]
