"""Arguments that cannot mean what they say: blank ones, paths that nobody means, values twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import get_args

import pytest

from augcli.cli.app import app
from augcli.cli.command import PATHS
from augcli.data.labels import from_printable
from augcli.errors import UserError
from tests.conftest import SAMPLE_DATA, Augcli, tree
from tests.helpers.commands import every_command, hints_of

TIMINGS = ".augcli/timings.json"
MODEL = str(SAMPLE_DATA / "classifier.onnx")
FIT = ("model", "fit-head", MODEL, "S", "--at", "relu2", "-o", "early.onnx")
# Every path of every command: its name in sentences, and a command line with {} in its place.
PLACES: list[tuple[str, tuple[str, ...]]] = [
    ("SOURCE", ("generate", "{}", "O", "-r", "flip")),
    ("OUT", ("generate", "S", "{}", "-r", "flip")),
    ("--recipe-file", ("generate", "S", "O", "--recipe-file", "{}")),
    ("--model", ("generate", "S", "O", "-r", "flip", "--model", "{}")),
    ("--class-list", ("generate", "S", "O", "-r", "flip", "--class-list={}")),
    ("--saliency-cache", ("generate", "S", "O", "-r", "flip", "--saliency-cache", "{}")),
    ("SOURCE", ("preview", "{}", "-r", "flip")),
    ("--to", ("preview", "S", "-r", "flip", "--to", "{}")),
    ("--recipe-file", ("preview", "S", "--recipe-file", "{}")),
    ("--model", ("preview", "S", "-r", "flip", "--model", "{}")),
    ("--class-list", ("preview", "S", "-r", "flip", "--class-list", "{}")),
    ("--saliency-cache", ("preview", "S", "-r", "flip", "--saliency-cache", "{}")),
    ("SOURCE", ("saliency", "{}", "O")),
    ("OUT", ("saliency", "S", "{}")),
    ("--model", ("saliency", "S", "O", "--model", "{}")),
    ("--class-list", ("saliency", "S", "O", "--class-list", "{}")),
    ("--saliency-cache", ("saliency", "S", "O", "--saliency-cache", "{}")),
    ("OUT", ("verify", "{}")),
    ("--source", ("verify", "O", "--replay=0", "--source", "{}")),
    ("MODEL", ("model", "inspect", "{}")),
    ("MODEL", ("model", "fit-head", "{}", "S", "--at", "relu2", "-o", "early.onnx")),
    ("SOURCE", ("model", "fit-head", MODEL, "{}", "--at", "relu2", "-o", "early.onnx")),
    ("--output", ("model", "fit-head", MODEL, "S", "--at", "relu2", "-o", "{}")),
]
IDS = [f"{' '.join(words[:2])} {name}" for name, words in PLACES]


@pytest.fixture
def folder(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a source S and a file called `there`."""
    place = tmp_path / "cwd"
    place.mkdir()
    photos.rename(place / "S")
    (place / "there").write_text("here")
    monkeypatch.chdir(place)
    return place


def said(*arguments: str) -> str:
    """The sentence with which the command line refuses these arguments; nothing is written."""
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(UserError) as refused:
        app([*arguments])
    assert sorted(Path.cwd().rglob("*")) == before
    return str(refused.value)


def filled(words: tuple[str, ...], text: str) -> list[str]:
    return [word.replace("{}", text) for word in words]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "words"), PLACES, ids=IDS)
def test_a_path_that_nobody_means(name: str, words: tuple[str, ...]) -> None:
    assert said(*filled(words, "")) == f"{name} is empty; is a variable unset?"
    for blank in (" ", "\t \n", "\u00a0"):
        assert said(*filled(words, blank)) == f"{name} is blank; is a variable unset?"
    assert said(*filled(words, "~/data.png")) == (
        f"{name} ~/data.png does not exist: only a shell expands ~, at the beginning of a word and"
        " outside quotes; write the whole path, or ./~/data.png for what is called so."
    )
    for text, shown in ((" there", " there"), ("there\n", "there\\n"), ("there\r", "there\\r")):
        assert said(*filled(words, text)) == (
            f"{name} '{shown}' does not exist, but 'there' does; leave out the white space around"
            " it."
        )


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("AUGCLI_SOURCE", ("generate", "-r", "flip")),
        ("AUGCLI_OUT", ("generate", "S", "-r", "flip")),
        ("AUGCLI_MODEL", ("generate", "S", "O", "-r", "flip")),
        ("AUGCLI_SALIENCY_CACHE", ("saliency", "S", "O")),
        ("AUGCLI_TO", ("preview", "S", "-r", "flip")),
        ("AUGCLI_OUTPUT", ("model", "fit-head", MODEL, "S", "--at", "relu2")),
    ],
)
def test_a_path_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, words: tuple[str, ...]
) -> None:
    (folder / "augcli.toml").write_text("source = 'S'\nout = 'O'\noutput = 'early.onnx'\n")
    monkeypatch.setenv(variable, "")
    assert said(*words) == f"{variable} is empty; is a variable unset?"
    monkeypatch.setenv(variable, " ")
    assert said(*words) == f"{variable} is blank; is a variable unset?"
    monkeypatch.setenv(variable, "~/x.png")
    assert said(*words).startswith(f"{variable} ~/x.png does not exist: only a shell expands ~")
    monkeypatch.setenv(variable, "there ")
    assert said(*words).startswith(f"{variable} 'there ' does not exist, but 'there' does;")


@pytest.mark.usefixtures("folder")
def test_a_nearer_path_makes_an_empty_one_in_the_environment_harmless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUGCLI_OUT", "")
    assert said("generate", "S", "O", "-r", "flap").startswith("There is no recipe 'flap'")


@pytest.mark.parametrize(("text", "amiss"), [("", "is empty"), ("  ", "is blank")])
def test_a_blank_path_of_a_file(folder: Path, text: str, amiss: str) -> None:
    (folder / "augcli.toml").write_text(f"recipe = 'flip'\nsource = '{text}'\nout = 'O'\n")
    assert f"source {amiss}; is a variable unset?" in said("generate")
    (folder / "augcli.toml").write_text("recipe = 'flip'\nsource = '~/photos'\nout = 'O'\n")
    assert "source ~/photos does not exist: only a shell expands ~" in said("generate")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "option", ["--recipe", "--set", "--head", "--layer", "--saliency", "--background", "--size"]
)
def test_no_other_text_is_blank(option: str) -> None:
    assert said("generate", "S", "O", option, "") == f"{option} is empty; is a variable unset?"
    assert said("generate", "S", "O", option, " ") == f"{option} is blank; is a variable unset?"


def test_what_is_called_so_is_taken(augcli: Augcli, folder: Path) -> None:
    """Names that look like mistakes, of things that are there, or behind ./"""
    (folder / "S").rename(folder / "~S ")
    for out in ("./~out", "out "):
        result = augcli("generate", "~S ", out, "-r", "flip", cwd=folder)
        assert (result.returncode, result.stderr) == (0, "")
        assert (folder / out / "train").is_dir()


def test_paths_are_all_known() -> None:
    """Each parameter whose type is a path, or whose value names one, is checked."""
    actual = set()
    for one in every_command().values():
        hints = hints_of(one)
        for parameter in one.params:
            kinds = get_args(hints.get(parameter.name)) or (hints.get(parameter.name),)
            flat = {kind for each in kinds for kind in (get_args(each) or (each,))}
            words = ("FILE", "DIR", "SOURCE", "OUT", "MODEL")
            if Path in flat or str(parameter.metavar).startswith(words):
                actual.add(parameter.name)
    assert actual == PATHS


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("generate", "S", "O", "-r", "flip", "--recipe", "cutmix"),
            "--recipe takes one value, and is given flip and cutmix; recipes that follow one"
            " another stand in a --recipe-file.",
        ),
        (
            ("generate", "S", "O", "-r", "flip", "-k", "2", "--copies=3"),
            "--copies takes one value, and is given 2 and 3; give one of them.",
        ),
        (
            ("preview", "S", "-r", "flip", "--to", "a.png", "--to", "b.png"),
            "--to takes one value, and is given a.png and b.png; give one of them.",
        ),
        (
            ("saliency", "S", "O", "--map-format", "png", "-j1", "-j", "2", "--map-format", "png"),
            "--workers takes one value, and is given 1 and 2; give one of them.",
        ),
        (
            ("verify", "O", "--replay=3", "--replay", "4"),
            "--replay takes one value, and is given 3 and 4; give one of them.",
        ),
        (
            (*FIT, "-o", "late.onnx"),
            "--output takes one value, and is given early.onnx and late.onnx; give one of them.",
        ),
        (
            ("model", "inspect", MODEL, "--mean", "0.5", "--mean", "imagenet"),
            "--mean takes one value, and is given 0.5 and imagenet; give one of them.",
        ),
        (
            ("generate", "S", "O", "-r", "mixup", "--set", "alpha=1", "--set", "alpha = 2"),
            "--set alpha is given twice, as 1 and as 2; give one of them.",
        ),
        (
            ("generate", "S", "O", "-r", "elastic", "--set", "a-b=1", "--set", "a_b=2"),
            "--set a_b is given twice, as 1 and as 2; give one of them.",
        ),
    ],
)
def test_one_value_twice(words: tuple[str, ...], sentence: str) -> None:
    assert said(*words) == sentence


def test_the_same_value_twice_is_one(augcli: Augcli, folder: Path) -> None:
    arguments = ("-r", "mixup", "-r", "mixup", "-k", "2", "-k", "2", "--set", "alpha=1") * 2
    result = augcli("generate", "S", "O", *arguments, "--json", "--json", "--dry-run", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["outputs"] == 30


def test_help_comes_before_what_is_wrong(augcli: Augcli) -> None:
    result = augcli("generate", "", "", "-r", "a", "-r", "b", "--help")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_run_keeps_the_command_line(augcli: Augcli, folder: Path) -> None:
    """As it was given, of the process that ended the run; it is no part of what the run is."""
    words = ["generate", "S", "O", "-r", "flip", "--set", "probability=0.5", "-j", "2"]
    assert augcli(*words, cwd=folder).returncode == 0
    assert json.loads((folder / "O" / TIMINGS).read_text())["command"] == ["augcli", *words]
    other = [*words, "--max-errors=3"]
    other[2] = "P"
    assert augcli(*other, cwd=folder).returncode == 0
    left, right = (tree(folder / name) for name in ("O", "P"))
    assert left.pop(TIMINGS) != right.pop(TIMINGS)
    assert left == right
    resumed = augcli(*words, "--resume", cwd=folder)
    assert (resumed.returncode, "Already complete" in resumed.stdout) == (0, True)
    assert json.loads((folder / "O" / TIMINGS).read_text())["command"] == ["augcli", *words]


def test_a_resumed_run_keeps_the_command_line_that_ended_it(augcli: Augcli, folder: Path) -> None:
    words = ["generate", "S", "O", "-r", "flip"]
    assert augcli(*words, cwd=folder).returncode == 0
    for name in ("run.json", "classes.txt", "errors.jsonl"):
        (folder / "O" / name).unlink()
    (folder / "O/train").rename(folder / "gone")
    again = [*words, "--resume", "--workers", "1"]
    assert augcli(*again, cwd=folder).returncode == 0
    assert json.loads((folder / "O" / TIMINGS).read_text())["command"] == ["augcli", *again]
    assert augcli("verify", "O", "--replay", cwd=folder).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="names are not bytes on this system")
def test_bytes_of_the_command_line_that_are_no_text(augcli: Augcli, folder: Path) -> None:
    name = os.fsdecode(b"\xe9\xff out")
    try:
        (folder / name).mkdir()
    except OSError:
        pytest.skip("this file system takes text only")
    words = ["generate", "S", name, "-r", "flip"]
    assert augcli(*words, cwd=folder).returncode == 0
    text = (folder / name / TIMINGS).read_bytes().decode()
    kept = json.loads(text)["command"]
    assert kept == ["augcli", "generate", "S", "\\xe9\\xff out", "-r", "flip"]
    assert from_printable(kept[3]) == b"\xe9\xff out"
    assert augcli("verify", name, "--replay", cwd=folder).returncode == 0
