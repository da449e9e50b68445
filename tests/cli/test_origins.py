"""The nearer origin of an option holds, everything can be undone, and errors name the origin."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

from augcli.cli.app import app, run
from augcli.cli.config import PATHS
from augcli.cli.exclusive import EXCLUSIVE

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
        "--set has no effect beside --rec"
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
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    commands = {name: one for name, one in root.commands.items() if name != "help"}
    every: dict[tuple[str, ...], Any] = {
        (name,): one for name, one in commands.items() if not hasattr(one, "commands")
    }
    for name, group in commands.items():
        every |= {(name, inner): one for inner, one in getattr(group, "commands", {}).items()}
    return {
        words: {one.name: one for one in command.params if one.envvar}
        for words, command in every.items()
    }


SAMPLE = {
    "saliency": "fine-grained",
    "recipe": "cutmix",
    "size": "8x8",
    "pair": "any",
    "scale": "2",
    "channel-order": "bgr",
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
        told = resolve(*words)
        assert {option for option in of if told[option] == off[option]} == set()
        told = resolve(*words, *undo)
        assert {option: told[option] for option in of} == {option: off[option] for option in of}

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


@pytest.mark.parametrize(
    ("line", "arguments", "sentence"),
    [
        ("copies = 0", "", "copies{=}0 is less than 1; give a number from 1 to 1000000."),
        ("copies = 'many'", "", "copies{=}many is not a whole number; "),
        ("format = 'gif'", "", "format{=}gif is unknown; "),
        ("keep = 'perhaps'", "", "keep is a switch; "),
        ("size = '0x5'", "", "size{=}0x5 is not a size; "),
        ("background = 'red'", "", "background{=}red is not a colour; write it like #ffffff."),
        ("recipe = 'cutmixx'", "", "recipe{=}cutmixx: There is no recipe 'cutmixx'"),
        ("recipe-file = 'no.toml'", "--no-recipe", "recipe-file{=}no.toml: Recipe file no.toml "),
        ("set = ['alhpa=1']", "", "set{=}alhpa=1: Recipe cutmix has no option 'alhpa'"),
        ("set = ['alpha']", "", "set{=}alpha is not key=value; "),
        ("saliency = 'gradient'", "-r saliencymix", "saliency{=}gradient needs a classifier; "),
        ("source = 'nowhere'", "", "source{=}nowhere "),
        ("mean = 'x'", "-r saliencymix --saliency gradient --model m.onnx", "mean{=}x is not "),
        ("class-list = 'c.txt'", "-r saliencymix --saliency gradient --model {model}",
         "class-list{=}c.txt cannot be read: "),
        ("max-seconds = 'nan'", "", "max-seconds{=}nan is not a number; "),
    ],
)  # fmt: skip
def test_errors_name_the_origin(
    cwd: Path,
    photos: Path,
    refuse: Refuse,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    arguments: str,
    sentence: str,
) -> None:
    key, value = line.split(" = ")
    value = value.strip("[']")
    source = [] if key == "source" else [str(photos)]
    words = arguments.format(model=Path(__file__).parents[2] / "sample_data/classifier.onnx")
    recipe = [] if key in ("recipe", "recipe-file") or "-r" in words else ["-r", "cutmix"]

    def refusal() -> str:
        out = ["o"] if source else []
        return refuse("generate", *source, *out, *recipe, *words.split())

    rest = sentence.removeprefix(key)
    if not source:
        monkeypatch.setenv("AUGCLI_OUT", "o")
    monkeypatch.setenv(variable(key), value)
    assert refusal().startswith(variable(key) + rest.replace("{=}", "="))
    monkeypatch.delenv(variable(key))
    (cwd / "augcli.toml").write_text(f"{line}\n")
    assert refusal().startswith(f"augcli.toml: {key}" + rest.replace("{=}", " = "))
    (cwd / "augcli.toml").unlink()
    (cwd / "pyproject.toml").write_text(f"[tool.augcli]\n{line}\n")
    assert refusal().startswith(f"pyproject.toml: {key}" + rest.replace("{=}", " = "))
    (cwd / "below").mkdir()
    monkeypatch.chdir(cwd / "below")
    assert refusal().startswith(f"{cwd / 'pyproject.toml'}: {key}")


def test_what_the_command_line_says_is_named_as_there(
    cwd: Path, refuse: Refuse, photos: Path
) -> None:
    (cwd / "augcli.toml").write_text("copies = 0\nsize = '0x5'\nrecipe = 'cutmixx'\n")
    command = ("generate", str(photos), "o")
    assert refuse(*command, "--copies", "0").startswith("--copies 0 is less than 1;")
    assert refuse(*command, "-k", "1", "-r", "cutmixy").startswith("There is no recipe 'cutmixy'")
    assert refuse(*command, "-k", "1", "-r", "cutmix", "--size", "0x6").startswith(
        "--size 0x6 is not a size;"
    )


def test_unknown_variables_are_one_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGCLI_EXAMPLES", "3")  # of another command
    monkeypatch.setenv("AUGCLI_COPES", "3")
    assert run(["recipes"]) == 0
    assert capsys.readouterr().err == (
        "augcli: warning: the environment variable AUGCLI_COPES (did you mean"
        " AUGCLI_COPIES?) sets nothing.\n"
    )
    for name in ("A", "XYZ", "QQQ"):
        monkeypatch.setenv(f"AUGCLI_{name}", "1")
    assert run(["recipes", "--json"]) == 0
    assert capsys.readouterr().err == (
        "augcli: warning: the environment variables AUGCLI_A (did you mean AUGCLI_AT?),"
        " AUGCLI_COPES (did you mean AUGCLI_COPIES?), AUGCLI_QQQ and 1 more set nothing.\n"
    )


def test_show_config_says_what_came_from_where(
    cwd: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cwd / "augcli.toml").write_text(
        "recipe_file = 'f.toml'\nformat = 'png'\n[generate]\nquality = 80\nset = {p = 1}\n"
    )
    monkeypatch.setenv("AUGCLI_COPIES", "3")
    assert run(["generate", "-r", "cutmix", "--show-config"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "SOURCE unset default",
        "--recipe cutmix command line",
        "--recipe-file unset default (augcli.toml: recipe_file gives way to --recipe)",
        "--copies 3 AUGCLI_COPIES",
        "--format png augcli.toml: format",
        "--quality 80 augcli.toml, table generate: quality",
        "--seed 0 default",
    ):
        assert line in lines
    assert run(["generate", "-r", "cutmix", "--json", "--show-config"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["command"] == "generate"
    assert told["options"]["copies"] == {"value": 3, "origin": "AUGCLI_COPIES"}
    assert told["options"]["recipe-file"] == {
        "value": None,
        "origin": "default",
        "left_out": "augcli.toml: recipe_file",
        "for": "--recipe",
    }
    assert not (cwd / "augmented").exists()
    for words in options_of_all():
        assert run([*words, "--show-config"]) == 0
        assert capsys.readouterr().out
    monkeypatch.setenv("AUGCLI_COPIES", "0")
    assert run(["generate", "--show-config"]) == 2


def test_configuration_is_looked_for_up_to_the_repository(
    tmp_path: Path, resolve: Resolve, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = cwd / "a/b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)

    def copies() -> int:
        return int(resolve("generate")["copies"])

    (tmp_path / "augcli.toml").write_text("copies = 9\n")
    assert copies() == 1, "that is above the folder with .git"
    (cwd / "pyproject.toml").write_text("[tool.augcli]\ncopies = 2\n")
    assert copies() == 2
    (cwd / "augcli.toml").write_text("copies = 3\n")
    assert copies() == 3
    (cwd / "a/pyproject.toml").write_text("[project]\nname = 'of another, not augcli'\n")
    assert copies() == 3
    (cwd / "a/pyproject.toml").write_text("[tool.augcli]\ncopies = 4\n")
    assert copies() == 4
    (inner / "augcli.toml").write_text("seed = 1\n")
    assert copies() == 1, "only the nearest is read"
    (inner / "augcli.toml").unlink()
    for file in (cwd / "a/pyproject.toml", cwd / "augcli.toml", cwd / "pyproject.toml"):
        file.unlink()
    (cwd / ".git").rmdir()
    assert copies() == 9, "without a repository up to the root"
    (cwd / ".git").write_text("gitdir: elsewhere\n")
    assert copies() == 1, "as of a worktree"


def test_a_damaged_file_above_is_named_with_its_path(
    cwd: Path, resolve: Resolve, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cwd / "a").mkdir()
    monkeypatch.chdir(cwd / "a")
    project = cwd / "pyproject.toml"
    project.write_text("[tool.augcli]\nseed = ?\n")
    assert refuse("recipes").startswith(f"{project} cannot be read as TOML: ")
    project.write_text("[tool.other]\nseed = ?\n")
    assert resolve("generate")["seed"] == 0, "it says nothing of augcli"
    project.write_text("[tool.augcli.generate]\nsede = 1\n")
    assert refuse("recipes") == (
        f"{project}, table generate: there is no option 'sede'; did you mean 'seed'?"
    )


def test_paths_in_a_file_are_relative_to_it(
    cwd: Path, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cwd / "a").mkdir()
    (cwd / "augcli.toml").write_text(
        "source = 'photos'\nout = '../o'\nrecipe-file = '/r.toml'\nsaliency-cache = 'none'\n"
        "model = 'm.onnx'\n[preview]\nsource = '-'\nsaliency-cache = 'maps'\n"
    )
    assert resolve("generate")["source"] == "photos"
    monkeypatch.chdir(cwd / "a")
    held = resolve("generate")
    names = ("source", "out", "recipe-file", "saliency-cache", "model")
    assert [held[name] for name in names] == [
        str(Path("../photos")), str(Path("../../o")), str(Path("/r.toml")), "none",
        str(Path("../m.onnx")),
    ]  # fmt: skip
    held = resolve("preview")
    assert (held["source"], held["saliency-cache"]) == ("-", str(Path("../maps")))
    assert resolve("model", "inspect")["model"] == str(Path("../m.onnx"))


def test_every_option_that_is_a_path_is_known_as_one() -> None:
    found = set()
    groups = [app, *(one for group in app.registered_groups if (one := group.typer_instance))]
    for group in groups:
        for command in group.registered_commands:
            hints = get_type_hints(command.callback, include_extras=True)
            for name, hint in hints.items():
                declared = getattr(hint, "__metadata__", [None])[0]
                if getattr(declared, "envvar", None) and Path in (
                    hint.__origin__,
                    *get_args(hint.__origin__),
                ):
                    found.add(name)
    assert found | {"source", "saliency_cache"} == set(PATHS)


def test_only_options_are_settings(cwd: Path, refuse: Refuse) -> None:
    """Not the arguments of `recipes`, nor what is no setting."""
    for key in ("file", "moved", "help", "show_config", "no_size", "version"):
        (cwd / "augcli.toml").write_text(f"{key} = 'x'\n")
        assert refuse("recipes").startswith(f"augcli.toml: there is no option '{key}'")
    (cwd / "augcli.toml").write_text("name = 'early'\n")  # of fit-head, not of recipes
    assert run(["recipes"]) == 0
    (cwd / "augcli.toml").write_text("[generat]\nseed = 1\n")
    assert refuse("recipes") == (
        "augcli.toml: there is no command 'generat'; did you mean 'generate'?"
    )
    (cwd / "augcli.toml").write_text("max-errors = 1\nmax_errors = 2\n")
    assert refuse("recipes") == (
        "augcli.toml: max-errors and max_errors are the same option; give one of them."
    )
    for table in ("generate", "preview", "saliency", "verify", "recipes", "model.fit-head"):
        (cwd / "augcli.toml").write_text(f"[{table}]\nqueit = true\n")
        assert "there is no option 'queit'" in refuse("recipes")
