"""How much goes into an archive before the next one begins."""

from __future__ import annotations

import re
from typing import NamedTuple

_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TEXT = re.compile(r"([1-9][0-9]{0,17})([BKMGT]?)")


class Limits(NamedTuple):
    """The most samples of an archive, and the most bytes of the whole of it; None: no limit."""

    samples: int | None
    size: int | None


DEFAULT = Limits(10_000, 1 << 30)


def limits_of(text: str | None) -> Limits:
    """The limits that a record names: a number of samples, or bytes as `size_text` writes them;
    None for the default of both. Raises ValueError."""
    if text is None:
        return DEFAULT
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("is no number of samples and no size")
    if not match[2]:
        return Limits(int(match[1]), None)
    return Limits(None, int(match[1]) * _UNITS[match[2]])


def size_text(size: int) -> str:
    """A number of bytes as records have it: in the largest unit that divides it."""
    unit = next(u for u in ("T", "G", "M", "K", "B") if size % _UNITS[u] == 0)
    return f"{size // _UNITS[unit]}{unit}"
