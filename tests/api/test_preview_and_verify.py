"""`augcli.preview` draws, and `augcli.verify` checks, what the commands do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augcli
from augcli.cli.preview import preview as command
from tests.conftest import Augcli


def test_the_sheet_is_that_of_the_command(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    from augcli.api.preview import preview

    file = tmp_path / "sheet.png"
    result = augcli(
        "preview", photos, "-r", "saliencymix", "-n", 2, "--seed", 3, "--size", "40x30",
        "--to", file,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    sheet = preview(photos, "saliencymix", examples=2, seed=3, size=(40, 30))
    assert sheet.mode == "RGB"
    assert (np.asarray(sheet) == np.asarray(Image.open(file))).all()
    assert command.__name__ == "preview"


def test_it_writes_where_it_is_to(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sheet = augcli.preview(photos, all_recipes=True, examples=1, to=tmp_path / "all.webp")
    with Image.open(tmp_path / "all.webp") as written:
        assert written.size == sheet.size
    augcli.preview(photos, "flip", examples=1, to=tmp_path / "all.webp")  # a sheet is replaced
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"recipe": "cutmix", "to": "a.gif"}, "to a.gif is no PNG, JPEG or WebP file; name it like"
         " preview.png."),
        ({"recipe": "cutmix", "examples": 0}, "examples=0 is not from 1 to 200."),
        ({"recipe": "cutmix", "all_recipes": True}, "recipe has no effect beside all_recipes=True;"
         " leave out one of them."),
        ({"all_recipes": True, "set": {"alpha": 1}}, "set has no effect beside all_recipes=True,"
         " which draws every recipe with its own defaults; leave out one of them."),
        ({"recipe": "cutmix", "fit": 3}, "fit=3 is unknown; give cover, contain or stretch."),
        ({}, "No recipe is given; add recipe NAME (`augcli recipes` lists them)."),
    ],
)  # fmt: skip
def test_wrong_values(photos: Path, options: Any, sentence: str) -> None:
    with pytest.raises(augcli.UserError) as refused:
        augcli.preview(photos, **options)
    assert str(refused.value) == sentence
    with pytest.raises(TypeError, match=r"^preview\(\) got an unexpected keyword"):
        augcli.preview(photos, **options | {"copies": 2})


def test_an_image_without_a_place_is_warned_of(photos: Path) -> None:
    for file in (photos / "ant").iterdir():
        file.write_bytes(b"no image")
    with pytest.warns(augcli.AugcliWarning, match=r"of SOURCE cannot be read and has no place"):
        augcli.preview(photos, "flip", examples=10)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.conftest import write_photo

    root = tmp_path_factory.mktemp("made")
    for number in range(6):
        write_photo(root / "photos" / f"c{number % 2}" / f"{number}.png", number, 16, 12)
    augcli.generate(root / "photos", root / "out", "cutmix")
    return root / "out"


def test_a_run_without_faults(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert augcli.verify(made) == augcli.Verified(6, 0, 0, (), 0)
    assert augcli.verify(made, replay=2) == augcli.Verified(6, 2, 0, (), 0)
    checked = augcli.verify(made, replay="all", workers=1)
    assert checked
    assert checked.replayed == 6
    assert capfd.readouterr() == ("", "")


def test_faults_are_in_the_result_and_repaired(made: Path, tmp_path: Path) -> None:
    out = shutil.copytree(made, tmp_path / "out")
    row = augcli.open_manifest(out)[0]
    (out / "train" / row.file_name).write_bytes(b"broken")
    checked = augcli.verify(out)
    assert not checked
    assert (checked.fault_count, [fault.where for fault in checked.faults]) == (1, [row.file_name])
    repaired = augcli.verify(out, repair=True)
    assert (bool(repaired), repaired.repaired) == (True, 1)
    assert augcli.verify(out)


def test_what_cannot_be_verified(made: Path, tmp_path: Path) -> None:
    for arguments, sentence in (
        ((tmp_path / "none",), "does not exist"),
        ((made, -1), r"^replay=-1 is not from 0 to"),
        ((made, "some"), r"^replay='some' is not a whole number"),
        ((made, True), r"^replay=True is not a whole number"),
        ((made, 0, 1), r"^repair=1 is neither True nor False\."),
    ):
        of_any_type: Any = arguments
        with pytest.raises(augcli.UserError, match=sentence):
            augcli.verify(*of_any_type)
    with pytest.raises(augcli.UserError, match=r"^workers has no effect unless outputs are made"):
        augcli.verify(made, workers=2)
    moved = tmp_path / "gone"
    with pytest.raises(augcli.UserError, match=r"^SOURCE .*gone does not exist.*; say with source"):
        augcli.verify(made, replay=1, source=moved)
