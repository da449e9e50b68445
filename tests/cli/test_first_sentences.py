"""Sentences that name the cause, and advice that works when it is followed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from augcli.cli.app import run
from augcli.data.levels import level_warning
from augcli.files import why_unwritable
from tests.conftest import write_photo

SAID = {
    "generate S O -r color_jitter --set brightness": (
        "--set brightness is not key=value; write --set brightness=0.4."
    ),
    "generate S O -r flip --set Direction": (
        "--set Direction is not key=value; write --set direction=horizontal."
    ),
    "generate S O -r flip --set alpha": (
        "--set alpha is not key=value; write it like --set alpha=0.4."
    ),
    "generate S O -r flip --copies ''": "--copies is empty; is a variable unset?",
    "generate S O -r flip --format ' '": "--format is blank; is a variable unset?",
    "generate S O -r flip --tau ''": "--tau is empty; is a variable unset?",
    "generate S O -r flip --classes-include zebra": (
        "--classes-include zebra fits no class of SOURCE S; it has a and b."
    ),
    "preview S -r flip --to no/x.png": (
        "--to no/x.png cannot be written, as there is no folder no; make it, or name a file"
        " elsewhere."
    ),
    "demo tried.png": (
        "FOLDER tried.png is called like a file, and a folder is written; name a folder, as tried."
    ),
    "generate S O -r randaugment --device cpu": (
        "--device has no effect with recipe randaugment, which looks for no saliency; leave it out,"
        " or add --keep and --saliency gradient, gradcam or feature-map."
    ),
    "generate S O --recipe-file zebra.toml": (
        "The recipe file changes options for class 'zebra', which SOURCE S does not have; leave"
        " that out of the file."
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a", "b"):
        write_photo(tmp_path / f"S/{name}/1.png", 1, 20, 20)
    (tmp_path / "zebra.toml").write_text(
        '[[steps]]\nrecipe = "cutmix"\n[classes.zebra.cutmix]\nalpha = 2\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(capfd: pytest.CaptureFixture[str], command: str) -> str:
    assert run(shlex.split(command)) == 2
    return capfd.readouterr().err.removeprefix("augcli: ").removesuffix("\n")


@pytest.mark.parametrize("command", SAID)
def test_sentences(capfd: pytest.CaptureFixture[str], command: str) -> None:
    assert refuse(capfd, command) == SAID[command]


def test_the_table_of_a_project_file_in_our_own(
    capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "augcli.toml").write_text('[tool.augcli]\nrecipe = "flip"\n')
    assert refuse(capfd, "generate S O") == (
        "augcli.toml: [tool.augcli] is for pyproject.toml; write its keys at the top of"
        " augcli.toml, without a heading."
    )
    (folder / "augcli.toml").write_text('recipe = "flip"\n')
    assert run(["generate", "S", "O", "--dry-run", "--quiet"]) == 0


def test_verify_names_a_run_that_lies_inside(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "S", "O", "-r", "flip", "--quiet", "-j", "1"]) == 0
    assert refuse(capfd, "verify .").endswith(
        ", and is no run of augcli; give the OUT of `augcli generate`, as O."
    )


def test_one_folder_without_labels(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    write_photo(folder / "U/a/1.png", 1, 20, 20)
    assert run(["inspect", "U", "--unlabelled"]) == 0
    assert capfd.readouterr().err == (
        "augcli: warning: U: images in 1 folder of it are used without labels, as --unlabelled"
        " says.\n"
    )


def test_recipes_in_a_narrow_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["recipes"]) == 0
    assert max(map(len, capfd.readouterr().out.splitlines())) < 40


def test_a_list_of_all_is_advised_where_all_images_lie_at_one_level() -> None:
    """Else `--labels-from` would refuse some of them, or take other folders for the classes."""

    def advice(*folders: bytes) -> str:
        return level_warning(folders, [9] * len(folders), "give {name}", " ALL {level}")

    assert advice(b"x/cat", b"x/dog", b"y/cat").endswith("give x ALL parent.")
    assert advice(b"x/cat", b"x/dog", b"y/cat/deep").endswith("give x.")


def test_the_advised_list_names_images_of_every_suffix(
    capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    for place in ("x/cat/1.png", "x/dog/1.jpg", "y/cat/2.jpeg", "y/cow/1.png"):
        write_photo(folder / "G" / place, 1, 20, 20)
    assert run(["inspect", "G"]) == 0
    said = capfd.readouterr().err
    assert (
        "by `find G '(' -iname '*.jp*g' -o -iname '*.png' ')' -print0 | augcli generate - OUT"
        " --labels-from parent`." in said
    )


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_unwritable(tmp_path) == ""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert why_unwritable(tmp_path) == f"no permission in {tmp_path}"
    if hasattr(os, "statvfs"):
        real = os.statvfs(tmp_path)
        fields = [*real[:8], real.f_flag | os.ST_RDONLY, *real[9:]]
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
        assert why_unwritable(tmp_path) == f"the file system of {tmp_path} is read-only"
