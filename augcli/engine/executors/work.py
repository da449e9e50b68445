"""What an executor knows of the work: items, the images that each is about, and how one is made.

What an item is, what its making leaves and what is reported of it is the task's own affair.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from augcli.engine.watch import Watch

Item = TypeVar("Item", bound=Hashable)
Report = TypeVar("Report")
_Report = TypeVar("_Report", covariant=True)


class Work(Protocol[Item, _Report]):
    """Work in items that may be made anywhere, in any order, and again after a failure, with the
    same result. It goes to each worker once, and so do the items one by one: both are picklable.
    """

    @property
    def memory(self) -> int:
        """About how many bytes of images a worker holds."""

    @property
    def max_pixels(self) -> int:
        """The most pixels of an image that is decoded."""

    @property
    def place(self) -> Path:
        """Where results are written: named where an error of the system names no file."""

    def make(self, item: Item, watch: Watch) -> _Report:
        """Make an item, in a worker. Raises OSError where its results cannot be written."""

    def try_decoding(self, index: int, watch: Watch) -> None:
        """Decode the image at `index` and nothing else, in a worker; one that is unreadable is no
        error."""

    def targets(self, item: Item) -> Sequence[int]:
        """The images (by index) that an item is about, at least one, in the order of the item."""

    def piece(self, item: Item, start: int, stop: int) -> Item:
        """The part of an item that is about its targets `start` to `stop`, which are counted from
        its first one."""

    def committed(self, item: Item) -> _Report | None:
        """The report of an item whose worker died behind its commit, so that it is not made again;
        None where it was not committed."""
