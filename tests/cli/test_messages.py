"""One voice: whatever is wrong leaves one sentence of ours, and never a library's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from augcli.cli.app import app, run
from tests.conftest import Augcli, write_photo

# What Typer, Pydantic, Python and others say.
FOREIGN = re.compile(
    r"Invalid value|Input should|Value error|unable to parse|No such option|Missing (argument|opt)"
    r"|No such command|Got unexpected|requires an argument|does not take a value|Traceback"
    r"|Error:|Field required|validation error|Errno|_io\.|color specifier|could not convert"
    r"|invalid literal|valid integer|cannot identify|augcli failed"
)
SENTENCES = {
    "generate -r strong.toml": (
        "--recipe strong.toml is a file, not the name of a recipe; give --recipe-file strong.toml,"
        " and look at it with `augcli recipes show strong.toml`."
    ),
    "recipes strong.toml": (
        "strong.toml is a file, not the name of a recipe; give --recipe-file strong.toml, and look"
        " at it with `augcli recipes show strong.toml`."
    ),
    "recipes show strong.toml": "Recipe file strong.toml does not exist; give the path of one.",
    "generate --recipe-file cutmix": (
        "Recipe file cutmix does not exist; for the recipe give --recipe cutmix."
    ),
    "generate -r KeepAugment": (
        "There is no recipe 'KeepAugment'; KeepAugment goes around a recipe: give --recipe NAME"
        " --keep."
    ),
    "generate -r vflip": (
        "There is no recipe 'vflip'; give --recipe flip --set direction=vertical."
    ),
    "generate -r autoaugment-cifar10": (
        "There is no recipe 'autoaugment-cifar10'; give --recipe autoaugment --set policy=cifar10."
    ),
    "generate -r cutmixup": (
        "There is no recipe 'cutmixup'; write a recipe file with one_of for either of the two, and"
        " give it with --recipe-file."
    ),
    "generate -r puzzlemix": "There is no recipe 'puzzlemix'; `augcli recipes` lists them.",
    "generate --coppies 3": (
        "There is no option --coppies (did you mean '--copies'?); `augcli generate --help` lists"
        " them."
    ),
    "generate --per_class 3": (
        "There is no option --per_class (did you mean '--per-class'?); `augcli generate --help`"
        " lists them."
    ),
    "preview S --per-class 3": (
        "`augcli preview` has no option --per-class, which is one of `generate`; leave it out."
    ),
    "generate -recipe cutmix": "-recipe is no option; write --recipe.",
    "generate -copies=3": "-copies is no option; write --copies.",
    "generate S O P -r cutmix": (
        "'P' is too much: `augcli generate` takes SOURCE and OUT; `augcli generate --help` shows"
        " what it takes."
    ),
    "generate --copies": "--copies needs a value behind it; `augcli generate --help` shows",
    "generate --keep=yes": "--keep is a switch and takes no value; leave out what follows the =.",
    "model inspect": "MODEL is missing; `augcli model inspect --help` shows what it takes.",
    "genrate": "There is no command 'genrate' (did you mean 'generate'?); `augcli --help`",
    "model inspct": "There is no command 'inspct' (did you mean 'inspect'?); `augcli model --help`",
    "cutmix": "There is no command 'cutmix'; write `augcli generate SOURCE OUT --recipe cutmix`.",
    "S": "There is no command 'S'; write `augcli generate S OUT --recipe NAME`.",
    "generate -k 0": "--copies 0 is less than 1; give a number from 1 to 1000000.",
    "generate -k x": "--copies x is not a whole number; give a whole number from 1 to 1000000.",
    "generate --tau x": "--tau x is not a number; give a number from 0 to 1.",
    "generate -r cutmix --set alpha=x": (
        "Option alpha=x of recipe cutmix is wrong: give a number >= 1e-06 and <= 1000000000;"
        " `augcli recipes cutmix` shows what it takes."
    ),
    "generate -r saliencymix --set box=per-imag": (
        "Option box=per-imag of recipe saliencymix is wrong: give per-image or per-batch (did you"
        " mean 'per-image'?);"
    ),
    "generate -r cutout --set length=x": (
        "Option length=x of recipe cutout is wrong: give a whole number >= 2 and <= 1000000, or"
        " none;"
    ),
    "generate -r rotate --set fill=blak": (
        "Option fill=blak of recipe rotate is wrong: give the name of a colour, or one like"
        " #7f7f7f (did you mean 'black'?);"
    ),
    "saliency S O --saliency FineGraned": (
        "There is no saliency detector 'FineGraned' (did you mean 'fine-grained'?); give one of"
    ),
    "generate https://x.org/a.tar O -r flip": (
        "SOURCE https://x.org/a.tar is a URL, and only local paths are taken; download or mount it,"
    ),
    "generate s3://b/a O -r flip": "SOURCE s3://b/a is a URL, and only local paths are taken;",
    "generate S gs://b/a -r flip": (
        "OUT gs://b/a is a URL, and only local paths are taken; give a folder on this machine."
    ),
    "preview file:///a -r flip": (
        "SOURCE file:///a is a URL, and only local paths are taken; give the path behind file://"
        " alone."
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photo(tmp_path / "S/a/1.png", 1, 20, 20)
    write_photo(tmp_path / "S/b/1.png", 2, 20, 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", SENTENCES)
@pytest.mark.usefixtures("folder")
def test_sentences(capfd: pytest.CaptureFixture[str], command: str) -> None:
    words = command.split()
    if words[0] == "generate" and (len(words) == 1 or words[1].startswith("-")):
        words[1:1] = ["S", "O"]
    assert run(words) == 2
    assert capfd.readouterr().err.startswith(f"augcli: {SENTENCES[command]}")


COMMANDS = {
    "generate": ["S", "O", "-r", "flip", "--dry-run"],
    "preview": ["S", "-r", "flip", "-n", "1"],
    "saliency": ["S", "O"],
    "verify": ["S"],
    "recipes": [],
    "model inspect": ["S/a/1.png"],
    "model fit-head": ["S/a/1.png", "S", "--at", "x", "-o", "o.onnx"],
}
VALUES = (
    "",
    "x",
    "-1",
    "0",
    "9" * 30,
    "nan",
    "inf",
    "S",
    "missing",
    "1,2",
    "https://x/y",
    "\udcff",
)


def options_of(words: list[str]) -> list[tuple[str, bool]]:
    command = typer.main.get_command(app)
    for word in words:
        assert isinstance(command, typer.core.TyperGroup)
        command = command.commands[word]
    return [
        (max(p.opts, key=len), p.is_flag)
        for p in command.params
        if isinstance(p, typer.core.TyperOption)
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_no_value_of_any_option_has_a_library_speak(
    capfd: pytest.CaptureFixture[str], command: str
) -> None:
    words = command.split()
    options = options_of(words)
    assert options
    for option, is_switch in options:
        for value in ("yes",) if is_switch else VALUES:
            if option == "--help" or (option == "--to" and value == "S"):
                continue
            code = run([*words, *COMMANDS[command], f"{option}={value}"])
            message = capfd.readouterr().err
            assert code in (0, 1, 2), (option, value)
            assert not FOREIGN.search(message), (option, value, message)
            if code == 2:
                assert message.startswith("augcli: "), (option, value, message)
                assert re.search(r"[.)?]\n$", message), (option, value, message)


def test_all_images_of_a_class_unreadable(augcli: Augcli, folder: Path) -> None:
    (folder / "S/c").mkdir()
    for name in ("1.png", "2.png", "3.png", "4.png"):
        (folder / "S/c" / name).write_bytes(b"no image")
    result = augcli("generate", "S", "O", "-r", "flip", cwd=folder)
    warning, failure = result.stderr.splitlines()
    assert result.returncode == 1
    assert warning.startswith(
        "augcli: warning: none of the 4 images of class c can be used: c/1.png ("
    )
    assert "; c/3.png (" in warning and "c/4.png" not in warning
    sentence = "4 inputs skipped, --max-errors is 0"
    assert failure == f"augcli: exit 1: {sentence}; see O/errors.jsonl."
    again = augcli("generate", "S", "O", "-r", "flip", "--resume", "--json", cwd=folder)
    assert again.returncode == 1
    values = json.loads(again.stdout)
    assert (values["was_complete"], values["skipped"]) == (True, 4)
    assert values["error"] == {"message": sentence, "exit_code": 1}
    assert again.stderr.splitlines()[-1] == failure
    again = augcli("generate", "S", "O", "-r", "flip", "--resume", cwd=folder)
    assert (
        again.stdout
        == "Already complete: 2 images of 3 classes in O/train; 4 inputs skipped, see"
        + (" O/errors.jsonl.\n")
    )
    fine = augcli("generate", "S", "O", "-r", "flip", "--resume", "--max-errors", 4, cwd=folder)
    assert (fine.returncode, "exit 1" in fine.stderr) == (0, False)
    maps = augcli("saliency", "S", "M", "--json", cwd=folder)
    assert (maps.returncode, json.loads(maps.stdout)["error"]["message"]) == (1, sentence)
    assert maps.stderr.splitlines()[0] == warning


def test_no_image_can_be_read(augcli: Augcli, folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "S" / name / "1.png").write_bytes(b"no image")
    result = augcli("generate", "S", "O", "-r", "flip", cwd=folder)
    assert result.stderr.startswith("augcli: warning: no image of SOURCE can be used: a/1.png (")
    result = augcli("preview", "S", "-r", "flip", cwd=folder)
    assert result.returncode == 2
    assert result.stderr.startswith("augcli: No image of SOURCE can be read: ")
    assert "a/1.png (" in result.stderr and "b/1.png (" in result.stderr


def test_urls_in_lists_of_images(augcli: Augcli, folder: Path) -> None:
    (folder / "t.csv").write_text("path,label\nhttps://x.org/1.png,a\n")
    result = augcli("generate", "t.csv", "O", "-r", "flip", cwd=folder)
    assert result.stderr == (
        "augcli: t.csv, line 2: https://x.org/1.png is a URL; give paths on this machine.\n"
    )
    result = augcli(
        "generate", "-", "O", "-r", "flip", cwd=folder, stdin=b"https://x.org/a/1.png\n"
    )
    assert "has the URL https://x.org/a/1.png; give paths on this machine." in result.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path;label\na/1.png;a\n", "its columns are divided by semicolons; divide them by commas"),
        ("path\tlabel\n", "divided by tabs; divide them by commas, or name it .tsv."),
        ("a/1.png,a\n", "it is a row, a/1.png and a; put a line with names above, as path,label."),
        (
            "picture of,label\n",
            "columns picture of and label, and none of paths; name one of them path, file_na",
        ),
    ],
)
def test_headers_of_tables(augcli: Augcli, folder: Path, text: str, sentence: str) -> None:
    (folder / "S/t.csv").write_text("\ufeff" + text, encoding="utf-8")
    result = augcli("generate", "S/t.csv", "O", "-r", "flip", cwd=folder)
    assert result.returncode == 2
    assert result.stderr.startswith("augcli: S/t.csv, line 1: ")
    assert sentence in result.stderr


def test_a_header_in_other_spellings(augcli: Augcli, folder: Path) -> None:
    (folder / "S/t.csv").write_text("File Name,Class-Name\na/1.png,a\nb/1.png,b\n")
    result = augcli("generate", "S/t.csv", "O", "-r", "flip", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
