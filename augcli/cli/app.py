"""The command line as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import augcli
from augcli.cli.config import Commands, file_defaults
from augcli.cli.generate import generate
from augcli.cli.model import model_app
from augcli.cli.output import draw
from augcli.cli.preview import preview
from augcli.cli.recipes import recipes
from augcli.cli.saliency import saliency
from augcli.cli.verify import REPLAY_ALL, verify

app = typer.Typer(
    name="augcli",
    help=augcli.__doc__,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        draw(f"augcli {augcli.__version__}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Offline augmentation of labelled image data sets: image folders in; augmented images and a
    soft-label manifest out. Same seed, same bytes."""
    context.default_map = file_defaults(Path.cwd(), _parameters(context.command))


def _parameters(group: Any) -> Commands:
    """The names of each command's parameters; of a group of commands, the same again."""
    return {
        name: _parameters(command)
        if hasattr(command, "commands")
        else [str(parameter.name) for parameter in command.params]
        for name, command in group.commands.items()
    }


for command in (generate, preview, recipes, verify, saliency):
    app.command()(command)
app.add_typer(model_app)


def with_optional_values(arguments: list[str]) -> list[str]:
    """`--replay` may stand without its number, which option parsers do not offer."""
    expanded = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        alone = argument == "--replay" and not following.isdecimal()
        expanded.append(f"--replay={REPLAY_ALL}" if alone else argument)
    return expanded
