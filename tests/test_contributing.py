"""The worked example of a command in CONTRIBUTING.md: added to a copy of the package, and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]


def blocks(section: str) -> list[str]:
    """The blocks of code in a section of the page."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    text = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [textwrap.dedent(b).strip("\n") for b in re.findall(r"(?m)(?:^(?: {4}.*)?\n)+", text)
            if b.strip()]  # fmt: skip


def add_line(file: Path, before: str, line: str) -> None:
    """Put a line into a file, before the only one that begins so."""
    text = file.read_text()
    assert text.count(f"\n{before}") == 1
    file.write_text(text.replace(f"\n{before}", f"\n{line}\n{before}"))


def test_a_command_is_added_as_the_page_says(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "augcli", tmp_path / "augcli", ignore=shutil.ignore_patterns("__pycache__")
    )
    module, entry = blocks("Add a command")
    (tmp_path / "augcli/cli/classes.py").write_text(module + "\n")
    add_line(tmp_path / "augcli/cli/commands.py", '    "recipes": ', entry)

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "augcli", *arguments]
        result = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    names = ["cat", "coffee", "flower", "rocket", "temple"]
    sample = str(ROOT / "sample_data")
    assert sorted(run("classes", sample).split()) == names
    assert sorted(json.loads(run("classes", sample, "--json"))["classes"]) == names
    assert "Print the names of the classes in SOURCE" in run("classes", "--help")


def test_files_that_the_page_names_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    new = {"augcli/recipes/verticalmix.py", "tests/recipes/test_verticalmix.py",
           "augcli/data/readers/NAME.py", "augcli/store/sinks/zips.py", "augcli/cli/classes.py",
           "tests/cli/test_classes.py"}  # fmt: skip
    named = set(re.findall(r"`((?:augcli|tests)/[\w./]+\.py)`", page))
    assert {name for name in named if not (ROOT / name).is_file()} == new
