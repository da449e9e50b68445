"""Metadata files of Hugging Face's image folders (`.jsonl`, `.csv`, `.parquet`) as a source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data.labels import SoftLabel
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, tree, write_photo
from tests.data.test_table_kinds import labelled, write_table

NAMES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def write_metadata(root: Path, name: str, rows: Sequence[dict[str, Any]]) -> Path:
    """A metadata file with small images beside it."""
    for number, row in enumerate(rows):
        for column, value in row.items():
            if column.endswith("file_name"):
                write_photo(root / value, number, 9, 9)
    return write_table(root / name, rows)


def as_datasets_reads_it(folder: Path) -> list[tuple[str, Any]]:
    """Each image's file and its label, as `load_dataset("imagefolder")` has them."""
    code = (
        "import json, sys, os\n"
        "from datasets import load_dataset, Image\n"
        "d = load_dataset('imagefolder', data_dir=sys.argv[1], split='train')\n"
        "d = d.cast_column('image', Image(decode=False))\n"
        "print(json.dumps([(os.path.relpath(r['image']['path'], sys.argv[1]), r['label'])"
        " for r in d]))\n"
    )
    home = folder.parent / "home"
    env = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True, text=True, check=True, timeout=200, env=env,
    )  # fmt: skip
    return [(file, label) for file, label in json.loads(result.stdout.splitlines()[-1])]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_labels_are_those_that_datasets_reads(tmp_path: Path, name: str) -> None:
    """In class folders, whose names then say nothing."""
    for labels in ((3, 0, 3), ("dog", "a cat", "dog")):
        root = tmp_path / f"{labels[0]}"
        rows = [{"file_name": f"{'ab'[at % 2]}/{at}.png", "label": label}
                for at, label in enumerate(labels)]  # fmt: skip
        write_metadata(root, name, rows)
        listing = list_source(root)
        assert (listing.reader, listing.warnings) == ("metadata", ())
        ours = [(listing.sample(at).relative, listing.label(at).dominant) for at in range(3)]
        if labels[0] == "dog":
            assert listing.classes == ("a cat", "dog")
            ours = [(file, listing.classes[label]) for file, label in ours]  # type: ignore[misc]
        else:
            assert listing.classes == ("0", "1", "2", "3")
        assert sorted(ours) == sorted(as_datasets_reads_it(root))


@pytest.mark.parametrize("name", NAMES)
def test_each_kind_in_its_folder_and_as_a_file(tmp_path: Path, name: str) -> None:
    rows = [
        {"file_name": "x/1.png", "label": " dog", "split": "train", "more": 1},
        {"file_name": "2.png", "label": "cat", "split": "validation", "more": 2},
        {"file_name": "3.png", "label": "dog\t", "split": "train", "more": 3},
    ]
    file = write_metadata(tmp_path / "in", name, rows)
    for source in (file, file.parent):
        listing = list_source(source)
        assert (listing.reader, listing.classes) == ("metadata", ("cat", "dog"))
        assert labelled(source) == [("x/1.png", "dog"), ("3.png", "dog")]
        assert [(one.split, len(one)) for one in listing.others] == [("validation", 1)]
        assert listing.warnings == (f"{file}: 1 column is not read (more).",)
        assert labelled(source, split="validation") == [("2.png", "cat")]
        assert labelled(source, label_column="more", split="train") == [
            ("x/1.png", "1"),
            ("3.png", "3"),
        ]
        assert listing.path(0) == os.fsencode(tmp_path / "in/x/1.png")
    with pytest.raises(UserError, match="--suffix has no effect on SOURCE"):
        list_source(file, SourceOptions(suffix=".png"))
    write_table(file, [{**row, "split": "val"} for row in rows])
    assert list_source(file).split == "val"  # the only one


@pytest.mark.parametrize("name", NAMES)
def test_a_column_that_names_files_otherwise(tmp_path: Path, name: str) -> None:
    rows = [{"image_file_name": "1.png", "label": "a"}, {"image_file_name": "2.png", "label": "b"}]
    file = write_metadata(tmp_path, name, rows)
    assert labelled(tmp_path) == [("1.png", "a"), ("2.png", "b")]
    write_metadata(tmp_path, name, [{**row, "mask_file_name": "3.png"} for row in rows])
    with pytest.raises(
        UserError, match="several columns of files, image_file_name and mask_file_na"
    ):
        list_source(file)
    assert labelled(file, path_column="image_file_name")[1] == ("2.png", "b")


@pytest.mark.parametrize("name", NAMES)
def test_ids_have_the_names_that_are_known(tmp_path: Path, name: str) -> None:
    rows = [{"file_name": "1.png", "label": 2}, {"file_name": "2.png", "label": 0}]
    file = write_metadata(tmp_path, name, rows)
    names = ("c", "a", "b", "d")
    for options in ({}, {"classes": names}):
        listing = list_source(tmp_path, SourceOptions(**options))
        assert listing.classes == options.get("classes", ("0", "1", "2"))
        assert listing.class_of.tolist() == [2, 0]
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    assert list_source(tmp_path).classes == ("x", "y", "z")
    (tmp_path / "classes.txt").write_text("x\ny\n")
    with pytest.raises(UserError, match=r"(line [12]|row 1): class 2 is not one of 2 classes"):
        list_source(tmp_path)
    (tmp_path / "classes.txt").write_text("x\ny\nx\n")
    with pytest.raises(
        UserError, match=r"classes\.txt, line 3: class 0 and class 2 are both named x"
    ):
        list_source(tmp_path)
    (tmp_path / "classes.txt").unlink()
    write_metadata(tmp_path, name, [{**rows[0], "label": 10**6}])
    with pytest.raises(UserError, match=r"does not name all its classes; put a classes\.txt"):
        list_source(file)


def test_names_of_a_schema(tmp_path: Path) -> None:
    file = write_metadata(tmp_path, "metadata.csv", [{"file_name": "1.png", "label": 1}])
    file.unlink()
    features = {"label": {"names": ["z", "a", "m"], "_type": "ClassLabel"}}
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"file_name": ["1.png"], "label": [1]}).replace_schema_metadata(said)
    pq.write_table(table, tmp_path / "metadata.parquet")
    assert (list_source(tmp_path).classes, labelled(tmp_path)) == (
        ("z", "a", "m"),
        [("1.png", "a")],
    )
    features["label"]["names"] = ["z", "z", "m"]
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(said), tmp_path / "metadata.parquet")
    with pytest.raises(UserError, match="class 0 and class 1 are both named z; give each a name"):
        list_source(tmp_path)


def test_empty_lines_and_a_mark_at_the_beginning(tmp_path: Path) -> None:
    line = '{"file_name": "%d.png", "label": "a"}\n'
    (tmp_path / "metadata.jsonl").write_text("\ufeff" + line % 1 + "\n \n" + line % 2 + "\n")
    assert labelled(tmp_path) == [("1.png", "a"), ("2.png", "a")]
    (tmp_path / "metadata.jsonl").unlink()
    write_photo(tmp_path / "1.png", 1, 9, 9)
    (tmp_path / "metadata.csv").write_text("\ufefffile_name,label\r\n\r\n1.png,a\r\n\r\n")
    assert labelled(tmp_path) == [("1.png", "a")]


def test_one_file_of_two_that_decide_is_to_be_chosen(tmp_path: Path) -> None:
    for name in NAMES[:2]:
        write_metadata(tmp_path, name, [{"file_name": "1.png", "label": name}])
    with pytest.raises(
        UserError, match=r"has metadata\.jsonl and metadata\.csv, which all name its"
    ):
        list_source(tmp_path)
    assert labelled(tmp_path / NAMES[1]) == [("1.png", NAMES[1])]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"label": 0, "class_name": "b"}, "line 2: label 0 is a, and class_name b; fix one"),
        ({"label": "a", "class_name": "b"}, "line 2: label a is a, and class_name b; fix one"),
        (
            {"label": 0, "label_ids": [1], "label_weights": [1.0]},
            "line 2: label 0 has no weight in the weights beside it",
        ),
        ({"label": "bb"}, r"line 2: class bb is not one of 2 classes \(did you mean 'b'\?\)"),
        ({"class_name": "bb"}, r"line 2: class bb is not one of 2 classes"),
        ({"soft_label": {"a": 0.5, "c": 0.5}}, "line 2: class c is not one of 2 classes"),
        ({"label_ids": [0, 1], "label_weights": [1.0]}, "line 2: its label weights are not posit"),
        ({"soft_label": [0.5, 0.52]}, r"the sum 1 \(within 0\.01, or what rounding"
         r" explains\); fix them, or give --multi-label"),
        ({"label": [0]}, "line 2: its label is a list; write one class, or give --multi-label if"),
        ({"label": 0, "split": "val"}, "line 2: it has a split, and the first row none"),
        ({"file_name": "0.png", "label": "b"}, "line 2: it names 0.png twice, before in line 1, as"
         " a and as b; remove one"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    rows = [{"file_name": "0.png", "label": 0}, {"file_name": "1.png", **row}]
    write_table(tmp_path / "metadata.jsonl", rows)
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(UserError, match=message):
        list_source(tmp_path)


def test_labels_that_are_numbers_and_text(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "0.png", "label": 0},
        {"file_name": "1.png", "label": "b"},
    ]
    write_table(tmp_path / "metadata.jsonl", rows)
    with pytest.raises(
        UserError, match="some labels are numbers, and others text, as b; write all"
    ):
        list_source(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_weights_with_four_digits(tmp_path: Path, name: str) -> None:
    weights = [[0.3333, 0.3333, 0.3333], [0.5, 0.25, 0.25]]
    texts = [f'"{json.dumps(one)}"' if name.endswith("csv") else one for one in weights]
    rows = [{"file_name": f"{at}.png", "soft_label": text} for at, text in enumerate(texts)]
    file = write_metadata(tmp_path, name, rows)
    listing = list_source(tmp_path)
    assert listing.classes == ("0", "1", "2")
    assert listing.label(0).weights == pytest.approx([1 / 3] * 3, abs=1e-12)
    assert listing.label(1) == SoftLabel((0, 1, 2), (0.5, 0.25, 0.25))
    assert listing.warnings == (
        f"{file}: 1 row has weights whose sum is not exactly 1, but within 0.01 of it, as after"
        " rounding; they are divided by their sum.",
    )


def test_images_of_other_splits_may_lack_a_label(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file_name": "0.png", "label": 1, "split": "train"},
        {"file_name": "1.png", "label": -1, "split": "test"},
        {"file_name": "2.png", "label": None, "split": "test"},
        {"file_name": "3.png", "label": 0, "split": "test"},
    ]
    file = write_table(tmp_path / "metadata.jsonl", rows)
    listing = list_source(tmp_path)
    assert [(one.split, len(one)) for one in listing.others] == [("test", 1)]
    assert listing.others[0].label(0) == SoftLabel((0,), (1.0,))
    assert listing.warnings == ("2 images of other splits without a label are left out.",)
    with pytest.raises(UserError, match="line 2: it has no label of a known class"):
        list_source(file, SourceOptions(split="test"))


def test_a_file_leaves_its_folder_in_no_kind(tmp_path: Path) -> None:
    for name in NAMES:
        for path in ("../1.png", "/etc/1.png", "a/../../1.png"):
            file = write_table(tmp_path / name, [{"file_name": path, "label": "a"}])
            with pytest.raises(UserError, match=r"(line [12]|row 1): the file name .* leaves its"):
                list_source(file)


@pytest.mark.parametrize("name", NAMES[1:])
def test_it_is_generated_from(augcli: Augcli, photos: Path, tmp_path: Path, name: str) -> None:
    files = sorted(path.relative_to(photos).as_posix() for path in photos.glob("*/*"))
    rows = [{"file_name": file, "label": "xyz"[at % 3]} for at, file in enumerate(files)]
    write_table(photos / name, rows)
    out = tmp_path / "out"
    result = augcli("generate", photos, out, "-r", "mixup")
    assert (result.returncode, result.stderr) == (0, "")
    assert (out / "classes.txt").read_text() == "x\ny\nz\n"
    before = tree(out / "train")
    assert augcli("verify", out, "--replay").returncode == 0
    next((out / "train").glob("*/*.jpg")).unlink()
    assert augcli("verify", out, "--repair").returncode == 0
    assert tree(out / "train") == before
    result = augcli("preview", photos / name, "-r", "cutmix", "--to", tmp_path / "p.png")
    assert (result.returncode, result.stderr) == (0, "")
