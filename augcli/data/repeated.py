"""Files that a table or a metadata file names twice."""

from __future__ import annotations

from collections.abc import Sequence

from augcli.data.labels import shown
from augcli.data.listing import Listing, first_repeated
from augcli.errors import UserError
from augcli.text import shorten


def refuse_repeated(listing: Listing, numbers: Sequence[int], source: str, row: str) -> None:
    """Raise UserError where rows name a file twice, with the numbers of both (each called a `row`:
    line, say), and their labels where these differ."""
    again = first_repeated(listing)
    if again is None:
        return
    path = listing.relative_path(again)
    first = next(index for index in range(again) if listing.relative_path(index) == path)
    classes = [
        shorten(listing.classes[class_id], 40) if class_id >= 0 else "nothing"
        for class_id in (int(listing.class_of[first]), int(listing.class_of[again]))
    ]
    labels = f", as {classes[0]} and as {classes[1]}" if classes[0] != classes[1] else ""
    raise UserError(
        f"{source}, {row} {numbers[again]}: it names {shown(path)} twice, before in {row}"
        f" {numbers[first]}{labels}; remove one of them."
    )
