"""Runs whose images have several classes, or none, from the source to the output and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from augcli.cli.model_options import ModelOptions
from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.engine.images import Images
from augcli.engine.outputs import Outputs
from augcli.engine.plan import Run
from augcli.enums import Labels, Originals, Pair
from augcli.errors import UserError
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.store.layout import STATE
from augcli.tasks.captions import describe_run, label_lines
from augcli.tasks.checks import check_sources, check_target
from augcli.tasks.panels import draw_line
from augcli.tasks.repair import repair
from augcli.tasks.replay import replay
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, make_run, runtime_of

CLASSES = ("cat", "dog", "fish")
# Of 40 images: none, one or several classes, and targets between.
TARGETS = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 0.5, 1), (0.25, 0, 0.75)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    rows = ["filename,cat,dog,fish"]
    for number in range(40):
        write_photo(folder / f"{number:02}.png", number, 20 + number % 3, 18)
        targets = TARGETS[number % len(TARGETS)]
        rows.append(f"{number:02}.png," + ",".join(map(str, targets)))
    (folder / "_classes.csv").write_text("\n".join(rows) + "\n")
    return folder


def pipeline(name: str, **options: Any) -> Pipeline:
    return Pipeline(name, (Step(build_recipe(name, options)),))


def run_of(source: Path, out: Path, name: str, labels: Labels, **options: Any) -> Run:
    listing = list_source(source, SourceOptions(labels=labels))
    return make_run(listing, pipeline(name), out / STATE, labels=labels, **options)


def make(run: Run, source: Path, **options: Any) -> None:
    fields = {"source": str(source), "source_options": {"labels": run.job.labels.value}}
    generate(run, source=fields, **options)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train/metadata.jsonl").open()]


def targets_of(path: str) -> tuple[float, ...]:
    return TARGETS[int(path[:2]) % len(TARGETS)]


def test_mixup_mixes_each_target_with_the_weights_of_the_pixels(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(run_of(source, out, "mixup", Labels.multi), source)
    rows = rows_of(out)
    assert len(rows) == 40
    kinds = set()
    for row in rows:
        lam = json.loads(row["params"])["lam"]
        first, *others = row["source_paths"]
        second = others[0] if others else first
        pairs = zip(targets_of(first), targets_of(second), strict=True)
        expected = [lam * a + (1 - lam) * b for a, b in pairs]
        assert row["soft_label"] == pytest.approx(expected, abs=1e-12)
        weights = dict(zip(row["label_ids"], row["label_weights"], strict=True))
        dense = {i: w for i, w in enumerate(row["soft_label"]) if w > 0}
        assert weights == (dense or {0: 0.0})
        assert not {"label", "class_name"} & row.keys()
        assert row["file_name"].startswith("images/")
        kinds.add(round(sum(expected), 1))
    assert min(kinds) < 0.7 < 1.3 < max(kinds)  # so that no sum of 1 was made of them
    assert sorted(path.name for path in (out / "train").iterdir()) == ["images", "metadata.jsonl"]
    assert (out / "classes.txt").read_text() == "cat\ndog\nfish\n"
    summary = json.loads((out / "run.json").read_text())
    assert (summary["labels"], summary["counts"]["classes"]) == ("multi", 3)


def test_cutmix_mixes_them_by_area(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(run_of(source, out, "cutmix", Labels.multi, dense_labels=2), source)
    mixed = 0
    for row in rows_of(out):
        assert "soft_label" not in row
        covered = sum((c - a) * (d - b) for a, b, c, d in row["boxes"])
        lam = 1 - covered / (row["width"] * row["height"])
        first, *others = row["source_paths"]
        second = others[0] if others else first
        dense = [0.0, 0.0, 0.0]
        for class_id, weight in zip(row["label_ids"], row["label_weights"], strict=True):
            dense[class_id] = weight
        pairs = zip(targets_of(first), targets_of(second), strict=True)
        assert dense == pytest.approx([lam * a + (1 - lam) * b for a, b in pairs], abs=1e-12)
        mixed += bool(others)
    assert mixed > 20


@pytest.mark.parametrize(
    ("name", "labels"), [("cutmix", Labels.multi), ("autoaugment", Labels.none)]
)
def test_bytes_are_the_same_for_any_workers_and_after_an_interruption(
    source: Path, tmp_path: Path, name: str, labels: Labels
) -> None:
    outs = [tmp_path / f"out{number}" for number in range(3)]
    options: dict[str, Any] = {"include_originals": Originals.copy}
    for workers, out in enumerate(outs[:2], 1):
        make(run_of(source, out, name, labels, **options), source, workers=workers)

    class Stop(Exception):
        pass

    def stop(_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        make(run_of(source, outs[2], name, labels, **options), source, on_report=stop)
    assert not (outs[2] / "train").exists()
    make(run_of(source, outs[2], name, labels, **options), source, resume=True)
    first, second, third = (tree(out / "train") for out in outs)
    assert len(first) == 81
    assert first == second == third
    other = Labels.single if labels is Labels.none else Labels.none
    listing = list_source(source, SourceOptions(labels=Labels.none))
    said = "--multi-label" if labels is Labels.multi else "--unlabelled"
    with pytest.raises(UserError, match=rf"was begun with .*{said} \(now "):
        run = make_run(listing, pipeline(name), outs[0] / STATE, labels=other, **options)
        make(run, source, resume=True)


def test_no_record_of_one_class_an_image_says_so(source: Path) -> None:
    listing = list_source(source, SourceOptions(labels=Labels.none))
    run = make_run(listing, pipeline("cutmix"), source / STATE)
    assert "labels" not in run.job.to_json()
    assert run.job.from_json(run.job.to_json()) == run.job
    multi = make_run(listing, pipeline("cutmix"), source / STATE, labels=Labels.multi).job
    assert multi.to_json()["labels"] == "multi"
    assert multi.from_json(multi.to_json()) == multi


def faults(out: Path) -> list[str]:
    return sorted({fault.what for fault in verify(out).faults})


def change(out: Path, **values: Any) -> None:
    """Change a row that has several targets."""
    file = out / "train/metadata.jsonl"
    rows = rows_of(out)
    row = next(row for row in rows if len(row.get("label_ids", "ab")) > 1)
    row.update(values)
    row = {name: value for name, value in row.items() if value != "gone"}
    file.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in rows))


def test_verify_finds_a_changed_target(source: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    make(run_of(source, whole, "mixup", Labels.multi), source)
    assert faults(whole) == []
    assert list(replay(runtime_of(whole))) == []
    cases: list[tuple[dict[str, Any], str]] = [
        ({"label_weights": [0.5, 1.5]}, "label weight 1.5 is not above 0 and at most 1"),
        ({"label_weights": [0.0, 0.5]}, "label weight 0 is not above 0 and at most 1"),
        ({"label_ids": [0, 7]}, "label id 7 is not in classes.txt, which has 3 classes"),
        ({"label_ids": [0, 0]}, "a label id stands twice"),
        ({"label_ids": [0]}, "it has 1 label id and 2 weights"),
        ({"soft_label": [1.0, 1.0, 1.0]}, "soft_label and label_weights differ"),
        ({"label": 0}, "it has a label, which no row of a run with --multi-label has"),
        ({"class_name": None}, "it has a class_name, which no row of a run with --multi-label has"),
    ]
    for values, expected in cases:
        shutil.copytree(whole, out)
        changed: dict[str, Any] = {
            "label_ids": [0, 1],
            "label_weights": [0.5, 1.0],
            "soft_label": [0.5, 1.0, 0.0],
        } | values
        change(out, **changed)
        assert expected in faults(out)
        shutil.rmtree(out)
    shutil.copytree(whole, out)
    change(out, label_ids=[0, 1], label_weights=[0.5, 1.0], soft_label=[0.5, 1.0, 0.0])
    assert faults(out) == ["its rows are not all as the run wrote them, by the digest in run.json"]
    said = {fault.what for fault in replay(runtime_of(out))}
    assert said == {"made again from its row it has another label"}
    repair(runtime_of(out), verify(out).wrong)
    assert tree(out / "train") == tree(whole / "train")
    (whole / "run.json").write_text((whole / "run.json").read_text().replace('"multi"', '"many"'))
    assert "its labels are none of single, multi, none" in faults(whole)


def test_verify_of_unlabelled_outputs(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(run_of(source, out, "autoaugment", Labels.none), source)
    before = tree(out / "train")
    assert (out / "classes.txt").read_bytes() == b""
    assert (
        not {"label", "class_name", "label_ids", "label_weights", "soft_label"}
        & rows_of(out)[0].keys()
    )
    assert faults(out) == []
    assert list(replay(runtime_of(out))) == []
    change(out, label_ids=[0])
    assert "it has a label_ids, which no row of a run with --unlabelled has" in faults(out)
    next((out / "train/images").iterdir()).unlink()
    repair(runtime_of(out), verify(out).wrong)
    assert tree(out / "train") == before


def test_one_class_an_image_needs_its_columns(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(
        make_run(list_source(photos), pipeline("cutmix"), out / STATE),
        source={"source": str(photos)},
    )
    rows = rows_of(out)
    for name in ("label", "class_name", "label_ids", "label_weights"):
        lines = [json.dumps({k: v for k, v in row.items() if k != name}) + "\n" for row in rows]
        (out / "train/metadata.jsonl").write_text("".join(lines))
        assert f"it has no {name}" in faults(out)


def test_datasets_and_pandas_load_them(source: Path, tmp_path: Path) -> None:
    """Rows without a column of labels load as those of other runs; one of nulls alone would have
    no type there."""
    pandas = pytest.importorskip("pandas")
    for name, labels in (("mixup", Labels.multi), ("autoaugment", Labels.none)):
        out = tmp_path / name
        make(run_of(source, out, name, labels), source)
        loaded = datasets.load_dataset(
            "imagefolder",
            data_dir=str(out / "train"),
            cache_dir=str(tmp_path / "cache"),
            split="train",
        )
        table = pandas.read_json(out / "train/metadata.jsonl", lines=True)
        assert len(loaded) == len(table) == 40
        if labels is Labels.none:
            assert "label" not in loaded.column_names
            continue
        rows = {row["sample_id"]: row for row in rows_of(out)}
        for row in loaded:
            assert row["soft_label"] == pytest.approx(rows[row["sample_id"]]["soft_label"])
            assert row["label_ids"] == rows[row["sample_id"]]["label_ids"]
        targets = np.array(table["soft_label"].tolist())
        assert targets.shape == (40, 3) and targets.min() == 0.0 and targets.max() <= 1.0


def test_an_output_is_a_source(source: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make(run_of(source, first, "mixup", Labels.multi), source)
    listing = list_source(first, SourceOptions(labels=Labels.multi))
    assert (listing.reader, listing.classes, len(listing)) == ("metadata", CLASSES, 40)
    for index, row in enumerate(rows_of(first)):
        label = tuple(row["label_ids"]), tuple(row["label_weights"])
        assert listing.label(index) == (((), ()) if label == ((0,), (0.0,)) else label)
    with pytest.raises(UserError, match=r"or give --multi-label if an image may have several"):
        list_source(first)
    make(run_of(first, second, "cutmix", Labels.multi), first)
    assert faults(second) == []
    unlabelled = tmp_path / "unlabelled"
    make(run_of(source, unlabelled, "autoaugment", Labels.none), source)
    assert len(list_source(unlabelled, SourceOptions(labels=Labels.none))) == 40
    with pytest.raises(UserError, match=r"or give --unlabelled to use images without labels\."):
        list_source(unlabelled)


def test_captions_list_the_targets(source: Path, tmp_path: Path) -> None:
    run = run_of(source, tmp_path / "out", "mixup", Labels.multi)
    outputs = Outputs(run, Images(run), run.plan.block(0))
    titles, texts = set[str](), set[str]()
    for place in range(8):
        made = outputs.of(place, 0)
        line = draw_line(run, outputs, made)
        label = made[0].label
        assert dict(line.label) == {
            CLASSES[i]: w for i, w in zip(label.ids, label.weights, strict=True)
        }
        titles |= {panel.title for panel in line.panels}
        texts.update(line.text)
    assert {"target: cat, dog", "target: no class"} <= titles
    assert describe_run(run, "x")[-1].endswith("multi-label")
    listing = run.listing
    assert label_lines(listing, listing.label(0)) == ["no class"]
    assert label_lines(listing, listing.label(3)) == ["fish 100 %, dog 50 %"]
    run = run_of(source, tmp_path / "out", "autoaugment", Labels.none)
    outputs = Outputs(run, Images(run), run.plan.block(0))
    line = draw_line(run, outputs, outputs.of(0, 0))
    assert [panel.title for panel in line.panels] == ["target", "result"]
    assert line.label == []


@pytest.mark.parametrize(
    ("labels", "name", "options", "sentence"),
    [
        (Labels.none, "mixup", {},
         "Recipe mixup mixes the labels of 2 images, and SOURCE S has none (--unlabelled); choose a"
         " recipe for single images, as randaugment."),
        (Labels.none, "autoaugment", {"per_class": 5},
         "--per-class 5 counts outputs by the class of an image, and SOURCE S has none"
         " (--unlabelled); give --copies."),
        (Labels.none, "autoaugment", {"smoothing": 0.1},
         "Label smoothing spreads the weight of one class over all, and SOURCE S has none"
         " (--unlabelled); leave that out."),
        (Labels.none, "autoaugment", {"by_class": True},
         "The recipe file changes options by the class of an image, and SOURCE S has none"
         " (--unlabelled); leave that out."),
        (Labels.multi, "cutmix", {"per_class": 5},
         "--per-class 5 counts outputs by the class of an image, and with --multi-label an image"
         " may have several, or none; give --copies."),
        *((Labels.multi, "cutmix", {"pair": pair},
           f"--pair {pair.value} compares the classes of two images, and with --multi-label an"
           " image may have several, or none; give --pair any.")
          for pair in (Pair.same_class, Pair.different_class, Pair.balanced)),
        (Labels.multi, "cutmix", {"smoothing": 0.1},
         "Label smoothing spreads the weight of one class over all, and with --multi-label an image"
         " may have several, or none; leave that out."),
        (Labels.multi, "cutmix", {"by_class": True},
         "The recipe file changes options by the class of an image, and with --multi-label an image"
         " may have several, or none; leave that out."),
    ],
)  # fmt: skip
def test_what_needs_one_class_an_image_is_refused(
    source: Path, labels: Labels, name: str, options: dict[str, Any], sentence: str
) -> None:
    listing = list_source(source, SourceOptions(labels=labels))
    steps = pipeline(name).steps
    by_class = {"cat": steps} if options.get("by_class") else {}
    made = Pipeline(name, steps, options.get("smoothing", 0.0), by_class)
    with pytest.raises(UserError) as refused:
        check_sources(listing, made, "S", options.get("pair", Pair.any), options.get("per_class"))
    assert str(refused.value) == sentence


def test_a_classifier_is_not_asked_for_a_label_that_is_none(source: Path) -> None:
    listing: Listing = list_source(source, SourceOptions(labels=Labels.none))
    check_target(listing, [("spectral-residual", None)], ModelOptions())
    with pytest.raises(UserError) as refused:
        check_target(listing, [("gradient", None)], ModelOptions())
    assert str(refused.value) == (
        "--saliency gradient asks the classifier for the label of an image, and SOURCE has none"
        " (--unlabelled); give --target predicted."
    )
