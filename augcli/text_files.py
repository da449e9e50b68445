"""Text that people and other programs write: always UTF-8, plain or as TOML."""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path
from typing import Any

from augcli.files import MIB, read_bytes
from augcli.text import shorten

# Bytes of a TOML file; a list of 100,000 names still fits.
LARGEST_TOML = 4 * MIB
# Bytes of a list of names, one a line.
LARGEST_LIST = 64 * MIB

# Dots in a row in a key. Time to read it grows with their square.
_DEEPEST_KEY = 64
_INT64 = range(-(2**63), 2**63)

# Of TOML: strings, also unclosed ones, and comments.
_QUOTED = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)|\'\'\'(?:[^\']|\'(?!\'\'))*+(?:\'\'\'|\Z)'
    r'|"(?:[^"\\\n]|\\.)*+"?|\'[^\'\n]*+\'?|(#[^\n]*+)',
    re.DOTALL,
)
# Of tomllib's messages: the place behind them, and keys as Python writes them.
_TOML_PLACE = re.compile(r"(.+) \(at (line \d+, column \d+|end of document)\)", re.DOTALL)
_TOML_KEY = re.compile(r"\((?:'[^']*'(?:, |,)?)+\)")
_DEEP = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_DEEPEST_KEY}}}")


def read_text(path: Path, limit: int) -> str:
    """The text of a regular file of at most `limit` bytes, its lines divided by `\\n` only.

    Raises UserError where it is larger or not a regular file, OSError where the system refuses it,
    and ValueError, which says why, where it is not UTF-8.
    """
    return decode_text(read_bytes(path, limit)).replace("\r\n", "\n").replace("\r", "\n")


def decode_text(data: bytes) -> str:
    """The text of UTF-8 bytes, with or without a byte order mark; raises ValueError."""
    refuse_utf16(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8; save it in UTF-8") from error


def refuse_utf16(data: bytes) -> None:
    """Raise ValueError where a text begins with the byte order mark of UTF-16 or UTF-32."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise ValueError("it is in UTF-16 or UTF-32; save it in UTF-8")


def _in_our_order(message: str) -> str:
    """What tomllib says, with the place first: "line 1, column 8: invalid value"."""
    parts = _TOML_PLACE.fullmatch(message)
    if parts is None:
        return shorten(message)
    what = _TOML_KEY.sub(
        lambda key: "'" + ".".join(re.findall("'([^']*)'", key[0])) + "'", parts[1]
    )
    return shorten(f"{parts[2]}: {what[0].lower()}{what[1:]}")


def parse_toml(text: str) -> dict[str, Any]:
    """The table that a TOML text describes; raises ValueError in one short sentence.

    Integers beyond 64 bits, which TOML does not have, and nesting beyond Python's stack are refused
    too.
    """
    if _DEEP.search(_QUOTED.sub(lambda quoted: "" if quoted[1] else "s", text)):
        raise ValueError(f"a key has more than {_DEEPEST_KEY} parts")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        if not isinstance(error, tomllib.TOMLDecodeError):  # of Python's limit on digits
            raise ValueError("an integer does not fit into 64 bits") from error
        raise ValueError(_in_our_order(str(error))) from error
    pending: list[Any] = [table]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
        elif isinstance(value, int) and value not in _INT64:
            raise ValueError("an integer does not fit into 64 bits")
    return table
