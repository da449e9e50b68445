"""`augcli generate --other-splits`: what the command says, and which sources it is for."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Augcli, write_photo


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number, name in enumerate(("train/a/1", "train/b/2", "train/a/3", "val/a/4", "val/b/5")):
        write_photo(tmp_path / "S" / f"{name}.jpg", number, 20, 16)
    return tmp_path / "S"


def folders(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.is_dir())


def test_what_the_command_says(augcli: Augcli, source: Path) -> None:
    command = ("generate", "S", "O", "-r", "flip")
    folder = source.parent
    result = augcli(*command, "--dry-run", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("from 3 images of 2 classes; beside it 2 of val.\n")
    result = augcli(*command, "--json", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["splits"] == {"val": 2}
    assert json.loads(result.stdout)["outputs"] == 3
    result = augcli(*command, "--resume", cwd=folder)
    assert result.stdout == (
        "Already complete: 3 images of 2 classes in O/train; beside it 2 of val.\n"
    )
    result = augcli(*command, "--resume", "--other-splits", "none", cwd=folder)
    assert result.returncode == 2
    assert "O was begun with --other-splits link (now none); resume" in result.stderr
    assert augcli("verify", "O", "--replay", cwd=folder).stdout == (
        "5 rows and their files agree, 5 made again.\n"
    )
    result = augcli(*command, "--overwrite", "--other-splits", "none", cwd=folder)
    assert (result.returncode, result.stderr, folders(folder / "O")) == (
        0, "", [".augcli", "train"]
    )  # fmt: skip


def test_a_skipped_image_counts(augcli: Augcli, source: Path) -> None:
    (source / "val" / "a" / "bad.jpg").write_bytes(b"no image")
    result = augcli("generate", "S", "O", "-r", "flip", cwd=source.parent)
    assert result.returncode == 1
    assert "exit 1: 1 input skipped, --max-errors is 0" in result.stderr
    result = augcli("generate", "S", "P", "-r", "flip", "--max-errors", "1", cwd=source.parent)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_class_that_a_split_lacks(augcli: Augcli, source: Path) -> None:
    (source / "val" / "a" / "4.jpg").unlink()
    (source / "val" / "a").rmdir()
    result = augcli("generate", "S", "O", "-r", "flip", cwd=source.parent)
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: O/val has no folder for class a, as no image there shows most of it:"
        " ImageFolder counts on without it and gives other ids than the manifest; use the ids of"
        " metadata.jsonl and classes.txt.\n",
    )
    (row,) = map(json.loads, (source.parent / "O/val/metadata.jsonl").read_text().splitlines())
    assert (row["label"], row["class_name"]) == (1, "b")


def test_classes_that_several_splits_lack(augcli: Augcli, source: Path) -> None:
    """It is said once, with all of them; a class behind which none has a folder changes no id."""
    for number, name in enumerate("cdefz"):
        write_photo(source / "train" / name / "1.jpg", number, 20, 16)
    write_photo(source / "val" / "f" / "1.jpg", 1, 20, 16)
    write_photo(source / "test" / "b" / "1.jpg", 1, 20, 16)
    shutil.rmtree(source / "val" / "a")
    shutil.rmtree(source / "val" / "b")
    result = augcli("generate", "S", "O", "-r", "flip", cwd=source.parent)
    assert (result.returncode, result.stderr) == (
        0,
        "augcli: warning: O/val has no folder for classes a, b, c and 3 more and O/test none for"
        " classes a, c, d and 3 more, as no image there shows most of them: ImageFolder counts on"
        " without them and gives other ids than the manifest; use the ids of metadata.jsonl and"
        " classes.txt.\n",
    )
    assert "warning" not in augcli("generate", "S", "P", "-r", "flip", "--classes-include", "[ab]",
                                   "--other-splits", "none", cwd=source.parent).stderr  # fmt: skip


def test_a_split_that_is_chosen_goes_alone(augcli: Augcli, source: Path) -> None:
    result = augcli("generate", "S", "O", "-r", "flip", "--split", "val", cwd=source.parent)
    assert result.returncode == 0
    assert folders(source.parent / "O") == [".augcli", "train"]


def test_another_training_split_does_not_go_along(augcli: Augcli, source: Path) -> None:
    write_photo(source / "trainval" / "a" / "9.jpg", 9, 20, 16)
    command = ("generate", "S", "O", "-r", "flip", "--split", "train")
    lines = augcli(*command, "--dry-run", cwd=source.parent).stdout.splitlines()
    assert lines[1:4] == [
        "Split train: 3 images, to be augmented.",
        "Split trainval: 1 image, left out, as a training split beside the other.",
        "Split val: 2 images, to be put into OUT unchanged.",
    ]
    none = augcli(*command, "--dry-run", "--other-splits", "none", cwd=source.parent).stdout
    assert none.splitlines()[3] == "Split val: 2 images, left out (--other-splits none)."
    result = augcli(*command, cwd=source.parent)
    assert (result.returncode, folders(source.parent / "O")) == (0, [".augcli", "train", "val"])
    assert result.stderr == (
        "augcli: warning: trainval of SOURCE is another training split beside train, and not put"
        " into OUT; choose with --split.\n"
    )


def test_images_inside_parquet_are_copied(augcli: Augcli, tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images = []
    for number in range(6):
        data = io.BytesIO()
        Image.fromarray(np.full((9, 9, 3), 40 * number, np.uint8)).save(data, "PNG")
        images.append(data.getvalue())
    (tmp_path / "S" / "data").mkdir(parents=True)
    for split, part in (("train", images[:4]), ("test", images[4:])):
        table = {"image": [{"bytes": one, "path": None} for one in part],
                 "label": list(range(len(part)))}  # fmt: skip
        parquet.write_table(
            pyarrow.table(table), tmp_path / "S" / "data" / f"{split}-00000-of-00001.parquet"
        )
    result = augcli("generate", "S", "O", "-r", "flip", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    there = sorted(path.suffix for path in (tmp_path / "O/test").glob("*/*"))
    assert there == [".png", ".png"]
    assert sorted(path.read_bytes() for path in (tmp_path / "O/test").glob("*/*")) == sorted(
        images[4:]
    )
    assert augcli("verify", "O", "--replay", cwd=tmp_path).returncode == 0


def test_a_file_of_others_in_another_split(augcli: Augcli, source: Path) -> None:
    folder = source.parent
    assert augcli("generate", "S", "O", "-r", "flip", cwd=folder).returncode == 0
    (folder / "O/val/a/mine.jpg").write_bytes(b"mine")
    lines = augcli("verify", "O", cwd=folder).stdout.splitlines()
    assert lines[0].startswith("val/a/mine.jpg: no row names this file")
    assert "move them out of O; --repair leaves them where they are." in lines[-1]
    (folder / "O/val/metadata.jsonl").unlink()  # which would name the other files
    result = augcli("verify", "O", cwd=folder)
    assert (result.returncode, "move them" in result.stdout) == (1, False)
    assert "`augcli verify O --repair` makes again" in result.stdout.splitlines()[-1]
