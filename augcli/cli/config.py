"""Defaults of options from `augcli.toml` or `[tool.augcli]` in `pyproject.toml`.

Precedence: flag, then environment (AUGCLI_*), then file, then the built-in default.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from augcli.errors import UserError
from augcli.files import read_bytes
from augcli.text import closest, shorten
from augcli.text_files import LARGEST_TOML, decode_text, parse_toml

# The options that may be given several times.
_LISTS = frozenset({"set"})

Commands = Mapping[str, "Iterable[str] | Commands"]


def file_defaults(folder: Path, commands: Commands) -> dict[str, Any]:
    """Defaults a command, from the file in `folder`; of a group of commands, the same again.

    `commands` gives the parameter names of each command. A key at the top applies to each command
    that knows it, one in a table named after a command to that command alone. Raises UserError for
    a file that cannot be read as TOML, for an unknown key, and for a value that no option takes.
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
        defaults[command] = {key: _as_option(key, value, where) for key, value in settings.items()}
    return defaults


def _every_name(commands: Commands) -> set[str]:
    found: set[str] = set()
    for names in commands.values():
        found |= _every_name(names) if isinstance(names, Mapping) else set(names)
    return found


def _read(folder: Path) -> tuple[Path, dict[str, Any]]:
    own, project = folder / "augcli.toml", folder / "pyproject.toml"
    if os.path.lexists(own):
        return own, _parse(own, _bytes(own))
    data = _bytes(project) if os.path.lexists(project) else b""
    if b"augcli" not in data:
        return own, {}
    table: Any = _parse(project, data)
    for key in ("tool", "augcli"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UserError(f"{project.name}: {key} is no table; write [tool.augcli].")
    return project, table


def _bytes(file: Path) -> bytes:
    try:
        return read_bytes(file, LARGEST_TOML)
    except OSError as error:
        raise UserError(f"{file.name} cannot be read: {error.strerror}.") from error


def _parse(file: Path, data: bytes) -> dict[str, Any]:
    try:
        return parse_toml(decode_text(data))
    except ValueError as error:
        raise UserError(f"{file.name} cannot be read as TOML: {error}.") from error


def _checked(key: str, known: set[str], where: str) -> str:
    name = key.replace("-", "_")
    if name in known:
        return name
    near = closest(name, known)
    hint = f"; did you mean '{near.replace('_', '-')}'?" if near else "."
    raise UserError(f"{where}: there is no option '{shorten(key)}'{hint}")


def _as_option(key: str, value: Any, where: str) -> Any:
    """A TOML value as the command line takes it: a table is a list of key=value."""
    if key not in _LISTS:
        return _scalar(key, value, where)
    if isinstance(value, dict):
        return [f"{name}={_scalar(key, setting, where)}" for name, setting in value.items()]
    if isinstance(value, list):
        return [_scalar(key, setting, where) for setting in value]
    raise UserError(f"{where}: {key} is a table, as in {key} = {{ alpha = 0.4 }}.")


def _scalar(key: str, value: Any, where: str) -> Any:
    """A text, or a number as text, so that a fraction is not cut to a whole number; a boolean as
    text, which only switches take."""
    if isinstance(value, bool):
        return "true" if value else "false"
    is_text = isinstance(value, str) and "\0" not in value
    is_number = isinstance(value, int | float) and math.isfinite(value)
    if not is_text and not is_number:
        given = shorten(str(value), 60)
        raise UserError(f"{where}: {key.replace('_', '-')} is text or a number, not {given}.")
    return value if isinstance(value, str) else str(value)
