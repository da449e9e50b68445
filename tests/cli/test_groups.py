"""Dataclasses among a command's parameters become options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from augcli.cli.groups import grouped

Size = Annotated[int, typer.Option("--size", min=1)]


@dataclass(frozen=True)
class Paper:
    """Two options."""

    size: Size = 3
    colour: Annotated[str | None, typer.Option("--colour")] = None


called: list[tuple[str, Paper, bool]] = []


@grouped
def draw(
    name: Annotated[str, typer.Argument()],
    paper: Paper,
    fast: Annotated[bool, typer.Option("--fast")] = False,
) -> None:
    """Draw something."""
    called.append((name, paper, fast))


def test_fields_are_options_of_the_command() -> None:
    app = typer.Typer()
    app.command()(draw)
    called.clear()
    for arguments in (["a"], ["b", "--colour", "red", "--fast", "--size", "7"]):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    assert called == [("a", Paper(), False), ("b", Paper(7, "red"), True)]
    assert CliRunner().invoke(app, ["c", "--size", "0"]).exit_code == 2
    page = CliRunner().invoke(app, ["--help"]).output
    assert "Draw something." in page and "--colour" in page and "--paper" not in page
