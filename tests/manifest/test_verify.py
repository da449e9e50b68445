"""Every rule about a row is looked at: one edit a rule, on a small output made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from augcli.manifest.row import to_line
from augcli.manifest.verify import verify

Values = dict[str, Any]


def row_of(out: Path, name: str, view: str) -> Values:
    """A row of a mixed image of class b, with its file."""
    path = out / "train" / "b" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (ord(view[-1]), 0, 0)).save(path)
    return {
        "file_name": f"b/{name}.png", "label": 1, "class_name": "b",
        "label_ids": [1, 0], "label_weights": [0.75, 0.25], "soft_label": [0.25, 0.75, 0.0],
        "sample_id": name, "group_id": "g", "view": view,
        "source_ids": ["s", "t"], "source_paths": ["b/s.png", "a/t.png"],
        "lam": 0.75, "boxes": [[0, 0, 3, 4]], "recipe": "cutmix", "params": "{}",
        "saliency_method": "", "width": 8, "height": 6,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "seed": "0", "schema_version": 1,
    }  # fmt: skip


def write_records(out: Path, outputs: int, classes: int, **counts: object) -> None:
    """The run.json and errors.jsonl of a run that skipped nothing."""
    counted = {"outputs": outputs, "skipped": 0, "classes": classes, "planned": outputs} | counts
    summary = {"counts": counted, "max_pixels": 10_000, "size": None}
    (out / "run.json").write_text(json.dumps(summary))
    (out / "errors.jsonl").write_text("")


def faults_after(out: Path, edit: Callable[[list[Values]], object]) -> list[str]:
    rows = [row_of(out, name, view) for name, view in (("n1", "aug1"), ("n2", "aug2"))]
    edit(rows)
    (out / "classes.txt").write_text("a\nb\nc\n")
    (out / "train/metadata.jsonl").write_text("".join(map(to_line, rows)))
    write_records(out, outputs=len(rows), classes=3)
    return [fault.what for fault in verify(out).faults]


def test_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    assert faults_after(tmp_path, lambda _: None) == []
    assert faults_after(tmp_path, lambda rows: rows[0].update(soft_label=None)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"label_ids": [1, 1]}, "a label id stands twice"),
        ({"label_ids": [1]}, "it has 1 label id and 2 weights"),
        ({"label_ids": [], "label_weights": []}, "it has 0 label ids and 0 weights"),
        ({"label_ids": [1, 3]}, "label id 3 is not in classes.txt"),
        ({"label_ids": [1, -1]}, "label id -1 is not in classes.txt"),
        ({"label_weights": [0.75, 0.26]}, "label weights sum to 1.01"),
        ({"label_weights": [1.25, -0.25]}, "or one is not positive"),
        ({"label_weights": [1.0, 0.0], "soft_label": [0.0, 1.0, 0.0]}, "or one is not positive"),
        ({"label": 0}, "label 0 is not the class of greatest weight, 1"),
        ({"class_name": "a"}, "class name 'a' is not that of label 1"),
        ({"soft_label": [0.25, 0.5, 0.25]}, "soft_label and label_weights differ"),
        ({"soft_label": [0.25, 0.75]}, "soft_label and label_weights differ"),
        ({"lam": 1.5}, "lam 1.5 is not between 0 and 1"),
        ({"lam": -0.5}, "lam -0.5 is not between 0 and 1"),
        ({"source_ids": ["s"]}, "it has 1 source id and 2 source paths"),
        ({"source_ids": [], "source_paths": []}, "it has 0 source ids and 0 source paths"),
        ({"boxes": [[0, 0, 7, 4]]}, "lies outside 8 x 6 pixels"),
        ({"boxes": [[0, 0, 3, 9]]}, "lies outside 8 x 6 pixels"),
        ({"boxes": [[4, 0, 3, 4]]}, "lies outside 8 x 6 pixels"),
        ({"boxes": [[0, -1, 3, 4]]}, "lies outside 8 x 6 pixels"),
        ({"schema_version": 2}, "schema version 2 is not 1"),
        ({"height": 7}, "the image has 8 x 6 pixels, the row says 8 x 7"),
        ({"sha256": "0" * 64}, "sha256 is not the row's"),
        ({"view": "aug2"}, "its views are aug2, in 2 rows; missing: none"),
        ({"group_id": "h"}, "its views are aug1; missing: aug2"),
    ],
)  # fmt: skip
def test_a_fault_of_a_row(tmp_path: Path, changes: Values, expected: str) -> None:
    faults = faults_after(tmp_path, lambda rows: rows[0].update(changes))
    assert any(expected in fault for fault in faults), faults


def test_a_file_in_the_folder_of_another_class(tmp_path: Path) -> None:
    def edit(rows: list[Values]) -> None:
        (tmp_path / "train/a").mkdir()
        (tmp_path / "train/b/n1.png").rename(tmp_path / "train/a/n1.png")
        rows[0]["file_name"] = "a/n1.png"

    assert faults_after(tmp_path, edit) == ["the file does not lie in the folder of its class 'b'"]


def test_two_rows_with_one_sample_id(tmp_path: Path) -> None:
    faults = faults_after(tmp_path, lambda rows: rows[0].update(sample_id="n2"))
    assert len(faults) >= 1
    assert all("two rows have the sample_id n2" in fault for fault in faults)


@pytest.mark.parametrize(("orientation", "size"), [(6, (6, 8)), (3, (8, 6))])
def test_sizes_are_those_of_the_upright_image(
    tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    """As of an original that is copied with its EXIF data: 8 x 6 pixels in the file."""

    def edit(rows: list[Values]) -> None:
        path = tmp_path / "train/b/n1.png"
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (8, 6)).save(path, exif=exif)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows[0].update(width=size[0], height=size[1], boxes=[], sha256=digest)

    assert faults_after(tmp_path, edit) == []
