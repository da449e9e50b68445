"""How things are written in sentences: numbers of them, text of others, and names: those that are
spelled in another way, and those that are near a wrong one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice

from augcli.errors import escape

_REASONS = 3
_LONGEST_REASON = 120
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# Characters of a wrong name that are looked at.
_LONGEST_NAME = 100
# From 0 to 1: how much of two names is the same where one may be meant by the other.
_NEAR = 0.65
_SEPARATORS = str.maketrans("", "", "-_.: ")


def shorten(text: str, longest: int = 200) -> str:
    """A text as part of a sentence: on one line, what does not print escaped, and cut."""
    return escape(text if len(text) <= longest else f"{text[:longest]}...")


def count_text(count: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 input, 2 inputs; 1 class, 2 classes; `plural` where none of these."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {plural or _plural(noun)}"


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def is_url(text: str) -> bool:
    """Whether a text that should be a path is a URL."""
    return _URL.match(text) is not None


def listed(names: Iterable[str], word: str = "or") -> str:
    """Names in a sentence: a, b or c."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def first_reasons(reasons: Iterable[tuple[str, str]]) -> str:
    """The first three of (what, why), as a part of a sentence: `a.png (it is empty); ...`."""
    first = islice(reasons, _REASONS)
    return "; ".join(f"{shorten(what)} ({shorten(why, _LONGEST_REASON)})" for what, why in first)


def folded(name: str) -> str:
    """A name without what spellings differ in: case, hyphens, underscores, dots, colons, spaces."""
    return name.casefold().translate(_SEPARATORS)


def spelled(name: str, names: Collection[str]) -> str | None:
    """The one of `names` that `name` spells, whatever its case and its separators; None where it is
    none of them, or could be two."""
    if name in names:
        return name
    same = [known for known in names if folded(known) == folded(name) != ""]
    return same[0] if len(same) == 1 else None


def closest(name: str, names: Iterable[str], near_from: float = _NEAR) -> str | None:
    """The one of `names` that may be meant by `name`, which is none of them, or None; `near_from`,
    from 0 to 1, is how much of two names is then the same."""
    from difflib import get_close_matches

    by_fold: dict[str, str] = {}
    for known in names:
        by_fold.setdefault(folded(known) or known, known)
    near = get_close_matches(folded(name[:_LONGEST_NAME]) or name, by_fold, 1, near_from)
    return by_fold[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """What stands behind a wrong name in a sentence, ` (did you mean 'x'?)`; empty where no name is
    near."""
    near = closest(name, names)
    return f" (did you mean '{shorten(near)}'?)" if near is not None else ""
