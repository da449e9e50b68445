"""Flag > environment > file > default."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augcli.cli.config import OptionNames, default_map, read_settings
from augcli.errors import UserError
from tests.conftest import SAMPLE_DATA, Augcli

COMMANDS = {"generate": ["source", "out", "seed", "set"], "preview": ["source", "seed"]}


def file_defaults(folder: Path, commands: OptionNames) -> dict[str, object]:
    return default_map(read_settings(folder, lambda: commands))


def dry_run(
    augcli: Augcli, cwd: Path, *arguments: str, env: dict[str, str] | None = None
) -> dict[str, Any]:
    result = augcli("generate", *arguments, "--dry-run", "--json", cwd=cwd, env=env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_each_source_of_a_setting_gives_way_to_the_next(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    (cwd / "pyproject.toml").write_text(
        f"[tool.augcli]\nsource = '{photos}'\nout = 'o'\nrecipe = 'cutmix'\ncopies = 3\n"
    )
    assert dry_run(augcli, cwd)["outputs"] == 45
    assert dry_run(augcli, cwd, env={"AUGCLI_COPIES": "4"})["outputs"] == 60
    assert dry_run(augcli, cwd, "--copies", "5", env={"AUGCLI_COPIES": "4"})["outputs"] == 75
    (cwd / "augcli.toml").write_text(
        f"source = '{photos}'\nout = 'p'\nrecipe = 'mixup'\n[generate]\ncopies = 2\n"
    )
    values = dry_run(augcli, cwd)
    assert (values["outputs"], values["recipe"], values["out"]) == (30, "mixup", "p")
    values = dry_run(augcli, cwd, env={"AUGCLI_OUT": "q", "AUGCLI_RECIPE": "cutout"})
    assert (values["out"], values["recipe"]) == ("q", "cutout")


def test_keys_reach_the_commands_that_know_them(tmp_path: Path) -> None:
    (tmp_path / "augcli.toml").write_text(
        "seed = 1\nout = 'o'\nset = {alpha = 0.4, p = 1}\n[preview]\nseed = 2\n"
    )
    assert file_defaults(tmp_path, COMMANDS) == {
        "generate": {"seed": "1", "out": "o", "set": ["alpha=0.4", "p=1"]},
        "preview": {"seed": "2"},
    }


def test_commands_of_a_group_have_defaults_too(tmp_path: Path) -> None:
    commands = {**COMMANDS, "model": {"inspect": ["mean", "size"], "fit-head": ["source", "mean"]}}
    (tmp_path / "augcli.toml").write_text(
        "source = 's'\nmean = '0.5'\n[model]\nmean = '0.6'\n[model.inspect]\nsize = '32'\n"
    )
    assert file_defaults(tmp_path, commands) == {
        "generate": {"source": "s"},
        "preview": {"source": "s"},
        "model": {
            "inspect": {"mean": "0.6", "size": "32"},
            "fit-head": {"source": "s", "mean": "0.6"},
        },
    }
    (tmp_path / "augcli.toml").write_text("[model.inspect]\nsise = 3\n")
    with pytest.raises(UserError, match=r"table model, table inspect: .* mean 'size'"):
        file_defaults(tmp_path, commands)


def test_a_file_feeds_every_command(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """The format of outputs is not that of maps; how a model is fed holds for `model inspect`."""
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    (cwd / "augcli.toml").write_text(
        f"source = '{photos}'\nformat = 'png'\nmean = '0.4'\nsaliency_cache = 'none'\n"
    )
    assert augcli("saliency", photos, "maps", cwd=cwd).returncode == 0
    assert len(list((cwd / "maps").rglob("*.png"))) == 15
    model = SAMPLE_DATA / "classifier.onnx"
    values = json.loads(augcli("model", "inspect", model, "--json", cwd=cwd).stdout)
    assert values["preprocessing"]["mean"] == [0.4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sede = 1", r"augcli.toml: there is no option 'sede'; did you mean 'seed'\?"),
        ("[preview]\nout = 'x'", "augcli.toml, table preview: there is no option 'out'"),
        ("seed = ?\n", "augcli.toml cannot be read as TOML: .*line 1"),
        ("seed = " + "[" * 5000, "augcli.toml cannot be read as TOML: it is nested too deeply"),
        ("seed = " + "9" * 5000, "TOML: an integer does not fit into 64 bits"),
        (".".join("a" * 5000) + " = 1", "TOML: a key has more than 64 parts"),
        ("seed = 1979-05-27", "augcli.toml: seed is text or a number, not 1979-05-27"),
        ("seed = nan", "augcli.toml: seed is text or a number, not nan"),
        ("seed = [1]", r"augcli.toml: seed is text or a number, not \[1\]"),
        (
            "[preview]\nsource = {a = 1}",
            r"augcli.toml, table preview: source is text or a number, not \{'a': 1\}",
        ),
        ('out = "a\\u0000b"', r"augcli.toml: out is text or a number, not a\\x00b"),
        ("set = 'a=1'", "augcli.toml: set = a=1 is no table; write it like set = { alpha = 0.4 }"),
        ("set = {a = [1]}", r"augcli.toml: set is text or a number, not \[1\]"),
        ("x" * 5000 + " = 1", "augcli.toml: there is no option 'x{200}...'"),
        ("'\\n\U0001f600\u2028' = 1", "there is no option"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "augcli.toml").write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        file_defaults(tmp_path, COMMANDS)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool = 3 # augcli", r"pyproject.toml: tool is no table; write \[tool.augcli\]"),
        ("tool.augcli = 3", r"pyproject.toml: augcli is no table; write \[tool.augcli\]"),
        ("[tool.augcli]\nseed = ?", "pyproject.toml cannot be read as TOML"),
    ],
)
def test_mistakes_in_a_project(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        file_defaults(tmp_path, COMMANDS)


def test_a_project_of_others_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = ?")
    assert file_defaults(tmp_path, COMMANDS) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
@pytest.mark.parametrize("name", ["augcli.toml", "pyproject.toml"])
def test_what_is_no_file_or_has_no_end_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"")
    ways: list[tuple[Callable[[], None], str]] = [
        (lambda: os.mkfifo(file), "is not a regular file"),
        (lambda: file.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda: file.symlink_to("nothing"), "cannot be read: No such file"),
    ]
    for make, message in ways:
        file.unlink()
        make()
        with pytest.raises(UserError, match=f"{name} {message}"):
            file_defaults(tmp_path, COMMANDS)
    file.unlink()
    file.write_bytes(b"# augcli\n")
    os.truncate(file, 1 << 33)
    with pytest.raises(UserError, match=f"{name} is larger than 4 MiB"):
        file_defaults(tmp_path, COMMANDS)
    file.unlink()
    file.mkdir()
    with pytest.raises(UserError, match=f"{name} is a folder, not a file"):
        file_defaults(tmp_path, COMMANDS)


def test_a_mark_at_the_beginning_and_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "augcli.toml").write_bytes(b"\xef\xbb\xbfseed = 1\r\n")
    assert file_defaults(tmp_path, COMMANDS)["generate"] == {"seed": "1"}
    (tmp_path / "augcli.toml").write_bytes("seed = 1\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"as TOML: it is in UTF-16 or UTF-32; save it in UTF-8\."):
        file_defaults(tmp_path, COMMANDS)


def test_true_is_no_number(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/augcli.toml").write_text("seed = true\n")
    result = augcli("generate", photos, "o", "-r", "cutmix", "--dry-run")
    assert (result.returncode, "seed = true is not a whole number" in result.stderr) == (2, True)
    (tmp_path / "cwd/augcli.toml").write_text("json = true\nseed = 3\n")
    assert json.loads(augcli("generate", photos, "o", "-r", "cutmix", "--dry-run").stdout)


def test_a_wrong_value_in_the_environment_is_refused(augcli: Augcli, photos: Path) -> None:
    result = augcli("generate", photos, "o", "-r", "cutmix", env={"AUGCLI_COPIES": "many"})
    assert result.returncode == 2
    assert result.stderr.startswith(
        "augcli: AUGCLI_COPIES=many is not a whole number; give a whole "
    )
