"""Every number on the command line has two bounds; beyond them one sentence says which, at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from augcli.cli.app import app
from augcli.errors import UserError
from tests.conftest import Augcli
from tests.helpers.commands import every_command, hints_of

TOO_MANY = "1000000000000000000000"
# What a user may write to have work that never ends, by option: the value, and the bounds.
NUMBERS = {
    "generate": {
        "--limit": ("100000000000000", "1 to 1099511627776"),
        "--copies": (TOO_MANY, "1 to 1000000"),
        "--per-class": (TOO_MANY, "1 to 10000000000"),
        "--seed": (TOO_MANY, "0 to 9223372036854775807"),
        "--workers": ("1000000000", "1 to 1024"),
        "--quality": ("101", "1 to 100"),
        "--dense-labels": ("1000000000000000", "0 to 1000000"),
        "--max-seconds": ("1e308", "0.1 to 1000000"),
        "--memory": ("100000000000000", "16 to 134217728"),
        "--max-pixels": ("100000000000000", "1 to 1073741824"),
        "--max-errors": (TOO_MANY, "0 to 10000000000"),
        "--label-smoothing": ("1e308", "0 to 1"),
        "--tau": ("1e308", "0 to 1"),
        "--keep-size": ("1e308", "0 to 1"),
        "--saliency-size": ("1000000000", "1 to 32768"),
        "--scale": ("1e308", "1e-06 to 1000000"),
    },
    "preview": {
        "--limit": ("100000000000000", "1 to 1099511627776"),
        "--examples": ("1000000", "1 to 200"),
        "--seed": (TOO_MANY, "0 to 9223372036854775807"),
        "--max-pixels": ("100000000000000", "1 to 1073741824"),
        "--label-smoothing": ("1e308", "0 to 1"),
        "--tau": ("1e308", "0 to 1"),
        "--keep-size": ("1e308", "0 to 1"),
        "--saliency-size": ("1000000000", "1 to 32768"),
        "--scale": ("1e308", "1e-06 to 1000000"),
    },
    "saliency": {
        "--limit": ("100000000000000", "1 to 1099511627776"),
        "--workers": ("1000000000", "1 to 1024"),
        "--max-pixels": ("100000000000000", "1 to 1073741824"),
        "--max-errors": (TOO_MANY, "0 to 10000000000"),
        "--saliency-size": ("1000000000", "1 to 32768"),
        "--scale": ("1e308", "1e-06 to 1000000"),
    },
    "verify": {
        "--replay": (TOO_MANY, "0 to 10000000000"),
        "--workers": ("1000000000", "1 to 1024"),
        "--max-seconds": ("1e308", "0.1 to 1000000"),
    },
    "model inspect": {"--scale": ("1e308", "1e-06 to 1000000")},
    "inspect": {
        "--limit": ("100000000000000", "1 to 1099511627776"),
        "--max-pixels": ("100000000000000", "1 to 1073741824"),
    },
    "model fit-head": {
        "--max-errors": (TOO_MANY, "0 to 10000000000"),
        "--limit": ("100000000000000", "1 to 1099511627776"),
        "--scale": ("1e308", "1e-06 to 1000000"),
        "--max-pixels": ("100000000000000", "1 to 1073741824"),
    },
}
ARGUMENTS = {
    "generate": ["S", "O", "-r", "cutmix"],
    "preview": ["S", "-r", "cutmix"],
    "saliency": ["S", "O"],
    "verify": ["O"],
    "inspect": ["S"],
    "model inspect": ["m.onnx"],
    "model fit-head": ["m.onnx", "S", "--at", "x", "-o", "y.onnx"],
}
CASES = [(command, name) for command, numbers in NUMBERS.items() for name in numbers]


def said(arguments: list[str]) -> str:
    """The sentence with which the command line refuses these arguments."""
    with pytest.raises(UserError) as refused:
        app(arguments)
    return str(refused.value)


def test_every_option_with_a_number_is_looked_at() -> None:
    actual = set()
    for name, command in every_command().items():
        for option, hint in hints_of(command).items():
            kind = getattr(hint, "__origin__", hint)  # of Annotated
            if {int, float} & {kind, *get_args(kind)}:
                actual.add((name, f"--{option.replace('_', '-')}"))
    assert actual == set(CASES)


def int_or_none(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_number_beyond_its_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    """Also where the environment says it, or a configuration file, which writes NaN too."""
    monkeypatch.chdir(tmp_path)
    value, bounds = NUMBERS[command][name]
    words, rest = command.split(), ARGUMENTS[command]
    least, most = bounds.split(" to ")
    sentence = f"is more than {most}; give a number from {least} to {most}."
    assert said([*words, *rest, name, value]).endswith(sentence)
    assert said([*words, *rest, f"{name}=-1"]).endswith(f"is less than {least}; give a number"
                                                        f" from {least} to {most}.")  # fmt: skip
    variable = f"AUGCLI_{name[2:].replace('-', '_').upper()}"
    monkeypatch.setenv(variable, value)
    assert said([*words, *rest]).startswith(f"{variable}=")
    assert said([*words, *rest]).endswith(sentence)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    table = "[model.fit-head]" if command == "model fit-head" else f"[{command.replace(' ', '.')}]"
    written = f'"{value}"' if int_or_none(value) else value  # TOML ends at 64 bits
    (tmp_path / "augcli.toml").write_text(f"{table}\n{name[2:]} = {written}\n")
    where = f"augcli.toml, table {', table '.join(words)}: {name[2:]} = "
    assert said([*words, *rest]).startswith(where)
    assert said([*words, *rest]).endswith(sentence)


@pytest.mark.parametrize(
    "name", ["--max-seconds", "--label-smoothing", "--tau", "--keep-size", "--scale"]
)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN", "1e999"])
def test_what_is_no_number_lies_between_no_bounds(name: str, value: str) -> None:
    least, most = NUMBERS["generate"][name][1].split(" to ")
    assert said(["generate", *ARGUMENTS["generate"], f"{name}={value}"]).endswith(
        f"give a number from {least} to {most}."
    )


@pytest.mark.parametrize(
    "line",
    ["copies = 2.5", "copies = inf", "copies = nan", "copies = true", "max-seconds = false"],
)
def test_a_file_of_settings_is_taken_at_its_word(
    augcli: Augcli, photos: Path, tmp_path: Path, line: str
) -> None:
    """A fraction is not cut to a whole number, and a truth value is no number."""
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    (cwd / "augcli.toml").write_text(line)
    result = augcli("generate", photos, "o", "-r", "cutmix", cwd=cwd)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False)
    name = line.split()[0]
    sentences = f"augcli.toml: {name} = ", f"augcli.toml: {name} is text or a number, not "
    assert any(sentence in result.stderr for sentence in sentences)
    assert not (cwd / "o").exists()


def test_a_file_of_settings_may_say_yes_and_no(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    (cwd / "augcli.toml").write_text(
        "dry-run = true\njson = true\nquiet = false\ncopies = 2\nlabel-smoothing = 0\n"
    )
    result = augcli("generate", photos, "o", "-r", "cutmix", cwd=cwd)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["outputs"] == 30


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("copies = 1" + "0" * 5000, "augcli.toml cannot be read as TOML: an integer does not fit"),
        ("copies = " + "[" * 100_000, "augcli.toml cannot be read as TOML"),
    ],
)
def test_a_file_of_settings_beyond_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    (tmp_path / "augcli.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert said(["generate", *ARGUMENTS["generate"]]).startswith(sentence)


SIZES = {
    "99999x99999 --format jpeg": (
        "--size 99999x99999 has a side of more than 65500 pixels, the most that a jpeg file holds."
    ),
    "65501x1": "has a side of more than 65500 pixels, the most that a jpeg file holds.",
    "20000x1 --format webp": (
        "has a side of more than 16383 pixels, the most that a webp file holds."
    ),
    "1000001x1 --format png": (
        "has a side of more than 1000000 pixels, the most that a png file holds."
    ),
    "1000001x1 --format same": "has a side of more than 1000000 pixels, the most.",
    "99999x99999 --format png": "is 9999800001 pixels, more than 1073741824.",
    "0x5": "--size 0x5 is not a size",
    "9999999999999999999999x1": "is not a size",
    "٣x٣": "is not a size",
}


@pytest.mark.parametrize("size", SIZES)
def test_a_size_that_no_file_holds(augcli: Augcli, photos: Path, size: str) -> None:
    result = augcli("generate", photos, "O", "-r", "cutmix", "--size", *size.split())
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert SIZES[size] in result.stderr


def test_a_size_of_a_preview(augcli: Augcli, photos: Path) -> None:
    result = augcli("preview", photos, "-r", "cutmix", "--size", "99999x99999")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert "is 9999800001 pixels, more than 1073741824." in result.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--model-size=20000x4", "--model-size 20000x4 has a side of more than 16384 pixels"),
        ("--mean=nan", "--mean nan: give numbers from -1000000 to 1000000."),
        ("--mean=1,2,1e308", "--mean 1,2,1e308: give numbers from -1000000 to 1000000."),
        ("--std=inf", "--std inf: give numbers from -1000000 to 1000000."),
    ],
)
def test_the_numbers_of_a_models_input(option: str, sentence: str) -> None:
    assert said(["model", "inspect", "m.onnx", option]).startswith(sentence)


def test_a_dry_run_counts_at_once_what_would_take_years(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    options = ("generate", photos, tmp_path / "out", "-r", "cutmix", "--dry-run", "--json")
    result = augcli(*options, "-k", 1_000_000)
    assert (result.returncode, json.loads(result.stdout)["outputs"]) == (0, 15_000_000)
    result = augcli(*options, "--per-class", 3_000_000_000)
    assert (result.returncode, json.loads(result.stdout)["outputs"]) == (0, 9_000_000_000)
    result = augcli(*options, "--per-class", 4_000_000_000)
    assert (result.returncode, json.loads(result.stdout)["error"]["exit_code"]) == (2, 2)
    assert result.stderr == (
        "augcli: That is 12000000000 outputs, more than 10000000000; lower --copies or"
        " --per-class.\n"
    )
