"""What to do where SOURCE is a single file that no reader takes: an image, a list, JSON."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from augcli.data.left_out import has_suffix, is_of_other_format
from augcli.data.loose_images import parent_of_classes
from augcli.errors import UserError
from augcli.files import open_regular
from augcli.image.formats import BEGINNING, format_of
from augcli.text import shorten

# Bytes of a text that are looked at.
_LOOKED_AT = 1 << 16
_OF_COCO = re.compile(rb'"(images|annotations|categories|licenses)"\s*:')
_LISTS = (".txt", ".lst", ".list", "")
_GIVE = "give a folder with one folder a class, an archive (.zip, .tar) or a table (.csv, .jsonl)"


def unread_file(source: Path) -> UserError:
    """The error of a SOURCE that is a file which no reader takes: what it is, and what to do.

    Raises OSError, and UserError where it is no regular file.
    """
    with open_regular(source) as file:
        start = file.read(_LOOKED_AT)
    return UserError(f"SOURCE {source} {_what(source, start)}.")


def _what(source: Path, start: bytes) -> str:
    name = os.fsencode(source.name)
    if has_suffix(name) or is_of_other_format(name) or format_of(start[:BEGINNING]) is not None:
        folder = parent_of_classes(source.parent)
        if folder is not None:
            return f"is a single image; give `{folder}`, which holds the folders of the classes"
        return "is a single image; put it into a folder of its class, and give the folder of that"
    if not start:
        return f"is an empty file; {_GIVE}"
    suffix = source.suffix.lower()
    if suffix in (".json", ".geojson"):
        if _OF_COCO.search(start):
            return (
                "is a list of annotations, as COCO has them, with boxes or several labels an image;"
                " for classification, write a .csv table with a path and one label for each image"
            )
        return "is JSON; write one object a line, with a path and a label, to a .jsonl file"
    lines = _lines(start)
    if suffix in _LISTS and lines:
        words = lines[0].replace(b",", b" ").split()
        if any(map(has_suffix, words[:-1] if len(words) > 1 else ())) or (
            len(words) > 2 and has_suffix(words[-1])
        ):
            first = shorten(os.fsdecode(lines[0]), 60)
            return (
                f"is a list with more than paths in a line, as {first}; write it as a .csv table,"
                " with `path,label` as the first line and commas between"
            )
        if has_suffix(lines[0]):
            return (
                "is a list of paths, which goes to standard input: give it as in"
                f" `augcli ... - < {shlex.quote(str(source))}`"
            )
    if suffix == ".txt":
        return (
            "is a text and no list of images; give a folder with one folder a class, or pipe a list"
            " of paths into SOURCE -"
        )
    return f"is a file of a kind that augcli does not read; {_GIVE}"


def _lines(start: bytes) -> list[bytes]:
    """The first lines that are not empty, if the file is a text."""
    if b"\0" in start.removesuffix(b"\0"):
        return []
    return [
        line.strip() for line in start.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()
    ]
