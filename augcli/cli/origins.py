"""Where the value of an option comes from, and how sentences name it.

The nearest origin holds: the command line, then the environment (AUGCLI_*), then a configuration
file, in which a table of one command is nearer than what stands around it, then the default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import typer

from augcli.cli.config import Setting, Settings
from augcli.text import closest, shorten

_SETTINGS = "augcli.cli.settings"
_PREFIX = "AUGCLI_"

# Nearness of origins; within a file, its depth is added.
DEFAULT, FILE, ENVIRONMENT, COMMAND_LINE = 0, 1, 1 << 10, 1 << 20
_SOURCES = {
    "COMMANDLINE": COMMAND_LINE,
    "PROMPT": COMMAND_LINE,
    "ENVIRONMENT": ENVIRONMENT,
    "DEFAULT_MAP": FILE,
}
# How a sentence names an option or an argument, and what may join several of them.
_NAME = re.compile(r"--[a-z][a-z-]*|[A-Z]+\b")
_JOINT = re.compile(r", | and ")
_LEAVE_OUT = re.compile(r"leave out (--[a-z][a-z-]*)")


def remember_settings(context: typer.Context, settings: Settings) -> None:
    """Keep what the configuration file says, for sentences of the commands below `context`."""
    context.meta[_SETTINGS] = settings


def file_setting(context: typer.Context, name: str) -> Setting | None:
    """What the configuration file says of this option of the context's command."""
    path: list[str] = []
    above: Any = context
    while above.parent is not None:
        path.insert(0, str(above.info_name))
        above = above.parent
    settings: Any = context.meta.get(_SETTINGS, {})
    for command in path:
        settings = settings.get(command, {})
    setting: Setting | None = settings.get(name)
    return setting


def nearness(context: typer.Context, name: str) -> int:
    """DEFAULT, FILE and its depth, ENVIRONMENT or COMMAND_LINE: of two the greater is nearer."""
    source = context.get_parameter_source(name)
    near = _SOURCES.get(source.name, DEFAULT) if source is not None else DEFAULT
    if near == FILE and (setting := file_setting(context, name)) is not None:
        near += setting.depth
    return near


def parameter(context: typer.Context, name: str) -> Any:
    """The parameter of this name of the context's command."""
    return next(one for one in context.command.params if one.name == name)


def variable(of: Any) -> str:
    """The environment variable of a parameter, or ""."""
    return of.envvar if isinstance(of.envvar, str) else ""


def as_text(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def place(context: typer.Context, name: str) -> tuple[str, str]:
    """Where the value was given, and its name there: ("", "--size"), ("", "AUGCLI_SIZE") or
    ("augcli.toml", "size")."""
    near, of = nearness(context, name), parameter(context, name)
    if near == ENVIRONMENT:
        return "", variable(of)
    setting = file_setting(context, name)
    if near not in (COMMAND_LINE, DEFAULT) and setting is not None:
        return setting.where, setting.key
    return "", spelled(of)


def spelled(of: Any) -> str:
    """How the command line names a parameter: --size, or SOURCE."""
    if of.param_type_name == "argument":
        return str(of.metavar).strip("[].")
    return str(next(one for one in of.opts if one.startswith("--")))


def named(context: typer.Context, name: str, value: object = None) -> str:
    """A parameter as the subject of a sentence, with a value: "--size 9", "AUGCLI_SIZE=9" or
    "augcli.toml: size = 9"."""
    where, key = place(context, name)
    if where:
        return f"{where}: {key}" + ("" if value is None else f" = {value}")
    equals = "=" if key.startswith(_PREFIX) else " "
    return key if value is None else f"{key}{equals}{value}"


def named_together(context: typer.Context, names: Iterable[str]) -> str:
    """Parameters with the same origin, as the subject of a sentence."""
    places = [place(context, name) for name in names]
    where = places[0][0]
    return f"{where}: {' and '.join(key for _, key in places)}".removeprefix(": ")


def named_as_given(context: typer.Context, sentence: str) -> str:
    """A sentence that names options as on the command line; those that the environment or a file
    set are named as they are there, where it speaks of their values."""
    names = {spelled(of): of.name for of in context.command.params if _given(context, str(of.name))}
    subject, rest = _subject(context, names, sentence)
    if subject:
        return subject + rest
    for name in names.values():
        texts = _given(context, name)
        if any(_is_told_of(name, context.params.get(name), text, sentence) for text in texts):
            return f"{named(context, name, shorten(texts[0], 60))}: {sentence}"
    return _LEAVE_OUT.sub(
        lambda match: (
            f"leave out {named(context, names[match[1]])}" if match[1] in names else match[0]
        ),
        sentence,
    )


def _given(context: typer.Context, name: str) -> list[str]:
    """The texts by which a sentence may know a value that the environment or a file gave, at first
    as it stands there; none where it comes from elsewhere."""
    near = nearness(context, name)
    if near in (DEFAULT, COMMAND_LINE):
        return []
    if near == ENVIRONMENT:
        text = os.environ.get(variable(parameter(context, name)), "")
        texts = [text, *text.split()]
    else:
        setting = file_setting(context, name)
        value = "" if setting is None else setting.value
        texts = [*value] if isinstance(value, list) else [str(value)]
    value = context.params.get(name)
    return [*dict.fromkeys([*texts, as_text(value)])] if value is not False else []


def _subject(context: typer.Context, names: Mapping[str, str], sentence: str) -> tuple[str, str]:
    """The parameters with which a sentence begins, as they were given, and the rest of it; "" where
    it begins with none of `names`."""
    match = _NAME.match(sentence)
    if match is None or match[0] not in names:
        return "", sentence
    name, rest = names[match[0]], sentence[match.end() :]
    values = sorted(_given(context, name), key=len, reverse=True)
    value = next((v for v in values if v and re.match(rf" {re.escape(v)}(?![\w.])", rest)), None)
    if value is not None:
        rest = rest[1 + len(value) :]
    subject = named(context, name, value)
    joint = _JOINT.match(rest)
    if joint is not None:
        further, after = _subject(context, names, rest[joint.end() :])
        if further:
            return f"{subject}{joint[0]}{further}", after
    return subject, rest


def _is_told_of(name: str, value: object, text: str, sentence: str) -> bool:
    """Whether a sentence is about an option with this value, which stands in it as `text`."""
    if name == "recipe":
        return f"ecipe '{text}'" in sentence or f"Recipe {text} " in sentence
    if name == "set":
        key, _, setting = text.partition("=")
        return f"option '{key}'" in sentence or f"{key}={setting}" in sentence
    is_text = isinstance(value, str | PurePath) and any(map(str.isalpha, text))
    is_of_its_own = is_text and len(text) > 2
    if name in ("source", "out") or not is_of_its_own:
        return f"--{name.replace('_', '-')} {text}" in sentence
    return re.search(rf"(?<![\w./-]){re.escape(text)}(?![\w/-])", sentence) is not None


def unknown_variables(group: Any) -> str:
    """A warning of variables AUGCLI_* in the environment that no option of any command in a group
    has, or ""."""
    ours = [name for name in os.environ if name.startswith(_PREFIX)]
    known = {*_variables(group)} if ours else set[str]()
    unknown = sorted(name for name in ours if name not in known)
    if not unknown:
        return ""
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    names = ", ".join(_with_closest(name, known) for name in unknown[:3]) + more
    if len(unknown) == 1:
        return f"the environment variable {names} sets nothing."
    return f"the environment variables {names} set nothing."


def _with_closest(name: str, known: set[str]) -> str:
    options = [one.removeprefix(_PREFIX) for one in known]
    near = closest(name.removeprefix(_PREFIX), options)
    return shorten(name) + (f" (did you mean {_PREFIX}{near}?)" if near else "")


def _variables(group: Any) -> Iterator[str]:
    """The environment variables of the options of all commands in a group."""
    for command in group.commands.values():
        if hasattr(command, "commands"):
            yield from _variables(command)
        else:
            yield from filter(None, map(variable, command.params))
