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


def file_defaults(folder: Path, commands: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Any]]:
    """Defaults a command, from the file in `folder`.

    `commands` gives the parameter names of each command. A key at the top applies to each command
    that knows it, one in a table named after a command to that command alone. Raises UserError for
    a file that is no TOML, and for an unknown key.
    """
    file, table = _read(folder)
    if not table:
        return {}
    known = {command: set(names) for command, names in commands.items()}
    every = set().union(*known.values())
    defaults: dict[str, dict[str, Any]] = {command: {} for command in known}
    for key, value in table.items():
        if key in known and isinstance(value, dict):
            for inner, setting in value.items():
                name = _checked(inner, known[key], f"{file}, table {key}")
                defaults[key][name] = _as_option(setting)
            continue
        name = _checked(key, every, str(file))
        for command, names in known.items():
            if name in names:
                defaults[command].setdefault(name, _as_option(value))
    return defaults


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
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file.name} cannot be read as TOML: {error}.") from error


def _checked(key: str, known: set[str], where: str) -> str:
    name = key.replace("-", "_")
    if name in known:
        return name
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean '{near[0].replace('_', '-')}'?" if near else "."
    raise UserError(f"{where}: there is no option '{key}'{hint}")


def _as_option(value: Any) -> Any:
    """A TOML value as the command line takes it: a table is a list of key=value."""
    if isinstance(value, dict):
        return [f"{key}={setting}" for key, setting in value.items()]
    return value
