"""What the parser of the command line refuses, in one voice: what, where, what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperGroup

from augcli.cli.extra import too_much
from augcli.cli.origins import COMMAND_LINE, nearness, variable
from augcli.cli.other_words import COMMANDS, MODEL_COMMANDS, meaning_of
from augcli.cli.output import Output
from augcli.cli.words import arguments_in, value_of
from augcli.errors import UserError
from augcli.files import exists
from augcli.text import closest, did_you_mean, folded, listed, shorten

_LONGEST = 100
# How near the name of an option is to one that may be meant: nearer than --clean to --mean.
_NEAR = 0.7
_ONE_DASH = re.compile(r"(-[a-z][a-z-]+)(?:=|\Z)")


class CommandGroup(TyperGroup):
    """A group of commands that says which one may be meant by a wrong name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise UserError(_no_command(name, ctx, list(self.commands)))
        return super().resolve_command(ctx, args)


def require_command(context: typer.Context) -> None:
    """Show the help of a group that is called without a command, which is wrong usage."""
    if context.invoked_subcommand is None:
        Output().note(context.get_help())
        raise typer.Exit(2)


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
    # Words of the command itself, without its name.
    own = arguments[len(path.split()) - 1 :]
    if kind == "NoSuchOption":
        return _no_option(shorten(str(option), _LONGEST), context, path, own)
    if kind == "MissingParameter":
        return _missing(parameter, context, own, remedy)
    if kind == "BadOptionUsage" and "not take a value" in message:
        return f"{option} is a switch and takes no value; leave out what follows the =."
    if kind == "BadOptionUsage":
        return f"{option} needs a value behind it{_what_follows(str(option), context, remedy)}"
    if parameter is not None and getattr(parameter, "is_flag", False):
        return f"{_called(parameter)} is a switch; give true or false."
    if "unexpected extra argument" in message:
        takes = [_called(one) for one in context.command.params if not _is_option(one)]
        return too_much(context, own, takes)
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
    if context.parent is None and (hint := COMMANDS.get(name.lower())):
        return f"{there_is_none}; {hint}."
    if context.parent is not None:
        command = MODEL_COMMANDS.get(name.lower()) or (
            f"inspect {shorten(name)}" if exists(name) or name.lower().endswith(".onnx") else ""
        )
        if command:
            return f"{there_is_none}; write `{path} {command}`."
    elif closest(name, known) is None:
        if exists(name):
            return f"{there_is_none}; write `augcli generate {shorten(name)} OUT --recipe NAME`."
        from augcli.recipes.names import find_recipe

        recipe = find_recipe(name)
        if recipe is not None:
            return f"{there_is_none}; write `augcli generate SOURCE OUT --recipe {recipe}`."
    return f"{there_is_none}{did_you_mean(name, known)}; `{path} --help` lists them."


def _missing(parameter: Any, context: Any, words: Sequence[str], remedy: str) -> str:
    """The sentence about an argument that is not given."""
    of = variable(parameter)
    if of and of in os.environ:
        return f"{of} is empty; is a variable unset?"
    names = [str(one.name) for one in context.command.params if not _is_option(one)]
    if parameter.name == "out" and "source" in names:
        given = [word.text for word in arguments_in(context.command, words)]
        if nearness(context, "source") == COMMAND_LINE and given:
            return (
                f"OUT is missing, as '{shorten(given[0], _LONGEST)}' is taken for SOURCE; give"
                " both (a variable that is unset and stands without quotes is no argument)."
            )
    return f"{_called(parameter)} is missing; {remedy}"


def _what_follows(option: str, context: Any, remedy: str) -> str:
    """What to say of an option at the end of the words, which is to have a value."""
    of = next((one for one in context.command.params if option in one.opts), None)
    if of is None:
        return f"; {remedy}"
    if of.name == "recipe":
        return "; `augcli recipes` lists the recipes."
    if of.name == "background":
        return "; put it in quotes, as '#ffffff': a shell takes # for the start of a comment."
    words = str(of.metavar or "").split("|")
    return f": {listed(words)}." if len(words) > 1 else f"; {remedy}"


def _no_option(name: str, context: Any, path: str, words: Sequence[str]) -> str:
    own = _options(context.command)
    arguments = [_called(one) for one in context.command.params if not _is_option(one)]
    value = _value_behind(name, words)
    if "--recipe" in own and (hint := _of_the_recipe(name, value, context.command, words)):
        return f"There is no option {name}; {hint}."
    if hint := meaning_of(name, [*own, *arguments], value):
        return f"There is no option {name}; {hint}."
    elsewhere = [one for one in _every_command(context.find_root().command)
                 if any(name in param.opts for param in one.params)]  # fmt: skip
    if elsewhere and hasattr(context.command, "commands"):
        command = next((one for one in elsewhere if one.name in words), elsewhere[0])
        takes = " ".join(_called(one) for one in command.params if not _is_option(one))
        whole = f"{path} {command.name} {takes}".rstrip()
        return f"{name} stands behind the command and its arguments: write `{whole} {name} ...`."
    near = closest(name, own, _NEAR)
    if near is None and (hint := _of_a_recipe(name, value, is_taken="--recipe" in own)):
        return f"There is no option {name}; {hint}."
    if elsewhere:
        return (
            f"`{path}` has no option {name}, which is one of `{elsewhere[0].name}`; leave it out."
        )
    meant = f" (did you mean '{near}'?)" if near is not None else ""
    return f"There is no option {name}{meant}; `{path} --help` lists them."


def _value_behind(name: str, words: Sequence[str]) -> str:
    """What is given as the value of an option that a command does not have, or VALUE."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith(f"{name}="):
            return shorten(word[len(name) + 1 :], _LONGEST)
        if word == name and following and not following.startswith("--"):
            return shorten(following, _LONGEST)
    return "VALUE"


def _of_the_recipe(name: str, value: str, command: Any, words: Sequence[str]) -> str:
    """What to say where an option of the recipe that is given stands as one of the command, or one
    that other recipes have; "" where it is neither, or no recipe is given."""
    from augcli.recipes.catalogue import recipe_class
    from augcli.recipes.names import find_recipe
    from augcli.recipes.other_names import OPTIONS

    recipe = find_recipe(value_of(command, words, "recipe"))
    if recipe is None or not name.startswith("--"):
        return ""
    key = name.removeprefix("--")
    options = {folded(one): one for one in recipe_class(recipe).model_fields}
    option = options.get(folded(key)) or options.get(OPTIONS.get(folded(key), ""))
    if folded(key) == "probability":  # which all recipes have
        option = "probability"
    if option is not None:
        return f"options of a recipe are given as --set {option}={value}"
    if folded(key) in _options_of_recipes():
        return f"recipe {recipe} has none of that name either (`augcli recipes {recipe}`)"
    return ""


def _of_a_recipe(name: str, value: str, *, is_taken: bool) -> str:
    """What to say where a recipe, or an option of one, stands as an option of a command; whether
    the command takes a recipe."""
    from augcli.recipes.names import find_recipe

    key = name.lstrip("-")
    if not name.startswith("--"):
        return ""
    if folded(key) in _options_of_recipes():
        return f"options of a recipe are given as --set {key}={value}"
    recipe = find_recipe(key) if is_taken else None
    return f"a recipe is given as --recipe {recipe}" if recipe is not None else ""


def _options_of_recipes() -> set[str]:
    from augcli.recipes.catalogue import recipe_class, recipe_names

    return {folded(one) for recipe in recipe_names() for one in recipe_class(recipe).model_fields}


def _every_command(command: Any) -> Iterator[Any]:
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from _every_command(one)


def _options(command: Any) -> list[str]:
    """The long options of a command that its help shows."""
    named = [name for parameter in command.params if not getattr(parameter, "hidden", False)
             for name in parameter.opts]  # fmt: skip
    return [*(name for name in named if name.startswith("--")), "--help"]


def _called(parameter: Any) -> str:
    """A parameter as the command line has it: --copies, or SOURCE."""
    if _is_option(parameter):
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).strip("[]{}")


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")
