"""Bytes and ages, as options say them and sentences show them."""

from __future__ import annotations

import re

from augcli.errors import UserError
from augcli.text import shorten

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST_BYTES = 1 << 60
_MOST_SECONDS = 100 * 366 * 86_400


def parse_bytes(text: str, name: str) -> int:
    """The bytes of a size such as 500M, 10G, 1.5 GiB or 1000, as the option --`name` says it: K, M,
    G and T are powers of 1024. Raises UserError."""
    match = re.fullmatch(
        r"(\d{1,18}(?:\.\d{1,9})?) ?(?:([KMGT])(?:i?B)?|B)?", text.strip(), re.ASCII | re.IGNORECASE
    )
    if not match:
        raise UserError(f"--{name} {shorten(text, 60)} is not a size; write it like 500M or 10G.")
    size = int(float(match[1]) * _UNITS[(match[2] or "").upper()])
    if size > _MOST_BYTES:
        raise UserError(f"--{name} {shorten(text, 60)} is more than {_MOST_BYTES} bytes.")
    return size


def parse_age(text: str, name: str) -> int:
    """The seconds of an age such as 30d, 12h or 2w, as the option --`name` says it; raises
    UserError."""
    match = re.fullmatch(r"(\d{1,12}) ?([smhdw])", text.strip(), re.ASCII)
    if not match:
        raise UserError(
            f"--{name} {shorten(text, 60)} is not an age; write it like 30d, 12h or 2w (s, m, h, d"
            " or w)."
        )
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > _MOST_SECONDS:
        raise UserError(f"--{name} {shorten(text, 60)} is more than 100 years.")
    return seconds


def bytes_text(size: int) -> str:
    """A number of bytes, rounded, in the largest unit of which there is one."""
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f} {unit}iB"
    return "1 byte" if size == 1 else f"{size} bytes"
