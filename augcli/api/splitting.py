"""Rows in two parts that share no source image, and no group of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.api.values import warn_caller
from augcli.arrays.permutation import Permutation
from augcli.errors import UserError
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.manifest.row import Row

Ints = npt.NDArray[np.int64]
_FAR = 0.5  # of the share that is wanted


class SplitRows(NamedTuple):
    """The numbers of rows, each part int64 in ascending order."""

    train: Ints
    val: Ints


def split_rows(
    out: Path,
    rows_in_order: Iterable[Row],
    classes: int,
    group_of: Mapping[str, int],
    val: float,
    seed: int,
) -> SplitRows:
    """See `Manifest.split_by_source`; `group_of` are the groups of source images by their ids."""
    if isinstance(val, bool) or not 0 < val < 1:
        raise UserError(f"val={val} is not a share between 0 and 1.")
    if isinstance(seed, bool) or seed != int(seed) or not 0 <= seed < 2**63:
        raise UserError(f"seed={seed} is not a whole number from 0 to {2**63 - 1}.")
    component, masses = components(rows_in_order, classes, group_of)
    rows = np.bincount(component)
    if len(component) < 2:
        raise UserError(f"{out} has {count_text(len(component), 'row')}, and two parts need two.")
    if len(rows) < 2:
        raise UserError(
            f"All {len(component)} rows of {out} belong together: each shares a source"
            " image, or a group, with others, so that no part of them is free of the rest. Split"
            " the source first and augment its training part alone, or choose a recipe for single"
            " images."
        )
    chosen = _choose(rows, masses, val, seed)
    share = float(rows[chosen].sum() / rows.sum())
    if not chosen.any() or chosen.all() or abs(share - val) >= _FAR * val:
        text = (
            f"{share:.1%} of the rows of {out} can go into a part of {val:.1%} without a"
            f" source image in both: the largest number of rows that belong together is"
            f" {rows.max() / rows.sum():.1%}"
        )
        if not chosen.any() or chosen.all():
            raise UserError(f"{text}. Split the source first, and augment its training part alone.")
        warn_caller(f"{text}.")
    of_val = chosen[component]
    return SplitRows(np.flatnonzero(~of_val), np.flatnonzero(of_val))


def components(
    rows_in_order: Iterable[Row], classes: int, group_of: Mapping[str, int]
) -> tuple[Ints, npt.NDArray[np.float64]]:
    """The number of what each row belongs to, and of each the label weights by class, and behind
    these its rows (components, classes + 1)."""
    together = _Together()
    firsts, labels = list[int](), list[tuple[tuple[int, float], ...]]()
    for row in rows_in_order:
        members = [f"row\0{row.group_id}"]
        for source in row.source_ids:
            members.append(f"source\0{source}")
            if source in group_of:
                members.append(f"group\0{group_of[source]}")
        firsts.append(together.join(members))
        labels.append(tuple(zip(row.label_ids or (), row.label_weights or (), strict=False)))
    roots = np.array([together.root(first) for first in firsts], np.int64)
    component = np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.int64)
    masses = np.zeros((component.max(initial=-1) + 1, classes + 1))
    for number, label in zip(component, labels, strict=True):
        masses[number, -1] += 1
        for class_id, weight in label:
            masses[number, class_id] += weight
    return component, masses


def groups_of_sources(out: Path, split: str, moved: Path | None = None) -> dict[str, int]:
    """The group of each source image by its id, where the run had `group_by`: they are read where
    the run read them."""
    from augcli.data.listing import sample_ids
    from augcli.engine.described import read_sources, record_of
    from augcli.published import TRAIN

    record = record_of(out, moved)
    options = record.summary.get("source_options")
    if not isinstance(options, dict) or not options.get("group_by") or split != TRAIN:
        return {}
    listing = read_sources(record, lambda: ())
    assert listing.group_of is not None
    ids = (f"{number:016x}" for number in sample_ids(listing).tolist())
    return dict(zip(ids, listing.group_of.tolist(), strict=True))


class _Together:
    """Sets of names that are joined, as a forest: each name points to one of its set."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._parent: list[int] = []

    def join(self, names: Iterable[str]) -> int:
        """Join names into one set; the number of one of its members."""
        first = -1
        for name in names:
            number = self._number.setdefault(name, len(self._parent))
            if number == len(self._parent):
                self._parent.append(number)
            root = self.root(number)
            if first < 0:
                first = root
            elif root != first:  # the older one stays
                first, root = min(first, root), max(first, root)
                self._parent[root] = first
        return first

    def root(self, number: int) -> int:
        """The member that stands for a set."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number


def _choose(
    rows: Ints, masses: npt.NDArray[np.float64], val: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Which components go into the smaller part: in a shuffled order, the largest first, each that
    brings the shares of all classes nearer to `val`."""
    total = masses.sum(axis=0)
    shares = masses[:, total > 0] / total[total > 0]
    shuffled = Permutation(len(rows), f"split\0{seed}".encode())
    order = np.lexsort((shuffled(np.arange(len(rows), dtype=np.uint64)), -rows))
    chosen = np.zeros(len(rows), bool)
    missing = np.full(shares.shape[1], val)
    for number in order.tolist():
        share = shares[number]
        # |missing - share|^2 < |missing|^2
        if share @ share < 2 * (missing @ share):
            chosen[number] = True
            missing = missing - share
    return chosen
