"""Reads the text of an option's value, in any spelling; a wrong one is refused in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from augcli.cli.near_numbers import number_meant
from augcli.errors import UserError
from augcli.text import did_you_mean, folded, is_url, listed, shorten, spelled

_SHOWN = 60
_BY_DEFAULT = ("auto", "default", "none", "all", "max", "unlimited")


def choice_reader(
    option: str,
    words: type[StrEnum],
    synonyms: Mapping[str, StrEnum],
    meant: Mapping[str, StrEnum] | None = None,
) -> Callable[[Any], Any]:
    """A function that reads one of `words`, however it is spelled; `synonyms` are folded. So are
    the words of `meant`, which are refused with what may be meant by them."""
    known = [str(word) for word in words]

    def read(text: Any) -> Any:
        if isinstance(text, words):  # a default
            return text
        word = spelled(text, known) or synonyms.get(folded(text))
        if word is None:
            _refuse_empty(option, text)
            near = (meant or {}).get(folded(text))
            hint = f" (did you mean '{near}'?)" if near else did_you_mean(text, known)
            raise UserError(f"{option} {_quoted(text)} is unknown{hint}; give {listed(known)}.")
        return words(word)

    return read


def path_reader(called: str) -> Callable[[Any], Path]:
    """A function that reads the path of a parameter, which is `called` so in sentences; a URL is
    refused as it is given."""

    def read(text: Any) -> Path:
        if isinstance(text, Path) or not is_url(text):
            return Path(text)
        remedy = "download or mount it, and give the path of that"
        if text.lower().startswith("file:"):
            remedy = "give the path behind file:// alone"
        elif called == "OUT":
            remedy = "give a folder on this machine"
        raise UserError(
            f"{called} {shorten(text)} is a URL, and only local paths are taken; {remedy}."
        )

    return read


def text_of_path(called: str) -> Callable[[Any], str]:
    """As `path_reader`, for a path whose text matters."""
    read = path_reader(called)

    def check(text: Any) -> str:
        read(text)
        return str(text)

    return check


def number_reader(
    option: str, kind: type[int] | type[float], least: float, most: float, metavar: str = ""
) -> Callable[[Any], Any]:
    """A function that reads a number, whole where `kind` is int; `least`, `most` and `metavar`, of
    what it is a number, go into its sentence. Bounds are not checked."""
    what = "a whole number" if kind is int else "a number"
    give = f"give {what} from {least} to {most}"

    def read(text: Any) -> Any:
        if not isinstance(text, str):  # a default
            return text
        try:
            return kind(text)
        except ValueError:
            _refuse_empty(option, text)
            if kind is int and text.strip().lstrip("+-").isdecimal():  # of thousands of digits
                return float("-inf" if text.strip().startswith("-") else "inf")
            remedy = give
            if text.strip().lower() in _BY_DEFAULT:
                remedy = f"leave it out for what is usual, or {give}"
            is_whole = kind is int
            meant = number_meant(text, metavar, whole=is_whole, least=least, most=most)
            if meant is not None:
                remedy = f"write {meant}, or {give.removeprefix('give ')}"
            raise UserError(f"{option} {_quoted(text)} is not {what}; {remedy}.") from None

    return read


def _refuse_empty(option: str, text: str) -> None:
    if not text.strip():
        raise UserError(f"{option} is {'blank' if text else 'empty'}; is a variable unset?")


def _quoted(text: str) -> str:
    return shorten(text, _SHOWN)
