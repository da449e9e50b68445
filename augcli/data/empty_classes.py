"""Class folders in which there is no image: refused, or kept with their ids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from augcli.data.labels import shown
from augcli.data.left_out import suffix_of
from augcli.data.select import is_chosen
from augcli.data.source_options import SourceOptions
from augcli.errors import UserError
from augcli.image.formats import EXTRA, is_of_extra
from augcli.text import count_text, shorten

_NAMED = 3


def refuse_empty_classes(empty: Mapping[str, bytes], options: SourceOptions, source: Path) -> None:
    """Raise UserError where classes without an image are neither allowed nor left out by name;
    beside each stands the path of a file in its folder that is not read, empty where there is
    none."""
    files = {name: file for name, file in empty.items() if is_chosen(name, options)}
    if not files or options.allow_empty_classes:
        return
    some = ", ".join(
        f"{shorten(name)}, with {shown(file)}" if file else shorten(name)
        for name, file in list(files.items())[:_NAMED]
    )
    more = ", ..." if len(files) > _NAMED else ""
    holds, them, keep = "hold", "them", "they keep their ids"
    if len(files) == 1:
        holds, them, keep = "holds", "it", "it keeps its id"
    extra = any(is_of_extra(suffix_of(file)) for file in files.values())
    remedy = f"`{EXTRA}` for HEIC and JPEG XL, " if extra else ""
    remedy += f"convert or remove {them}" if any(files.values()) else f"remove {them}"
    raise UserError(
        f"{count_text(len(files), 'class folder')} of SOURCE {source} {holds} no image that is read"
        f" ({some}{more}); {remedy}, or give --allow-empty-classes, with"
        f" which {keep}."
    )
