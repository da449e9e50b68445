"""An earlier output, or a manifest with weights, is a source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.dataset.labels import SoftLabel, mix
from augcli.dataset.source import list_source
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo


def test_weights_mix_linearly_through_a_second_run(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert augcli("generate", photos, first, "-r", "mixup", "--set", "alpha=1").returncode == 0
    done = augcli("generate", first, second, "-r", "cutmix", "-k", 2)
    assert done.returncode == 0, done.stderr
    before = {
        row["file_name"]: SoftLabel(tuple(row["label_ids"]), tuple(row["label_weights"]))
        for row in map(json.loads, (first / "train/metadata.jsonl").open())
    }
    assert any(len(label.ids) == 2 for label in before.values())
    rows = [json.loads(line) for line in (second / "train/metadata.jsonl").open()]
    assert len(rows) == 30
    for row in rows:
        target, partner = (before[path] for path in row["source_paths"])
        expected = mix([target, partner], [row["lam"], 1 - row["lam"]])
        assert tuple(row["label_ids"]) == expected.ids
        assert row["label_weights"] == pytest.approx(expected.weights, abs=1e-12)
    assert (second / "classes.txt").read_text() == "ant\nbee\ncow\n"
    assert augcli("verify", second, "--replay").returncode == 0


def folder_with(root: Path, *rows: object, classes: str | None = None) -> Path:
    for name in ("x/1.png", "2.png"):
        write_photo(root / name, 1, 9, 9)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (root / "metadata.jsonl").write_text("".join(f"{line}\n" for line in lines))
    if classes is not None:
        (root / "classes.txt").write_text(classes)
    return root


def test_other_forms_of_labels(tmp_path: Path) -> None:
    root = folder_with(
        tmp_path,
        {"file_name": "x/1.png", "soft_label": [0.25, 0.0, 0.75], "more": None},
        {"file_name": "2.png", "label": 1},
        classes="a\nb\nc\n",
    )
    listing = list_source(root)
    assert listing.label(0) == SoftLabel((0, 2), (0.25, 0.75))
    assert listing.label(1) == SoftLabel((1,), (1.0,))
    assert listing.class_of.tolist() == [2, 1]
    assert [listing.sample(i).relative for i in range(2)] == ["x/1.png", "2.png"]


def test_classes_from_names(tmp_path: Path) -> None:
    root = folder_with(
        tmp_path,
        {"file_name": "x/1.png", "class_name": "dog"},
        {"file_name": "2.png", "class_name": "cat"},
    )
    listing = list_source(root)
    assert listing.classes == ("cat", "dog")
    assert listing.class_of.tolist() == [1, 0]


GOOD = {"file_name": "2.png", "label": 0}


@pytest.mark.parametrize("name", ["a\nb", "", "\t"])
def test_names_that_no_list_of_classes_holds(tmp_path: Path, name: str) -> None:
    root = folder_with(tmp_path, {"file_name": "2.png", "class_name": name})
    with pytest.raises(UserError, match="is no name of a class; mend it"):
        list_source(root)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no rows"),
        ([GOOD, "{"], r"line 2: the line: Invalid JSON"),
        ([GOOD, "\x00"], r"line 2: the line: Invalid JSON"),
        ([{"label": 0}], "line 1: file_name: Field required"),
        ([{"file_name": "../up.png", "label": 0}], "line 1: the file name '../up.png' leaves"),
        ([{"file_name": "/etc/x.png", "label": 0}], "line 1: the file name '/etc/x.png' leaves"),
        ([GOOD, GOOD], "line 2: the file '2.png' stands there twice"),
        ([{"file_name": "2.png"}], "line 1: it has no label of a known class"),
        ([{"file_name": "2.png", "label": 5}], "line 1: class 5 is not one of 2 classes"),
        (
            [{"file_name": "2.png", "label_ids": [0, 1], "label_weights": [0.5, 0.6]}],
            "line 1: its label weights are not positive with the sum 1",
        ),
        (
            [{"file_name": "2.png", "label_ids": [0, 0], "label_weights": [0.5, 0.5]}],
            "line 1: its label weights",
        ),
        (['{"file_name": "2.png", "label_ids": [0], "label_weights": [NaN]}'], "line 1"),
    ],
)
def test_refusals_name_the_line(tmp_path: Path, rows: list[object], message: str) -> None:
    root = folder_with(tmp_path, *rows, classes="a\nb\n")
    with pytest.raises(UserError, match=message):
        list_source(root)
