"""Splits of a source: which folders are splits, which of them is read, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.data.splits import choose_split
from augcli.errors import UserError


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"-")
    return root


def read(root: Path, **options: Any) -> dict[str, list[tuple[str, str]]]:
    """(file, class) of all images of each split, the one that is augmented first."""
    listing = list_source(root, SourceOptions(**options))
    return {
        one.split: [
            (one.sample(i).relative, one.classes[one.label(i).dominant]) for i in range(len(one))
        ]
        for one in (listing, *listing.others)
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "test", "Test", "test_set"])
def test_splits_of_class_folders(tmp_path: Path, name: str) -> None:
    root = fill(tmp_path, "train/b/1.jpg", "train/a/2.jpg", f"{name}/a/3.jpg", "README.txt")
    assert read(root) == {
        "train": [("a/2.jpg", "a"), ("b/1.jpg", "b")],
        name: [("a/3.jpg", "a")],
    }
    assert list_source(root).others[0].classes == ("a", "b")
    assert list_source(root).warnings == ()


def test_a_training_split_alone(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/b/1.jpg", "train/a/2.jpg")
    assert list(read(root)) == ["train"]
    assert read(root)["train"] == read(root / "train")[""]


def test_classes_that_only_another_split_has(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/a/1.jpg", "train/c/2.jpg", "val/b/3.jpg", "val/c/4.jpg")
    listing = list_source(root)
    assert listing.classes == listing.others[0].classes == ("a", "b", "c")
    assert listing.class_of.tolist() == [0, 2]
    assert listing.others[0].class_of.tolist() == [1, 2]
    assert listing.warnings == ("1 class is not in the split train, and in another one (b).",)


def test_a_split_is_chosen(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/a/1.jpg", "val/a/2.jpg", "test/a/3.jpg")
    assert list(read(root)) == ["train", "val", "test"]
    assert read(root, split="val") == {"val": [("a/2.jpg", "a")]}
    assert list_source(root, SourceOptions(split="val")).warnings == (
        "only the split val is read; train and test beside it are not.",
    )
    with pytest.raises(UserError) as refused:
        list_source(root, SourceOptions(split="vall"))
    assert str(refused.value) == (
        f"SOURCE {root} has no split vall (did you mean 'val'?); --split is one of train, val or"
        " test."
    )
    with pytest.raises(UserError, match="--split has no effect on SOURCE"):
        list_source(root / "val", SourceOptions(split="val"))


def test_no_or_two_training_splits(tmp_path: Path) -> None:
    root = fill(tmp_path / "two", "train/a/1.jpg", "trainval/a/2.jpg")
    with pytest.raises(UserError, match=r"has the training splits train and trainval \(its"):
        list_source(root)
    assert list(read(root, split="trainval")) == ["trainval", "train"]
    root = fill(tmp_path / "none", "val/a/1.jpg", "test/a/2.jpg")
    with pytest.raises(UserError, match=r"has no training split .* say with --split which is"):
        list_source(root)


def test_a_split_without_labels_is_left_out(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/a/1.jpg", "val/a/2.jpg", "test/3.jpg")
    assert list(read(root)) == ["train", "val"]
    assert list_source(root).warnings == (
        f"only train is augmented, as test cannot be read: SOURCE {root}/test holds 1 image file"
        " but no class folders; move them to a folder a class, pipe in a list of paths, or give"
        " --unlabelled to use images without labels.",
    )


def test_splits_with_a_manifest_each(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/1.jpg", "val/2.jpg")
    (root / "classes.txt").write_text("z\na\n")
    for name, number, label in (("train", 1, "a"), ("val", 2, "z")):
        row = {"file_name": f"{number}.jpg", "class_name": label}
        (root / name / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    assert read(root) == {"train": [("1.jpg", "a")], "val": [("2.jpg", "z")]}
    assert list_source(root).classes == ("z", "a")


@pytest.mark.parametrize(
    "names",
    [
        ("train/1.jpg", "car/2.jpg", "plane/3.jpg"),
        ("train/1.jpg", "test/2.jpg", "car/3.jpg"),
        ("train/x/1.jpg", "car/2.jpg"),
    ],
)
def test_a_class_may_be_called_train(tmp_path: Path, names: tuple[str, ...]) -> None:
    listing = list_source(fill(tmp_path, *names))
    assert set(listing.classes) == {name.partition("/")[0] for name in names}
    assert listing.split == ""


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ("train/1.jpg", "val/2.jpg"),
            "holds splits (train, val) whose images lie in no folders of classes; put them into a"
            " folder for each class, or give a table with their labels, or give --unlabelled to use"
            " them without labels.",
        ),
        (
            ("train/1.jpg", "test/2.jpg", "train.csv"),
            "holds splits (train, test) whose images lie in no folders of classes; give the table,"
            " as in `ROOT/train.csv --images ROOT/train`, or give --unlabelled to use them without"
            " labels.",
        ),
        (
            tuple(f"{s}/{n}" for s in ("train", "valid") for n in ("images/1.jpg", "labels/1.txt")),
            "holds splits (train, valid) of images with boxes (folders images and labels), not"
            " classes; export it for classification, as a folder for each class.",
        ),
        (
            ("train/1.jpg", "train/_annotations.coco.json"),
            "holds a split (train) of images with boxes (_annotations.coco.json), not classes;"
            " export it for classification, as a folder for each class.",
        ),
        (
            ("train/a/1.jpg", "val/a/2.jpg", "more/3.jpg"),
            "holds splits (train, val) beside the folder more with images; give ROOT/train, or move"
            " one of them away.",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    root = fill(tmp_path, *names)
    with pytest.raises(UserError) as refused:
        list_source(root)
    assert str(refused.value) == f"SOURCE {root} {sentence}".replace("ROOT", str(root))


def test_folders_without_images_beside_splits(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/a/1.jpg", "val/a/2.jpg", "devkit/meta.txt")
    assert list(read(root)) == ["train", "val"]


def test_limit_is_of_the_training_split(tmp_path: Path) -> None:
    root = fill(
        tmp_path, *(f"{s}/{c}/{n}.jpg" for s in ("train", "val") for c in "ab" for n in "12")
    )
    parts = read(root, limit=2, classes_include=("b",))
    assert {name: len(part) for name, part in parts.items()} == {"train": 2, "val": 2}
    assert read(root, limit=1)["train"] == [("a/1.jpg", "a")]


def test_the_fingerprint_is_of_all_splits(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/a/1.jpg", "val/a/2.jpg")
    before = list_source(root).fingerprint()
    fill(tmp_path, "val/a/3.jpg")
    assert list_source(root).fingerprint() != before


@pytest.mark.parametrize(
    ("splits", "wanted", "chosen"),
    [
        (("val", "Training_Set"), None, "Training_Set"),
        (("", "test"), None, ""),
        (("", "train"), None, "train"),
        (("holdout",), None, "holdout"),
        (("Val", "train"), "val", "Val"),
        (("Val", "val", "train"), "val", "val"),
        (("train", "training"), None, "has the training splits train and training here (its"),
        (("train", "Test", "test"), "TEST", "has no split TEST here (did you mean 'Test'?); --s"),
        (("", "test"), "", "has no split  here; --split is one of test."),
    ],
)
def test_one_rule_chooses_a_split(splits: tuple[str, ...], wanted: str, chosen: str) -> None:
    if chosen.startswith("has "):
        with pytest.raises(UserError, match=re.escape(f"SOURCE s {chosen}")):
            choose_split(splits, wanted, "s", " here")
    else:
        assert choose_split(splits, wanted, "s", " here") == chosen


_SUPPOSED = "count as classes; if they are splits, give ROOT/"
_CLASS = "counts as a class, beside car"


@pytest.mark.parametrize(
    ("names", "splits", "classes", "warning"),
    [
        (("train/train/1", "train/val/2", "val/train/3"), "train val", "train val",
         f"the folders train, val of SOURCE {_SUPPOSED}train/train."),
        (("train/cat/1", "val/train/cat/2", "val/val/cat/3"), "train val", "cat train val",
         f"the folders train, val of SOURCE {_SUPPOSED}val/train."),
        (("train/train/cat/1", "val/cat/2"), "train val", "cat train",
         "the folder train of SOURCE counts as a class; if it is a split, give ROOT/train/train."),
        (("train/cat/1", "train/2", "val/cat/3"), "train val", "cat",
         "1 image of SOURCE left out: 1 beside the class folders (2.jpg)."),
        (("train/cat/1", "val/cat/2", "3"), "train val", "cat",
         "1 image of SOURCE left out, beside the folders of splits (3.jpg)."),
        (("train/cat/1", "val/cat/2", "test/3"), "train val", "cat",
         "only train is augmented, as test cannot be read: "),
        (("train/1", "car/2"), "", "car train", f"the folder train of SOURCE {_CLASS};"),
        (("train/x/1", "train/y/2", "car/2"), "", "car train",
         f"the folder train of SOURCE {_CLASS};"),
        (("train/1", "test/2", "car/3"), "", "car test train",
         "the folders test and train of SOURCE count as classes, beside car;"),
        (("cat/train/1", "cat/val/2", "dog/train/3"), "", "cat dog",
         "the folders train and val in the class folders of SOURCE are read as one; if they are"),
        (("train2017/cat/1", "val2017/cat/2"), "", "train2017 val2017",
         f"the folders train2017, val2017 of SOURCE {_SUPPOSED}train2017."),
        (("data/train/cat/1", "data/val/cat/2"), "", "data",
         "SOURCE has one class, data, whose images lie in the folders train, val of it; if these"),
        (("Train/cat/1", "TEST/cat/2"), "Train TEST", "cat", ""),
        (("train/cat/1", "val/cat/2", "valid/cat/3"), "train val valid", "cat", ""),
        (("train/test/1", "val/test/2", "train/car/3"), "train val", "car test",
         f"the folder test of SOURCE {_CLASS};"),
    ],
)  # fmt: skip
def test_what_folders_in_one_another_are(
    tmp_path: Path, names: tuple[str, ...], splits: str, classes: str, warning: str
) -> None:
    root = fill(tmp_path, *(f"{name}.jpg" for name in names))
    listing = list_source(root)
    split = [listing.split, *(one.split for one in listing.others)]
    assert (" ".join(split), " ".join(listing.classes)) == (splits, classes)
    if not warning:
        assert listing.warnings == ()
        return
    assert listing.warnings[0].replace(str(root), "ROOT").startswith(warning)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("train/train/cat/1", "train/train/dog/2"), "/train holds a split (train), not classes"),
        (("train2017/cat/1", "train2017/dog/2", "val2017/cat/3"),
         "holds splits (train2017, val2017), not classes; give ROOT/train2017."),
        (("train/cat/1", "training/cat/2"), "has the training splits train and training (its"),
        (("train/1", "val/cat/2"), "/train holds 1 image file but no class folders"),
    ],
)  # fmt: skip
def test_what_folders_in_one_another_cannot_be(
    tmp_path: Path, names: tuple[str, ...], sentence: str
) -> None:
    root = fill(tmp_path, *(f"{name}.jpg" for name in names))
    with pytest.raises(UserError) as refused:
        list_source(root)
    assert sentence in str(refused.value).replace(f"give {root}", "give ROOT")
