"""Shells complete commands, options and values, and get nothing else whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from augcli.enums import DETECTORS, Detector, Fit, Format, Pair
from augcli.recipes.catalogue import recipe_names
from tests.conftest import ROOT, Augcli

Complete = Callable[..., list[str]]


@pytest.fixture
def complete(augcli: Augcli) -> Complete:
    """What bash, zsh and fish are offered for the last word of a command line, which is checked to
    be the same."""

    def run(*words: str, split: str = "\n") -> list[str]:
        line = " ".join(("augcli", *words))
        env = {"COMP_WORDS": split.join(("augcli", *words)), "COMP_CWORD": str(len(words))}
        bash = augcli(env={"_AUGCLI_COMPLETE": "complete_bash", **env})
        assert (bash.returncode, bash.stderr) == (0, "")
        offered = bash.stdout.splitlines()
        if "=" in words:
            return offered
        env = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        fish = augcli(env={"_AUGCLI_COMPLETE": "complete_fish", **env})
        assert [one.split("\t")[0] for one in fish.stdout.splitlines()] == offered
        env["_TYPER_COMPLETE_FISH_ACTION"] = "is-args"
        fish_asks = augcli(env={"_AUGCLI_COMPLETE": "complete_fish", **env})
        assert (fish_asks.returncode, fish_asks.stdout) == (0 if offered else 1, "")
        zsh = augcli(env={"_AUGCLI_COMPLETE": "complete_zsh", **env})
        if offered:
            assert zsh.stdout.startswith("_arguments '*: :((")
            for one in offered:
                assert f'"{one}"' in zsh.stdout
            assert zsh.stdout.count("\n") == len(offered)
        else:
            assert zsh.stdout == "_files\n"
        assert fish.stderr + zsh.stderr + fish_asks.stderr == ""
        return offered

    return run


def test_commands_and_options(complete: Complete) -> None:
    assert complete("") == [
        *(
            "generate",
            "preview",
            "inspect",
            "recipes",
            "verify",
            "convert",
            "saliency",
            "cache",
            "doctor",
            "demo",
            "help",
            "model",
        )
    ]
    assert complete("model", "") == ["inspect", "fit-head"]
    assert complete("help", "model", "") == ["inspect", "fit-head"]
    assert complete("help", "ver") == ["verify"]
    assert complete("generate", "--pai") == ["--pair"]
    assert {"--tau", "--help-all", "--recipe"} < set(complete("generate", "--"))
    assert complete("verify", "--repl") == ["--replay"]


@pytest.mark.parametrize("option", [("generate", "-r"), ("preview", "x", "--recipe")])
def test_recipes(option: tuple[str, ...], complete: Complete) -> None:
    assert sorted(complete(*option, "")) == recipe_names()
    assert complete(*option, "cu") == ["cutmix", "cutout"]
    assert complete(*option, "xx") == []


def test_recipes_to_show(complete: Complete) -> None:
    assert sorted(complete("recipes", "")) == sorted([*recipe_names(), "show"])
    assert complete("recipes", "show", "") == []


def test_settings_of_the_recipe(complete: Complete) -> None:
    assert complete("generate", "-r", "cutmix", "--set", "") == ["alpha=", "probability="]
    assert complete("generate", "--recipe", "random-erasing", "--set", "f") == ["fill="]
    assert {"alpha=", "degrees=", "bits="} < set(complete("generate", "--set", ""))
    assert complete("preview", "p", "-r", "flip", "--set", "a=1", "--set", "d") == ["direction="]


def test_words_of_other_options(complete: Complete) -> None:
    assert tuple(DETECTORS) == get_args(Detector)
    for command in ("generate", "preview", "saliency"):
        assert complete(command, "--saliency", "") == list(DETECTORS)
    assert complete("generate", "--format", "") == list(Format)
    assert complete("generate", "--fit", "c") == [Fit.cover, Fit.contain]
    assert complete("generate", "--pair", "") == list(Pair)
    assert complete("generate", "--device", "cu") == ["cuda"]


def test_models_and_recipe_files(complete: Complete, tmp_path: Path) -> None:
    folder = tmp_path / "cwd"
    (folder / "models").mkdir(parents=True)
    for name in ("a.onnx", "b.txt", "r.toml", "models/c.onnx", "models/d.onnx"):
        (folder / name).touch()
    assert complete("generate", "--model", "") == ["a.onnx"]
    assert complete("preview", "--model", "x") == []
    assert sorted(complete("saliency", "--model", "models/")) == ["models/c.onnx", "models/d.onnx"]
    assert complete("model", "inspect", "models/c") == ["models/c.onnx"]
    assert complete("generate", "--recipe-file", "") == ["r.toml"]
    assert complete("generate", "--model", "nowhere/") == []


@pytest.mark.parametrize("split", ["\n", " "])
def test_bash_breaks_words_at_equals_signs(split: str, complete: Complete) -> None:
    assert complete("generate", "--recipe", "=", "cut", split=split) == ["cutmix", "cutout"]
    assert "cutmix" in complete("generate", "--recipe", "=", split=split)
    assert complete("generate", "--recipe", "=", "flip", "--set", "d", split=split) == [
        "direction="
    ]


@pytest.mark.parametrize(
    "env",
    [
        {"_AUGCLI_COMPLETE": "complete_bash"},
        {"_AUGCLI_COMPLETE": "complete_bash", "COMP_WORDS": "augcli", "COMP_CWORD": "x"},
        {"_AUGCLI_COMPLETE": "complete_tcsh", "COMP_WORDS": "augcli", "COMP_CWORD": "1"},
        {"_AUGCLI_COMPLETE": "nonsense"},
    ],
)
def test_an_odd_request_gets_nothing(env: dict[str, str], augcli: Augcli) -> None:
    result = augcli(env=env)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "")


@pytest.mark.parametrize(
    "words",
    ["augcli -V ", "augcli --json generate 'a", "augcli generate --copies many --nonsense x -r cu",
     "augcli nonsense x ", "augcli --show-completion ", "augcli generate --help "],
)  # fmt: skip
def test_odd_words_print_only_completions(words: str, augcli: Augcli, tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/augcli.toml").write_text("[[ broken")
    env = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    result = augcli(env={"_AUGCLI_COMPLETE": "complete_bash", **env})
    assert (result.returncode, result.stderr) == (0, "")
    known = {
        "generate",
        "preview",
        "inspect",
        "recipes",
        "verify",
        "saliency",
        "cache",
        "demo",
        "doctor",
        "convert",
        "help",
        "model",
    }
    assert set(result.stdout.split()) <= known | {"cutmix", "cutout"}


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from augcli.cli.app import run\n"
        "run([])\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'onnx', 'onnxruntime', 'tqdm'}\n"
        "print(sorted(heavy & set(sys.modules)), sys.modules.get('rich'))"
    )
    requests = [
        {"_AUGCLI_COMPLETE": "complete_bash", "COMP_WORDS": "augcli generate -r mix --set a",
         "COMP_CWORD": "5"},
        {"_AUGCLI_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "augcli generate -r c"},
        {"_AUGCLI_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "augcli preview --",
         "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    ]  # fmt: skip
    for request in requests:
        result = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **request}, cwd=ROOT, timeout=60,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert len(result.stdout.splitlines()) > 1
        assert result.stdout.splitlines()[-1] == "[] None"


@pytest.fixture
def bash(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a script of bash in an empty home, with `augcli` on its path."""
    program = shutil.which("bash")
    if program is None:
        pytest.skip("needs bash")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/augcli").write_text(f'#!/bin/sh\nexec {sys.executable} -m augcli "$@"\n')
    (tmp_path / "bin/augcli").chmod(0o755)
    (tmp_path / "home").mkdir()
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")},
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path / "home"),
    }

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "--norc", "-c", script], cwd=tmp_path / "home", env=env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_bash_completes_once_it_is_installed(
    bash: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    installed = bash("augcli --install-completion; echo $?")
    assert installed.stdout.splitlines()[-1] == "0"
    assert (
        str(tmp_path / "home/.bash_completions/augcli.sh")
        in (tmp_path / "home/.bashrc").read_text()
    )
    asked = bash(
        "source ~/.bash_completions/augcli.sh; complete -p augcli\n"
        "COMP_WORDS=(augcli generate -r cutmix --set ''); COMP_CWORD=5\n"
        '_augcli_completion augcli; echo "${COMPREPLY[@]}"\n'
        "COMP_WORDS=(augcli preview --recipe = cu); COMP_CWORD=4\n"
        '_augcli_completion augcli; echo "${COMPREPLY[@]}"\n'
    )
    assert asked.stdout.splitlines() == [
        "complete -o default -F _augcli_completion augcli",
        "alpha= probability=",
        "cutmix cutout",
    ]
    shown = bash("augcli --show-completion; true")
    assert shown.stdout == (tmp_path / "home/.bash_completions/augcli.sh").read_text() + "\n"


def test_an_unknown_shell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import shellingham

    from augcli.cli.app import run

    for name in ("tcsh", ""):
        monkeypatch.setattr(shellingham, "detect_shell", lambda name=name: (name, name))
        for option in ("--install-completion", "--show-completion"):
            assert run([option]) == 2


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
@pytest.mark.parametrize("name", ["tcsh", "generate", ""])
def test_what_is_no_shell_is_not_passed_over(
    bash: Callable[[str], subprocess.CompletedProcess[str]],
    tmp_path: Path,
    option: str,
    name: str,
) -> None:
    result = bash(f"augcli {option} '{name}'")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"augcli: {option} {name or repr(name)} is no shell that is completed; give bash, zsh,"
        " fish, powershell or pwsh, or no name for the shell that this runs in.\n"
    )
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("name", ["zsh", "ZSH", "/usr/bin/zsh"])
def test_completion_is_for_the_shell_that_is_named(
    bash: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path, name: str
) -> None:
    shown = bash(f"augcli --show-completion {name}")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, "#compdef augcli")
    assert bash(f"augcli --show-completion={name}").stdout == shown.stdout
    installed = bash(f"augcli --install-completion {name}")
    assert installed.returncode == 0
    home = tmp_path / "home"
    assert (home / ".zfunc/_augcli").read_text() == shown.stdout.rstrip("\n")
    assert not (home / ".bashrc").exists()
