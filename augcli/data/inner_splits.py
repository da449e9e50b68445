"""Splits that a source has inside: its reader finds them, and lists the one that is augmented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from augcli.data.listing import Listing
from augcli.data.split_names import TRAINING
from augcli.errors import UserError
from augcli.text import did_you_mean, listed, shorten

# What is augmented where nothing is said: the first of these that there is.
_TRAINING = (*TRAINING, "")


def choose_split(splits: Mapping[str, object], wanted: str | None, source: str) -> str:
    """The name, of those of `splits`, whose images are augmented: `wanted`, else the training split
    or the only one; raises UserError where there is none such."""
    names = [name or "one without a name" for name in splits]
    if wanted is not None:
        if wanted in splits and wanted:
            return wanted
        has = f"has the splits {listed(names, 'and')}" if any(splits) else "has no splits"
        hint = did_you_mean(wanted, splits)
        raise UserError(f"SOURCE {source} {has}, and not --split {shorten(wanted)}{hint}.")
    for name in (*_TRAINING, *(splits if len(splits) == 1 else ())):
        if name in splits:
            return name
    raise UserError(
        f"SOURCE {source} has the splits {listed(names, 'and')}, and none named train; choose one"
        " with --split."
    )


def join_splits(listings: Mapping[str, Listing], chosen: str) -> Listing:
    """The listing of the split `chosen`, which knows those of the others."""
    named = {name: replace(one, split=name) for name, one in listings.items()}
    others = tuple(named[name] for name in sorted(named) if name != chosen)
    return replace(named[chosen], others=others)
