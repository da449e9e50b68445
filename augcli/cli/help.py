"""The help of commands: options in panels, of which the rarely used ones are left to --help-all.

Plain text, wrapped to the terminal's width, at most 80 columns.
"""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Annotated, Any

import typer

from augcli.cli.command import CheckedCommand
from augcli.cli.output import draw
from augcli.cli.usage import CommandGroup
from augcli.errors import UserError, escape
from augcli.text import count_text, did_you_mean, shorten

HELP = "help"  # the command

# By the parameters' names, in the order in which they are shown; the RARE ones with --help-all.
PANELS = {
    "Recipe": "recipe set recipe_file pair label_smoothing",
    "Saliency and keep": "keep saliency tau keep_size keep_candidates saliency_size",
    "Check": "replay repair deep",
    "Clean": "older_than to_size",
    "Model": "at model device target layer head saliency_cache saliency_cache_size class_list"
    " model_size mean std scale channel_order",
    "Source": "moved split group_by classes labels_from limit classes_include classes_exclude"
    " images path_column label_column weights_column suffix"
    " multi_label label_separator unlabelled allow_empty_classes background max_pixels max_seconds",
    "Output": "output name copies per_class size fit format quality include_originals output_format"
    " shard_size chroma other_splits dense_labels examples to all_recipes show map_format overlay",
    "Run": "seed workers resume overwrite dry_run max_errors memory progress quiet json"
    " show_config_ install_completion show_completion version help help_all",
}
RARE = frozenset(
    (
        *("limit", "classes_include", "classes_exclude", "images", "path_column", "label_column"),
        *("weights_column", "suffix", "multi_label", "label_separator", "unlabelled"),
        *("other_splits", "group_by", "shard_size"),
        *(
            "allow_empty_classes",
            "labels_from",
            "tau",
            "keep_size",
            "keep_candidates",
            "saliency_size",
            "head",
            "layer",
            "target",
            "class_list",
        ),
        *("saliency_cache", "saliency_cache_size", "model_size", "mean", "std", "scale"),
        *(
            "channel_order",
            "background",
            "max_pixels",
            "max_seconds",
            "chroma",
            "dense_labels",
            "memory",
            "progress",
        ),
    )
)
_ORDER = {
    name: (panel, position)
    for panel, names in PANELS.items()
    for position, name in enumerate(names.split())
}
_LAST = ("Run", 99)  # the place of an option that no panel names

_NARROWEST, _WIDEST = 40, 80
_SIDE_BY_SIDE = 60  # columns from which on an option and its text share a line
_HEAD = 26  # columns of an option, before its text
_GAP = 2
_BELOW = " " * 6  # before a text that stands below its option
_EXAMPLE = "augcli "  # the start of a docstring's line that is a command


class Command(CheckedCommand):
    """A command whose help has panels, and --help-all where options are left out of it."""

    _help_all: Any = None

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)
        if not any(param.name in RARE for param in self.params):
            return params
        if self._help_all is None:
            self._help_all = copy(self.get_help_option(ctx))
            self._help_all.name, self._help_all.opts = "help_all", ["--help-all"]
            self._help_all.callback = _show_all
        return [*params, self._help_all]

    def get_help_option(self, ctx: Any) -> Any:
        return _as_switch(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(page(self, ctx))


class Group(CommandGroup):
    """A group of commands with the same kind of help."""

    def get_help_option(self, ctx: Any) -> Any:
        return _as_switch(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(page(self, ctx))


def _as_switch(option: Any) -> Any:
    """An option that is off where it is not given: else Typer imports Pydantic to read nothing."""
    if option is not None:
        option.default = False
    return option


def _show_all(ctx: Any, param: Any, value: bool) -> None:  # noqa: ARG001
    if value and not ctx.resilient_parsing:
        draw(page(ctx.command, ctx, everything=True))
        raise typer.Exit


def help_of(root: Any, names: Sequence[str]) -> str:
    """The help of the command with these names, below the context of the command line; raises
    UserError where there is no such command."""
    context = root
    for name in names:
        commands = getattr(context.command, "commands", {})
        if name not in commands:
            hint = did_you_mean(name, commands)
            raise UserError(
                f"{context.command_path} has no command '{shorten(name)}'{hint};"
                f" `{root.command_path} help` lists them."
            )
        context = typer.Context(commands[name], parent=context, info_name=name)
    return page(context.command, context)


def complete_command(ctx: typer.Context) -> list[str]:
    """The commands, or those of the group that is typed."""
    group: Any = ctx.find_root().command
    for name in ctx.params.get("command") or ():
        group = getattr(group, "commands", {}).get(name)
    return list(getattr(group, "commands", {}))


def show_help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...",
            help="a command, as in `augcli help model inspect`",
            autocompletion=complete_command,
        ),
    ] = None,
) -> None:
    """Show the help of augcli or of a command, as --help does.

    augcli help generate
    augcli help model inspect
    """
    draw(help_of(context.find_root(), command or []))


def terminal_width() -> int:
    """The most characters of a line: as the terminal has them, less one, but 79 at most."""
    return max(_NARROWEST, min(shutil.get_terminal_size().columns or _WIDEST, _WIDEST)) - 1


def page(command: Any, context: Any, *, everything: bool = False) -> str:
    """The help of a command or a group of commands as text, with `everything` also what is rarely
    used."""
    width = terminal_width()
    params = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    arguments = [param for param in params if param.param_type_name == "argument"]
    options = [param for param in params if param.param_type_name == "option"]
    shown = [option for option in options if everything or option.name not in RARE]
    blocks = [_usage(context, arguments, width), *_description(command.help or "", width)]
    if arguments:
        rows = [(_metavar(argument), _text(argument, context)) for argument in arguments]
        blocks.append(_section("Arguments", rows, width))
    if hasattr(command, "commands"):
        rows = [(name, _summary(one)) for name, one in command.commands.items()]
        blocks.append(_section("Commands", rows, width))
        rows = [(_head(option), _text(option, context)) for option in shown]
        blocks.append(_section("Options", rows, width))
    else:
        blocks += _panels(shown, context, width)
    hidden = len(options) - len(shown)
    if hidden:
        count = count_text(hidden, "more option")
        blocks.append(_wrap(f"`{context.command_path} --help-all` shows {count}.", width))
    return "\n\n".join(blocks)


def _usage(context: Any, arguments: list[Any], width: int) -> str:
    pieces = ["[OPTIONS]"]
    for argument in arguments:
        name = _metavar(argument)
        pieces.append(name if argument.required or name.startswith("[") else f"[{name}]")
    if hasattr(context.command, "commands"):
        pieces += ["COMMAND", "[ARGS]..."]
    start = f"Usage: {context.command_path} "
    return _wrap(" ".join(pieces), width, start, " " * min(len(start), 14))


def _description(text: str, width: int) -> Iterator[str]:
    """The paragraphs of a docstring; those of commands stay lines."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines()]
        if all(line.startswith(_EXAMPLE) for line in lines):
            yield "\n".join(["Examples:", *(_continued(line, width) for line in lines)])
        else:
            yield _wrap(" ".join(lines), width, "  ", "  ")


def _continued(command: str, width: int) -> str:
    """A command for the shell on as many lines as it needs."""
    return " \\\n".join(_wrap(" ".join(command.split()), width - 2, "  ", _BELOW).splitlines())


def _panels(options: list[Any], context: Any, width: int) -> Iterator[str]:
    column = _column(map(_head, options))
    for panel in PANELS:
        inside = sorted((one for one in options if _place(one)[0] == panel), key=_place)
        if inside:
            rows = [(_head(option), _text(option, context)) for option in inside]
            yield _section(panel, rows, width, column)


def _place(option: Any) -> tuple[str, int]:
    return _ORDER.get(option.name, _LAST)


def _head(option: Any) -> str:
    """An option with its short form and its value, as in `-r, --recipe NAME`."""
    names = sorted([*option.opts, *option.secondary_opts], key=lambda name: name[:2] == "--")
    lead = "" if names[0][:2] != "--" else "    "
    value = "" if option.is_flag else f" {_metavar(option)}"
    return f"{lead}{', '.join(names)}{value}"


def _metavar(param: Any) -> str:
    return param.metavar or param.name.upper().replace("_", "-")


_HELP = {"help": "show this help", "help_all": "show this help with all options"}


def _text(param: Any, context: Any) -> str:
    """What an option or argument is, and what it is where it is not given."""
    text = _HELP.get(param.name, param.help or "")
    configured = context.lookup_default(param.name, call=False)
    default = getattr(param.default, "value", param.default)
    if configured not in (None, []):
        text += f" (configured: {escape(str(configured))})"
    elif default not in (None, [], ()) and default is not False and not callable(default):
        text += f" (default: {f'{default:g}' if isinstance(default, float) else default})"
    elif param.required and param.param_type_name == "option":
        text += " (required)"
    return text.strip()


def _summary(command: Any) -> str:
    """The first paragraph of a command's help."""
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())


def _section(title: str, rows: list[tuple[str, str]], width: int, column: int = 0) -> str:
    """Two columns, of which the second begins at `column`, or where there is no room, one."""
    beside = " " * (column or _column(head for head, _ in rows))
    lines = [f"{title}:"]
    for head, text in rows:
        if width < _SIDE_BY_SIDE:
            # A choice of words may break between any two of them.
            spaced = _wrap(head.strip().replace("|", "| "), width, "  ", _BELOW)
            lines += [spaced.replace("| ", "|"), _wrap(text, width, _BELOW, _BELOW)]
        elif 2 + len(head) + _GAP <= len(beside):
            lines.append(_wrap(text, width, f"  {head}".ljust(len(beside)), beside))
        else:
            lines += [f"  {head}", _wrap(text, width, beside, beside)]
    return "\n".join(lines)


def _column(heads: Iterable[str]) -> int:
    """Where the texts begin beside the heads that are not too long."""
    return 2 + max((len(head) for head in heads if len(head) <= _HEAD), default=0) + _GAP


def _wrap(text: str, width: int, first: str = "", others: str = "") -> str:
    """A text as lines of at most `width` characters; no word is broken."""
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
