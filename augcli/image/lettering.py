"""Text on pictures, in any script: what the font has no letters for is escaped, and what is wider
than its place is shortened or wrapped."""

from __future__ import annotations

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
def cut_middle(text: str, size: int, width: float) -> str:
    """A text as `escape_missing` gives it, its middle left out where it is wider than `width`
    pixels."""
    units = _units(text)
    whole = "".join(units)
    if width_of(whole, size) <= width:
        return whole

    def with_ends(count: int) -> str:
        end = count // 2
        return "".join([*units[: count - end], _ELLIPSIS, *units[len(units) - end :]])

    fits, too_many = 0, len(units)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if width_of(with_ends(middle), size) <= width:
            fits = middle
        else:
            too_many = middle
    return with_ends(fits)


@lru_cache(_REMEMBERED)
def wrap(text: str, size: int, width: float, most: int) -> tuple[str, ...]:
    """A text as `escape_missing` gives it, in at most `most` lines of at most `width` pixels.

    Lines end at spaces, behind the marks of a path (/ _ -), or within a word that is wider. What
    does not fit is left out, and an ellipsis says so.
    """
    lines: list[str] = []
    left = _units(text)
    while left:
        count = _fitting(left, size, width)
        if len(lines) == most - 1 and count < len(left):
            room = width - width_of(_ELLIPSIS, size)
            lines.append("".join(left[: _fitting(left, size, room)]).rstrip() + _ELLIPSIS)
            break
        lines.append("".join(left[:count]).rstrip())
        left = left[count:]
        while left and left[0] == " ":
            left.pop(0)
    return tuple(lines)


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
    words = next((n for n in range(fits, 0, -1) if units[n - 1] == " " or units[n] == " "), 0)
    marks = next((n for n in range(fits, fits // 2, -1) if units[n - 1] in _BREAKS), 0)
    return words or marks or max(1, fits)


def _fits(units: Sequence[str], size: int, width: float) -> bool:
    return width_of("".join(units).rstrip(), size) <= width
