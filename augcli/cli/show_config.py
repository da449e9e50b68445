"""--show-config: the value of each option, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from augcli.cli.origins import (
    COMMAND_LINE,
    DEFAULT,
    as_text,
    named,
    nearness,
    spelled,
)
from augcli.cli.output import Output


def show_config(
    context: typer.Context, params: Mapping[str, Any], left_out: Mapping[str, str], *, json: bool
) -> None:
    """Print the value and origin of each option that configuration can set.

    `params` has the values that hold; `left_out` names the options that give way to nearer ones,
    and to which.
    """
    options: dict[str, dict[str, Any]] = {}
    lines = []
    parameters = [one for one in context.command.params if one.envvar is not None]
    texts = [_text(params[one.name]) for one in parameters]
    first = max((len(spelled(one)) for one in parameters), default=0)
    second = min(max(map(len, texts), default=0), 30)
    for one, text in zip(parameters, texts, strict=True):
        origin = _origin(context, one.name)
        entry = {"value": _plain(params[one.name]), "origin": origin}
        if one.name in left_out:
            winner = named(context, left_out[one.name])
            entry |= {"origin": "default", "left_out": origin, "for": winner}
            origin = f"default ({origin} gives way to {winner})"
        options[spelled(one).removeprefix("--").lower()] = entry
        lines.append(f"{spelled(one):{first}}  {text:{second}}  {origin}")
    values = {"command": context.command_path.partition(" ")[2], "options": options}
    Output(json).result(values, "\n".join(lines))


def _origin(context: typer.Context, name: str) -> str:
    near = nearness(context, name)
    words = {DEFAULT: "default", COMMAND_LINE: "command line"}
    return words[near] if near in words else named(context, name)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "unset" if value is None else as_text(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, list):
        return [*map(str, value)]
    return value if value is None or isinstance(value, bool | int | float) else as_text(value)
