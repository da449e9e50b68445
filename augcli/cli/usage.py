"""What the parser of the command line refuses, in one voice: what, where, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from augcli.errors import UserError
from augcli.text import closest, did_you_mean, listed, shorten

_LONGEST = 100
# What others call an option.
_HINTS = {
    **dict.fromkeys(("--force", "--replace", "--clobber"), "--overwrite replaces a run"),
    **dict.fromkeys(("--out", "--output", "--dst"), "OUT stands behind SOURCE, without an option"),
    **dict.fromkeys(("--input", "--src", "--dir"), "SOURCE stands first, without an option"),
    **dict.fromkeys(("--jobs", "--threads", "--num-workers"), "-j N, or --workers N, is meant"),
}
_GENERATE = "write `augcli generate SOURCE OUT --recipe NAME`"
_LIST = "`augcli recipes` lists the recipes, `augcli --help` the commands"
# What others call a command.
_COMMANDS = {
    **dict.fromkeys(("augment", "run", "create", "make", "start", "apply", "mix"), _GENERATE),
    **dict.fromkeys(("list", "ls", "show", "recipe"), _LIST),
    **dict.fromkeys(("check", "validate", "replay", "repair"), "write `augcli verify OUT`"),
    **dict.fromkeys(("clean", "clear"), "write `augcli cache clean`"),
    **dict.fromkeys(("inspect", "fit-head"), "it belongs to `augcli model`"),
    "resume": "write the command of the run again, with --resume",
    "version": "write `augcli --version`",
    "completion": "write `augcli --install-completion`",
    "config": "write `augcli generate --show-config`",
}
_ONE_DASH = re.compile(r"(-[a-z][a-z-]+)(?:=|\Z)")


class CommandGroup(TyperGroup):
    """A group of commands that says which one may be meant by a wrong name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise UserError(_no_command(name, ctx, list(self.commands)))
        return super().resolve_command(ctx, args)


def check_dashes(arguments: list[str], build: Callable[[], Any]) -> None:
    """Refuse a long option behind a single hyphen, which would be read as a short one and its
    value: `-recipe` as `-r ecipe`. `build` makes the command. Raises UserError."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    names = [match[1] for one in options if (match := _ONE_DASH.match(one))]
    if not names:
        return
    long = {name for one in _every_command(build()) for name in _options(one)}
    for name in names:
        if f"-{name}" in long:
            raise UserError(f"{name} is no option; write -{name}.")


def usage_sentence(error: Any, arguments: list[str]) -> str:
    """The sentence for what Typer's parser raises, a UsageError of whichever kind and version, for
    these arguments."""
    context = error.ctx
    path = context.command_path if context is not None else _path_in(arguments)
    remedy = f"`{path} --help` shows what it takes."
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    kind, message = type(error).__name__, error.message
    if kind == "NoSuchOption":
        return _no_option(shorten(str(option), _LONGEST), context, path)
    if kind == "MissingParameter":
        return f"{_called(parameter)} is missing; {remedy}"
    if kind == "BadOptionUsage" and "not take a value" in message:
        return f"{option} is a switch and takes no value; leave out what follows the =."
    if kind == "BadOptionUsage":
        return f"{option} needs a value behind it; {remedy}"
    if parameter is not None and getattr(parameter, "is_flag", False):
        return f"{_called(parameter)} is a switch; give true or false."
    extra = re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", message, re.DOTALL)
    if extra is not None:
        takes = [_called(one) for one in context.command.params if not _is_option(one)]
        what = listed(takes, "and") if takes else "no argument"
        if hint := _of_extra(extra[1], context):
            return f"'{shorten(extra[1], _LONGEST)}' is too much; {hint}."
        return f"'{shorten(extra[1], _LONGEST)}' is too much: `{path}` takes {what}; {remedy}"
    if parameter is not None:
        return f"{_called(parameter)} has a value that it does not take; {remedy}"
    return f"{shorten(message).removesuffix('.')}; {remedy}"


def _path_in(arguments: list[str]) -> str:
    """The command that arguments begin with; options and what follows them are not looked at."""
    words = takewhile(re.compile(r"[a-z]").match, arguments[: 2 if arguments[0] == "model" else 1])
    return " ".join(["augcli", *words])


def _no_command(name: str, context: Any, known: list[str]) -> str:
    there_is_none = f"There is no command '{shorten(name, _LONGEST)}'"
    path = context.command_path
    if context.parent is None and (hint := _COMMANDS.get(name.lower())):
        return f"{there_is_none}; {hint}."
    if closest(name, known) is None and context.parent is None:
        if _exists(name):
            return f"{there_is_none}; write `augcli generate {shorten(name)} OUT --recipe NAME`."
        from augcli.recipes.names import find_recipe

        recipe = find_recipe(name)
        if recipe is not None:
            return f"{there_is_none}; write `augcli generate SOURCE OUT --recipe {recipe}`."
    return f"{there_is_none}{did_you_mean(name, known)}; `{path} --help` lists them."


def _no_option(name: str, context: Any, path: str) -> str:
    own = _options(context.command)
    near = closest(name, own)
    elsewhere = [one.name for one in _every_command(context.find_root().command)
                 if name in _options(one)]  # fmt: skip
    if near is None and (hint := _HINTS.get(name) or _of_a_recipe(name)):
        return f"There is no option {name}; {hint}."
    if elsewhere:
        return f"`{path}` has no option {name}, which is one of `{elsewhere[0]}`; leave it out."
    return f"There is no option {name}{did_you_mean(name, own)}; `{path} --help` lists them."


def _of_extra(text: str, context: Any) -> str:
    """What to say of arguments that look like a setting or a recipe."""
    if not any("--recipe" in one.opts for one in context.command.params):
        return ""
    if "=" in text or re.fullmatch(r"[\d.]+", text.split()[0]):
        return "a setting is one KEY=VALUE behind --set, as in --set alpha=0.4, and --set again"
    from augcli.recipes.names import find_recipe

    recipe = find_recipe(text)
    return "" if recipe is None else f"a recipe is given as --recipe {recipe}"


def _of_a_recipe(name: str) -> str:
    """What to say where an option of a recipe stands as one of a command."""
    from augcli.recipes.catalogue import recipe_class, recipe_names
    from augcli.text import folded

    options = {
        folded(one) for recipe in recipe_names() for one in recipe_class(recipe).model_fields
    }
    key = name.lstrip("-")
    return f"options of a recipe are given as --set {key}=VALUE" if folded(key) in options else ""


def _every_command(command: Any) -> Iterator[Any]:
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from _every_command(one)


def _options(command: Any) -> list[str]:
    """The long options of a command."""
    named = [name for parameter in command.params for name in parameter.opts]
    return [*(name for name in named if name.startswith("--")), "--help"]


def _called(parameter: Any) -> str:
    """A parameter as the command line has it: --copies, or SOURCE."""
    if _is_option(parameter):
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).strip("[]{}")


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
