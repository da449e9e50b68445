"""Words of a command line that stand in the wrong place, and what is said of them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from augcli.cli.app import run
from tests.conftest import tree, write_photo

UNSET = "; is a variable unset?"
SEVERAL = (
    "one run takes one recipe: write steps, or one_of to choose, into a file, and give that with"
    " --recipe-file."
)
SWALLOWED = {
    "generate S O -r --copies 2": "--recipe has no value, as --copies follows it" + UNSET,
    "generate S O -r --copies=2": "--recipe has no value, as --copies=2 follows it" + UNSET,
    "generate S O -qr -k 2": "--recipe has no value, as -k follows it" + UNSET,
    "generate S O -r flip --size --seed 1": "--size has no value, as --seed follows it" + UNSET,
    "generate S O -r mixup --set -k 2": "--set has no value, as -k follows it" + UNSET,
    "generate S O --recipe-file -r flip": "--recipe-file has no value, as -r follows it" + UNSET,
    "preview S -r flip --to --show": "--to has no value, as --show follows it" + UNSET,
    "saliency S O --model --overlay": "--model has no value, as --overlay follows it" + UNSET,
    "verify S --source --replay": "--source has no value, as --replay=0 follows it" + UNSET,
    "cache clean --older-than --json": "--older-than has no value, as --json follows it" + UNSET,
    "model inspect x.onnx --head --json": "--head has no value, as --json follows it" + UNSET,
    "generate S O -r flip --split -x": (
        "--split needs a value behind it, and -x looks like an option; where it is the value,"
        " write --split=-x."
    ),
}
TOO_MUCH = {
    "generate S O -r mixup --set a=1 b=2": "'b=2' is too much; write --set a=1 --set b=2.",
    "generate --set a=1 p=2 S O": "'p=2' is too much; write --set a=1 --set probability=2.",
    "generate S O -r mixup --set alpha 0.4": "'0.4' is too much; write --set alpha=0.4.",
    "generate S O -r mixup --set alpha = 0.4": "'=' is too much; write --set alpha=0.4.",
    "generate S O -r mixup --set alpha= 0.4": "'0.4' is too much; write --set alpha=0.4.",
    "generate S O -r mixup cutmix": f"'cutmix' is too much; {SEVERAL}",
    "generate S O -r mixup alpha=0.4": "'alpha=0.4' is too much; write --set alpha=0.4.",
    "generate S O -r mixup p=0.5": "'p=0.5' is too much; write --set probability=0.5.",
    "generate S O -r mixup 0.4": "'0.4' is too much; write --set KEY=0.4.",
    "generate S O CutMix": "'CutMix' is too much; a recipe is given as --recipe cutmix.",
    "generate S O p=0.5": "'p=0.5' is too much; write --set probability=0.5.",
    "generate S O -r flip --size 224 200": "'200' is too much; write --size 224x200.",
    "generate --size 224 200 S O -r flip": "'200' is too much; write --size 224x200.",
    "generate S O -r flip --size 224 x 200": "'x' is too much; write --size 224x200.",
    "generate S O -r flip --keep 0.7": "'0.7' is too much; write --keep --tau 0.7.",
    "generate S O -r flip --resume yes": (
        "'yes' is too much; --resume is a switch and takes no value; leave that out."
    ),
    "generate S O -r flip --classes-include a b": (
        "'b' is too much; write --classes-include a --classes-include b."
    ),
    "saliency S O --mean 0.4 0.5 0.6": "'0.5' is too much; write --mean 0.4,0.5,0.6.",
    "generate S/a S/b O -r flip": (
        "'O' is too much: `augcli generate` takes one SOURCE; give the folder that holds S/a and"
        " the others (a pattern such as photos/* stands for many)."
    ),
    "generate S O extra -r flip": (
        "'extra' is too much: `augcli generate` takes SOURCE and OUT; `augcli generate --help`"
        " shows what it takes."
    ),
    "preview S O -r flip": (
        "'O' is too much: `augcli preview` takes SOURCE, and draws one sheet; name that by --to"
        " O.png."
    ),
    "preview S O.jpg": (
        "'O.jpg' is too much: `augcli preview` takes SOURCE, and draws one sheet; name that by --to"
        " O.jpg."
    ),
    "verify S O": (
        "'O' is too much: `augcli verify` takes OUT alone, and knows its SOURCE by OUT/run.json;"
        " give --source DIR where that has moved."
    ),
    "verify O --replay all": (
        "'all' is too much; --replay stands alone, or with the number of outputs that are made"
        " again."
    ),
    "inspect S O": (
        "'O' is too much: `augcli inspect` takes SOURCE; `augcli inspect --help` shows what it"
        " takes."
    ),
}
TOO_LITTLE = {
    "generate O -r flip": (
        "OUT is missing, as 'O' is taken for SOURCE; give both (a variable that is unset and"
        " stands without quotes is no argument)."
    ),
    "saliency O": (
        "OUT is missing, as 'O' is taken for SOURCE; give both (a variable that is unset and"
        " stands without quotes is no argument)."
    ),
    "generate": "SOURCE is missing; `augcli generate --help` shows what it takes.",
    "verify": "OUT is missing; `augcli verify --help` shows what it takes.",
    "generate S O --recipe": (
        "--recipe needs a value behind it; `augcli recipes` lists the recipes."
    ),
    "generate S O -r flip --include-originals": (
        "--include-originals needs a value behind it: none, copy or link."
    ),
    "generate S O -r flip --background": (
        "--background needs a value behind it; put it in quotes, as '#ffffff': a shell takes # for"
        " the start of a comment."
    ),
    "--recipe cutmix generate S O": (
        "--recipe stands behind the command and its arguments: write `augcli generate SOURCE OUT"
        " --recipe ...`."
    ),
    "-q verify S": (
        "-q stands behind the command and its arguments: write `augcli verify OUT -q ...`."
    ),
    "help nosuch": "augcli has no command 'nosuch'; `augcli help` lists them.",
    "generat S O": (
        "There is no command 'generat' (did you mean 'generate'?); `augcli --help` lists them."
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photo(tmp_path / "S/a/1.png", 1, 20, 20)
    write_photo(tmp_path / "S/b/1.png", 2, 20, 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [*SWALLOWED, *TOO_MUCH, *TOO_LITTLE])
def test_sentences(capfd: pytest.CaptureFixture[str], folder: Path, command: str) -> None:
    before = tree(folder)
    assert run(shlex.split(command)) == 2
    sentence = {**SWALLOWED, **TOO_MUCH, **TOO_LITTLE}[command]
    assert capfd.readouterr().err == f"augcli: {sentence}\n"
    assert tree(folder) == before


def test_an_empty_variable_for_out(
    capfd: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, words in (("AUGCLI_OUT", ["S"]), ("AUGCLI_SOURCE", [])):
        monkeypatch.setenv(name, "")
        assert run(["generate", *words, "-r", "flip"]) == 2
        assert capfd.readouterr().err == f"augcli: {name} is empty; is a variable unset?\n"
        monkeypatch.delenv(name)
    (folder / "augcli.toml").write_text("source = 'S'\n")
    assert run(["generate", "-r", "flip"]) == 2
    assert capfd.readouterr().err == (
        "augcli: OUT is missing; `augcli generate --help` shows what it takes.\n"
    )


@pytest.mark.usefixtures("folder")
def test_values_that_begin_with_a_hyphen_and_are_meant(capfd: pytest.CaptureFixture[str]) -> None:
    dry = ["generate", "S", "O", "--dry-run"]
    assert run([*dry, "-r", "rotate", "--classes-exclude=-x*"]) == 2
    assert "--classes-exclude -x* fits no class" in capfd.readouterr().err
    assert run([*dry, "-r", "flip", "--", "-"]) == 2  # a third argument
    capfd.readouterr()
    assert run([*dry, "-r", "flip", "--copies", "-1"]) == 2
    assert "--copies -1 is less than 1" in capfd.readouterr().err
    assert run(["saliency", "S", "O", "--mean", "-.5", "--saliency", "gradient"]) == 2
    assert "needs a classifier" in capfd.readouterr().err
