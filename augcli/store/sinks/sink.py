"""What a sink is: where the outputs of a run go, and when they are there.

A run calls `begin` once, then workers call `put` for one shard after another, in any order,
perhaps several times for one shard, and the run calls `finish` when `committed` has all of them. A
sink decides about files and their names; what it is given says nothing of them. A module of
`store.sinks` is a sink where it has these four functions; `store/sinks/table.py` lists them.

Whoever writes one finds in `store.parts` rows that prove themselves, in `store.durable` writes that
survive a loss of power, and in `store.merge`, `store.staged` and `store.publish` what `folder` does
at the end: it holds for whatever else lies in the staged folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from augcli.data.labels import IMAGES, SoftLabel, class_folder
from augcli.manifest.record import Skipped
from augcli.published import TRAIN
from augcli.store.layout import Place
from augcli.store.merge import Published
from augcli.store.parts import Shard
from augcli.store.records import Identity


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output as a sink gets it: the image as a file has it, and all that its row says.

    `row` are the columns of the manifest in their order but for `file_name`, which comes first and
    is the sink's affair; `data` are the bytes of which `row` has the SHA-256; `suffix` says what
    they are, as in ".jpg". Where `link` is given they are those of a source image, at this path,
    that a sink may link to instead of a copy. `name`, where there is one, is what a file of it is
    called before the suffix: a safe name that ends with its id.

    `split` names the part of the data set to which it belongs: "train", or another split of SOURCE
    whose images go along unchanged. It is a name that a folder or a file may have, without a slash
    and distinct from all other names in OUT. All outputs of a shard have the same `split`, so the
    first one of a shard tells that of the shard; a shard without outputs has none, and needs none.
    """

    row: Mapping[str, Any]
    label: SoftLabel
    data: bytes | memoryview
    suffix: str
    is_original: bool = False
    link: bytes | None = None
    split: str = TRAIN
    name: str = ""

    @property
    def output_id(self) -> str:
        """16 hex digits, distinct for every output of a run."""
        return str(self.row["sample_id"])

    @property
    def folder(self) -> str:
        """The folder that it belongs to: one for the class of greatest weight, or one for all where
        images have several classes or none."""
        class_name = self.row.get("class_name")
        return IMAGES if class_name is None else class_folder(class_name)


class Committed(Protocol):
    """What a sink says of a shard that is there: how many rows it has, how many inputs were
    skipped, and all of them, as lines of JSON with their newlines, one at a time."""

    @property
    def shard(self) -> Shard: ...

    @property
    def rows(self) -> int: ...

    @property
    def skipped(self) -> int: ...

    def row_lines(self) -> Iterator[bytes]: ...

    def skipped_lines(self) -> Iterator[bytes]: ...


class Sink(Protocol):
    """The four verbs of a sink. They keep nothing in memory from one call to the next: `put` is
    called in other processes than the others. Each raises OSError where it cannot read or write."""

    def begin(self, place: Place, now: Identity, *, resumed: bool) -> bool:
        """Prepare a place that is locked and has the identity of the run, so that `put` can be
        called; True, with nothing changed, where the run is finished there.

        Where a run is `resumed`, what was left half done or damaged is removed, so that its shards
        are no longer `committed`. Raises UserError and RunFailed where something else stands in
        the place of what was published.
        """

    def put(
        self, place: Place, shard: Shard, contents: Iterable[OutputFile | Skipped]
    ) -> Committed:
        """Commit a shard: all of its outputs in their order, which belong to one split, and behind
        them the inputs that were skipped.

        Nothing of it is there before all of it is, also after a loss of power; a shard that is put
        again has the same contents and does no harm, however late it comes, nor do pieces of it.
        `contents` are made as they are asked for, may be more than memory holds, and may raise
        anything: then nothing is committed, and what was written meanwhile is removed by `finish`
        or the next `begin` at the latest.
        """

    def committed(self, place: Place, shard: Shard | None = None) -> Iterator[Committed]:
        """The shards that are there and prove to be whole, in plan order, none of their targets
        twice; or, of one `shard`, this one if it is there."""

    def finish(
        self,
        place: Place,
        classes: Sequence[str],
        summarise: Callable[[Published], dict[str, Any]],
        *,
        interrupted: bool,
    ) -> Published:
        """Join what is committed, and publish it with the names of the `classes` and, last of all,
        `run.json`, of what `summarise` returns for what was joined; where it raises, nothing is
        published.

        `interrupted` says that a process may have left what no committed shard has. Raises
        RunFailed, with nothing lost, where something else stands in the place of what is published.
        """
