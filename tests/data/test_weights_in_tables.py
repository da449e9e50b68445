"""Weights and targets of all classes beside images in Parquet and Arrow files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.conftest import Augcli

pyarrow: Any = pytest.importorskip("pyarrow")
parquet: Any = pytest.importorskip("pyarrow.parquet")

WEIGHTS = [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.0, 1.0, 0.0]]
TARGETS = [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 1.0]]
CLASSES = ("cat", "dog", "emu")


def png(number: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((12, 10, 3), 50 * number, np.uint8)).save(data, "PNG")
    return data.getvalue()


def write(source: Path, kind: str, **columns: list[Any]) -> Path:
    """A source of four images with these columns beside them."""
    images = [{"bytes": png(number), "path": None} for number in range(4)]
    source.mkdir()
    if kind == "parquet":
        parquet.write_table(
            pyarrow.table({"image": images, **columns}), source / "a.parquet", row_group_size=3
        )
        return source
    datasets: Any = pytest.importorskip("datasets")
    datasets.Dataset(pyarrow.table({"image": images, **columns})).save_to_disk(source)
    return source


def rows(listing: Listing) -> list[dict[str, float]]:
    labels = map(listing.label, range(len(listing)))
    return [
        {listing.classes[i]: w for i, w in zip(one.ids, one.weights, strict=True)} for one in labels
    ]


def expected(weights: list[list[float]], classes: tuple[str, ...]) -> list[dict[str, float]]:
    return [{c: w for c, w in zip(classes, row, strict=True) if w} for row in weights]


def refusal(source: Path, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, SourceOptions(**options))
    return str(refused.value).replace(str(source), "SOURCE")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_column_of_weights(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "s", kind, w=WEIGHTS, patient=["a", "a", "b", "b"])
    listing = list_source(source, SourceOptions(weights_column="w", group_by="patient"))
    assert rows(listing) == expected(WEIGHTS, ("0", "1", "2"))
    assert listing.group_of is not None
    named = list_source(source, SourceOptions(weights_column="w", classes=CLASSES))
    assert rows(named) == expected(WEIGHTS, CLASSES)
    assert named.class_of.tolist() == [1, 0, 2, 1]
    assert "has weights for 3 classes, and 2 names for them; name each" in refusal(
        source, weights_column="w", classes=("cat", "dog")
    )
    assert "--weights-column patient: that column of" in refusal(source, weights_column="patient")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_targets_of_several_classes(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "s", kind, w=TARGETS)
    listing = list_source(source, SourceOptions(weights_column="w", labels=Labels.multi))
    assert rows(listing) == expected(TARGETS, ("0", "1", "2"))
    assert listing.class_of.tolist() == [-1, 0, 2, 2]
    assert "row 0 has weights that are not positive with the sum 1" in refusal(
        source, weights_column="w"
    )


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_column_for_each_class(tmp_path: Path, kind: str) -> None:
    columns = {name: [int(row[at] > 0.5) for row in TARGETS] for at, name in enumerate(CLASSES)}
    flags = [[float(w > 0.5) for w in row] for row in TARGETS]
    source = write(tmp_path / "s", kind, **columns)
    listing = list_source(source, SourceOptions(labels=Labels.multi))
    assert rows(listing) == expected(flags, CLASSES)
    mixed = write(tmp_path / "m", kind, **columns, note=["x"] * 4)
    assert "those with a number for each class with --classes FILE" in refusal(
        mixed, labels=Labels.multi
    )
    named = list_source(mixed, SourceOptions(labels=Labels.multi, classes=CLASSES[::-1]))
    assert (rows(named), named.classes) == (expected(flags, CLASSES), CLASSES[::-1])
    wide = write(tmp_path / "w", kind, **columns, width=[12] * 4)
    assert "row 0 has targets that are not numbers from 0 to 1" in refusal(
        wide, labels=Labels.multi
    )


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([[1.0], [0.5, 0.5], [1.0], [1.0]], "has weights for different numbers of classes"),
        ([[1.0], None, [1.0], [1.0]], "has rows without weights; give each image some"),
        ([[1.0], [None], [1.0], [1.0]], "has lists in which weights are missing"),
    ],
)
def test_what_are_no_weights(tmp_path: Path, values: list[Any], what: str) -> None:
    assert what in refusal(write(tmp_path / "s", "parquet", w=values), weights_column="w")


def test_a_run_is_verified_and_replayed(augcli: Augcli, tmp_path: Path) -> None:
    write(tmp_path / "S", "parquet", w=TARGETS)
    words = ("--multi-label", "--weights-column", "w", "-r", "mixup")
    result = augcli("generate", "S", "O", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    line = json.loads((tmp_path / "O/train/metadata.jsonl").read_text().splitlines()[0])
    assert set(line) >= {"label_ids", "label_weights"}
    assert augcli("verify", "O", "--replay", cwd=tmp_path).returncode == 0
    assert augcli("preview", "S", *words, "--to", "p.png", cwd=tmp_path).returncode == 0
