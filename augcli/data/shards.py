"""The archives that a SOURCE means: one, those of a folder, or those that a pattern names; and the
splits that their names tell."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augcli.data.labels import shown
from augcli.data.listing import Listing
from augcli.data.select import take
from augcli.data.split_names import SPLITS
from augcli.data.splits import choose_split
from augcli.errors import UserError
from augcli.text import count_text, listed

# Archives that a pattern may name.
_MOST = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,12})\.\.([0-9]{1,12})")


def is_pattern(source: Path) -> bool:
    """Whether a SOURCE may name several archives: it has braces or wildcards."""
    return any(sign in str(source) for sign in "{*?[")


def shards_of(source: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The archives of SOURCE in the order of their names: of a folder those directly in it with one
    of `suffixes`; of a pattern, with ranges and lists in braces as bash has them (`{000..010}`,
    `{a,b}`) and wildcards, those that it names.

    Raises UserError where one that braces name is missing, or a wildcard fits none; and OSError.
    """
    if source.is_dir():
        with os.scandir(source) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.lower().endswith(suffixes) and not entry.name.startswith(".")
            )
        return [source / name for name in names]
    shards: dict[str, None] = {}
    for name in _expanded(str(source), source):
        if any(sign in name for sign in "*?["):
            fitting = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - also of an absolute path
            if not fitting:
                raise UserError(
                    f"SOURCE {source}: no file fits {shown(os.fsencode(name))}; fix it."
                )
            shards |= dict.fromkeys(fitting)
        else:
            shards[name] = None
    missing = [name for name in shards if not Path(name).exists()]
    if missing:
        raise UserError(
            f"SOURCE {source} names {count_text(len(shards), 'file')}, of which"
            f" {count_text(len(missing), 'does', 'do')} not exist (the first is"
            f" {shown(os.fsencode(missing[0]))}); fix the range, or copy them there."
        )
    others = [name for name in shards if not name.lower().endswith(suffixes)]
    if others:
        raise UserError(
            f"SOURCE {source} names {shown(os.fsencode(others[0]))}, which is no"
            f" {listed(suffixes)}; name archives alone."
        )
    return [Path(name) for name in shards]


def _expanded(pattern: str, source: Path) -> list[str]:
    """The names that a pattern with braces stands for."""
    names = [""]
    at = 0
    for braces in _BRACES.finditer(pattern):
        words = _words(braces[1], source)
        before = pattern[at : braces.start()]
        at = braces.end()
        if words is None:
            words = [braces[0]]
        if len(names) * len(words) > _MOST:
            raise UserError(f"SOURCE {source} names more than {_MOST:,} files; give fewer.")
        names = [name + before + word for name in names for word in words]
    return [name + pattern[at:] for name in names]


def _words(inside: str, source: Path) -> Sequence[str] | None:
    """What stands for a pair of braces; None where they are no pattern."""
    ends = _RANGE.fullmatch(inside)
    if ends is None:
        return inside.split(",") if "," in inside else None
    first, last = int(ends[1]), int(ends[2])
    if last < first:
        raise UserError(
            f"SOURCE {source}: the range {{{inside}}} goes down; write the lower first."
        )
    if last - first >= _MOST:
        raise UserError(f"SOURCE {source} names more than {_MOST:,} files; give fewer.")
    padded = any(end.startswith("0") and len(end) > 1 for end in ends.groups())
    width = max(map(len, ends.groups())) if padded else 1
    return [f"{number:0{width}}" for number in range(first, last + 1)]


def is_folder(entry: os.DirEntry[bytes]) -> bool:
    """Whether an entry is a folder, or a link to one; a link that leads nowhere is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def split_of(name: str) -> str:
    """The split that an archive's name tells, as `train` of `train-000000.tar`; else nothing."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in words if word in SPLITS), "")


def choose_shards(splits: Iterable[str], wanted: str | None, source: Path) -> str:
    """The one of the `splits` of shards that is augmented, as `choose_split` says; an empty text
    where no shard names one, and none is `wanted`."""
    known = sorted(set(splits) - {""}, key=SPLITS.index)
    return choose_split(known, wanted, source) if known or wanted is not None else ""


def divided(listing: Listing, splits: npt.NDArray[np.str_], split: str) -> Listing:
    """The images of `split` in a listing of which `splits` names that of each image; the others are
    in its `others`."""
    if not split:
        return listing
    others = tuple(
        replace(take(listing, np.flatnonzero(splits == name)), split=name, warnings=())
        for name in sorted(set(splits.tolist()) - {split}, key=SPLITS.index)
    )
    chosen = take(listing, np.flatnonzero(splits == split)) if others else listing
    return replace(chosen, split=split, others=others)
