"""The classes of which no image could be used."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text, first_reasons, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing

_LONGEST_LINE = 1 << 26


def lost_classes(listing: Listing, skipped: int, errors: Path) -> str:
    """What to warn of where no image of a class, or of all, could be used; else nothing."""
    from augcli.data.labels import printable

    class_of = listing.class_of.tolist()
    if listing.labels is not Labels.single:  # no image is that of a class alone
        class_of = [0] * len(listing)
    sizes = Counter(class_of)
    if skipped < min(sizes.values()):
        return ""
    reasons = _reasons(errors)
    of_class: dict[int, list[tuple[str, str]]] = {}
    for index, class_id in enumerate(class_of):
        path = printable(listing.relative_path(index))
        if path in reasons:
            of_class.setdefault(class_id, []).append((path, reasons[path]))
    lost = [class_id for class_id in of_class if len(of_class[class_id]) == sizes[class_id]]
    if not lost:
        return ""
    first = [reason for class_id in lost for reason in of_class[class_id]]
    if len(lost) == len(sizes):
        return (
            f"no image of SOURCE can be used: {first_reasons(first)}; look at SOURCE, and give the"
            " same command again, which replaces what it left."
        )
    count = len(of_class[lost[0]])
    images = "the only image" if count == 1 else f"none of the {count} images"
    others = f" (and {count_text(len(lost) - 1, 'class')} more)" if len(lost) > 1 else ""
    can = "cannot" if count == 1 else "can"
    which = f"{images} of class {shorten(listing.classes[lost[0]])}{others} {can} be used"
    return f"{which}: {first_reasons(first)}"


def _reasons(errors: Path) -> dict[str, str]:
    """Why each skipped input of the training split was skipped, by its path, from a list of them;
    empty where the list cannot be read."""
    from augcli.files import parse_json, read_lines

    reasons: dict[str, str] = {}
    try:
        for line in read_lines(errors, _LONGEST_LINE):
            values = parse_json(line)
            if "split" not in values:
                reasons[values["source_path"]] = values["reason"]
    except (OSError, UserError, ValueError, KeyError, TypeError):
        return {}
    return reasons
