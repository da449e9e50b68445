"""A sink as one would be added: a zip archive a shard, whose rows are its commit.

OUT/train has the archives and the manifest; a row's file is `ARCHIVE.zip/ID.jpg`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from augcli.errors import RunFailed
from augcli.manifest.record import Skipped, skipped_line
from augcli.manifest.row import to_line
from augcli.store.durable import check_no_link, flush
from augcli.store.layout import TRAIN, Place, staged_train
from augcli.store.merge import Published, merge_parts
from augcli.store.parts import Part, PartWriter, Shard, proven_parts, read_part, remove_unproven
from augcli.store.publish import is_finished, publish
from augcli.store.records import Identity
from augcli.store.sinks.sink import OutputFile
from augcli.store.staged import prepare_state


def begin(place: Place, now: Identity, *, resumed: bool) -> bool:
    if resumed and is_finished(place.out, now):
        if not any((place.out / TRAIN).glob("*.zip")):
            raise RunFailed(f"OUT {place.out} lacks its archives; make it anew.")
        return True
    train = staged_train(prepare_state(place.state))
    remove_unproven(place.state)
    for part in list(proven_parts(place.state)):
        if not _is_whole(train / f"{part.shard.name}.zip", part.rows):
            part.path.unlink()
    return False


def put(place: Place, shard: Shard, contents: Iterable[OutputFile | Skipped]) -> Part:
    train = staged_train(place.state)
    for folder in (place.state, train):
        check_no_link(os.fspath(folder))
    archive = train / f"{shard.name}.zip"
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}.tmp")
    part = PartWriter(place.state, shard)
    try:
        with zipfile.ZipFile(unfinished, "w") as images:
            for one in contents:
                if isinstance(one, Skipped):
                    part.add_skipped(skipped_line(one))
                    continue
                name = f"{one.output_id}{one.suffix}"
                images.writestr(zipfile.ZipInfo(name), one.data)  # of one date, whenever it is
                row = {"file_name": f"{archive.name}/{name}", **one.row}
                part.add_row(to_line(row), len(one.data))
        unfinished.replace(archive)
        return part.commit(flush)
    except BaseException:
        part.abandon()
        unfinished.unlink(missing_ok=True)
        raise


def committed(place: Place, shard: Shard | None = None) -> Iterator[Part]:
    if shard is None:
        yield from proven_parts(place.state)
    elif part := read_part(place.state, shard):
        yield part


def finish(
    place: Place,
    classes: Sequence[str],
    summarise: Callable[[Published], dict[str, Any]],
    *,
    interrupted: bool,  # noqa: ARG001 - a look at all archives costs nothing
) -> Published:
    names = {f"{part.shard.name}.zip" for part in proven_parts(place.state)}
    for path in staged_train(place.state).iterdir():
        if path.name not in names:
            path.unlink()
    published = merge_parts(place.state)
    publish(place.out, classes, summarise(published))
    return published


def _is_whole(archive: Path, count: int) -> bool:
    try:
        with zipfile.ZipFile(archive) as images:
            return images.testzip() is None and len(images.namelist()) == count
    except (OSError, zipfile.BadZipFile):
        return False
