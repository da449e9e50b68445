"""What number may be meant by a text that is none, as 10k, 50% or 1,000."""

from __future__ import annotations

import re

_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_MIB = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_LONGEST = 40


def number_meant(
    text: str, metavar: str, *, whole: bool, least: float, most: float
) -> float | int | None:
    """The number from `least` to `most`, whole or not, that a text may mean; None where that is not
    clear. `metavar` says what is counted: MIB, SECONDS, or nothing of these."""
    for number in _readings(text.strip().lower(), metavar, whole=whole, percent=most == 100):
        if least <= number <= most and (not whole or number == int(number)):
            return int(number) if number == int(number) else number
    return None


def _readings(text: str, metavar: str, *, whole: bool, percent: bool) -> list[float]:
    if len(text) > _LONGEST:
        return []
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text) and whole:
        return [float(text.replace(",", ""))]
    if re.fullmatch(r"\d+,\d+", text):
        return [float(text.replace(",", "."))]
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text):
        if whole and not percent:
            return []
        return [float(match[1]) if percent else float(match[1]) / 100]
    if match := re.fullmatch(r"(\d+) ?[x×*] ?(\d+)", text):
        return [float(match[1]) * float(match[2])]
    if match := re.fullmatch(r"(?:x|×)?(\d+)(?:x|×)?", text):
        return [float(match[1])]
    units = {"MIB": _MIB, "SECONDS": _SECONDS}.get(metavar, _THOUSANDS)
    pattern = r"(\d+(?:\.\d+)?) ?([a-z]+?)(?:i?b)?" if metavar == "MIB" else r"([\d.]+) ?([a-z]+)"
    if (match := re.fullmatch(pattern, text)) and match[2] in units:
        try:
            return [float(match[1]) * units[match[2]]]
        except ValueError:
            return []
    if re.fullmatch(r"\d+(\.\d+)?(e\+?\d{1,3})?", text):
        number = float(text)
        return [round(number * 100, 6) if percent and 0 < number < 1 else number]
    return []
