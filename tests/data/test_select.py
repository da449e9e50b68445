"""Parts of a source: some classes, a limited number of images, ids by a list of classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from augcli.data.select import take
from augcli.data.source import list_source
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from tests.conftest import Augcli, write_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    source = tmp_path / "photos"
    for name in ("ant", "bee", "cat"):
        for number in range(4):
            write_photo(source / name / f"{number}.jpg", number, 24, 20)
    return source


def paths(source: Path, **options: object) -> list[str]:
    listing = list_source(source, SourceOptions.model_validate(options))
    return [listing.sample(index).relative for index in range(len(listing))]


def test_limit_is_spread_over_the_classes(photos: Path) -> None:
    assert paths(photos, limit=3) == ["ant/0.jpg", "bee/0.jpg", "cat/0.jpg"]
    assert paths(photos, limit=4) == ["ant/0.jpg", "ant/3.jpg", "bee/2.jpg", "cat/1.jpg"]
    assert len(paths(photos, limit=12)) == len(paths(photos, limit=100)) == 12


def test_classes_are_chosen_by_patterns(photos: Path) -> None:
    listing = list_source(photos, SourceOptions(classes_include=("*a*",), classes_exclude=("c*",)))
    assert listing.classes == ("ant",)
    assert listing.class_of.tolist() == [0] * 4
    listing = list_source(photos, SourceOptions(classes_exclude=("bee",)))
    assert (listing.classes, listing.class_of.tolist()) == (("ant", "cat"), [0] * 4 + [1] * 4)
    with pytest.raises(UserError, match=r"--classes-include be fits no class of .*'bee'"):
        list_source(photos, SourceOptions(classes_include=("be",)))
    with pytest.raises(UserError, match="--classes-exclude leave no image"):
        list_source(photos, SourceOptions(classes_exclude=("*",)))


def test_ids_follow_a_list_of_classes(photos: Path) -> None:
    listing = list_source(photos, SourceOptions(classes=("dog", "cat", "bee", "ant"), limit=3))
    assert listing.classes == ("dog", "cat", "bee", "ant")
    assert listing.class_of.tolist() == [3, 2, 1]
    with pytest.raises(UserError, match=r"has 1 class that --classes does not name \(cat\)"):
        list_source(photos, SourceOptions(classes=("ant", "bee", "cot")))


def test_a_part_has_the_labels_of_its_images(tmp_path: Path) -> None:
    rows = [
        {"file_name": f"{number}.jpg", "label_ids": [0, 1][: 1 + number % 2],
         "label_weights": [[1.0], [0.25, 0.75]][number % 2]}
        for number in range(5)
    ]  # fmt: skip
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "classes.txt").write_text("a\nb\n")
    listing = list_source(tmp_path)
    part = take(listing, np.array([1, 2, 4]))
    assert [part.sample(i).relative for i in range(3)] == ["1.jpg", "2.jpg", "4.jpg"]
    assert [part.label(i) for i in range(3)] == [listing.label(i) for i in (1, 2, 4)]


def test_an_option_that_the_reader_does_not_take_is_refused(photos: Path) -> None:
    with pytest.raises(UserError, match="--weights-column has no effect on SOURCE"):
        list_source(photos, SourceOptions(weights_column="w"))


def test_a_part_is_replayed_as_it_was_made(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    classes = tmp_path / "names.txt"
    classes.write_text("zebra\ncat\nbee\nant\n")
    out = tmp_path / "out"
    options = ("--limit", "5", "--classes-exclude", "b*", "--classes", classes)
    assert augcli("generate", photos, out, "-r", "cutmix", *options).returncode == 0
    record = json.loads((out / "run.json").read_text())
    assert record["source_options"] == {
        "classes": ["zebra", "cat", "bee", "ant"], "classes_exclude": ["b*"], "limit": 5
    }  # fmt: skip
    classes.unlink()
    assert augcli("verify", out, "--replay").returncode == 0
    assert (out / "classes.txt").read_text().split() == ["zebra", "cat", "bee", "ant"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\nb\na\n", "line 3: a stands in line 1 already; name each class once."),
        ("a\n\nb\n", "line 2: it is empty; name a class there."),
        ("", "has 0 lines; name a class in each."),
    ],
)
def test_a_list_of_classes_names_each_once(
    augcli: Augcli, photos: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "classes"
    file.write_text(text)
    result = augcli("generate", photos, tmp_path / "out", "-r", "flip", "--classes", file)
    assert result.returncode == 2
    assert sentence in " ".join(result.stderr.split())
