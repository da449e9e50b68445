"""The archives that a SOURCE means: one, those of a folder, those that a pattern or the lines of a
list name; and the splits that their names tell."""

from __future__ import annotations

import codecs
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, product, takewhile
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augcli.data.labels import shown, split_lines
from augcli.data.listing import Listing
from augcli.data.select import take
from augcli.data.split_names import SPLITS, rank
from augcli.data.splits import choose_split
from augcli.errors import UserError
from augcli.files import open_regular
from augcli.text import count_text, is_url, listed, shorten
from augcli.text_files import LARGEST_LIST, read_text

# Archives that a pattern may name, and names with wildcards that its braces may stand for, each of
# which takes a look at a folder.
_MOST, _MOST_WILD = 1_000_000, 1_000
_MOST_MISSING = 1_000
# Bytes of a path, on systems that take the longest.
_LONGEST = 32_768
_WILD = "*?["
# Names of lists of archives, and the bytes of one that are looked at first.
_LISTS = frozenset((".txt", ".list", ".lst"))
_LOOKED_AT = 1 << 16
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,12})\.\.([0-9]{1,12})")


def is_pattern(source: Path) -> bool:
    """Whether a SOURCE may name several archives: it has braces or wildcards."""
    return any(sign in str(source) for sign in f"{{{_WILD}")


def is_shard_list(source: Path) -> bool:
    """Whether a file is a list of archives: a text, by its name, whose first line that is not empty
    names one. Raises OSError and UserError."""
    if source.suffix.lower() not in _LISTS or not source.is_file():
        return False
    with open_regular(source) as file:
        start = file.read(_LOOKED_AT).removeprefix(codecs.BOM_UTF8)
    first = next((line for line in start.splitlines() if line.strip()), b"").strip().lower()
    return b".tar" in first or first.endswith(b".tgz")


def shards_of(source: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The archives of SOURCE: of a folder those directly in it with one of `suffixes`, by their
    names; of a pattern, with ranges and lists in braces as bash has them (`{000..010}`, `{a,b}`)
    and wildcards, those that it names; of a list those that its lines name, each a path or such a
    pattern, relative to the list's folder.

    Raises UserError where one that is named is missing, or a wildcard fits none; and OSError.
    """
    if source.is_dir():
        with os.scandir(source) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.lower().endswith(suffixes) and not entry.name.startswith(".")
            )
        return [source / name for name in names]
    if is_shard_list(source):
        return _listed(source, suffixes)
    return [Path(name) for name in _named(str(source), f"SOURCE {source}", suffixes)]


def _listed(source: Path, suffixes: tuple[str, ...]) -> list[Path]:
    try:
        lines = split_lines(read_text(source, LARGEST_LIST))
    except ValueError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error}.") from error
    folder = source.resolve().parent
    shards: dict[str, int] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        where = f"{source}, line {number}"
        if is_url(line) or line.startswith("pipe:"):
            raise UserError(f"{where}: {shorten(line, 80)} is no file; give paths on this machine.")
        for name in _named(line, where, suffixes, str(folder)) if line else ():
            if shards.setdefault(name, number) != number:
                raise UserError(
                    f"{where}: {shown(os.fsencode(name))} stands in line {shards[name]} already;"
                    " name each archive once."
                )
    return [Path(name) for name in shards]


def _named(pattern: str, where: str, suffixes: tuple[str, ...], folder: str = "") -> list[str]:
    """The archives that a path or pattern names, relative to `folder`; `where` begins the sentence
    of what is amiss."""
    shards: dict[str, None] = {}
    count, names = _expanded(pattern, where)
    if count > _MOST_WILD and any(sign in _BRACES.sub("", pattern) for sign in _WILD):
        raise UserError(
            f"{where} names more than {_MOST_WILD:,} files with wildcards; give fewer braces."
        )
    for one in names:
        name = os.path.normpath(os.path.join(folder, one)) if folder else one  # noqa: PTH118
        if any(sign in one for sign in _WILD) and not os.path.isfile(name):  # noqa: PTH113
            fitting = _fitting(one, folder, where)
            if not fitting:
                raise UserError(f"{where}: no file fits {shown(os.fsencode(name))}; fix it.")
            shards |= dict.fromkeys(fitting)
        else:
            shards[name] = None
    missing = list(islice((name for name in shards if not Path(name).exists()), _MOST_MISSING))
    if missing:
        at_least = "at least " if len(missing) == _MOST_MISSING else ""
        raise UserError(
            f"{where} names {count_text(len(shards), 'file')}, of which"
            f" {at_least}{count_text(len(missing), 'does', 'do')} not exist (the first is"
            f" {shown(os.fsencode(missing[0]))}); fix the range, or copy them there."
        )
    others = [name for name in shards if not name.lower().endswith(suffixes)]
    if others:
        raise UserError(
            f"{where} names {shown(os.fsencode(others[0]))}, which is no"
            f" {listed(suffixes)}; name archives alone."
        )
    return list(shards)


def _fitting(pattern: str, folder: str, where: str) -> list[str]:
    """The files that fit a pattern with wildcards, sorted; `**` stands for folders at any depth, of
    which no links are followed. Raises UserError where they are too many."""
    whole = Path(os.path.normpath(os.path.join(glob.escape(folder), pattern)))  # noqa: PTH118
    if "**" not in whole.parts:
        found = glob.iglob(str(whole))  # noqa: PTH207 - also of an absolute path
    else:
        above = list(takewhile(lambda part: not any(sign in part for sign in _WILD), whole.parts))
        rest = Path(*whole.parts[len(above) :])
        found = map(str, Path(*above).glob(str(rest)))
    names = list(islice(found, _MOST + 1))
    if len(names) > _MOST:
        raise UserError(f"{where} names more than {_MOST:,} files; give fewer.")
    return sorted(names)


def _expanded(pattern: str, where: str) -> tuple[int, Iterator[str]]:
    """How many names a pattern with braces stands for, and these."""
    if len(os.fsencode(pattern)) > _LONGEST:
        raise UserError(f"{where}: {shorten(pattern, 80)} is longer than a path can be; fix it.")
    parts: list[Sequence[str]] = []
    at = 0
    for braces in _BRACES.finditer(pattern):
        parts += [pattern[at : braces.start()]], _words(braces[1], where) or [braces[0]]
        at = braces.end()
        if prod(map(len, parts)) > _MOST:
            raise UserError(f"{where} names more than {_MOST:,} files; give fewer.")
    return prod(map(len, parts)), map("".join, product(*parts, [pattern[at:]]))


def _words(inside: str, where: str) -> Sequence[str] | None:
    """What stands for a pair of braces; None where they are no pattern."""
    ends = _RANGE.fullmatch(inside)
    if ends is None:
        return inside.split(",") if "," in inside else None
    first, last = int(ends[1]), int(ends[2])
    if last < first:
        raise UserError(f"{where}: the range {{{inside}}} goes down; write the lower first.")
    if last - first >= _MOST:
        raise UserError(f"{where} names more than {_MOST:,} files; give fewer.")
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
        for name in sorted(set(splits.tolist()) - {split}, key=lambda name: (rank(name), name))
    )
    chosen = take(listing, np.flatnonzero(splits == split)) if others else listing
    return replace(chosen, split=split, others=others)
