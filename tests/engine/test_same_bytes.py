"""What only names or decorates changes no byte: where things lie, what files are called, and the
environment."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLE_DATA, Augcli, tree, write_photo

RECIPE_FILE = """
[[steps]]
recipe = "randaugment"
[[steps]]
recipe = "cutmix"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Names that locales sort in different ways, and one that is not ASCII."""
    folder = tmp_path / "here/photos"
    for number, name in enumerate(("Zebra/b", "Zebra/A", "apple/ä", "apple/z", "éclair/i", "_x/I")):
        write_photo(folder / f"{name}.jpg", number, 40, 32)
    return folder


def files_of(
    augcli: Augcli, source: object, out: Path, *options: object, **more: Any
) -> dict[str, str]:
    """Every file of OUT/train and its digest."""
    recipe = () if "--recipe-file" in options else ("--recipe", "cutmix")
    result = augcli("generate", source, out, *recipe, *options, "--workers", 1, "--quiet", **more)
    assert result.returncode == 0, result.stderr
    return tree(out / "train")


def test_where_the_source_lies(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    expected = files_of(augcli, source, tmp_path / "out")
    moved = tmp_path / "there/pictures of mine"
    moved.parent.mkdir()
    shutil.copytree(source, moved)
    (tmp_path / "link").symlink_to(source)
    calls: list[tuple[object, Path]] = [
        (moved, tmp_path),
        (f"{source}/", tmp_path),
        (f"{source}/../photos/.", tmp_path),
        (tmp_path / "link", tmp_path),
        ("photos", source.parent),
        (".", source),
    ]
    for number, (path, cwd) in enumerate(calls):
        assert files_of(augcli, path, tmp_path / f"out{number}", cwd=cwd) == expected, path


def test_where_a_list_a_table_or_an_archive_lies(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "there"
    names = sorted(path.relative_to(source) for path in source.rglob("*.jpg"))
    lines = "".join(f"{name},{name.parent}\n" for name in names)
    (source / "table.csv").write_text(f"path,label\n{lines}", encoding="utf-8")
    shutil.copytree(source, moved)
    (moved / "table.csv").rename(moved / "other name.csv")
    first = files_of(augcli, source / "table.csv", tmp_path / "first")
    assert files_of(augcli, "other name.csv", tmp_path / "second", cwd=moved) == first

    archive = shutil.make_archive(str(tmp_path / "a"), "tar", source.parent, source.name)
    first = files_of(augcli, archive, tmp_path / "third")
    os.rename(archive, moved / "b.tar")  # noqa: PTH104
    assert files_of(augcli, "b.tar", tmp_path / "fourth", cwd=moved) == first

    listed = "".join(f"{name}\n" for name in names).encode()
    first = files_of(augcli, "-", tmp_path / "fifth", cwd=source, stdin=listed)
    dotted = "".join(f"./{name}\0" for name in names).encode()
    assert files_of(augcli, "-", tmp_path / "sixth", cwd=moved, stdin=dotted) == first


def test_an_output_is_the_same_source_by_either_of_its_folders(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    files_of(augcli, source, tmp_path / "out")
    first = files_of(augcli, tmp_path / "out", tmp_path / "first")
    assert files_of(augcli, tmp_path / "out/train", tmp_path / "second") == first


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "sv_SE.UTF-8", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "TMPDIR": ".", "HOME": "."},
    ],
    ids=["C", "locale", "others"],
)
def test_the_environment(
    augcli: Augcli, source: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    expected = files_of(augcli, source, tmp_path / "out")
    assert files_of(augcli, source, tmp_path / "again", env=environment) == expected


def test_what_a_recipe_file_is_called(augcli: Augcli, source: Path, tmp_path: Path) -> None:
    """Of the manifest, the column `recipe` alone differs."""
    rows, images = [], []
    for name in ("a", "b b"):
        file = tmp_path / f"{name}.toml"
        file.write_text(f"# {name}\n{RECIPE_FILE}")
        files = files_of(augcli, source, tmp_path / f"out {name}", "--recipe-file", file)
        files.pop("metadata.jsonl")
        images.append(files)
        text = (tmp_path / f"out {name}/train/metadata.jsonl").read_text()
        rows.append([json.loads(line) for line in text.splitlines()])
    assert images[0] == images[1] and images[0]
    assert [[row.pop("recipe") for row in of_file] for of_file in rows] == [["a"] * 6, ["b b"] * 6]
    assert rows[0] == rows[1]


def test_a_recipe_file_of_one_recipe_makes_what_the_recipe_makes(
    augcli: Augcli, source: Path, tmp_path: Path
) -> None:
    file = tmp_path / "any name.toml"
    file.write_text('name = "cutmix"\n[[steps]]\nrecipe = "cutmix"\n')
    expected = files_of(augcli, source, tmp_path / "out")
    assert files_of(augcli, source, tmp_path / "again", "--recipe-file", file) == expected


def test_what_a_model_its_classes_and_its_cache_are_called(augcli: Augcli, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    for number, name in enumerate(("cat", "coffee", "flower", "rocket", "temple")):
        write_photo(source / name / "a.jpg", number, 40, 32)
    other = tmp_path / "there/other.onnx"
    other.parent.mkdir()
    shutil.copy(SAMPLE_DATA / "classifier.onnx", other)
    shutil.copy(SAMPLE_DATA / "classifier.toml", other.with_suffix(".toml"))
    lists = [tmp_path / "classes.txt", tmp_path / "there/names"]
    for file in lists:
        file.write_text("cat\ncoffee\nflower\nrocket\ntemple\n")
    saliency = ("--recipe-file", tmp_path / "a.toml")
    saliency[1].write_text('[[steps]]\nrecipe = "saliencymix"\ndetector = "gradient"\n')
    first = (SAMPLE_DATA / "classifier.onnx", lists[0])
    calls = [
        (*first, tmp_path / "cache"),
        (*first, tmp_path / "cache"),  # what the first one left is read
        (*first, "none"),
        (other, lists[1], tmp_path / "there/cache"),
    ]
    trees = []
    for number, (model, class_list, cache) in enumerate(calls):
        options = ("--model", model, "--class-list", class_list, "--saliency-cache", cache)
        trees.append(files_of(augcli, source, tmp_path / f"out{number}", *saliency, *options))
    assert all(files == trees[0] for files in trees) and len(trees[0]) == 6
