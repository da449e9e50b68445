"""The command line as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

import augcli
from augcli.cli import completion
from augcli.cli.commands import Commands
from augcli.cli.config import OptionNames, default_map, read_settings
from augcli.cli.help import HELP, Group
from augcli.cli.origins import (
    named_as_given,
    remember_settings,
    unknown_variables,
    variable,
)
from augcli.cli.output import PIPE_CLOSED, Output, draw, expect_json, print_error
from augcli.cli.usage import check_dashes, require_command, usage_sentence
from augcli.cli.words import REPLAY_ALL
from augcli.errors import RunFailed, UserError, fault_of_augcli
from augcli.streams import StdoutLost

# What Typer raises for wrong arguments, which it does not export.
_UsageError: Any = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError"
)


class _CommandLine(Group):
    """The group of all commands, none of which is imported here."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{**more, "commands": Commands()})


app = typer.Typer(
    name="augcli",
    cls=_CommandLine,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(context: typer.Context, value: bool) -> None:
    if value and not context.resilient_parsing:
        draw(f"augcli {augcli.__version__}")
        raise typer.Exit


def _install_completion(context: typer.Context, value: bool) -> None:
    if value and not context.resilient_parsing:
        completion.install(context, completion.shell_in(context.obj or ()))


def _show_completion(context: typer.Context, value: bool) -> None:
    if value and not context.resilient_parsing:
        completion.show(context, completion.shell_in(context.obj or ()))


@app.callback()
def prepare(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="print the version"),
    ] = False,
    install_completion: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            completion.INSTALL,
            callback=_install_completion,
            is_eager=True,
            help="have this shell, or the one that is named behind it, complete the commands of"
            " augcli",
        ),
    ] = False,
    show_completion: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            completion.SHOW,
            callback=_show_completion,
            is_eager=True,
            help="print the script that --install-completion installs",
        ),
    ] = False,
) -> None:
    """Offline augmentation of labelled image data sets: image folders in; augmented images and a
    soft-label manifest out. Same seed, same bytes.

        augcli preview sample_data --recipe saliencymix
        augcli generate sample_data augmented --recipe saliencymix
    """
    require_command(context)
    settings = read_settings(Path.cwd(), lambda: _options(context.command))
    context.default_map = default_map(settings)
    remember_settings(context, settings)
    if warning := unknown_variables(context.command):
        Output().warn(warning)


def _options(group: Any) -> OptionNames:
    """The names of each command's options that configuration can set; of a group of commands, the
    same again."""
    return {
        name: _options(command)
        if hasattr(command, "commands")
        else [str(one.name) for one in command.params if variable(one)]
        for name, command in group.commands.items()
        if name != HELP
    }


def run(arguments: list[str]) -> int:
    """Run the command line; returns its exit code. Whatever fails leaves one sentence."""
    if os.environ.get(completion.REQUEST):
        return completion.complete(app)
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    expect_json("--json" in options)
    try:
        check_dashes(arguments, lambda: typer.main.get_command(app))
        code = app(
            with_optional_values(arguments),
            prog_name="augcli",
            standalone_mode=False,
            obj=tuple(arguments),  # which run.json keeps
        )
    except SystemExit as exit_:
        code = exit_.code
    except StdoutLost as lost:
        if lost.by_reader:
            return PIPE_CLOSED
        return _failed(f"The result cannot be written to {lost}.", 1)
    except _UsageError as error:
        sentence = usage_sentence(error, arguments)
        known = error.ctx is not None
        return _failed(named_as_given(error.ctx, sentence) if known else sentence, 2)
    except UserError as error:
        return _failed(str(error), 2)
    except RunFailed as error:
        return _failed(str(error), 1)
    except OSError as error:  # what the system refuses where no command expected it
        what = f"{error.filename} cannot be used" if error.filename else "The system fails"
        return _failed(
            f"{what}: {error.strerror or error}; fix that and give the same command again.", 1
        )
    except MemoryError:
        return _failed("There is not enough memory; give fewer --workers or a smaller --memory.", 1)
    except Exception as error:  # noqa: BLE001 - a traceback tells a user nothing
        return _failed(f"augcli failed: {fault_of_augcli(error)}.", 1)
    return code if isinstance(code, int) else int(bool(code))


def _failed(sentence: str, code: int) -> int:
    print_error(sentence, code)
    return code


def with_optional_values(arguments: list[str]) -> list[str]:
    """`--replay` may stand without its number, and the options for completion with the name of a
    shell, which option parsers do not offer."""
    expanded: list[str] = []
    before = ""
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        if argument == "--replay" and not following.isdecimal():
            expanded.append(f"--replay={REPLAY_ALL}")
        elif argument.partition("=")[0] in completion.OPTIONS:
            expanded.append(argument.partition("=")[0])
        elif before not in completion.OPTIONS or argument.startswith("-"):
            expanded.append(argument)
        before = argument
    return expanded
