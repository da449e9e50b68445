"""Splits that a source has inside: its reader finds them, and lists the one that is augmented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from augcli.data.listing import Listing


def join_splits(listings: Mapping[str, Listing], chosen: str) -> Listing:
    """The listing of the split `chosen`, which knows those of the others."""
    named = {name: replace(one, split=name) for name, one in listings.items()}
    others = tuple(named[name] for name in sorted(named) if name != chosen)
    return replace(named[chosen], others=others)
