"""The command line as a whole."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

import augcli
from augcli.cli.cache import cache
from augcli.cli.config import Commands, file_defaults
from augcli.cli.generate import generate
from augcli.cli.model import model_app
from augcli.cli.output import PIPE_CLOSED, Output, draw, expect_json, print_error
from augcli.cli.preview import preview
from augcli.cli.recipes import recipes
from augcli.cli.saliency import saliency
from augcli.cli.verify import REPLAY_ALL, verify
from augcli.errors import RunFailed, UserError, one_line
from augcli.streams import StdoutLost

# What Typer raises for wrong arguments, which it does not export.
_UsageError: Any = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError"
)
app = typer.Typer(
    name="augcli",
    help=augcli.__doc__,
    invoke_without_command=True,
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
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="print the version"),
    ] = False,
) -> None:
    """Offline augmentation of labelled image data sets: image folders in; augmented images and a
    soft-label manifest out. Same seed, same bytes."""
    require_command(context)
    context.default_map = file_defaults(Path.cwd(), _parameters(context.command))


def _parameters(group: Any) -> Commands:
    """The names of each command's parameters; of a group of commands, the same again."""
    return {
        name: _parameters(command)
        if hasattr(command, "commands")
        else [str(parameter.name) for parameter in command.params]
        for name, command in group.commands.items()
    }


for command in (generate, preview, recipes, verify, saliency, cache):
    app.command()(command)
app.add_typer(model_app)


@model_app.callback(invoke_without_command=True)
def require_command(context: typer.Context) -> None:
    """Show the help of a group that is called without a command, which is wrong usage."""
    if context.invoked_subcommand is None:
        Output().note(context.get_help())
        raise typer.Exit(2)


def run(arguments: list[str]) -> int:
    """Run the command line; returns its exit code. Whatever fails leaves one sentence."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    expect_json("--json" in options)
    try:
        code = app(with_optional_values(arguments), prog_name="augcli", standalone_mode=False)
    except SystemExit as exit_:
        code = exit_.code
    except StdoutLost as lost:
        if lost.by_reader:
            return PIPE_CLOSED
        return _failed(f"The result cannot be written to {lost}.", 1)
    except _UsageError as error:
        return _failed(_usage_sentence(error), 2)
    except UserError as error:
        return _failed(str(error), 2)
    except RunFailed as error:
        return _failed(str(error), 1)
    except OSError as error:  # what the system refuses where no command expected it
        return _failed(f"{error.filename or 'The system'}: {error.strerror or error}.", 1)
    except MemoryError:
        return _failed("There is not enough memory; give fewer --workers or a smaller --memory.", 1)
    except Exception as error:  # noqa: BLE001 - a traceback tells a user nothing
        where = traceback.extract_tb(error.__traceback__)[-1]
        return _failed(
            f"augcli failed: {one_line(error)} ({where.name}, line {where.lineno} of"
            f" {Path(where.filename).name}); please report it.",
            1,
        )
    return code if isinstance(code, int) else int(bool(code))


def _failed(sentence: str, code: int) -> int:
    print_error(sentence, code)
    return code


def _usage_sentence(error: Any) -> str:
    message = " ".join(error.format_message().split()).removesuffix(".")
    command = error.ctx.command_path if error.ctx is not None else "augcli"
    return f"{message}; `{command} --help` lists what there is."


def with_optional_values(arguments: list[str]) -> list[str]:
    """`--replay` may stand without its number, which option parsers do not offer."""
    expanded = []
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        alone = argument == "--replay" and not following.isdecimal()
        expanded.append(f"--replay={REPLAY_ALL}" if alone else argument)
    return expanded
