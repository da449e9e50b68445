"""The commands of the command line, as Typer builds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import typer

from augcli.cli.app import app


def every_command() -> dict[str, Any]:
    """Each command by its words, as in "model inspect"."""
    root: Any = typer.main.get_command(app)
    return {
        f"{name} {inner}".strip(): one
        for name, command in root.commands.items()
        for inner, one in getattr(command, "commands", {"": command}).items()
    }


def hints_of(command: Any) -> dict[str, Any]:
    """The annotations of a command's options and arguments."""
    function: Callable[..., Any] = getattr(command.callback, "__wrapped__", command.callback)
    hints = get_type_hints(function, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in ("return", "context")}
