"""The commands by their names, each imported and built when it is first looked at: a command line
names one, and the others' imports and options take longer than it may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

from augcli.cli.help import HELP, Command

# Where the function of each command is, or the Typer of a group of commands; in the order in which
# the help shows them.
COMMANDS = {
    "generate": "augcli.cli.generate:generate",
    "preview": "augcli.cli.preview:preview",
    "inspect": "augcli.cli.inspect:inspect",
    "recipes": "augcli.cli.recipes:recipes",
    "verify": "augcli.cli.verify:verify",
    "convert": "augcli.cli.convert:convert",
    "saliency": "augcli.cli.saliency:saliency",
    "cache": "augcli.cli.cache:cache",
    "doctor": "augcli.cli.doctor:doctor",
    "demo": "augcli.cli.demo:demo",
    HELP: "augcli.cli.help:show_help",
    "model": "augcli.cli.model:model_app",
}


class Commands(Mapping[str, Any]):
    """Typer's commands by their names, for one call of the program: what it says may change the
    options of its command."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _build(name: str) -> Any:
    """What Typer makes of a command; raises KeyError where there is none."""
    module, _, attribute = COMMANDS[name].partition(":")
    function = getattr(import_module(module), attribute)
    if isinstance(function, typer.Typer):
        return typer.main.get_command(function)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Command)(function)
    return typer.main.get_command(alone)
