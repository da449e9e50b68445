"""Text on pictures, in any script: what the font has no letters for is escaped, and what is wider
than its place is shortened or wrapped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO

from PIL import ImageFont

# Characters of a text that are looked at; of a longer one the middle is left out.
_LONGEST = 2000
# Texts whose lines are remembered: most stand on a sheet many times.
_REMEMBERED = 4096
_BREAKS = ("/", "_", "-")
_ELLIPSIS = "…"
_MISSING = "\uffff"  # no character, so that no font has a letter for it
# Spaces at which no line ends: between a number and its unit, around the x of a size, and before
# the number that a word has behind it.
_TOGETHER = re.compile(
    r" (?=(?:%|px|bits?|[x×] ?\d)(?![^\s,;:.)\d-]))|(?<=[x×]) (?=\d)|(?<=[^\W\d_]) (?=[-+]?\d)"
)
_NO_BREAK = "\u00a0"  # stands for these: one that a text has itself is escaped


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at a size in pixels: Latin, Greek and Cyrillic letters."""
    data = BytesIO(_font_file())
    return ImageFont.truetype(data, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _font_file() -> bytes:
    return (files("augcli.image") / "fonts" / "DejaVuSans.ttf").read_bytes()


@cache
def _escape(character: str) -> str:
    """A character as it is drawn: an escape such as \\u732b where the font has no letter for it,
    or where it does not print."""
    if character.isprintable() and _shape(character) != _shape(_MISSING):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def _shape(character: str) -> tuple[tuple[int, int], bytes]:
    mask = font(16).getmask(character)
    return mask.size, bytes(mask)


def escape_missing(text: str) -> str:
    """A text as it is drawn, on one line: accents joined with their letters, and escapes for all
    that the font does not have."""
    return "".join(_units(text))


def _units(text: str) -> list[str]:
    """What is drawn for each character; no line ends within one of them."""
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]}{_ELLIPSIS}{text[-half:]}"
    return [_escape(character) for character in unicodedata.normalize("NFC", text)]


def width_of(drawn: str, size: int) -> float:
    """How many pixels wide a text is that `escape_missing` gave."""
    return font(size).getlength(drawn)


@lru_cache(_REMEMBERED)
def wrap_whole(text: str, size: int, width: float, most: int) -> tuple[str, ...]:
    """A text as `escape_missing` gives it, in at most `most` lines of at most `width` pixels; where
    these do not hold it, its middle is left out, and an ellipsis says so."""
    units = _units(text)

    def with_ends(count: int) -> list[str]:
        end = count // 2
        return [*units[: count - end], _ELLIPSIS, *units[len(units) - end :]]

    whole = _lines(units, size, width, most + 1)
    if len(whole) <= most:
        return whole
    fits, too_many = 0, len(units)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if len(_lines(with_ends(middle), size, width, most + 1)) <= most:
            fits = middle
        else:
            too_many = middle
    return _lines(with_ends(fits), size, width, most)


@lru_cache(_REMEMBERED)
def wrap(text: str, size: int, width: float, most: int, hang: float = 0) -> tuple[str, ...]:
    """A text as `escape_missing` gives it, in at most `most` lines of at most `width` pixels, or
    `hang` less for all but the first.

    Lines end at spaces, but not between a number and its unit, behind the marks of a path (/ _ -),
    or within a word that is wider. What does not fit is left out, and an ellipsis says so.
    """
    return _lines(_units(text), size, width, most, hang)


def _lines(
    units: Sequence[str], size: int, width: float, most: int, hang: float = 0
) -> tuple[str, ...]:
    lines: list[str] = []
    left = _together(units)
    while left:
        wide = width - hang if lines else width
        count = _fitting(left, size, wide)
        if len(lines) == most - 1 and count < len(left):
            room = wide - width_of(_ELLIPSIS, size)
            lines.append("".join(left[: _fitting(left, size, room)]).rstrip() + _ELLIPSIS)
            break
        lines.append("".join(left[:count]).rstrip())
        left = left[count:]
        while left and left[0] in (" ", _NO_BREAK):
            left.pop(0)
    return tuple(line.replace(_NO_BREAK, " ") for line in lines)


def _together(units: Sequence[str]) -> list[str]:
    """The units, with other spaces where no line ends."""
    joined = list(units)
    # One character for each unit, so that places are numbers of units.
    text = "".join(unit if len(unit) == 1 else "\\" for unit in units)
    for match in _TOGETHER.finditer(text):
        joined[match.start()] = _NO_BREAK
    return joined


def _fitting(units: Sequence[str], size: int, width: float) -> int:
    """How many units make a line: at least one, and whole words where one fits."""
    fits, too_many = 0, 1
    while too_many <= len(units) and _fits(units[:too_many], size, width):
        fits, too_many = too_many, 2 * too_many
    too_many = min(too_many, len(units) + 1)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _fits(units[:middle], size, width):
            fits = middle
        else:
            too_many = middle
    if fits == len(units):
        return fits
    words = next((n for n in range(fits, 0, -1) if " " in units[n - 1 : n + 1]), 0)
    # Where a word and its number are wider than the line, the number stands on the next one.
    words = words or next((n for n in range(1, fits + 1) if units[n] == _NO_BREAK), 0)
    marks = next((n for n in range(fits, fits // 2, -1) if units[n - 1] in _BREAKS), 0)
    return words or marks or max(1, fits)


def _fits(units: Sequence[str], size: int, width: float) -> bool:
    return width_of("".join(units).rstrip(), size) <= width
