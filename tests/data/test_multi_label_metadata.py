"""Metadata files and images in Parquet with a column of 0 and 1 for each class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from augcli.data.listing import Listing
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo

MULTI = SourceOptions(labels=Labels.multi)
ROWS = [
    {"file_name": f"{i}.png", "cat": int(i % 2 == 0), "dog": int(i > 2), "patient": f"p{i // 2}"}
    for i in range(6)
]
KINDS = ("csv", "jsonl", "parquet")


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    for number, row in enumerate(rows):
        write_photo(folder / str(row["file_name"]), number, 12, 10)
    file = folder / f"metadata.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        file.write_text("\n".join(lines))
    elif kind == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pyarrow: Any = pytest.importorskip("pyarrow")
        parquet: Any = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file


def sets(listing: Listing) -> list[tuple[str, ...]]:
    return [tuple(listing.classes[i] for i in listing.label(at).ids) for at in range(len(listing))]


EXPECTED = [("cat",), (), ("cat",), ("dog",), ("cat", "dog"), ("dog",)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_for_each_class(tmp_path: Path, kind: str) -> None:
    rows = [{k: v for k, v in row.items() if k != "patient"} for row in ROWS]
    file = write(tmp_path / "s", kind, rows)
    for source in (tmp_path / "s", file):
        listing = list_source(source, MULTI)
        assert (listing.classes, sets(listing), listing.warnings) == (("cat", "dog"), EXPECTED, ())
    with pytest.raises(UserError) as refused:
        list_source(tmp_path / "s")
    assert str(refused.value) == (
        f"{file} has no column label, and 2 of 0 and 1 (cat, dog); if each of these is a class,"
        " give --multi-label, else name the labels with --label-column."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_other_columns_beside_them(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "s", kind, ROWS)
    with pytest.raises(UserError) as refused:
        list_source(tmp_path / "s", MULTI)
    assert str(refused.value) == (
        f"{file} has columns of 0 and 1 (cat and dog) beside others; name those that are classes"
        " with --classes FILE."
    )
    named = list_source(tmp_path / "s", MULTI.model_copy(update={"classes": ("cat", "dog")}))
    assert sets(named) == EXPECTED
    grouped = list_source(tmp_path / "s", MULTI.model_copy(update={"group_by": "patient"}))
    assert (sets(grouped), grouped.group_of is not None) == (EXPECTED, True)


def test_beside_class_folders_they_are_other_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / name / "1.png", 1, 12, 10)
    (tmp_path / "metadata.csv").write_text("file_name,x,y\na/1.png,0,1\nb/1.png,1,0\n")
    listing = list_source(tmp_path)
    assert listing.classes == ("a", "b")
    assert (
        "metadata.csv is not read, the folders are the classes: it has no column"
        in (listing.warnings[0])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_is_verified_and_replayed(augcli: Augcli, tmp_path: Path, kind: str) -> None:
    write(tmp_path / "S", kind, ROWS)
    words = ("S", "--multi-label", "--group-by", "patient", "-r", "mixup")
    result = augcli("generate", *words[:1], "O", *words[1:], cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "O/train/metadata.jsonl").read_text().splitlines()
    for row in map(json.loads, lines):
        first, *others = (path.removesuffix(".png") for path in row["source_paths"])
        assert all(int(first) // 2 != int(other) // 2 for other in others)
    assert augcli("verify", "O", "--replay", cwd=tmp_path).returncode == 0
    assert augcli("preview", *words, "--to", "p.png", cwd=tmp_path).returncode == 0


def test_a_classifier_is_asked_for_all_classes_of_an_image(augcli: Augcli, tmp_path: Path) -> None:
    """For the sum of their logits by their weights; of an image without any its map is flat."""
    columns = ("cat", "flower")  # of the classifier of sample_data
    rows = [{"file_name": f"{i}.png", columns[0]: int(i > 0), columns[1]: int(i > 2)}
            for i in range(6)]  # fmt: skip
    write(tmp_path / "S", "csv", rows)
    model = Path(__file__).parents[2] / "sample_data/classifier.onnx"
    words = ("--multi-label", "-r", "saliencymix", "--saliency", "gradcam", "--model", model)
    result = augcli("generate", "S", "O", *words, "--saliency-cache", "none", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "O/train/metadata.jsonl").read_text().splitlines()
    flat = {row["source_paths"][1]: json.loads(row["params"])["flat"] for row in
            map(json.loads, lines) if len(row["source_paths"]) > 1}  # fmt: skip
    assert flat.get("0.png", True)
    assert not all(flat.values())
    assert augcli("verify", "O", "--replay", cwd=tmp_path).returncode == 0
