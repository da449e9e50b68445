"""Every command of the README works as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.strip()
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]
SETUP = [command for command in COMMANDS if "-m venv" in command]
CALLS = [command for command in COMMANDS if "-m venv" not in command]


def test_there_are_two_commands_from_nothing() -> None:
    assert len(SETUP) == 2
    generate, test = SETUP
    assert generate.endswith("/augcli generate --recipe saliencymix")
    assert test in (ROOT / ".ci/run").read_text().splitlines()
    for command in SETUP:
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the repository, with photographs where the README has them."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "sample_data", folder / "sample_data")
    shutil.copytree(ROOT / "sample_data", folder / "photos")
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (folder / "strong.toml").write_text(example)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "augcli").write_text(f'#!/bin/sh\nexec {sys.executable} -m augcli "$@"\n')
    (programs / "augcli").chmod(0o755)
    return folder


def test_every_call_works_in_the_order_of_the_readme(checkout: Path) -> None:
    assert len(CALLS) == 24
    environment = {
        **os.environ,
        "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(checkout / "cache"),
    }
    first = shlex.split(SETUP[0].rpartition("&&")[2].replace(".venv/bin/", ""))
    for command in (shlex.join(first), *CALLS):
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=checkout, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def test_recipes_and_exit_codes_are_the_programs() -> None:
    from augcli.manifest.row import Row
    from augcli.recipes.catalogue import recipe_names

    for name in recipe_names():
        assert f"`{name}`" in README, name
    for column in Row.model_fields:
        assert f"`{column}`" in README, column
