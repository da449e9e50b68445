"""The words of a command line: which are arguments, and what stands before each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from augcli.cli.origins import spelled
from augcli.errors import UserError
from augcli.text import shorten

# The value of a --replay that stands without one.
REPLAY_ALL = 0
# What begins with a hyphen and may be a value: - alone, and numbers.
_NUMBER = re.compile(r"-(?:\.?\d.*)?\Z", re.DOTALL)


class Word(NamedTuple):
    """An argument: its place among the words, its text, and what stands directly before it: a
    switch, or an option with its value ("" for a switch); None where that is neither."""

    place: int
    text: str
    option: Any
    value: str


def arguments_in(command: Any, words: Sequence[str]) -> Iterator[Word]:
    """The arguments among the words that stand behind a command's name."""
    for one in _pieces(command, words):
        if isinstance(one, Word):
            yield one


def value_of(command: Any, words: Sequence[str], name: str) -> str:
    """The value that the words give an option, by its name in the code; "" where there is none."""
    for at, word in enumerate(words):
        for one in command.params:
            if one.name == name and one.param_type_name == "option":
                key, equals, value = word.partition("=")
                if key in one.opts:
                    return value if equals else " ".join(words[at + 1 : at + 2])
    return ""


def refuse_swallowed(command: Any, words: Sequence[str]) -> None:
    """Refuse an option that takes another option, or what may be one, for its value, as where a
    variable is unset; raises UserError."""
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for one in _pieces(command, words):
        if isinstance(one, Word) or not one[1].startswith("-") or _NUMBER.match(one[1]):
            continue
        option, value = spelled(one[0]), one[1]
        if value.partition("=")[0] in names or value[:2] in names or value in ("--", "--help"):
            raise UserError(
                f"{option} has no value, as {shorten(value, 60)} follows it; is a variable unset?"
            )
        raise UserError(
            f"{option} needs a value behind it, and {shorten(value, 60)} looks like an option;"
            f" where it is the value, write {option}={shorten(value, 60)}."
        )


def _pieces(command: Any, words: Sequence[str]) -> Iterator[Word | tuple[Any, str]]:
    """Each argument, and each option with the word behind it that it takes."""
    known = {
        name: one
        for one in command.params
        if one.param_type_name == "option"
        for name in (*one.opts, *one.secondary_opts)
    }
    before: tuple[Any, str] = (None, "")
    place, only_arguments = 0, False
    while place < len(words):
        word = words[place]
        if only_arguments or not word.startswith("-") or word == "-":
            yield Word(place, word, *before)
            before = (None, "")
        elif word == "--":
            only_arguments, before = True, (None, "")
        else:
            option = _waiting(word, known)
            if option is None:
                before = (known.get(word), "")
            elif place + 1 < len(words) and _takes(option, words[place + 1]):
                place += 1
                before = (option, words[place])
                yield before
            else:
                before = (option, "")
        place += 1


def _waiting(word: str, known: dict[str, Any]) -> Any:
    """The option whose value is the next word; None where there is none such."""
    if word.startswith("--"):
        option = known.get(word)
        return None if option is None or option.is_flag else option
    for at, letter in enumerate(word[1:], 2):
        option = known.get(f"-{letter}")
        if option is None or not option.is_flag:
            return option if at == len(word) else None
    return None


def _takes(option: Any, word: str) -> bool:
    """Whether an option takes a word; --replay may stand without a number."""
    return option.name != "replay" or word.isdecimal()
