"""What goes wrong in a user's first hour, and what is said then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, Augcli, tree

MODEL = ROOT / "sample_data/classifier.onnx"
GRADIENT = ("--saliency", "gradient", "--model", MODEL)


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """The working folder, with a source S."""
    place = tmp_path / "work"
    place.mkdir()
    photos.rename(place / "S")
    return place


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("generate", "S", "O", "-r", "cutmix", "--alpha", "0.5"),
            "There is no option --alpha; options of a recipe are given as --set alpha=0.5.",
        ),
        (
            ("generate", "S", "O", "-r", "cutmix", "--force"),
            "There is no option --force; --overwrite replaces a run.",
        ),
        (
            ("generate", "S", "--out", "O", "-r", "cutmix"),
            "There is no option --out; OUT stands behind SOURCE, without an option.",
        ),
        (
            ("generate", "S", "O", "-r", "flip", "--per-class", "5", "--include-originals", "copy"),
            "--per-class 5 counts the copied originals, and each class has as many: nothing is left"
            " to augment; raise it, or leave out --include-originals.",
        ),
        (
            ("generate", "S", "O", "-r", "saliencymix", *GRADIENT, "--saliency-cache", "S"),
            "--saliency-cache S is SOURCE S, which holds images only; choose another place.",
        ),
        (
            ("generate", "S", "O", "-r", "saliencymix", *GRADIENT, "--saliency-cache", "S/ant"),
            "--saliency-cache S/ant lies inside SOURCE S, which holds images only; choose another"
            " place.",
        ),
        (
            ("saliency", "S", "O", *GRADIENT, "--saliency-cache", "O/cache"),
            "--saliency-cache O/cache lies inside OUT O, which holds images only; choose another"
            " place.",
        ),
        (
            ("preview", "S", "-r", "saliencymix", *GRADIENT, "--saliency-cache", "S"),
            "--saliency-cache S is SOURCE S, which holds images only; choose another place.",
        ),
    ],
)
def test_mistakes(
    augcli: Augcli, folder: Path, arguments: tuple[object, ...], sentence: str
) -> None:
    before = tree(folder)
    result = augcli(*arguments, cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"augcli: {sentence}"
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("recipe = 'flip'", "there is no key 'recipe'; write it below [[steps]]."),
        (
            "[[steps]]\nrecipe = ['flip', 'mixup']",
            "step 1 takes the name of one recipe; one_of chooses among several.",
        ),
        (
            "[[steps]]\nrecipe = 'flip'\n[classes.ant.mixup]\nalpha = 1",
            "classes.ant changes 'mixup', which no step has.",
        ),
    ],
)
def test_recipe_files(augcli: Augcli, folder: Path, text: str, sentence: str) -> None:
    (folder / "r.toml").write_text(text)
    result = augcli("generate", "S", "O", "--recipe-file", "r.toml", cwd=folder)
    assert result.returncode == 2
    assert result.stderr.endswith(f": {sentence}\n")


def test_a_table_of_another_name_is_refused(augcli: Augcli, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[augcli]\nrecipe = 'flip'\n")
    result = augcli("generate", "S", "O", cwd=folder)
    assert (result.returncode, result.stderr) == (
        2, "augcli: pyproject.toml: [augcli] is not read; write [tool.augcli].\n",
    )  # fmt: skip


def test_a_sheet_is_not_put_among_images_of_a_run(augcli: Augcli, folder: Path) -> None:
    assert augcli("generate", "S", "O", "-r", "flip", cwd=folder).returncode == 0
    assert augcli("saliency", "S", "M", cwd=folder).returncode == 0
    before = tree(folder)
    for place in (
        "O/train/x.png",
        "O/train/ant/x.png",
        "O/.augcli/x.png",
        "M/x.png",
        "M/ant/x.png",
    ):
        result = augcli("preview", "S", "-r", "flip", "-n", 1, "--to", place, cwd=folder)
        assert result.returncode == 2
        assert f"--to {place} lies inside " in result.stderr
    assert tree(folder) == before
    assert (
        augcli("preview", "S", "-r", "flip", "-n", 1, "--to", "O/x.png", cwd=folder).returncode == 0
    )


def test_originals_have_their_own_sizes(augcli: Augcli, folder: Path) -> None:
    result = augcli(
        "generate",
        "S",
        "O",
        "-r",
        "flip",
        "--size",
        "8x8",
        "--include-originals",
        "copy",
        cwd=folder,
    )
    assert (result.returncode, result.stderr) == (
        0, "augcli: warning: the originals in OUT keep their own sizes, whatever --size says.\n",
    )  # fmt: skip
    assert result.stdout.startswith("30 images of 3 classes in O/train, labels in ")
