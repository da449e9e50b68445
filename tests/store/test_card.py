"""OUT/README.md tells `datasets` the splits and the classes, and is never somebody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, OtherSplits
from augcli.manifest.verify import verify
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.store.layout import STATE
from augcli.store.removal import remove_run
from tests.conftest import tree, write_photo
from tests.helpers.runs import generate, make_run


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for split in ("train", "val", "test"):
        for number in range(8):
            name = ("cat", "no", "ü 😀", "a [b]")[number % 4]
            write_photo(folder / split / name / f"{number}.png", number, 9, 8)
    return folder


def make(source: Path, out: Path, labels: Labels = Labels.single, **options: Any) -> Path:
    pipeline = Pipeline("random_erasing", (Step(build_recipe("random_erasing", {})),))
    listing = list_source(source, SourceOptions(labels=labels))
    more = {name: options.pop(name) for name in ("dense_labels",) if name in options}
    run = make_run(
        listing, pipeline, out / STATE, labels=labels, other_splits=OtherSplits.copy, **more
    )
    generate(run, source={"source": str(source)}, **options)
    return out


def load(out: Path, tmp_path: Path, **options: Any) -> Any:
    return datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), **options)


def rows_of(out: Path, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / split / "metadata.jsonl").open()]


@pytest.mark.parametrize("dense", [0, 100])
@pytest.mark.parametrize("streaming", [False, True])
def test_the_label_is_a_class_label(
    source: Path, tmp_path: Path, dense: int, streaming: bool
) -> None:
    out = make(source, tmp_path / "out 1", dense_labels=dense)
    loaded = load(out, tmp_path, streaming=streaming)
    names = (out / "classes.txt").read_text().splitlines()
    assert sorted(names) == ["a [b]", "cat", "no", "ü 😀"]
    assert list(loaded) == ["train", "validation", "test"]
    for name, folder in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert loaded[name].features["label"] == datasets.ClassLabel(names=names)
        rows = rows_of(out, folder)
        examples = list(loaded[name])
        assert len(examples) == 8
        for row, example in zip(rows, examples, strict=True):
            image = example.pop("image")
            row.pop("file_name")
            assert image.size == (row["width"], row["height"])
            assert example == row


@pytest.mark.parametrize("labels", [Labels.multi, Labels.none])
def test_columns_of_other_labels(source: Path, tmp_path: Path, labels: Labels) -> None:
    if labels is Labels.multi:
        for split in ("train", "val", "test"):
            images = sorted((source / split).rglob("*.png"))
            lines = [
                f"{path.relative_to(source / split)},{n % 2},0" for n, path in enumerate(images)
            ]
            text = "\n".join(["filename,cat,dog", *lines]) + "\n"
            (source / split / "_classes.csv").write_text(text)
    out = make(source, tmp_path / "out", labels)
    loaded = load(out, tmp_path)
    rows = rows_of(out, "train")
    assert set(loaded["train"].features) == {"image", *rows[0]} - {"file_name"}
    assert [example["sample_id"] for example in loaded["train"]] == [r["sample_id"] for r in rows]


def test_a_card_of_somebody_else_stays(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write(_: object) -> None:
        (out / "README.md").write_text("mine")

    make(source, out, on_report=write)
    assert (out / "README.md").read_text() == "mine"
    assert verify(out).faults == []
    assert not (out / STATE / "README.md").exists()
    make(source, out, overwrite=True)
    assert (out / "README.md").read_text() == "mine"
    remove_run(out)
    assert sorted(path.name for path in out.iterdir()) == [STATE, "README.md"]


def test_a_card_goes_with_its_run_unless_it_was_edited(source: Path, tmp_path: Path) -> None:
    first, second = make(source, tmp_path / "first"), make(source, tmp_path / "second")
    card = (first / "README.md").read_bytes()
    assert card == (second / "README.md").read_bytes()
    assert json.loads((first / "run.json").read_text())["files"].keys() == {
        "classes.txt", "errors.jsonl", "README.md"
    }  # fmt: skip
    remove_run(first)
    assert [path.name for path in first.iterdir()] == [STATE]
    (second / "README.md").write_bytes(card + b"More.\n")
    assert verify(second).faults == []
    make(source, second, resume=True)
    make(source, second, overwrite=True)
    assert (second / "README.md").read_bytes() == card + b"More.\n"


def test_a_card_is_no_part_of_a_source(source: Path, tmp_path: Path) -> None:
    out = make(source, tmp_path / "out")
    before = list_source(out)
    (out / "README.md").unlink()
    after = list_source(out)
    assert (before.warnings, before.fingerprint()) == (after.warnings, after.fingerprint())
    assert ".augcli/README.md" not in tree(out)
