"""Folders that count as classes and are perhaps others: groups of classes, or without an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.data.source import list_source
from tests.conftest import Augcli
from tests.data.test_listing import fill
from tests.helpers.archives import write_tar

ANIMALS = ("pets/cat/1", "pets/dog/2", "wild/wolf/3", "wild/fox/4")
OF_ANIMALS = (
    "the 2 folders pets and wild of SOURCE count as classes, and the images lie in folders of them:"
    " cat, dog, fox and 1 more; if these are the classes, give ROOT/pets alone, or all by"
    " `find ROOT -iname '*.jp*g' -print0 | augcli generate - OUT --labels-from parent`."
)


def warned(root: Path, *names: str) -> list[str]:
    fill(root, *(f"{name}.jpg" for name in names))
    return [warning.replace(str(root), "ROOT") for warning in list_source(root).warnings]


def test_groups_of_classes_are_asked_about(tmp_path: Path) -> None:
    assert warned(tmp_path, *ANIMALS) == [OF_ANIMALS]


def test_one_group_with_several_classes_is_enough(tmp_path: Path) -> None:
    (actual,) = warned(tmp_path, "pets/cat/1", "pets/dog/2", "wild/wolf/3")
    assert "pets and wild of SOURCE count as classes" in actual


def test_deeper_folders_are_listed_by_the_grandparent(tmp_path: Path) -> None:
    (actual,) = warned(tmp_path, "pets/cat/may/1", "pets/dog/may/2", "wild/wolf/may/3")
    assert "--labels-from grandparent`." in actual
    (actual,) = warned(tmp_path / "more", "p/cat/x/y/1", "p/dog/x/y/2", "w/wolf/x/y/3")
    assert actual.endswith("if these are the classes, give ROOT/p.")


def test_a_few_images_beside_the_inner_folders_do_not_matter(tmp_path: Path) -> None:
    inner = [f"pets/{name}/{n}" for name in ("cat", "dog") for n in range(10)]
    (actual,) = warned(tmp_path, *inner, "wild/wolf/3", "pets/cover")
    assert "count as classes" in actual


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1", "dog/2"),
        ("cat/images/1", "dog/images/2"),
        ("cat/session1/1", "cat/session2/2", "dog/session1/3"),
        ("cat/2020-01/1", "cat/2020-02/2", "dog/2021-01/3"),
        ("cat/1", "cat/indoors/2", "cat/outdoors/3", "dog/4"),
    ],
)
def test_folders_that_divide_a_class_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert warned(tmp_path, *names) == []


def test_folders_in_one_another(tmp_path: Path) -> None:
    assert warned(tmp_path, "data/photos/cat/1", "data/photos/dog/2") == [
        "SOURCE has one class, data, whose images lie in the folders cat and dog further down; if"
        " these are the classes, give ROOT/data/photos."
    ]


def test_the_command_that_a_warning_names_takes_the_inner_folders(
    augcli: Augcli, tmp_path: Path, photos: Path
) -> None:
    root = tmp_path / "it's {all}"
    (root / "insects").mkdir(parents=True)
    (root / "mammals").mkdir()
    for name, group in (("ant", "insects"), ("bee", "insects"), ("cow", "mammals")):
        (photos / name).rename(root / group / name)
    result = augcli("generate", root, tmp_path / "out", "-r", "flip", "--dry-run")
    assert result.returncode == 0
    assert "from 15 images of 2 classes" in result.stdout
    line = result.stderr.split("all by `")[1].split(" -print0")[0]
    assert line == f"find '{tmp_path}/it'\"'\"'s {{all}}' '(' -iname '*.jp*g' -o -iname '*.png' ')'"
    names = [*root.rglob("*.jpg"), *root.rglob("*.png")]
    listed = "\n".join(map(str, names)).encode()
    result = augcli("generate", "-", tmp_path / "out", "-r", "flip", "--dry-run",
                  "--labels-from", "parent", stdin=listed)  # fmt: skip
    assert "from 15 images of 3 classes" in result.stdout


@pytest.mark.parametrize("prefix", ["", "animals/"])
def test_groups_in_an_archive(tmp_path: Path, prefix: str) -> None:
    source = write_tar(tmp_path / "a.tar", {f"{prefix}{name}.jpg": b"-" for name in ANIMALS})
    (actual,) = list_source(source).warnings
    assert actual.endswith("if these are the classes, give an archive of pets alone.")
