"""What every command checks of its arguments before any of them is used.

An option that takes one value gets one, no value is blank, and a path is one that a user can mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import typer.core

from augcli.cli import config
from augcli.cli.origins import (
    COMMAND_LINE,
    DEFAULT,
    ENVIRONMENT,
    file_setting,
    named,
    named_as_given,
    nearness,
    spelled,
    variable,
)
from augcli.cli.words import refuse_swallowed
from augcli.errors import UserError
from augcli.text import shorten

# verify's --source, which no configuration sets, is called `moved` in the code.
PATHS = frozenset((*config.PATHS, "moved", "folder", "other"))

Values = Mapping[str, Sequence[Any]]


class CheckedCommand(typer.core.TyperCommand):
    """A command that refuses arguments which cannot mean what they say."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        arguments = list(args)
        if not ctx.resilient_parsing:
            refuse_swallowed(self, arguments)
        try:
            rest = super().parse_args(ctx, args)
        except UserError as error:
            raise UserError(named_as_given(ctx, str(error))) from error
        except Exception as error:
            if getattr(error, "ctx", ctx) is None:  # which Typer's parser leaves out
                error.ctx = ctx  # type: ignore[attr-defined]
            raise
        if not ctx.resilient_parsing:  # as completion of words has it
            check_arguments(self, ctx, arguments)
        return rest


def check_arguments(command: Any, context: Any, arguments: Sequence[str]) -> None:
    """Refuse a single value that is given twice, a blank value, and a path that nobody means.

    `context` has parsed `arguments`; values of the environment and of a file are looked at too.
    Raises UserError.
    """
    params = every_value(command, context, arguments)
    for parameter in command.params:
        name = parameter.name
        if parameter.param_type_name == "option" and not parameter.multiple:
            _refuse_repetition(parameter, params.get(name, ()))
        what, texts = _written(parameter, context, params)
        for text in texts:
            if not text.strip():
                amiss = "is blank" if text else "is empty"
                raise UserError(f"{what} {amiss}; is a variable unset?")
            if name in PATHS:
                _check_path(what, text)


def every_value(command: Any, context: Any, arguments: Sequence[str]) -> dict[str, list[Any]]:
    """All values that `arguments` give each parameter, in order: texts, or True and False for a
    switch and its opposite."""
    parser = type(command.make_parser(context))(context)
    for one in command.get_params(context):
        if one.param_type_name == "argument":
            one.add_to_parser(parser, context)
        elif one.is_flag:
            for opts, value in ((one.opts, True), (one.secondary_opts, False)):
                parser.add_option(one, opts, one.name, action="append_const", const=value)
        else:
            parser.add_option(one, one.opts, one.name, action="append")
    values = parser.parse_args(list(arguments))[0]
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in values.items()
        if value is not None
    }


def command_line(context: Any) -> list[str]:
    """The words of the command line as they were given, the program's name first.

    In a word with bytes that are not UTF-8 these are escaped, as in names of files in manifests.
    """
    from augcli.data.labels import printable

    words = ["augcli", *(context.obj or ())]
    return [word if _is_text(word) else printable(os.fsencode(word)) for word in words]


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_repetition(parameter: Any, values: Sequence[Any]) -> None:
    different = list(dict.fromkeys(values))
    if len(different) < 2:
        return
    flag = spelled(parameter)
    if parameter.is_flag:
        raise UserError(
            f"{flag} and {parameter.secondary_opts[0]} exclude each other; give one of them."
        )
    first, second = (shorten(text, 60) for text in different[:2])
    remedy = "give one of them"
    if parameter.name == "recipe":
        remedy = "recipes that follow one another stand in a --recipe-file"
    raise UserError(f"{flag} takes one value, and is given {first} and {second}; {remedy}.")


def _written(parameter: Any, context: Any, params: Values) -> tuple[str, list[str]]:
    """What a parameter is called where its value stands, and the texts that stand there."""
    name = parameter.name
    near, of = nearness(context, name), variable(parameter)
    if near == COMMAND_LINE:
        return spelled(parameter), [one for one in params.get(name, ()) if isinstance(one, str)]
    if near == ENVIRONMENT or (of and of in os.environ):  # which may be empty
        return of, [os.environ[of]]
    setting = file_setting(context, name)
    if near == DEFAULT or setting is None:
        return spelled(parameter), []
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    return named(context, name), [value for value in values if isinstance(value, str)]


def _check_path(what: str, text: str) -> None:
    """Refuse a path that does not exist and begins with ~, or exists without the white space that
    surrounds it."""
    if os.path.lexists(text):
        return
    if text.startswith("~"):
        raise UserError(
            f"{what} {text} does not exist: only a shell expands ~, at the beginning of a word and"
            f" outside quotes; write the whole path, or ./{text} for what is called so."
        )
    bare = text.strip()
    if bare != text and os.path.lexists(bare):
        raise UserError(
            f"{what} '{text}' does not exist, but '{bare}' does; leave out the white space around"
            " it."
        )
