"""Outputs as samples in tar archives, as WebDataset has them, with a manifest of their rows.

OUT/.augcli/parts/    one file of manifest rows a shard, and beside it the members of its samples;
                      the rename of the rows is the shard's commit
OUT/.augcli/train/    archives, while the run ends
OUT/train/            train-000000.tar and so on, and the manifest, by one rename
OUT/val/              val-000000.tar and so on, of another split

A sample is `KEY.jpg`, with its row in `KEY.json` and, where images have one class, its id in
`KEY.cls`; KEY is its sample_id. Members are equal bytes wherever they stand, so the shards' files
need no more than to be put one behind the other. An archive ends where the next group of views
would exceed the shard size: that depends on the outputs and their order alone, not on who made
them or in which shards. On a store of objects a piece is one object whose arrival is the commit,
and stores join objects to larger ones without reading them (S3's UploadPartCopy, GCS's compose).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from augcli.errors import RunFailed
from augcli.manifest.record import Skipped, skipped_line
from augcli.manifest.row import to_line
from augcli.store import parts
from augcli.store.durable import check_no_link, flush
from augcli.store.layout import IDENTITY, Place
from augcli.store.leftovers import remove_leftovers
from augcli.store.merge import Published, merge_parts
from augcli.store.parts import (
    Part,
    PartWriter,
    Shard,
    committed_parts,
    proven_parts,
    remove_unproven,
)
from augcli.store.publish import is_finished, publish
from augcli.store.records import TARS, Identity, read_identity
from augcli.store.sinks.archives import Archives, check_archives, remove_staged
from augcli.store.sinks.pieces import PieceWriter, is_whole, member_name
from augcli.store.sinks.shard_size import limits_of
from augcli.store.sinks.sink import OutputFile
from augcli.store.staged import prepare_state
from augcli.store.strangers import set_strangers_aside


def begin(place: Place, now: Identity, *, resumed: bool) -> bool:
    """As `Sink.begin`: a finished run has all of its archives, with as many bytes as it wrote."""
    if resumed and is_finished(place.out, now):
        check_archives(place.out)
        remove_leftovers(place.out)
        return True
    prepare_state(place.state)
    if resumed:
        set_strangers_aside(place.state)
        remove_unproven(place.state)
        for part in list(proven_parts(place.state)):
            if not is_whole(part):
                part.path.unlink()
        parts.remove_orphans(place.state)
    return False


def put(place: Place, shard: Shard, contents: Iterable[OutputFile | Skipped]) -> Part:
    """As `Sink.put`: the members of its samples are one file, there before the rows."""
    check_no_link(os.fspath(place.state))
    part = PartWriter(place.state, shard)
    unfinished = part.piece.with_name(f"{part.piece.name}.{os.getpid()}.tmp")
    try:
        with suppress(FileNotFoundError):
            unfinished.unlink()  # of a killed process that had the same number
        with unfinished.open("xb", buffering=1 << 20) as file:
            piece = PieceWriter(file)
            for one in contents:
                part.set_split(one.split)
                if isinstance(one, Skipped):
                    part.add_skipped(skipped_line(one))
                    continue
                name = member_name(one.output_id, one.suffix)
                line = to_line({"file_name": name, **one.row})
                piece.add(name, one.data, line, one.row)
                part.add_row(line, len(one.data))
            is_any = piece.finish()
            if not hasattr(os, "sync"):  # Windows, where `flush` can do nothing
                file.flush()
                os.fsync(file.fileno())
        if is_any:
            unfinished.replace(part.piece)
        else:
            unfinished.unlink()
        return part.commit(flush)
    except BaseException:
        part.abandon()
        unfinished.unlink(missing_ok=True)
        raise


def committed(place: Place, shard: Shard | None = None) -> Iterator[Part]:
    """As `Sink.committed`, by the parts; that their members are whole is looked at by `begin`."""
    return committed_parts(place.state, shard)


def finish(
    place: Place,
    classes: Sequence[str],
    summarise: Callable[[Published], dict[str, Any]],
    *,
    interrupted: bool,  # noqa: ARG001 - what no row names goes with the parts
) -> Published:
    """As `Sink.finish`: archives are written of all pieces, and the folder of each split's appears
    by one rename. `run.json` has the bytes of each archive."""
    record = read_identity(place.state / IDENTITY)
    if record is None:
        raise RunFailed(f"{place.state / IDENTITY} is damaged; make OUT {place.out} anew.")
    remove_staged(place.state)
    with Archives(place.state, limits_of(record.get("shard_size"))) as archives:
        published = merge_parts(place.state, archives.add)
    publish(place.out, classes, summarise(published) | {TARS: archives.sizes})
    remove_leftovers(place.out)
    return published
