"""Labels of one column that are perhaps no names of classes: lists, weights, several names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from augcli.errors import UserError
from augcli.files import parse_json
from augcli.text import shorten

# Of larger data sets, the first classes tell as much.
_MOST = 20_000
_LONGEST = 1_000
_SEPARATORS = ("|", ";", ",")


def doubt_labels(names: Sequence[str], source: str) -> str:
    """A warning where the texts that name the classes are numbers with fractions, or several names
    in one; else an empty text.

    Raises UserError where one is a list or an object as JSON has them.
    """
    looked_at = names[:_MOST]
    for name in looked_at:
        if _is_list(name):
            raise UserError(
                f"{source}: the label {shorten(name, 60)} is a list, and no name of a class; a"
                " weight for each class is read with --weights-column, a list of classes with"
                " --multi-label."
            )
    fractions = [name for name in looked_at if _is_fraction(name)]
    if fractions and all(map(_is_number, looked_at)):
        return (
            f"{source}: the labels are numbers with fractions, as {shorten(fractions[0], 60)}, and"
            " each is taken as the name of a class; a weight for each class is read with"
            " --weights-column, and --label-column chooses another column."
        )
    for separator in _SEPARATORS:
        several = _of_several(looked_at, separator)
        if several:
            return _warning(source, several, separator)
    several = _of_words(looked_at)
    return _warning(source, several, " ") if several else ""


def _warning(source: str, name: str, separator: str) -> str:
    return (
        f"{source}: the label '{shorten(name, 60)}' is taken as the name of one class; if it names"
        f" several, give --multi-label --label-separator '{separator}'."
    )


def _is_list(name: str) -> bool:
    if name[:1] + name[-1:] not in ("[]", "{}"):
        return False
    if name.startswith("[") or len(name) > _LONGEST:
        return True
    try:
        parse_json(name.replace("'", '"'))
    except ValueError:
        return False
    return True


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _is_fraction(name: str) -> bool:
    return "." in name and _is_number(name)


def _of_several(names: Sequence[str], separator: str) -> str:
    """The first name with parts between separators of which one is another name, or a part of
    another; empty where there is none."""
    divided = {name: _parts(name, separator) for name in names}
    counts = Counter(part for parts in divided.values() for part in set(parts))
    for name, parts in divided.items():
        if len(parts) > 1 and any(counts[part] > 1 for part in parts):
            return name
    return ""


def _of_words(names: Sequence[str]) -> str:
    """The first name of several words, each of which is another name; empty where there is none.
    That a class has a word in common with another is nothing odd."""
    known = set(names)
    for name in names:
        parts = _parts(name, " ")
        if len(parts) > 1 and known.issuperset(parts):
            return name
    return ""


def _parts(name: str, separator: str) -> list[str]:
    if len(name) > _LONGEST:
        return [name]
    return [part for text in name.split(separator) if (part := text.strip())]
