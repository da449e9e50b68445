"""How things are written in sentences: numbers of them, and text of others."""

from __future__ import annotations

from augcli.errors import escape


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
