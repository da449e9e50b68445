"""A regular expression over the names of images, which ends in good time whatever it is."""

from __future__ import annotations

import re
import warnings
from math import comb
from time import monotonic
from typing import Any

from augcli.errors import UserError
from augcli.text import count_text, shorten

_LONGEST_PATTERN = 1_000
# What the search in one name may take at worst, in steps of Python's `re`: some ten seconds.
_MOST_STEPS = 10**9
_MOST_REPEATS = 10_000
# Seconds for all names together, and names between two looks at the clock.
_MOST_SECONDS, _BETWEEN = 300.0, 256


class NamePattern:
    """A regular expression whose only group, or else the whole of what it fits, is what counts of a
    name. The first place that fits is taken.

    Python's `re` can take forever. So what is repeated must have one length, and names for which
    the parts of varying length (`*`, `+`, `?`, `{m,n}`, `|`) have too many ways are refused.
    """

    def __init__(self, pattern: str, option: str) -> None:
        """Raises UserError, which begins with the option, for what is no such pattern."""
        self._whose = f"{option} {shorten(pattern, 80)}"
        if len(pattern) > _LONGEST_PATTERN:
            raise UserError(f"{option} has more than {_LONGEST_PATTERN} characters; shorten it.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._search = re.compile(pattern).search
                self._varying = _varying(_parsed(pattern), self._whose)
        except (re.error, RecursionError, OverflowError) as error:
            why = shorten(str(error), 100)
            raise UserError(
                f"{self._whose} is no column of SOURCE and no regular expression ({why}); fix it."
            ) from error
        self._groups = re.compile(pattern).groups
        if self._groups > 1:
            raise UserError(
                f"{self._whose} has {self._groups} groups, and one at most says what belongs"
                " together; write the others as (?:...)."
            )
        self._end = monotonic() + _MOST_SECONDS
        self._count = 0
        self._longest = 0  # of the names that were searched

    def find(self, name: str) -> str:
        """What counts of a name; empty where nothing does. Raises UserError where that would take
        too long."""
        if len(name) > self._longest:
            if _ways(len(name), self._varying) > _MOST_STEPS:
                raise UserError(
                    f"{self._whose} has {count_text(self._varying, 'part')} of varying length, too"
                    f" many for a name of {len(name)} characters ({shorten(name, 60)}), as it may"
                    " take forever; leave out some of them."
                )
            self._longest = len(name)
        self._count += 1
        if self._count % _BETWEEN == 0 and monotonic() > self._end:
            raise UserError(
                f"{self._whose} took more than {_MOST_SECONDS:.0f} seconds for {self._count} names;"
                " give a simpler one."
            )
        fitting = self._search(name)
        return "" if fitting is None else fitting[self._groups] or ""


def _ways(length: int, varying: int) -> int:
    """A bound of the steps of a search in a name: where each part begins and ends."""
    return comb(length + varying + 1, varying + 1)


def _parsed(pattern: str) -> Any:
    import re._parser as parser  # type: ignore[import-not-found]

    return parser.parse(pattern)


def _varying(parsed: Any, whose: str, least: int = 1, most: int = 1) -> int:
    """How many parts of varying length a pattern has that stands `least` to `most` times; raises
    UserError where one of them is repeated."""
    count = 0
    for name, value in parsed:
        inner: list[Any] = []
        word, varies, fewest, times = str(name), False, 1, 1
        if word in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            fewest, times, part = value
            inner, varies = [part], fewest != times
        elif word == "BRANCH":
            inner, varies = list(value[1]), True
        elif word == "GROUPREF_EXISTS":
            inner, varies = [part for part in value[1:] if part is not None], True
        elif word == "SUBPATTERN":
            inner = [value[-1]]
        elif word in ("ASSERT", "ASSERT_NOT"):
            inner = [value[1]]
        elif word == "ATOMIC_GROUP":
            inner = [value]
        elif word == "GROUPREF":
            varies = True
        if varies and most > 1:
            raise UserError(
                f"{whose} repeats a part of varying length, which may take forever; write it"
                " without the inner or the outer *, +, ?, {m,n} or |."
            )
        fewest = max(1, least * fewest)
        if fewest > _MOST_REPEATS:
            raise UserError(f"{whose} repeats a part too often; no name is as long.")
        count += varies + sum(_varying(one, whose, fewest, max(most, times)) for one in inner)
    return count
