"""The nearer origin of an option holds, and everything can be undone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.cli.app import run
from augcli.cli.exclusive import EXCLUSIVE
from tests.helpers.commands import every_command

# The options that hold, by their names.
Resolve = Callable[..., dict[str, Any]]
Refuse = Callable[..., str]


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without configuration from outside."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("AUGCLI_")]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def resolve(capsys: pytest.CaptureFixture[str]) -> Resolve:
    def resolve(*arguments: str) -> dict[str, Any]:
        code = run([*arguments, "--show-config", "--json"])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return {k: option["value"] for k, option in json.loads(out)["options"].items()}

    return resolve


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Refuse:
    def refuse(*arguments: str) -> str:
        assert run([*arguments]) == 2
        sentence = capsys.readouterr().err
        assert sentence.count("\n") == 1
        return sentence.removeprefix("augcli: ").rstrip("\n")

    return refuse


# Two options of a command that exclude each other: what each says on the command line, in the
# environment and in a file.
PAIRS = [
    ("generate", "recipe", "cutmix", "recipe-file", "f.toml"),
    ("generate", "copies", "3", "per-class", "7"),
    ("generate", "resume", "true", "overwrite", "true"),
    ("generate", "quiet", "true", "progress", "always"),
    ("saliency", "resume", "true", "overwrite", "true"),
    ("saliency", "quiet", "true", "progress", "always"),
    ("preview", "recipe", "cutmix", "recipe-file", "f.toml"),
    ("preview", "recipe", "cutmix", "all-recipes", "true"),
    ("preview", "recipe-file", "f.toml", "all-recipes", "true"),
    ("preview", "show", "true", "json", "true"),
    ("model fit-head", "quiet", "true", "progress", "always"),
]
BOTH_WAYS = [*PAIRS, *((c, second, b, first, a) for c, first, a, second, b in PAIRS)]


def flags(name: str, value: str) -> list[str]:
    return [f"--{name}"] if value == "true" else [f"--{name}", value]


def variable(name: str) -> str:
    return f"AUGCLI_{name.replace('-', '_').upper()}"


def test_all_that_exclude_each_other_are_looked_at() -> None:
    looked_at = {frozenset((first, second)) for _, first, _, second, _ in PAIRS}
    every = {
        frozenset((first.replace("_", "-"), second.replace("_", "-")))
        for group in EXCLUSIVE
        for first in group
        for second in group
        if first != second
    }
    assert looked_at == every


@pytest.mark.parametrize(("command", "near", "value", "far", "other"), BOTH_WAYS)
def test_the_nearer_origin_holds(
    cwd: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    near: str,
    value: str,
    far: str,
    other: str,
) -> None:
    def check(*arguments: str) -> None:
        """The near option has its value, the far one its default. Where --json is one of them,
        what holds decides about what is printed."""
        assert run([*command.split(), *arguments, "--show-config"]) == 0
        out = capsys.readouterr().out
        if near == "json":
            options = json.loads(out)["options"]
            assert options[near] == {"value": True, "origin": options[near]["origin"]}
            assert (options[far]["value"], "left_out" in options[far]) == (False, True)
            return
        lines = {line.split()[0]: line for line in out.splitlines()}
        assert lines[f"--{near}"].split()[1] == value
        assert "gives way" not in lines[f"--{near}"]
        assert lines[f"--{far}"].split()[1] == {"copies": "1", "progress": "auto"}.get(
            far, "false" if other == "true" else "unset"
        )
        assert " gives way to " in lines[f"--{far}"]

    for file, table in (("augcli.toml", ""), ("pyproject.toml", "[tool.augcli]\n")):
        (cwd / file).write_text(f"{table}{far} = '{other}'\n")
        check(*flags(near, value))
        monkeypatch.setenv(variable(near), value)
        check()
        monkeypatch.delenv(variable(near))
        (cwd / file).unlink()
    monkeypatch.setenv(variable(far), other)
    check(*flags(near, value))


@pytest.mark.parametrize(("command", "first", "value", "second", "other"), PAIRS)
def test_two_from_one_origin_are_refused_by_their_names_there(
    cwd: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuse: Refuse,
    command: str,
    first: str,
    value: str,
    second: str,
    other: str,
) -> None:
    words = command.split()
    rest = {"preview": ["S"], "model fit-head": ["m", "S", "--at=x", "-o", "y"]}.get(
        command, ["S", "O"]
    )

    def refusal(*arguments: str) -> str:
        return refuse(*words, *rest, *arguments)

    end = "exclude each other; give one of them."
    names = [variable(first), variable(second)]
    assert refusal(*flags(first, value), *flags(second, other)) in (
        f"--{first} and --{second} {end}", f"--{second} and --{first} {end}",
    )  # fmt: skip
    monkeypatch.setenv(names[0], value)
    monkeypatch.setenv(names[1], other)
    assert refusal() in (f"{' and '.join(names)} {end}", f"{' and '.join(names[::-1])} {end}")
    for name in names:
        monkeypatch.delenv(name)
    keys = [f"{first} = '{value}'", f"{second} = '{other}'"]
    both = (f"{first} and {second} {end}", f"{second} and {first} {end}")
    (cwd / "augcli.toml").write_text("\n".join(keys))
    assert refusal().removeprefix("augcli.toml: ") in both
    (cwd / "augcli.toml").write_text("\n".join([f"[{'.'.join(words)}]", *keys]))
    where = f"augcli.toml, table {', table '.join(words)}: "
    assert refusal().removeprefix(where) in both
    (cwd / "augcli.toml").unlink()
    (cwd / "pyproject.toml").write_text("\n".join(["[tool.augcli]", *keys]))
    assert refusal().removeprefix("pyproject.toml: ") in both


def test_a_recipe_on_the_command_line_is_the_one_that_is_made(
    cwd: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cwd / "f.toml").write_text('[[steps]]\nrecipe = "flip"\n')

    def recipe(*arguments: str) -> str:
        code = run(["generate", str(photos), "o", "--dry-run", "--json", *arguments])
        out, err = capsys.readouterr()
        assert code == 0, err
        return str(json.loads(out)["recipe"])

    for file, table in (("augcli.toml", ""), ("pyproject.toml", "[tool.augcli]\n")):
        (cwd / file).write_text(f"{table}recipe-file = 'f.toml'\n")
        assert recipe() != "cutmix"
        assert recipe("-r", "cutmix") == "cutmix"
        monkeypatch.setenv("AUGCLI_RECIPE", "mixup")
        assert recipe() == "mixup"
        monkeypatch.delenv("AUGCLI_RECIPE")
        (cwd / file).unlink()
    monkeypatch.setenv("AUGCLI_RECIPE_FILE", "f.toml")
    assert recipe("-r", "cutmix") == "cutmix"


def test_a_table_of_a_command_is_nearer_than_what_stands_around_it(
    cwd: Path, resolve: Resolve
) -> None:
    (cwd / "augcli.toml").write_text("per-class = 9\n[generate]\ncopies = 2\n")
    assert (resolve("generate")["copies"], resolve("generate")["per-class"]) == (2, None)


def test_what_goes_with_a_recipe_goes_when_a_nearer_origin_has_another(
    cwd: Path, resolve: Resolve, refuse: Refuse
) -> None:
    (cwd / "f.toml").write_text('[[steps]]\nrecipe = "flip"\n')
    (cwd / "augcli.toml").write_text(
        "recipe = 'cutmix'\nkeep = true\ntau = 0.7\nkeep-size = 0.4\nsaliency = 'fine-grained'\n"
        "saliency-size = 64\n[set]\nalpha = 0.4\n"
    )
    held = resolve("generate")
    assert (held["set"], held["tau"], held["saliency-size"]) == (["alpha=0.4"], 0.7, 64)
    held = resolve("generate", "--recipe-file", "f.toml")
    gone = ("recipe", "set", "tau", "keep-size", "saliency", "saliency-size")
    assert ([held[name] for name in gone], held["keep"]) == ([None] * 6, False)
    held = resolve("preview", "--all-recipes")
    assert (held["recipe"], held["set"], held["keep"], held["tau"]) == (None, None, True, 0.7)
    held = resolve("generate", "-r", "cutout")
    assert (held["recipe"], held["set"], held["keep"]) == ("cutout", None, True)
    held = resolve("generate", "-r", "cutout", "--set", "probability=1")
    assert (held["set"], held["tau"]) == (["probability=1"], 0.7)
    assert refuse("preview", "S", "--all-recipes", "--set", "alpha=1") == (
        "--set changes one recipe, and --all-recipes draws every one; give one of them."
    )
    (cwd / "augcli.toml").write_text("[set]\nalpha = 0.4\n")
    assert resolve("generate", "-r", "mixup")["set"] == ["alpha=0.4"], "meant for any recipe"
    (cwd / "augcli.toml").write_text("recipe-file = 'f.toml'\n")
    assert refuse("generate", "S", "O", "--set", "alpha=1").startswith(
        "--set has no effect beside augcli.toml: recipe-file; "
    )


def test_no_keep_takes_what_goes_with_keep_along(
    cwd: Path, resolve: Resolve, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cwd / "augcli.toml").write_text(
        "recipe = 'cutout'\nkeep = true\ntau = 0.7\nkeep-size = 0.4\nsaliency-size = 64\n"
    )
    held = resolve("generate", "--no-keep")
    assert [held[name] for name in ("keep", "tau", "keep-size", "saliency-size")] == [
        False, None, None, None,
    ]  # fmt: skip
    assert resolve("generate", "--no-keep", "-r", "saliencymix")["saliency-size"] == 64
    monkeypatch.setenv("AUGCLI_KEEP", "false")
    assert resolve("generate")["tau"] is None
    assert resolve("generate", "--keep")["tau"] == 0.7
    assert refuse("generate", "S", "O", "--tau", "0.5") == (
        "--tau has no effect without --keep; add that."
    )
    assert resolve("generate", "--keep")["tau"] == 0.7


def test_saliency_of_a_file_gives_way_to_a_recipe_that_looks_for_none(
    cwd: Path, resolve: Resolve, refuse: Refuse
) -> None:
    (cwd / "augcli.toml").write_text("saliency = 'fine-grained'\n")
    assert resolve("generate", "-r", "flip")["saliency"] is None
    assert resolve("generate", "-r", "saliencymix")["saliency"] == "fine-grained"
    assert resolve("generate", "-r", "flip", "--keep")["saliency"] == "fine-grained"
    (cwd / "augcli.toml").write_text("saliency = 'fine-grained'\nrecipe = 'flip'\n")
    assert refuse("generate", "S", "O").startswith("SOURCE S does not exist"), "passed over"


def test_keep_of_a_file_gives_way_to_one_region_a_batch(
    cwd: Path, resolve: Resolve, refuse: Refuse
) -> None:
    (cwd / "augcli.toml").write_text("recipe = 'saliencymix'\nkeep = true\ntau = 0.7\n")
    held = resolve("generate", "--set", "box=per-batch")
    assert (held["keep"], held["tau"], held["set"]) == (False, None, ["box=per-batch"])
    assert resolve("generate", "--set", "alpha=2")["tau"] == 0.7
    command = ("generate", "S", "O", "--set", "box=per-batch", "--keep")
    assert refuse(*command).startswith("Keep chooses a region for each target, and saliencymix")


def options_of_all() -> dict[tuple[str, ...], dict[str, Any]]:
    """The parameters of each command that configuration can set."""
    return {
        tuple(words.split()): {one.name: one for one in command.params if one.envvar}
        for words, command in every_command().items()
        if words != "help"
    }


SAMPLE = {
    "saliency": "fine-grained",
    "recipe": "cutmix",
    "size": "8x8",
    "pair": "any",
    "scale": "2",
    "channel-order": "bgr",
    "keep-candidates": "inside",
    "output-format": "folder",
}


@pytest.mark.parametrize("words", options_of_all(), ids=" ".join)
def test_whatever_configuration_sets_can_be_undone(
    cwd: Path, resolve: Resolve, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Switches and options without a value by a --no- form, all others by a value."""
    values: dict[str, str] = {}
    off: dict[str, bool | None] = {}
    for name, one in options_of_all()[words].items():
        option = name.replace("_", "-")
        is_switch = f"--no-{option}" in one.secondary_opts
        is_required = one.required or one.param_type_name == "argument"
        if option == "json" or is_required or (not is_switch and one.default is not None):
            continue
        values[option] = "true" if is_switch else SAMPLE.get(option, "1")
        off[option] = False if is_switch else None
    assert values or words == ("recipes",)
    undo = [f"--no-{option}" for option in values]
    lines = {k: "set = ['k=1']" if k == "set" else f"{k} = '{v}'" for k, v in values.items()}
    losers = {"recipe-file", "all-recipes", "overwrite", "show"} & {*values}
    held = [*{*values} - losers]

    def held_and_undone(of: list[str]) -> None:
        resolved = resolve(*words)
        assert {option for option in of if resolved[option] == off[option]} == set()
        resolved = resolve(*words, *undo)
        assert {option: resolved[option] for option in of} == {option: off[option] for option in of}

    for of in (held, *([option] for option in sorted(losers - {"show"}))):
        table = f"[{'.'.join(words)}]"
        (cwd / "augcli.toml").write_text("\n".join([table, *(lines[k] for k in of)]))
        held_and_undone(of)
    (cwd / "augcli.toml").unlink()
    for option in held:
        monkeypatch.setenv(variable(option), values[option])
    held_and_undone(held)


def test_json_is_undone_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGCLI_JSON", "1")
    assert run(["recipes"]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert run(["recipes", "--no-json"]) == 0
    assert not capsys.readouterr().out.startswith("{")
    assert run(["generate", "nowhere", "o", "-r", "flip", "--no-json"]) == 2
    assert capsys.readouterr().out == ""


def test_help_shows_switches_both_ways_and_nothing_else_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["generate", "--help"]) == 0
    out = capsys.readouterr().out
    assert "--keep, --no-keep" in out and "-q, --quiet, --no-quiet" in out
    assert "default: no-" not in out and "--no-size" not in out
    assert "--show-config" in out


def test_a_value_and_its_undoing_are_refused(refuse: Refuse) -> None:
    assert refuse("generate", "S", "O", "--size", "8x8", "--no-size") == (
        "--size and --no-size exclude each other; give one of them."
    )
