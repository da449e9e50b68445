"""How numbers of things are written."""

from __future__ import annotations


def count_text(count: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 input, 2 inputs; 1 class, 2 classes; `plural` where none of these."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {plural or _plural(noun)}"


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
