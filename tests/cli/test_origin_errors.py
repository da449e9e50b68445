"""Errors name the origin of the value that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_origins import Refuse, cwd, refuse, variable

__all__ = ["cwd", "refuse"]


@pytest.mark.parametrize(
    ("line", "arguments", "sentence"),
    [
        ("copies = 0", "", "copies{=}0 is less than 1; give a number from 1 to 1000000."),
        ("copies = 'many'", "", "copies{=}many is not a whole number; "),
        ("format = 'gif'", "", "format{=}gif is unknown; "),
        ("keep = 'perhaps'", "", "keep is a switch; "),
        ("size = '0x5'", "", "size{=}0x5 is not a size; "),
        ("background = 'redd'", "", "background{=}redd is not a colour (did you mean 'red'?); "),
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
