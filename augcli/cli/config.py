"""Defaults of options from `augcli.toml` or `[tool.augcli]` in `pyproject.toml`.

Precedence: flag, then environment (AUGCLI_*), then file, then the built-in default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from augcli.errors import UserError

Commands = Mapping[str, "Iterable[str] | Commands"]


def file_defaults(folder: Path, commands: Commands) -> dict[str, Any]:
    """Defaults a command, from the file in `folder`; of a group of commands, the same again.

    `commands` gives the parameter names of each command. A key at the top applies to each command
    that knows it, one in a table named after a command to that command alone. Raises UserError for
    a file that is no TOML, and for an unknown key.
    """
    file, table = _read(folder)
    return _defaults(table, commands, str(file)) if table else {}


def _defaults(table: Mapping[str, Any], commands: Commands, where: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    own = {k: value for k, value in table.items() if k in commands and isinstance(value, dict)}
    shared = {key: value for key, value in table.items() if key not in own}
    every = _every_name(commands)
    named = {_checked(key, every, where): value for key, value in shared.items()}
    for command, names in commands.items():
        inner = own.get(command, {})
        if isinstance(names, Mapping):
            known = {key: value for key, value in named.items() if key in _every_name(names)}
            defaults[command] = _defaults({**known, **inner}, names, f"{where}, table {command}")
            continue
        settings = {key: value for key, value in named.items() if key in set(names)}
        for key, value in inner.items():
            settings[_checked(key, set(names), f"{where}, table {command}")] = value
        defaults[command] = {key: _as_option(value) for key, value in settings.items()}
    return defaults


def _every_name(commands: Commands) -> set[str]:
    found: set[str] = set()
    for names in commands.values():
        found |= _every_name(names) if isinstance(names, Mapping) else set(names)
    return found


def _read(folder: Path) -> tuple[Path, dict[str, Any]]:
    own, project = folder / "augcli.toml", folder / "pyproject.toml"
    if own.is_file():
        return own, _parse(own)
    if project.is_file() and b"augcli" in project.read_bytes():
        table = _parse(project).get("tool", {}).get("augcli", {})
        return project, table if isinstance(table, dict) else {}
    return own, {}


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file.name} cannot be read as TOML: {error}.") from error


def _checked(key: str, known: set[str], where: str) -> str:
    name = key.replace("-", "_")
    if name in known:
        return name
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean '{near[0].replace('_', '-')}'?" if near else "."
    raise UserError(f"{where}: there is no option '{key}'{hint}")


def _as_option(value: Any) -> Any:
    """A TOML value as the command line takes it: a table is a list of key=value, and a number is
    text, so that a fraction is not cut to a whole number nor `true` taken for 1."""
    if isinstance(value, dict):
        return [f"{key}={setting}" for key, setting in value.items()]
    return str(value) if isinstance(value, bool | int | float) else value
