"""The help of every command: complete, in panels, in any terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from augcli.cli.app import app
from augcli.cli.help import PANELS, RARE
from tests.conftest import ROOT, SAMPLE_DATA, Augcli

ROOT_COMMAND: Any = typer.main.get_command(app)


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, (*path, name))


COMMANDS = dict(_commands(ROOT_COMMAND))
WITH_RARE = [p for p, c in COMMANDS.items() if any(one.name in RARE for one in c.params)]


def joined(text: str) -> str:
    """A text without its line breaks and indentation."""
    return " ".join(text.split())


def options(command: Any) -> list[Any]:
    return [one for one in shown(command) if one.param_type_name == "option"]


def shown(command: Any) -> list[Any]:
    return [one for one in command.params if not getattr(one, "hidden", False)]


def test_every_option_is_in_one_panel_and_says_what_it_takes() -> None:
    names = " ".join(PANELS.values()).split()
    assert len(names) == len(set(names))
    assert set(names) >= RARE
    for path, command in COMMANDS.items():
        for one in shown(command):
            assert one.help, (path, one.name)
        for one in options(command):
            assert one.name in names, f"{path}: name a panel for {one.name} in augcli/cli/help.py"
            assert one.is_flag or one.metavar, (path, one.name)
            assert one.is_flag or not re.search("[<>]|range", one.metavar), (path, one.name)


@pytest.mark.parametrize("columns", [40, 60, 61, 80, 200])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_nothing_is_cut_at_any_width(
    path: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augcli.cli.help import page

    monkeypatch.setenv("COLUMNS", str(columns))
    command: Any = COMMANDS[path]
    context = typer.Context(command, info_name=" ".join(("augcli", *path)))
    text = page(command, context, everything=True)
    longest = max(text.splitlines(), key=len)
    # A path of an example or a file name is never broken.
    assert len(longest) < min(columns, 80) or " " not in longest.strip().removesuffix(" \\")
    assert "…" not in text
    assert not re.search(r"\w\.\.\.|<\w+( range)?>|9223372036854775807|\[\d", text)
    for one in shown(command):
        assert joined(one.help) in joined(text), one.name
    for one in options(command):
        for name in one.opts:
            assert re.search(rf"^ +.*(^|[ ,]){name}\b", text, re.M), name
        assert one.is_flag or one.metavar in re.sub(r"\|\s+", "|", text)
    for name, below in getattr(command, "commands", {}).items():
        assert joined(f"{name} {(below.help or '').split(chr(10) * 2)[0]}") in joined(text)


@pytest.mark.parametrize("path", WITH_RARE, ids=" ".join)
def test_rare_options_are_left_to_help_all(path: tuple[str, ...], augcli: Augcli) -> None:
    short, whole = augcli(*path, "--help"), augcli(*path, "--help-all")
    assert (short.returncode, whole.returncode, short.stderr, whole.stderr) == (0, 0, "", "")
    rare = [one for one in options(COMMANDS[path]) if one.name in RARE]
    for one in rare:
        assert not re.search(rf"^ +{one.opts[0]}\b", short.stdout, re.M)
        assert re.search(rf"^ +{one.opts[0]}\b", whole.stdout, re.M)
    left = "1 more option" if len(rare) == 1 else f"{len(rare)} more options"
    assert short.stdout.splitlines()[-1] == (f"`augcli {' '.join(path)} --help-all` shows {left}.")
    assert "more option" not in whole.stdout
    assert "\n\n\n" not in short.stdout + whole.stdout, "hidden options leave no line"
    assert augcli(*path, "--help-all", "--json").stdout == whole.stdout


def test_generate_shows_few_options_in_the_six_panels(augcli: Augcli) -> None:
    text = augcli("generate", "--help").stdout
    assert re.findall(r"^(\w[\w ]+):$", text, re.M) == [
        *("Examples", "Arguments", "Recipe", "Saliency and keep", "Model", "Source", "Output"),
        "Run",
    ]
    assert len(re.findall(r"^ +(?:-\w, )?--[\w-]+", text, re.M)) <= 34
    assert "  -r, --recipe NAME " in text
    assert "      --seed N  " in text
    assert "--seed N the same seed gives the same bytes (default: 0)" in joined(text)
    assert "-k, --copies N outputs for each source image, at least 1 (default: 1)" in joined(text)


def test_configuration_shows_in_the_help(augcli: Augcli, tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/augcli.toml").write_text('quality = 80\nrecipe = "mix\\u001bup"\n')
    text = augcli("generate", "--help").stdout
    assert "of JPEG and WebP, 1 to 100 (configured: 80)" in text
    assert "(configured: mix\\x1bup)" in joined(text)


@pytest.mark.parametrize("path", [("generate",), ("verify",), (), ("model",)], ids=" ".join)
def test_the_terminal_changes_nothing_but_the_width(path: tuple[str, ...], augcli: Augcli) -> None:
    plain = augcli(*path, "--help", env={"COLUMNS": "80"}).stdout
    assert plain
    assert "\x1b" not in plain
    for other in ({"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "200"}):
        assert augcli(*path, "--help", env={"COLUMNS": "80", **other}).stdout == plain
    for odd in ("0", "-3", "many", ""):
        assert augcli(*path, "--help", env={"COLUMNS": odd}).stdout == plain


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_a_command_is_its_help(path: tuple[str, ...], augcli: Augcli) -> None:
    result = augcli("help", *path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == augcli(*path, "--help").stdout
    assert result.stdout.startswith(f"Usage: {' '.join(('augcli', *path))} [OPTIONS]")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("genrate",), "augcli: augcli has no command 'genrate' (did you mean 'generate'?)"),
        (("model", "inspct"), "augcli: augcli model has no command 'inspct' (did you mean"),
        (("generate", "x"), "augcli: augcli generate has no command 'x'; `augcli help` lists"),
    ],
)
def test_help_of_what_is_no_command(names: tuple[str, ...], sentence: str, augcli: Augcli) -> None:
    result = augcli("help", *names)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_arguments_of_verify_are_described_as_what_they_are(augcli: Augcli) -> None:
    text = joined(augcli("verify", "--help").stdout)
    assert "OUT the folder of a finished run of `augcli generate`; it is read" in text
    assert "the folder that is written" not in text


@pytest.mark.slow
def test_the_examples_run(augcli: Augcli, tmp_path: Path) -> None:
    folder = tmp_path / "cwd"
    shutil.copytree(SAMPLE_DATA, folder / "sample_data")
    env = {"COLUMNS": "80", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for path in COMMANDS:
        text = augcli(*path, "--help", env=env).stdout
        block = re.search(r"^Examples:\n((?:  .*\n)+)", text, re.M)
        examples = re.sub(r" \\\n +", " ", block[1]).splitlines() if block else []
        assert len(examples) == 2 or path == ("model",), path
        for example in examples:
            program, *arguments = example.split()
            assert program == "augcli"
            result = augcli(*arguments, env=env)
            assert result.returncode == 0, f"{example}\n{result.stderr}"


@pytest.mark.parametrize(
    ("arguments", "also"),
    [
        ("generate --help", []),
        ("preview --help-all", []),
        ("-h", []),
        ("help verify", ["pydantic"]),  # with which some versions of Typer read arguments
    ],
)
def test_help_imports_nothing_heavy(arguments: str, also: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['augcli', *{arguments.split()!r}]\n"
        "from augcli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'onnx', 'onnxruntime', 'rich', 'tqdm', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        timeout=60,
    )  # fmt: skip
    assert result.stdout.splitlines()[-1] in (str(also), "[]")
