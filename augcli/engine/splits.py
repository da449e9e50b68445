"""The images of a run: those that are augmented, and behind them those of the source's other
splits, which go along as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from augcli.data.labels import printable
from augcli.data.listing import Listing, Sample, sample_id, sample_ids
from augcli.data.split_names import is_training
from augcli.store.layout import split_folders


class OtherSplit(NamedTuple):
    """A split whose images go along: its name in OUT, its listing, and the index that its first
    image has in the run."""

    name: str
    listing: Listing
    first: int

    def place_of(self, index: int) -> tuple[Listing, int]:
        """The listing, and the index in it, of the image that has `index` in the run."""
        return self.listing, index - self.first


def other_splits(listing: Listing) -> tuple[OtherSplit, ...]:
    """The splits beside that of a listing that can go along: those with images that are no training
    splits themselves, of which one is augmented."""
    others = [other for other in listing.others if len(other) and not is_training(other.split)]
    names = split_folders([other.split for other in others])
    splits, first = [], len(listing)
    for name, other in zip(names, others, strict=True):
        splits.append(OtherSplit(name, other, first))
        first += len(other)
    return tuple(splits)


def split_of(splits: Sequence[OtherSplit], index: int) -> OtherSplit | None:
    """The split of the image at `index` of a run; None for one that is augmented."""
    return next((split for split in reversed(splits) if index >= split.first), None)


def sample_of(listing: Listing, split: OtherSplit, index: int) -> Sample:
    """The image at `index` of a run, of another split than `listing`: as its path may be that of an
    image of `listing` too, its name and its id are those of the path below the split."""
    sample = split.listing.sample(index - split.first)
    relative = split.listing.relative_path(sample.index)
    name = sample.relative
    if split.listing.root != listing.root:
        name = printable(f"{split.listing.split}/".encode() + relative)
    return replace(sample, index=index, relative=name, sample_id=sample_id(_key(split, relative)))


def ids_of(listing: Listing, splits: Sequence[OtherSplit]) -> npt.NDArray[np.uint64]:
    """The ids of all images of a run, as numbers, in its order."""
    ids = [sample_ids(listing)]
    for split in splits:
        paths = map(split.listing.relative_path, range(len(split.listing)))
        of_split = (int(sample_id(_key(split, path)), 16) for path in paths)
        ids.append(np.fromiter(of_split, np.uint64, len(split.listing)))
    return np.concatenate(ids)


def _key(split: OtherSplit, relative: bytes) -> bytes:
    """What stands for a path within a split; no path holds a NUL."""
    return split.listing.split.encode("utf-8", "surrogateescape") + b"\0" + relative
