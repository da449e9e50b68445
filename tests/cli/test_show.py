"""augcli preview --show draws in the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from augcli.data.source import list_source
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.cutmix import CutMix
from augcli.tasks.preview import preview
from tests.cli.test_preview_file import refused
from tests.conftest import SAMPLE_DATA, Augcli, write_photo
from tests.helpers.runs import make_run

COLOURS = {"COLORTERM": "truecolor", "FORCE_COLOR": "1", "TERM": "xterm-256color"}


@pytest.mark.parametrize(("columns", "across"), [(140, 2), (80, 1)])
def test_show_draws_targets_and_results_with_text(
    columns: int, across: int, augcli: Augcli, tmp_path: Path
) -> None:
    """As large as the window, side by side where it is wide; labels are no pixels."""
    result = augcli(
        "preview", SAMPLE_DATA, "-r", "cutmix", "-n", 2, "--show", "--to", tmp_path / "p.png",
        env={**COLOURS, "COLUMNS": str(columns), "LINES": "60"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    plain = re.sub("\x1b\\[[0-9;]*m", "", result.stdout).splitlines()
    run = make_run(list_source(SAMPLE_DATA), Pipeline("cutmix", (Step(CutMix()),)), tmp_path)
    for line in preview(run, 2).sheet.lines:
        label = ", ".join(f"{name} {100 * weight:.1f} %" for name, weight in line.label)
        assert f"label: {label}" in plain
        assert "; ".join(line.text) in plain
        assert f"target: {line.panels[0].notes[0]}" in plain
        assert any(words.startswith(line.panels[0].title) for words in plain)
    rows = [words for words in plain if "▀" in words]
    assert max(row.count("▀") for row in rows) == (columns if across == 1 else columns - 2)
    assert all(len(row) <= columns for row in rows)
    assert "\x1b[38;2;" in result.stdout
    assert (tmp_path / "p.png").exists()


def test_show_enlarges_small_images_by_whole_factors(augcli: Augcli, tmp_path: Path) -> None:
    """Each pixel of two pictures of 30 x 20 is three characters wide and one and a half high."""
    write_photo(tmp_path / "s/a/a.png", 1, 30, 20)
    result = augcli(
        "preview", tmp_path / "s", "-r", "augmix", "-n", 1, "--show", "--to", tmp_path / "p.png",
        env={**COLOURS, "COLUMNS": "99", "LINES": "60"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = [row for row in result.stdout.splitlines() if "▀" in row]
    assert {row.count("▀") for row in rows} == {90} and len(rows) == 60
    assert "weighs" in result.stdout and ":;" not in result.stdout


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({**COLOURS, "NO_COLOR": "1"}, "NO_COLOR is set"),
        ({**COLOURS, "TERM": "dumb"}, "TERM=dumb has none"),
        ({}, "standard output is not a terminal"),
    ],
)
def test_show_is_refused_where_there_are_no_colours(
    env: dict[str, str], reason: str, augcli: Augcli, tmp_path: Path
) -> None:
    to = tmp_path / "p.png"
    result = augcli("preview", SAMPLE_DATA, "-r", "cutmix", "--show", "--to", to, env=env)
    assert refused(
        result, f"--show draws in colours, and {reason}; leave it out and open the file that --to"
    )
    assert not to.exists()
