"""An earlier output, or a manifest with weights, is a source."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from augcli.data.labels import SoftLabel, mix
from augcli.data.source import list_source
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo


def test_weights_mix_linearly_through_a_second_run(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert augcli("generate", photos, first, "-r", "mixup", "--set", "alpha=1").returncode == 0
    result = augcli("generate", first, second, "-r", "cutmix", "-k", 2)
    assert result.returncode == 0, result.stderr
    before = {
        row["file_name"]: SoftLabel(tuple(row["label_ids"]), tuple(row["label_weights"]))
        for row in map(json.loads, (first / "train/metadata.jsonl").open())
    }
    assert any(len(label.ids) == 2 for label in before.values())
    rows = [json.loads(line) for line in (second / "train/metadata.jsonl").open()]
    assert len(rows) == 30
    for row in rows:
        # A partner of which no pixel was taken is not among them.
        labels = [before[path] for path in row["source_paths"]]
        expected = mix(labels, [row["lam"], 1 - row["lam"]][: len(labels)])
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
    with pytest.raises(UserError, match="is no name of a class; fix it"):
        list_source(root)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no rows"),
        ([GOOD, "{"], r"line 2: it is no JSON; fix or remove it"),
        ([GOOD, "\x00"], r"line 2: it is no JSON; fix or remove it"),
        ([{"label": 0}], "line 1: file_name is missing; fix or remove it"),
        ([{"file_name": "../up.png", "label": 0}], "line 1: the file name '../up.png' leaves"),
        ([{"file_name": "/etc/x.png", "label": 0}], "line 1: the file name '/etc/x.png' leaves"),
        ([GOOD, GOOD], "line 2: it names 2.png twice, before in line 1;"),
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
        (['{"file_name": "2.png", "label_ids": [0], "label_weights": [NaN]}'], "line 1: its label"),
        ([GOOD, '{"file_name": "2.png", "soft_label": [Infinity]}'], "line 2: its label weights"),
        ([GOOD, {"file_name": "x", "soft_label": [1e308, 1e308]}], "line 2: its label weights"),
        ([GOOD, {"file_name": "x", "soft_label": [1.5, -0.5]}], "line 2: its label weights"),
        ([GOOD, {"file_name": "x", "soft_label": [True]}], "line 2: soft_label is no"),
        ([GOOD, {"file_name": "x", "soft_label": [1e-7] * 10**6}], "line 2: its label weights"),
        ([GOOD, {"file_name": "x", "soft_label": [1e-6] * 10**6}], "line 2: class 2 is not one of"),
        ([{"file_name": "2.png", "label": True}], "label is not a whole number, or text, or"),
        ([{"file_name": "x", "label_ids": [True], "label_weights": [1]}], r"label_ids is"),
        ([{"file_name": "2.png", "label": "1"}], "line 1: class 1 is not one of 2 classes; fix"),
        ([{"file_name": "2.png", "label": 10**18}], "class 1000000000000000000 is not one"),
        ([{"file_name": "2.png", "label": -1}], "line 1: it has no label of a known class"),
        ([f'{{"file_name": "2.png", "label": {"9" * 5000}}}'], "line 1: "),
        ([f'{{"file_name": "2.png", "label": {"[" * 5000}}}'], "line 1: "),
        (['{"file_name": "2.png", "label": 0, "label": 1}'], "line 1: the key 'label' stands"),
        (['{"file_name": "2.png", "label": 0, "l\\u0061bel": 1}'], "the key 'label' stands in it"),
        (['{"file_name": "\\ud800.png", "label": 0}'], "line 1: "),
        ([GOOD, {"file_name": "../" + "\n" * 9999, "label": 0}], "line 2: the file name .* leaves"),
    ],
)  # fmt: skip
def test_refusals_name_the_line(tmp_path: Path, rows: list[object], message: str) -> None:
    root = folder_with(tmp_path, *rows, classes="a\nb\n")
    with pytest.raises(UserError, match=message) as refused:
        list_source(root)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"label": 10**18}], "does not name all its classes; put a classes.txt"),
        ([{"label": 10**18, "class_name": "a"}], "does not name all its classes"),
        ([{"label": 0, "class_name": "a"}, {"label": 1}], "does not name all its classes"),
        (
            [{"label": 0, "class_name": "a"}, {"label": 0, "class_name": "b"}],
            "line 2: label 0 is named b, and before a",
        ),
        (
            [{"label": 0, "class_name": "a"}, {"label": 1, "class_name": "a"}],
            "class 0 and class 1 are both named a",
        ),
    ],
)
def test_names_of_classes_are_not_guessed(
    tmp_path: Path, rows: list[dict[str, object]], message: str
) -> None:
    named = [{"file_name": f"{number}.png", **row} for number, row in enumerate(rows)]
    with pytest.raises(UserError, match=message):
        list_source(folder_with(tmp_path, *named))


def test_a_name_that_some_rows_leave_out_is_that_of_the_others(tmp_path: Path) -> None:
    root = folder_with(
        tmp_path,
        {"file_name": "1.png", "label": 0, "class_name": "dog"},
        {"file_name": "2.png", "label": 1, "class_name": "cat"},
        {"file_name": "3.png", "label": 0},
    )
    listing = list_source(root)
    assert listing.classes == ("dog", "cat")
    assert listing.class_of.tolist() == [0, 1, 0]


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    root = folder_with(tmp_path, GOOD, classes="a\n")
    with (root / "metadata.jsonl").open("ab") as file:
        file.truncate(1 << 33)  # zeros, which take no room on the disk
    with pytest.raises(UserError, match=r"metadata\.jsonl, line 2 is longer than 16 MiB\."):
        list_source(root)


def test_a_list_of_classes_has_a_limit_and_may_begin_with_a_mark(tmp_path: Path) -> None:
    root = folder_with(tmp_path, GOOD, classes="\ufeffa\nb\n")
    assert list_source(root).classes == ("a", "b")
    (root / "classes.txt").write_text("a\na\n")
    with pytest.raises(UserError, match="class 0 and class 1 are both named a; give each"):
        list_source(root)
    (root / "classes.txt").write_bytes("a\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"classes\.txt cannot be read: it is in UTF-16"):
        list_source(root)
    os.truncate(root / "classes.txt", 1 << 33)
    with pytest.raises(UserError, match=r"classes\.txt is larger than 64 MiB"):
        list_source(root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
@pytest.mark.parametrize("name", ["metadata.jsonl", "classes.txt"])
def test_a_pipe_a_device_or_a_folder_in_their_place(tmp_path: Path, name: str) -> None:
    root = folder_with(tmp_path, GOOD, classes="a\n")
    file = root / name
    ways: list[tuple[Callable[[], None], str]] = [
        (lambda: os.mkfifo(file), "is not a regular file"),
        (lambda: file.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda: file.symlink_to("nothing"), "cannot be read: .*No such file"),
        (lambda: file.mkdir(), "is a folder, not a file"),
    ]
    for make, message in ways:
        file.unlink()
        make()
        if name == "metadata.jsonl" and file.is_dir():  # a class may be called so
            (file / "1.jpg").write_bytes(b"")
            assert list_source(root).classes == ("metadata.jsonl", "x")
            continue
        with pytest.raises(UserError, match=rf"{name} {message}"):
            list_source(root)
