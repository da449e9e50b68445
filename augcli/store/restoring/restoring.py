"""How what was made again of a finished run comes to its place in OUT.

Outputs are made again aside, by the sink of the run, and their manifest is written there too. A
module of `store.restoring` has the functions of `Restoring`; `store/restoring/table.py` lists them
by sinks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from augcli.manifest.row import Row
from augcli.store.layout import Place


class Line(NamedTuple):
    """A line of a manifest that is written again, and whether its output was made again, aside."""

    data: bytes
    is_new: bool


class Restoring(Protocol):
    """The verbs of what restores a split; `aside` is where outputs are made again. Each raises
    OSError where it cannot read or write."""

    def in_place(self, row: Row, before: Row) -> Row:
        """The row of an output that was made again, with the name that its file has in OUT by the
        row that stands there for it."""

    def put(self, staged: Path, folder: Path, row: Row, max_pixels: int) -> str | None:
        """Put an image that was made again, in the folder `staged`, to its place in the folder of
        its split in OUT, where it has one by itself; why that cannot be, or None.

        Raises RunFailed where it is not as it was made.
        """

    def join(self, aside: Place, split: str, lines: Iterable[Line], shard_size: str | None) -> None:
        """Write the manifest of a split aside, of all its lines in order, and there too whatever
        several outputs are in that is not as it should be in OUT. Raises RunFailed."""

    def take_over(self, aside: Place, split: str) -> None:
        """Put what `join` wrote aside, but for the manifest, in its place in OUT: what stands there
        and is somebody else's is kept elsewhere."""
