"""`generate --dry-run`: what `inspect` shows, what would be made, and what a run would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augcli.store.lock import holding
from tests.conftest import Augcli, tree


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """The working folder: S is a source."""
    (tmp_path / "w").mkdir()
    photos.rename(tmp_path / "w/S")
    return tmp_path / "w"


def test_it_shows_what_inspect_shows_and_what_would_be_made(augcli: Augcli, folder: Path) -> None:
    (folder / "S/labels.csv").write_text("id,label\n")
    reading = ("--limit", 9, "--classes-exclude", "cow", "--group-by", r" (\d)\.")
    options = ("-r", "cutmix", "-k", 3, "--include-originals", "copy")
    before = tree(folder)
    shown = augcli("inspect", "S", *reading, cwd=folder)
    plan = augcli("generate", "S", "O", *options, *reading, "--dry-run", cwd=folder)
    assert (plan.returncode, plan.stderr) == (0, shown.stderr)
    assert "labels.csv" in plan.stderr
    assert "By --group-by there are 5 groups of 1 to 2 images" in plan.stdout
    assert plan.stdout == (
        f"{shown.stdout}\nWould make 27 images in O/train with cutmix, from 9 images of 2 classes,"
        " and put 9 originals beside.\n"
    )

    inspected = json.loads(augcli("inspect", "S", *reading, "--json", cwd=folder).stdout)
    plan = augcli("generate", "S", "O", *options, *reading, "--dry-run", "--json", cwd=folder)
    values = json.loads(plan.stdout)
    assert values.pop("inspection") == inspected
    assert values == {
        "out": "O", "recipe": "cutmix", "images": 9, "classes": 2, "outputs": 27, "originals": 9,
    }  # fmt: skip
    assert len(inspected["warnings"]) == 1
    assert tree(folder) == before


def test_a_list_on_standard_input_is_shown_too(augcli: Augcli, folder: Path) -> None:
    paths = b"".join(f"S/ant/ant {n}.jpg\n".encode() for n in range(3))
    plan = augcli("generate", "-", "O", "-r", "flip", "--dry-run", cwd=folder, stdin=paths)
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.startswith("paths from stdin: ")
    assert "     0  ant          3\n" in plan.stdout


def test_an_image_that_no_header_tells_of_is_named(augcli: Augcli, folder: Path) -> None:
    (folder / "S/ant/broken.jpg").write_bytes(b"none")
    plan = augcli("generate", "S", "O", "-r", "flip", "--dry-run", cwd=folder)
    assert plan.returncode == 0
    assert "1 image of 16 cannot be read: ant/broken.jpg" in plan.stdout


def both(augcli: Augcli, folder: Path, *arguments: object) -> str:
    """What a run says on stderr, which a dry run refuses in the same words."""
    before = tree(folder)
    dry = augcli("generate", *arguments, "--dry-run", cwd=folder)
    assert tree(folder) == before
    real = augcli("generate", *arguments, cwd=folder)
    assert (dry.returncode, dry.stderr) == (real.returncode, real.stderr) == (2, real.stderr)
    assert dry.stdout == ""
    return " ".join(dry.stderr.split())


def test_it_refuses_what_a_run_refuses(augcli: Augcli, folder: Path) -> None:
    assert augcli("generate", "S", "O", "-r", "mixup", cwd=folder).returncode == 0
    sentence = "OUT O holds a finished run of recipe mixup"
    assert sentence in both(augcli, folder, "S", "O", "-r", "mixup")
    assert "begun with recipe mixup (now cutmix); resume with the same" in both(
        augcli, folder, "S", "O", "-r", "cutmix", "--resume"
    )
    assert "begun with --seed 0 (now 1); resume with the same" in both(
        augcli, folder, "S", "O", "-r", "mixup", "--seed", 1, "--resume"
    )
    (folder / "S/ant/ant 0.jpg").unlink()
    assert "other files in SOURCE: 1 file removed (ant/ant 0.jpg); resume" in both(
        augcli, folder, "S", "O", "-r", "mixup", "--resume"
    )
    (folder / "O/.augcli/identity.json").write_text("{}")
    assert "identity.json is damaged, or no run's;" in both(
        augcli, folder, "S", "O", "-r", "mixup", "--resume"
    )
    (folder / "P").mkdir()
    (folder / "P/.augcli").mkdir()
    (folder / "P/.augcli/lock").write_text("mine")
    assert "lock is not the lock of a run" in both(augcli, folder, "S", "P", "-r", "mixup")
    assert "mixes images of 2 groups" in both(
        augcli, folder, "S", "Q", "-r", "mixup", "--group-by", "[.](?:jp|pn)(g)$"
    )


def test_it_waits_for_nobody_and_says_who_holds_out(augcli: Augcli, folder: Path) -> None:
    with holding(folder / "O"):
        before = tree(folder)
        dry = augcli("generate", "S", "O", "-r", "mixup", "--dry-run", cwd=folder)
        assert tree(folder) == before
    assert dry.returncode == 2
    assert "OUT O is in use by process " in dry.stderr
    assert augcli("generate", "S", "O", "-r", "mixup", "--dry-run", cwd=folder).returncode == 0
