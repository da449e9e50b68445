"""Where configuration is looked for, what it may set, and how --show-config tells of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from augcli.cli.app import run
from augcli.cli.config import PATHS
from tests.cli.test_origins import Refuse, Resolve, cwd, options_of_all, refuse, resolve
from tests.helpers.commands import every_command, hints_of

__all__ = ["cwd", "refuse", "resolve"]


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
    values = json.loads(capsys.readouterr().out)
    assert values["command"] == "generate"
    assert values["options"]["copies"] == {"value": 3, "origin": "AUGCLI_COPIES"}
    assert values["options"]["recipe-file"] == {
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
    actual = set()
    for command in every_command().values():
        for name, hint in hints_of(command).items():
            declared = getattr(hint, "__metadata__", [None])[0]
            if getattr(declared, "envvar", None) and Path in (
                hint.__origin__,
                *get_args(hint.__origin__),
            ):
                actual.add(name)
    assert actual | {"source", "saliency_cache"} == set(PATHS)


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
