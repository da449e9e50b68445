"""What a shell completes: values of options, without importing what the commands run."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import typer

from augcli.cli.output import draw
from augcli.enums import DETECTORS
from augcli.errors import UserError
from augcli.recipes.index import ENTRIES
from augcli.recipes.plugins import plugins
from augcli.text import listed, shorten, spelled

REQUEST = "_AUGCLI_COMPLETE"  # set by the shell's script, as in complete_bash
INSTALL, SHOW = OPTIONS = ("--install-completion", "--show-completion")
_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_MOST_FILES = 10_000  # entries of a folder that are looked at


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """The recipes whose names begin so, each with what it makes."""
    named = {name: entry.makes for name, entry in ENTRIES.items()}
    named |= {name: f"of package {one.package}" for name, one in plugins().items()}
    return [(name, makes) for name, makes in named.items() if name.startswith(incomplete)]


def complete_setting(ctx: typer.Context) -> list[str]:
    """The options, as in `alpha=`, of the recipe that the command line names; else of all."""
    chosen = str(ctx.params.get("recipe") or "").replace("-", "_")
    if chosen in plugins():
        from augcli.recipes.catalogue import recipe_class

        own = recipe_class(chosen).model_fields
        return [f"{name}=" for name in dict.fromkeys([*own, "probability"])]
    entries = [ENTRIES[chosen]] if chosen in ENTRIES else list(ENTRIES.values())
    names = [name for entry in entries for name in entry.options]
    return [f"{name}=" for name in dict.fromkeys([*names, "probability"])]


def complete_detector() -> list[str]:
    """The detectors of saliency."""
    return list(DETECTORS)


def complete_model(incomplete: str) -> list[str]:
    """The ONNX files in the folder that is typed; where there is none, the shell lists files."""
    return list(_files(incomplete, ".onnx"))


def complete_toml(incomplete: str) -> list[str]:
    """The TOML files in the folder that is typed; where there is none, the shell lists files."""
    return list(_files(incomplete, ".toml"))


def _files(incomplete: str, suffix: str) -> Iterator[str]:
    folder, slash, start = incomplete.rpartition("/")
    with suppress(OSError), os.scandir(Path(folder + slash or ".").expanduser()) as entries:
        for _, entry in zip(range(_MOST_FILES), entries, strict=False):
            if entry.name.startswith(start) and entry.name.endswith(suffix):
                yield f"{folder}{slash}{entry.name}"


def complete(command_line: Callable[..., Any]) -> int:
    """Print what completes the words in the environment, and nothing else whatever happens; returns
    the exit code that the shell's script looks at."""
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rich", None)  # else Typer imports it for the descriptions
    text = io.StringIO()
    with suppress(Exception), redirect_stderr(io.StringIO()):
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()  # as Typer does where it adds its own options
        _join_at_equals()
        try:
            with redirect_stdout(text):
                command_line([], prog_name="augcli", standalone_mode=False)
        except SystemExit as end:
            if text.getvalue().strip():
                draw(text.getvalue().rstrip("\n"))
            return end.code if isinstance(end.code, int) else 1
    return 1


def _join_at_equals() -> None:
    """Make `--recipe=cut` one word again, which bash hands over as three."""
    words = os.environ.get("COMP_WORDS")
    if words is None:
        return
    current = int(os.environ["COMP_CWORD"])
    joined: list[str] = []
    place, after_equals = None, False
    for number, word in enumerate(words.split("\n") if "\n" in words else words.split(" ")):
        if joined and (after_equals or word == "="):
            joined[-1] += word
        else:
            joined.append(word)
        after_equals = word == "="
        if number == current:
            place = len(joined) - 1
    os.environ["COMP_WORDS"] = "\n".join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) if place is None else place)


def shell_in(arguments: Sequence[str]) -> tuple[str, str | None]:
    """The first option for completion in a command line, and the shell that it is given, if any."""
    for argument, following in zip(arguments, [*arguments, "-"][1:], strict=True):
        option, equals, shell = argument.partition("=")
        if option in OPTIONS:
            named = None if following.startswith("-") else following
            return option, shell if equals else named
    return INSTALL, None


def install(context: typer.Context, asked: tuple[str, str | None]) -> None:
    """Install completion for a shell, as `shell_in` has it; raises UserError where it is
    unknown."""
    from typer.completion import install_callback

    install_callback(context, None, _shell(*asked))  # type: ignore[arg-type]


def show(context: typer.Context, asked: tuple[str, str | None]) -> None:
    """Print the script of a shell, as `shell_in` has it; raises UserError where it is unknown."""
    from typer.completion import show_callback

    show_callback(context, None, _shell(*asked))  # type: ignore[arg-type]


def _shell(option: str, words: str | None) -> str:
    """The shell that an option is given, by its name or as $SHELL has it, or the one that this runs
    in."""
    if words is not None:
        name = spelled(words.rpartition("/")[2], _SHELLS)
        if name is None:
            raise UserError(
                f"{option} {shorten(words, 60) or repr(words)} is no shell that is completed; give"
                f" {listed(_SHELLS)}, or no name for the shell that this runs in."
            )
        return name
    from shellingham import ShellDetectionFailure, detect_shell

    try:
        found: str = detect_shell()[0]
    except ShellDetectionFailure:
        found = ""
    if found not in _SHELLS:
        raise UserError(
            "Completion is for bash, zsh, fish and PowerShell; run this command in one of them, or"
            f" name one, as in {option} bash."
        )
    return found
