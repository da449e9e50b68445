"""augcli cache: shows what is kept of classifiers' saliency maps, and removes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from augcli.cli.declare import option
from augcli.cli.groups import grouped
from augcli.cli.model_options import SaliencyCache, SaliencyCacheSize
from augcli.cli.options import Json, Quiet
from augcli.cli.output import Output
from augcli.cli.unused import refuse_unused
from augcli.cli.values import choice_reader
from augcli.errors import UserError
from augcli.tasks.amounts import bytes_text, parse_age, parse_bytes
from augcli.tasks.classifier_choice import DEFAULT_CACHE_SIZE, cache_folder
from augcli.text import count_text, folded


class CacheAction(StrEnum):
    """What is done with the cache, but for showing it."""

    clean = "clean"


# What others call it, folded.
_LOOKING = ("show", "info", "list", "ls", "stats", "status", "size", "look", "dir")
_CALLED = ("clear", "empty", "prune", "purge", "remove", "delete", "rm")


_read_action = choice_reader("augcli cache", CacheAction, dict.fromkeys(_CALLED, CacheAction.clean))


def _action(text: Any) -> Any:
    """What is to be done with the cache; raises UserError."""
    if folded(str(text)) in _LOOKING:
        raise UserError(f"`augcli cache` alone shows what is kept; leave out '{text}'.")
    return _read_action(text)


@grouped
def cache(
    context: typer.Context,
    action: Annotated[
        CacheAction | None,
        typer.Argument(
            metavar="[clean]",
            parser=_action,
            help="remove what is kept; else it is only shown",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        option(
            "older-than", "with clean: only what was not used for so long, as 30d", metavar="AGE"
        ),
    ] = None,
    to_size: Annotated[
        str | None,
        option(
            "to-size",
            "with clean: only what was used least recently, until so much is left, as 1G",
            metavar="SIZE",
        ),
    ] = None,
    saliency_cache: SaliencyCache = None,
    saliency_cache_size: SaliencyCacheSize = DEFAULT_CACHE_SIZE,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show where saliency maps are kept, how many, and how much; or remove them.

    Only files that the cache wrote are removed. A run that looks for one makes it again.

        augcli cache --json
        augcli cache clean --older-than 30d
    """
    report = Output(json, quiet)
    refuse_unused(context)
    age = None if older_than is None else parse_age(older_than, "older-than")
    size = None if to_size is None else parse_bytes(to_size, "to-size")
    limit = parse_bytes(saliency_cache_size, "saliency-cache-size")
    folder = cache_folder(saliency_cache)
    if folder is None:
        raise UserError("--saliency-cache none keeps nothing; give the folder of a cache.")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--saliency-cache {folder} is a file; give the folder of a cache.")
    try:
        values, text = _look_at(folder, limit) if action is None else _clean(folder, age, size)
    except OSError as error:
        raise UserError(f"The saliency cache {folder} cannot be read: {error.strerror}.") from error
    report.result({"folder": str(folder), **values}, text, done="" if action is None else text[:-1])


def _look_at(folder: Path, limit: int) -> tuple[dict[str, Any], str]:
    from augcli.classifier.cache_files import entries_of

    count = size = 0
    oldest: float | None = None
    for entry in entries_of(folder):
        count, size = count + 1, size + entry.size
        oldest = entry.used if oldest is None else min(oldest, entry.used)
    values: dict[str, Any] = {"entries": count, "bytes": size, "limit": limit, "oldest": None}
    if oldest is None:
        return values, f"{folder} holds no maps (at most {bytes_text(limit)})."
    moment = datetime.fromtimestamp(oldest, UTC)
    values["oldest"] = moment.isoformat(timespec="seconds")
    return values, (
        f"{folder} holds {_entries(count)}, {bytes_text(size)} (at most {bytes_text(limit)});"
        f" the one not used for longest was used {moment:%Y-%m-%d %H:%M} UTC."
    )


def _clean(folder: Path, age: int | None, size: int | None) -> tuple[dict[str, Any], str]:
    from augcli.classifier.cache_files import remove_empty_folders, remove_entries

    removed = remove_entries(
        folder,
        used_before=None if age is None else time.time() - age,
        to_size=0 if age is None and size is None else size,
    )
    remove_empty_folders(folder)
    values = {
        "removed": removed.number,
        "removed_bytes": removed.size,
        "entries": removed.left,
        "bytes": removed.left_size,
    }
    text = f"{_entries(removed.number)} removed from {folder}, {bytes_text(removed.size)}"
    if removed.number or removed.left:
        return values, f"{text}; {_entries(removed.left)} left, {bytes_text(removed.left_size)}."
    amiss = "holds none" if folder.exists() else "does not exist"
    return values, f"{_entries(0)} removed, {bytes_text(0)}: {folder} {amiss}."


def _entries(count: int) -> str:
    return count_text(count, "map or model", "maps and models")
