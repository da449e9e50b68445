"""Links to folders: which are followed."""

from __future__ import annotations

import os


def leads_above(link: bytes, root: bytes) -> bool:
    """Whether a link leads to a folder in which it lies itself, or SOURCE's `root` does, as links
    to `..`, `/` and in circles do: what is there is no part of SOURCE, or is listed already.

    Raises OSError.
    """
    target = os.path.join(os.path.realpath(link), b"")  # noqa: PTH118 - bytes
    places = os.path.realpath(os.path.dirname(link)), os.path.realpath(root)  # noqa: PTH120
    return any(os.path.join(place, b"").startswith(target) for place in places)  # noqa: PTH118
