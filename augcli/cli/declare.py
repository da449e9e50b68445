"""Declares options: what the command line, the environment and configuration may say, in any
spelling and within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import typer

from augcli.cli.origins import named
from augcli.cli.values import choice_reader, number_reader, path_reader
from augcli.errors import UserError
from augcli.tasks.limits import LIMITS


def option(name: str, help: str, *short: str, **more: Any) -> Any:
    """An option that the environment (AUGCLI_NAME) and the configuration file can set too.
    `complete` gives what a shell offers for its value."""
    return _declared(f"--{name}", name, help, *short, **more)


def _declared(
    names: str,
    name: str,
    help: str,
    *short: str,
    complete: Callable[..., Any] | None = None,
    **more: Any,
) -> Any:
    variable = f"AUGCLI_{name.replace('-', '_').upper()}"
    return typer.Option(
        names,
        *short,
        help=help,
        envvar=variable,
        show_envvar=False,
        autocompletion=complete,
        **more,
    )


def file_option(name: str, help: str, *short: str, **more: Any) -> Any:
    """An option that takes the path of a file."""
    return option(name, help, *short, parser=path_reader(f"--{name}"), metavar="FILE", **more)


def choice(
    name: str,
    help: str,
    words: type[StrEnum],
    synonyms: Mapping[str, StrEnum] | None = None,
    meant: Mapping[str, StrEnum] | None = None,
) -> Any:
    """An option that takes one of `words` in any spelling, or one of their `synonyms` (folded);
    `meant` are further words, which are refused with the one that may be meant."""
    reader = choice_reader(f"--{name}", words, synonyms or {}, meant)
    return option(name, help, parser=reader, metavar="|".join(words))


def number(
    name: str,
    help: str,
    *short: str,
    metavar: str = "N",
    **more: Any,
) -> Any:
    """An option whose number is within its bounds in `LIMITS`; UserError says so, whatever it comes
    from. NaN lies between no bounds."""
    least, most, kind = LIMITS[name.replace("-", "_")]

    def checked(
        context: typer.Context, parameter: typer.CallbackParam, value: float | None
    ) -> float | None:
        if value is None or least <= value <= most:
            return value
        amiss = "is not a number"
        if value > most or value < least:
            amiss = f"is more than {most}" if value > most else f"is less than {least}"
        shown = f"{value:.15g}" if isinstance(value, float) else value
        subject = named(context, str(parameter.name), shown)
        raise UserError(f"{subject} {amiss}; give a number from {least} to {most}.")

    reader = number_reader(f"--{name}", kind, least, most, metavar)
    return option(name, help, *short, callback=checked, parser=reader, metavar=metavar, **more)


def flag(name: str, help: str, *short: str, **more: Any) -> Any:
    """A switch; its --no- form undoes what the environment or the configuration file says."""
    both = f"--{name}/--no-{name}"
    return _declared(both, name, help, *short, show_default=False, **more)
