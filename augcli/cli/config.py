"""Values of options from `augcli.toml` or `[tool.augcli]` in `pyproject.toml`.

The file is looked for in the working directory and in each folder above it, up to the one that
holds `.git`, or to the root of the file system: the nearest that has settings for augcli holds, and
no other is read. In one folder `augcli.toml` is taken before `pyproject.toml`. Relative paths in a
file are relative to its folder.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augcli.enums import STDIN
from augcli.errors import UserError
from augcli.files import read_bytes
from augcli.text import closest, shorten
from augcli.text_files import LARGEST_TOML, decode_text, parse_toml

# The options that may be given several times: settings of a recipe, and texts.
_SETTINGS = "set"
_LISTS = frozenset({"classes_include", "classes_exclude"})

# The options that name files and folders, and the words that some take instead.
PATHS: Mapping[str, tuple[str, ...]] = {
    "class_list": (),
    "classes": (),
    "images": (),
    "model": (),
    "out": (),
    "output": (),
    "recipe_file": (),
    "saliency_cache": ("none",),
    "source": (STDIN,),
    "to": (),
}

# The names of each command's options; of a group of commands, the same again.
OptionNames = Mapping[str, "Iterable[str] | OptionNames"]


@dataclass(frozen=True)
class Setting:
    """What a configuration file says of one option: a value as the command line takes it.

    `where` names the file and the table in it, `key` is the option as it is spelled there, and
    `depth` the number of tables around it: a deeper one is nearer to the command.
    """

    value: Any
    where: str
    key: str
    depth: int


Settings = dict[str, "Setting | Settings"]


@dataclass(frozen=True)
class _Table:
    """One table of a file, and the folder to which its relative paths are relative."""

    content: Mapping[str, Any]
    where: str
    folder: Path
    depth: int = 0

    def inner(self, command: str) -> _Table:
        content = self.content.get(command)
        content = content if isinstance(content, dict) else {}
        return _Table(content, f"{self.where}, table {command}", self.folder, self.depth + 1)


def read_settings(folder: Path, commands: Callable[[], OptionNames]) -> Settings:
    """The settings of each command, from the file in `folder` or above; of a group of commands, the
    same again.

    `commands` is called where there is such a file. A key at the top applies to each command
    that has the option, one in a table named after a command to that command alone. Raises
    UserError for a file that cannot be read as TOML, for an unknown key, and for a value that no
    option takes. A pyproject.toml without the word augcli in it is not read as TOML.
    """
    file = _find(folder)
    if file is None:
        return {}
    path, content = file
    return _settings(_Table(content, _shown(path, folder), path.parent), commands(), {}, folder)


def default_map(settings: Settings) -> dict[str, Any]:
    """The values alone, as Typer takes them."""
    return {
        name: setting.value if isinstance(setting, Setting) else default_map(setting)
        for name, setting in settings.items()
    }


def _settings(
    table: _Table, commands: OptionNames, outer: Mapping[str, Setting], cwd: Path
) -> Settings:
    """The settings of `commands`, whose keys stand in `table`, or in tables around it (`outer`)."""
    inner = {name for name in commands if isinstance(table.content.get(name), dict)}
    shared = {**outer, **_of_table(table, _every_name(commands), inner, cwd, commands)}
    settings: Settings = {}
    for command, names in commands.items():
        own = table.inner(command)
        if isinstance(names, Mapping):
            known = {k: s for k, s in shared.items() if k in _every_name(names)}
            settings[command] = _settings(own, names, known, cwd)
        else:
            known = {key: s for key, s in shared.items() if key in set(names)}
            settings[command] = {**known, **_of_table(own, set(names), set(), cwd, {})}
    return settings


def _of_table(
    table: _Table, known: set[str], without: set[str], cwd: Path, commands: OptionNames
) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for key, value in table.content.items():
        if key in without:
            continue
        if key == "tool" and table.where.endswith("augcli.toml") and commands:
            raise UserError(
                f"{table.where}: [tool.augcli] is for pyproject.toml; write its keys at the top of"
                " augcli.toml, without a heading."
            )
        if isinstance(value, dict) and key not in known and commands:
            raise UserError(f"{table.where}: there is no command {_unknown(key, set(commands))}")
        name = key.replace("-", "_")
        if name not in known:
            raise UserError(f"{table.where}: there is no option {_unknown(key, known)}")
        if name in settings:
            raise UserError(
                f"{table.where}: {settings[name].key} and {key} are the same option; give one of"
                " them."
            )
        text = _as_option(name, value, table.where)
        if table.folder != cwd and name in PATHS:
            text = _from(table.folder, text, PATHS[name], cwd)
        settings[name] = Setting(text, table.where, key, table.depth)
    return settings


def _from(folder: Path, text: str, words: tuple[str, ...], cwd: Path) -> str:
    """A path that is relative to `folder`, as one that is relative to the working directory."""
    if not text or text in words or Path(text).is_absolute():
        return text
    return os.path.relpath(folder / text, cwd)


def _every_name(commands: OptionNames) -> set[str]:
    every: set[str] = set()
    for names in commands.values():
        every |= _every_name(names) if isinstance(names, Mapping) else set(names)
    return every


def _find(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The file that holds for `folder`, and its settings."""
    for place in (folder, *folder.parents):
        own, project = place / "augcli.toml", place / "pyproject.toml"
        if os.path.lexists(own):
            return own, _parse(own, _bytes(own, folder), folder)
        content = _of_project(project, folder) if os.path.lexists(project) else None
        if content is not None:
            return project, content
        if os.path.lexists(place / ".git"):
            break
    return None


def _of_project(file: Path, folder: Path) -> dict[str, Any] | None:
    data = _bytes(file, folder)
    table: Any = _parse(file, data, folder) if b"augcli" in data else {}
    if "augcli" in table:
        raise UserError(f"{_shown(file, folder)}: [augcli] is not read; write [tool.augcli].")
    for key in ("tool", "augcli"):
        if key not in table:
            return None
        table = table[key]
        if not isinstance(table, dict):
            raise UserError(f"{_shown(file, folder)}: {key} is no table; write [tool.augcli].")
    return table


def _shown(file: Path, folder: Path) -> str:
    """How sentences name a file: where it is not in the working directory, with its path."""
    return file.name if file.parent == folder else str(file)


def _bytes(file: Path, folder: Path) -> bytes:
    try:
        return read_bytes(file, LARGEST_TOML)
    except OSError as error:
        raise UserError(f"{_shown(file, folder)} cannot be read: {error.strerror}.") from error


def _parse(file: Path, data: bytes, folder: Path) -> dict[str, Any]:
    try:
        return parse_toml(decode_text(data))
    except ValueError as error:
        raise UserError(f"{_shown(file, folder)} cannot be read as TOML: {error}.") from error


def _unknown(key: str, known: set[str]) -> str:
    """The end of a sentence that there is no such option or command, with the closest there is."""
    near = closest(key.replace("-", "_"), known)
    return f"'{shorten(key)}'" + (f"; did you mean '{near.replace('_', '-')}'?" if near else ".")


def _as_option(key: str, value: Any, where: str) -> Any:
    """A TOML value as the command line takes it: a table is a list of key=value."""
    if isinstance(value, list) and key in {_SETTINGS, *_LISTS}:
        return [_scalar(key, one, where) for one in value]
    if key != _SETTINGS:
        one = _scalar(key, value, where)
        return [one] if key in _LISTS else one
    if isinstance(value, dict):
        return [f"{name}={_scalar(key, setting, where)}" for name, setting in value.items()]
    raise UserError(
        f"{where}: {key} = {shorten(str(value), 60)} is no table; write it like"
        f" {key} = {{ alpha = 0.4 }}."
    )


def _scalar(key: str, value: Any, where: str) -> Any:
    """A text, or a number as text, so that a fraction is not cut to a whole number; a boolean as
    text, which only switches take."""
    if isinstance(value, bool):
        return "true" if value else "false"
    is_text = isinstance(value, str) and "\0" not in value
    is_number = isinstance(value, int | float) and math.isfinite(value)
    if not is_text and not is_number:
        quoted = shorten(str(value), 60)
        raise UserError(f"{where}: {key.replace('_', '-')} is text or a number, not {quoted}.")
    return value if isinstance(value, str) else str(value)
