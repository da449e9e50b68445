"""Each column of a manifest has one type from its first row on, by the packages that people read
it with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.json
import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels, Originals, OtherSplits
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe
from augcli.store.layout import STATE
from tests.conftest import write_photo
from tests.helpers.runs import generate, make_run

pandas, polars, duckdb = map(pytest.importorskip, ("pandas", "polars", "duckdb"))

IMAGES = 12
# In hex it is 18e5, which pandas reads as 1800000.0.
SEED = 0x18E5
KINDS = ("single", "multi", "none")


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An output of each kind of labels, with a split val; the first rows have no box, and those of
    images with several classes have none."""
    folder = tmp_path_factory.mktemp("outs")
    for split in ("train", "val"):
        for number in range(IMAGES):
            write_photo(
                folder / "single" / split / "ab"[number % 2] / f"{number}.png", number, 9, 8
            )
            write_photo(folder / "multi" / split / f"{number}.png", number, 9, 8)
        lines = [f"{number}.png,0,{number // 11}" for number in range(IMAGES)]
        text = "\n".join(["filename,cat,dog", *lines]) + "\n"
        (folder / "multi" / split / "_classes.csv").write_text(text)
    made = {}
    for kind in KINDS:
        labels = Labels(kind)
        source = folder / ("multi" if kind == "multi" else "single")
        listing = list_source(source, SourceOptions(labels=labels))
        pipeline = Pipeline("random_erasing", (Step(build_recipe("random_erasing", {})),))
        made[kind] = folder / f"out_{kind}"
        run = make_run(
            listing, pipeline, made[kind] / STATE, labels=labels, seed=SEED,
            include_originals=Originals.copy, other_splits=OtherSplits.copy,
        )  # fmt: skip
        generate(run, source={"source": str(source)})
    return made


def pandas_types(path: str) -> dict[str, str]:
    table = pandas.read_json(path, lines=True)
    for name in ("boxes", "label_ids", "label_weights", "soft_label", "source_ids"):
        assert name not in table or all(map(len, table[name]))
    return {name: str(column.dtype) for name, column in table.items()}


def polars_types(path: str) -> dict[str, str]:
    return {name: str(kind) for name, kind in polars.read_ndjson(path).schema.items()}


def duckdb_types(path: str) -> dict[str, str]:
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    return {name: kind for name, kind, *_ in columns}


def arrow_types(path: str) -> dict[str, str]:
    return {field.name: str(field.type) for field in pyarrow.json.read_json(path).schema}


def datasets_types(path: str) -> dict[str, str]:
    table = datasets.Dataset.from_json(path, cache_dir=str(Path(path).parent / "cache"))
    return {name: str(kind) for name, kind in table.features.items()}


READERS = [
    (pandas_types, "int64"),
    (polars_types, "String"),
    (duckdb_types, "VARCHAR"),
    (arrow_types, "string"),
    (datasets_types, "Value('string')"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("types_of", "type_of_seed"), READERS)
def test_the_first_row_has_the_types_of_all(
    outs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    types_of: Callable[[str], dict[str, str]],
    type_of_seed: str,
    kind: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    several: list[dict[str, str]] = []
    for split in ("train", "val"):
        lines = (outs[kind] / split / "metadata.jsonl").read_text().splitlines(keepends=True)
        for name, content in (("all", lines), *((f"row{n}", [lines[n]]) for n in (0, -1))):
            file = tmp_path / f"{split}_{name}.jsonl"
            file.write_text("".join(content))
            several.append(types_of(str(file)))
    assert all(types == several[0] for types in several)
    first = several[0]
    assert first["seed"] == type_of_seed
    assert not [n for n, kind in first.items() if "null" in kind.lower() or kind == "JSON"]
    assert set(first) == set(json.loads(lines[0]))


def test_pandas_reads_the_seed_as_it_is(outs: dict[str, Path]) -> None:
    table = pandas.read_json(outs["single"] / "train/metadata.jsonl", lines=True)
    assert set(table["seed"]) == {SEED}
    texts = pandas.read_json(outs["single"] / "train/metadata.jsonl", lines=True, dtype=False)
    assert set(texts["seed"]) == {str(SEED)}


@pytest.mark.parametrize("kind", KINDS)
def test_hugging_face_loads_all_splits_at_once(
    outs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out: Any = outs[kind]
    several = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    counts = {name: len(split) for name, split in several.items()}
    assert counts == {"train": 2 * IMAGES, "validation": IMAGES}
    for split, folder in (("train", "train"), ("validation", "val")):
        rows = [json.loads(line) for line in (out / folder / "metadata.jsonl").open()]
        for name in ("sample_id", "boxes", "seed", "schema_version", "params"):
            assert several[split][name][:] == [row[name] for row in rows]
