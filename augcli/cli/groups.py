"""Options in groups: a command takes a dataclass, the command line has its fields.

Every command also gets --show-config, and for each option without a value of its own a --no- form,
which undoes what the environment or a configuration file says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_type_hints

import typer

from augcli.cli.exclusive import forget, refuse_both, settle
from augcli.cli.origins import COMMAND_LINE, named, named_as_given, nearness
from augcli.cli.output import Output, expect_json, say_if_stopped
from augcli.cli.show_config import show_config
from augcli.errors import RunFailed, UserError

_UNDO = "no_"
# Options that change what a recipe makes: where they give way to a nearer recipe, it is said.
_TOLD = ("set", "keep")


def _prepare_to_show(context: typer.Context, value: bool) -> bool:
    """What is to be shown need not be complete."""
    if value:
        for parameter in context.command.params:
            parameter.required = False
    return value


ShowConfig = Annotated[
    bool,
    typer.Option(
        "--show-config",
        callback=_prepare_to_show,
        is_eager=True,
        help="say what each option is and which file or variable sets it (--no-OPTION undoes it)",
    ),
]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with an option for each field of the dataclasses among its parameters.

    It is called with the values that hold where options exclude each other, and its errors name
    options as they were given.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    flat: list[Parameter] = []
    parameters = signature(command).parameters
    for name, parameter in parameters.items():
        if name == "context":
            continue
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            flat += _of_fields(hints[name])
        else:
            flat.append(_named(name, hints[name], parameter.default))
    undoing = [_undoing(one) for one in flat if _is_undone_by_name(one)]
    defaults = {one.name: one.default for one in flat}

    @wraps(command)
    def called(context: typer.Context, show_config_: bool, **values: Any) -> None:
        for one in undoing:
            if values.pop(one.name) and nearness(context, one.name[len(_UNDO) :]) == COMMAND_LINE:
                refuse_both(context, one.name[len(_UNDO) :])
        left_out = settle(context, values, defaults)
        context.params.update(values)
        as_json = bool(values.get("json"))
        expect_json(as_json)
        if show_config_:
            show_config(context, values, left_out, json=as_json)
            return
        for name in _TOLD:
            if name in left_out:
                what, winner = named(context, name), named(context, left_out[name])
                Output().warn(
                    f"{what} is not used beside {winner}, which is nearer; give it there too if it"
                    " is meant."
                )
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        if "context" in parameters:
            values["context"] = context
        say_if_stopped(_after_a_stop(context.command.name, context.params))
        try:
            command(**values)
        except (UserError, RunFailed) as error:
            raise type(error)(named_as_given(context, str(error))) from error

    further = [
        *undoing,
        _named("show_config_", ShowConfig, False),
        _named("context", typer.Context, Parameter.empty),
    ]
    called.__signature__ = Signature([*flat, *further])  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in [*flat, *further]}
    return called


def _after_a_stop(command: str | None, values: Mapping[str, Any]) -> str:
    """What holds if a signal stops a command with these options, and how to go on."""
    if command in ("generate", "saliency") and not values.get("dry_run"):
        if values["overwrite"]:
            return "give the same command with --resume instead of --overwrite to go on."
        return f"give the same command {'again' if values['resume'] else 'with --resume'} to go on."
    if command == "verify":
        repairs = values["repair"]
        return "give the same command again to go on." if repairs else "OUT is as it was."
    if command == "cache" and values["action"]:
        return "what was removed until then is gone; give the same command again for the rest."
    what = {"preview": "no sheet", "fit-head": "no model"}.get(command or "", "nothing")
    return f"{what} was written."


def _of_fields(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_named(field.name, hints[field.name], field.default) for field in fields(group)]


def _named(name: str, hint: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _is_undone_by_name(option: Parameter) -> bool:
    """Whether configuration can set an option that no value of its own sets back."""
    declared = getattr(option.annotation, "__metadata__", [None])[0]
    return option.default is None and bool(getattr(declared, "envvar", None))


def _undoing(option: Parameter) -> Parameter:
    """A switch that undoes what the environment or a file says of an option."""

    def undo(context: typer.Context, value: bool) -> bool:
        if value:
            forget(context, [option.name])
        return value

    name = _UNDO + option.name
    switch = typer.Option(f"--{name.replace('_', '-')}", callback=undo, is_eager=True, hidden=True)
    return _named(name, Annotated[bool, switch], False)
