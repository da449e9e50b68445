"""The names of image files in OUT: what people look for stands first, the id of the output last.

The id makes a name that of one output alone, on every file system and for any template, and tells a
file of a run from one of somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter

from augcli.errors import UserError
from augcli.text import did_you_mean, listed, shorten

FIELDS = ("source", "recipe", "copy", "view", "class", "id")
_KNOWN = listed([f"{{{name}}}" for name in FIELDS])
# What the command gives; a field without a value is left out.
USUAL = "{source}_{recipe}_{copy}_{view}_{id}"
# Names of older versions.
ONLY_ID = "{id}"

# What the images that a run writes are called in the folder of their class.
OUTPUT_NAME = re.compile(r"(?:[^/\\\0-\x1f\x7f.]*[-_])?([0-9a-f]{16})\.[a-z0-9]+")

_ID_LAST = re.compile(r"(?:[^.]*[-_])?([0-9a-f]{16})", re.DOTALL)
_BEFORE_ID = "-_"
_SEPARATORS = " -_"
# Not in a name: what some system refuses there, or a shell or a URL takes for something else, and
# the dot, behind which readers look for the kind of a file.
_UNSAFE = frozenset('%/\\:*?"<>|.\0')
_LONGEST_TEMPLATE = 200
# Bytes of UTF-8; file systems take 255, with the id and the ending.
_LONGEST, _LONGEST_VALUE = 120, {"source": 80, "class": 40, "recipe": 40}


def read_template(text: str) -> str:
    """The template of --name as runs keep it, with `{id}` at its end; raises UserError."""
    where = f"--name {shorten(text)}" if text.strip() else "--name (of no text)"
    try:
        pieces = [tuple(piece) for piece in Formatter().parse(text)]
    except ValueError as error:
        raise UserError(
            f"{where} has a brace without its other one; write fields as {{source}}, and braces"
            " not at all."
        ) from error
    fields = [str(field) for _, field, _, _ in pieces if field is not None]
    for literal, field, form, conversion in pieces:
        if field is not None and field not in FIELDS:
            hint = did_you_mean(field, FIELDS)
            shown = shorten(field, 40)
            raise UserError(
                f"{where} has {{{shown}}}, which is no field{hint}; fields are {_KNOWN}."
            )
        if form or conversion:
            raise UserError(
                f"{where} says more of {{{field}}} than its name; write {{{field}}} alone."
            )
        odd = [c for c in str(literal) if c in _UNSAFE or c in "{}" or not c.isprintable()]
        if odd:
            raise UserError(
                f"{where} has {odd[0]!r}, which file names cannot have everywhere, or which divides"
                " them; use letters, digits, - and _."
            )
    if not fields:
        raise UserError(
            f"{where} has no field, so that it says the same of every output; give one of {_KNOWN}."
        )
    if len(text.encode("utf-8", "surrogatepass")) > _LONGEST_TEMPLATE:
        raise UserError(f"{where} is longer than {_LONGEST_TEMPLATE} bytes; shorten it.")
    if "id" not in fields:
        return unicodedata.normalize("NFC", f"{text.rstrip(_SEPARATORS)}_{{id}}")
    before = text.removesuffix("{id}")
    if fields.count("id") > 1 or before == text or (before and before[-1] not in _BEFORE_ID):
        raise UserError(
            f"{where} does not end with _{{id}}, as names must, so that each is that of one output;"
            " put it there, or leave it out: then it is added."
        )
    return unicodedata.normalize("NFC", text)


def file_name(template: str, values: Mapping[str, str]) -> str:
    """The name, without its ending, of the output of which these are the values of all fields that
    it has. A field that it has not is left out, with the separators before it."""
    if template == ONLY_ID:
        return values["id"]
    name = ""
    for literal, field in _pieces(template):
        if field == "id":
            break
        value = _safe(values.get(field, ""), _LONGEST_VALUE.get(field, _LONGEST))
        name += literal + value if value or not field else literal.rstrip(_SEPARATORS)
    name = _cut(name.lstrip(_SEPARATORS), _LONGEST).rstrip(_SEPARATORS)
    return f"{name}{literal[-1]}{values['id']}" if name else values["id"]


def id_in(name: str) -> str | None:
    """The id of the output that a file of this name, without its ending, holds; None for none."""
    match = _ID_LAST.fullmatch(name)
    return None if match is None else match[1]


@lru_cache(maxsize=64)
def _pieces(template: str) -> list[tuple[str, str]]:
    """Each field of a template with what stands before it; `id` is the last."""
    return [(literal, field or "") for literal, field, _, _ in Formatter().parse(template)]


@lru_cache(maxsize=1 << 12)
def _safe(value: str, longest: int) -> str:
    """A value as part of a file name."""
    if not (value.isascii() and value.isidentifier()):
        value = unicodedata.normalize("NFC", value)
        value = "".join(c if c.isprintable() and c not in _UNSAFE else "_" for c in value)
    return _cut(value.strip(_SEPARATORS), longest)


def _cut(text: str, longest: int) -> str:
    """A text of at most so many bytes, whole characters."""
    data = text.encode("utf-8", "replace")
    return data[:longest].decode("utf-8", "ignore") if len(data) > longest else text
