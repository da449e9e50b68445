"""Options, recipes and settings as other tools call them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from augcli.cli.app import run
from augcli.cli.other_words import _MEANT as MEANT
from augcli.recipes.catalogue import recipe_class, recipe_names
from augcli.recipes.names import find_recipe
from augcli.recipes.other_names import HINTS, OPTIONS, SEVERAL, SYNONYMS
from augcli.text import folded
from tests.conftest import write_photo

SOURCE, OUT = (
    "SOURCE stands first, without an option",
    "OUT stands behind SOURCE, without an option",
)
COPIES, WORKERS = "--copies N makes N outputs for each image", "-j N, or --workers N, is meant"
SIZE = "--size WxH sets the size of outputs"
OPTION = {
    "generate -i S -o O": f"-i; {SOURCE}",
    "generate S -o O": f"-o; {OUT}",
    "generate --input S": f"--input; {SOURCE}",
    "generate --src S": f"--src; {SOURCE}",
    "generate --source S": f"--source; {SOURCE}",
    "generate S --output O": f"--output; {OUT}",
    "generate S --out O": f"--out; {OUT}",
    "generate S --output-dir=O": f"--output-dir; {OUT}",
    "saliency S -o O": f"-o; {OUT}",
    "preview S -o x.png": "-o; --to FILE names the sheet",
    "generate S O -n 5": f"-n; {COPIES}",
    "generate S O --num-copies 5": f"--num-copies; {COPIES}",
    "generate S O --num-workers 5": f"--num-workers; {WORKERS}",
    "verify O --threads 5": f"--threads; {WORKERS}",
    "generate S O --img-size 5": f"--img-size; {SIZE}",
    "generate S O --width 5": f"--width; {SIZE}",
    "generate S O --gpu": "--gpu; --device cuda, cpu or auto is meant",
    "generate S O -v": "-v; all that there is to say is shown; --quiet shows less",
    "generate S O -r mixup --alpha 0.4": (
        "--alpha; options of a recipe are given as --set alpha=0.4"
    ),
    "generate S O -r mixup --p 0.5": "--p; write --set probability=0.5",
    "generate S O -r mixup -p 0.5": "-p; write --set probability=0.5",
    "generate S O -r mixup --prob=0.5": "--prob; write --set probability=0.5",
    "generate S O --balanced": "--balanced; --per-class N makes N outputs for each class",
    "generate S O --soft-labels": (
        "--soft-labels; labels are soft, and stand in OUT/train/metadata.jsonl"
    ),
    "verify --out O": "--out; OUT stands first, without an option",
    "generate S O -r flip --hflip": "--hflip; a recipe is given as --recipe flip",
    "generate S O --cut-mix": "--cut-mix; a recipe is given as --recipe cutmix",
    "generate S O --clean": "--clean; --overwrite replaces a run",
    "generate S O -r randaugment --n 2": "--n; options of a recipe are given as --set n=2",
    "generate S O -r randaugment --magnitude=9": (
        "--magnitude; options of a recipe are given as --set m=9"
    ),
    "generate S O -r flip --threshold 3": (
        "--threshold; recipe flip has none of that name either (`augcli recipes flip`)"
    ),
    "generate S O -r cutmix --probability 0.5": (
        "--probability; options of a recipe are given as --set probability=0.5"
    ),
    "generate S O --no-labels": "--no-labels; --unlabelled reads images without labels",
    "generate S O --unlabeled": "--unlabeled; --unlabelled reads images without labels",
    "generate S O --multilabel": "--multilabel; --multi-label is meant",
    "generate S O --group patient": (
        "--group; --group-by COLUMN, or a regular expression over names, keeps groups apart"
    ),
    "inspect S --groups patient": (
        "--groups; --group-by COLUMN, or a regular expression over names, keeps groups apart"
    ),
    "generate S O --labels t.csv": (
        "--labels; a table of labels is given as SOURCE, and the labels of outputs stand in"
        " OUT/train/metadata.jsonl"
    ),
    "inspect S --labels t.csv": "--labels; a table of labels is given as SOURCE",
    "inspect S --csv t.csv": "--csv; a table of paths and labels is given as SOURCE",
    "generate S O --img-dir S": f"--img-dir; {SOURCE}",
    "generate S O --recursive": (
        "--recursive; the images below the folder of a class are read at any depth"
    ),
    "generate S O --val-split 0.2": (
        "--val-split; augcli divides nothing; SOURCE has folders train and val, or a column split"
    ),
    "generate S O --epochs 3": (
        "--epochs; nothing is trained here: images and labels are written for that"
    ),
    "generate S O --keep-originals": (
        "--keep-originals; --include-originals copy or link has the originals in OUT"
    ),
    "verify O --fix": "--fix; --repair makes again what is missing or broken",
    "cache --clean": "--clean; write `augcli cache clean`",
    "generate S O -r mixup --p": "--p; write --set probability=VALUE",
}
NEAR = "nothing does quite that; look at "
RECIPE = {
    "blur": "give --recipe corrupt --set corruption=gaussian_blur",
    "Gaussian-Blur": "give --recipe corrupt --set corruption=gaussian_blur",
    "fog": "give --recipe corrupt --set corruption=fog",
    "imagenet-c": "look at --recipe corrupt",
    "rotate90": f"{NEAR}rotate and flip",
    "transpose": f"{NEAR}rotate and flip",
    "normalize": "images are written with 8 bits; whoever trains on them normalises them",
    "resize": "give --size WxH, with --fit cover, contain or stretch, beside a recipe",
    "grayscale": f"{NEAR}color and color_jitter",
    "gaussian-noise": "give --recipe corrupt --set corruption=gaussian_noise",
    "jpeg": "give --recipe corrupt --set corruption=jpeg_compression",
    "identity": "give any recipe with --set probability=0, which leaves images as they are",
    "flipud": "give --recipe flip --set direction=vertical",
    "cutmix,mixup": SEVERAL,
    "cutmix mixup": SEVERAL,
    "cutmix + mixup": SEVERAL,
    "cutmix->flip": SEVERAL,
    "cutmix:alpha=0.4": "write --recipe cutmix --set alpha=0.4",
    "cutmix(alpha=0.4)": "write --recipe cutmix --set alpha=0.4",
    "CutMix(alpha=0.4, p=0.5)": "write --recipe cutmix --set alpha=0.4 --set probability=0.5",
    "cutmix alpha=0.4": "write --recipe cutmix --set alpha=0.4",
    "mixup=0.4": "write --recipe mixup --set KEY=0.4",
    "rand-m9-n3-mstd0.5": "write --recipe randaugment --set m=9 --set n=3",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photo(tmp_path / "S/a/1.png", 1, 20, 20)
    write_photo(tmp_path / "S/b/1.png", 2, 20, 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words]) == 2
    return capfd.readouterr().err.removeprefix("augcli: ").removesuffix("\n")


@pytest.mark.parametrize("command", OPTION)
def test_options(capfd: pytest.CaptureFixture[str], command: str) -> None:
    assert refuse(capfd, *shlex.split(command)) == f"There is no option {OPTION[command]}."


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("generate cutmix S O", "'cutmix' is too much; a recipe is given as --recipe cutmix."),
        ("generate S cutmix O", "'cutmix' is too much; a recipe is given as --recipe cutmix."),
        (
            "generate cutmix S -r flip",
            "SOURCE cutmix does not exist, and is a recipe's name; give that as --recipe cutmix,"
            " and SOURCE first.",
        ),
        (
            "generate new S -r flip",
            "SOURCE new does not exist, and OUT S does; SOURCE stands first, and OUT behind it.",
        ),
        (
            "saliency new S",
            "SOURCE new does not exist, and OUT S does; SOURCE stands first, and OUT behind it.",
        ),
        (
            "generate new O -r flip",
            "SOURCE new does not exist; give a folder with one folder a class.",
        ),
        (
            "generate my photos O -r flip",
            "'my' does not exist, but 'my photos' does; put a path with blanks in quotes.",
        ),
        (
            "generate S O --split val -r flip",
            "--split has no effect on SOURCE S, which is a folder with one folder a class; leave it"
            " out.",
        ),
        (
            "generate S O --clen -r flip",
            "There is no option --clen; `augcli generate --help` lists them.",
        ),
        (
            "train S",
            "There is no command 'train'; augcli trains nothing: `augcli generate` writes images"
            " and labels for what does.",
        ),
        (
            "download S",
            "There is no command 'download'; nothing is downloaded; `augcli demo` makes a first"
            " data set.",
        ),
        (
            "model my.onnx",
            "There is no command 'my.onnx'; write `augcli model inspect my.onnx`.",
        ),
        ("model show", "There is no command 'show'; write `augcli model inspect MODEL`."),
    ],
)
def test_what_is_meant(
    folder: Path, capfd: pytest.CaptureFixture[str], command: str, said: str
) -> None:
    (folder / "my photos").mkdir()
    assert refuse(capfd, *command.split()) == said


@pytest.mark.parametrize("name", RECIPE)
def test_recipes(capfd: pytest.CaptureFixture[str], name: str) -> None:
    said = refuse(capfd, "generate", "S", "O", "-r", name)
    assert said == f"There is no recipe '{name}'; {RECIPE[name]}."


@pytest.mark.parametrize(("name", "near"), [("augmix3", "augmix"), ("rotation", "rotate")])
def test_near_recipes(capfd: pytest.CaptureFixture[str], name: str, near: str) -> None:
    said = refuse(capfd, "preview", "S", "-r", name)
    assert said == (
        f"There is no recipe '{name}' (did you mean '{near}'?); `augcli recipes` lists them."
    )


def test_a_folder_for_a_recipe(capfd: pytest.CaptureFixture[str]) -> None:
    assert refuse(capfd, "generate", "S", "O", "-r", "S") == (
        "--recipe S is a folder; the name of a recipe stands there, as in --recipe cutmix (is a"
        " variable unset?)."
    )


@pytest.mark.parametrize(
    ("recipe", "option", "near"),
    [("cutmix", "p", "probability"), ("flip", "prob", "probability"),
     ("randaugment", "magnitude", "m"), ("rotate", "angle", "degrees")],
)  # fmt: skip
def test_options_of_recipes(
    capfd: pytest.CaptureFixture[str], recipe: str, option: str, near: str
) -> None:
    said = refuse(capfd, "generate", "S", "O", "-r", recipe, "--set", f"{option}=0.5")
    assert said == (
        f"Recipe {recipe} has no option '{option}' (did you mean '{near}'?); `augcli recipes"
        f" {recipe}` shows its options."
    )


@pytest.mark.parametrize("word", ["show", "info", "ls"])
def test_looking_at_the_cache(capfd: pytest.CaptureFixture[str], word: str) -> None:
    said = refuse(capfd, "cache", word)
    assert said == f"`augcli cache` alone shows what is kept; leave out '{word}'."


def test_the_tables_name_what_there_is() -> None:
    options = {name for one in recipe_names() for name in recipe_class(one).model_fields}
    assert {*OPTIONS.values()} <= {*options, "probability"}
    for table in (SYNONYMS, HINTS):
        assert all(name == folded(name) for name in table)
        assert not [name for name in table if name in map(folded, recipe_names())]
    assert not {*SYNONYMS} & {*HINTS}
    assert {*SYNONYMS.values()} <= {*recipe_names()}
    for hint in HINTS.values():
        at = hint.option.partition("look at ")[2].removeprefix("--recipe ")
        assert all(map(find_recipe, filter(None, at.replace(" and ", ", ").split(", "))))
    assert all(name.startswith("-") for names in MEANT.values() for name in names.split())
