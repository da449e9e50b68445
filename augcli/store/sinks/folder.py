"""Outputs as image files in a folder a class, with a manifest of their rows.

OUT/.augcli/train/    images, until all of them are made
OUT/.augcli/splits/   images of other splits, a folder for each
OUT/.augcli/parts/    one file of manifest rows a shard; its rename is the shard's commit
OUT/train/            images and manifest, by one rename when everything is there
OUT/val/              likewise, of another split
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from augcli.enums import Labels
from augcli.manifest.card import card_text
from augcli.manifest.record import Skipped, skipped_line
from augcli.manifest.row import to_line
from augcli.store.durable import check_no_link, flush, link_file, write_file
from augcli.store.layout import TRAIN, Place, staged_split
from augcli.store.leftovers import remove_leftovers
from augcli.store.merge import Published, merge_parts
from augcli.store.parts import Part, PartWriter, Shard, committed_parts, remove_unproven
from augcli.store.publish import is_finished, publish
from augcli.store.records import Identity, check_complete
from augcli.store.sinks.sink import OutputFile
from augcli.store.staged import check_images, prepare_state, sweep
from augcli.store.strangers import set_strangers_aside

# What systems say where a file cannot have another name there.
_NO_LINKS = frozenset(
    getattr(errno, name)
    for name in ("EXDEV", "EPERM", "EACCES", "EMLINK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EINVAL",
                 "ENOENT")
    if hasattr(errno, name)
)  # fmt: skip


def begin(place: Place, now: Identity, *, resumed: bool) -> bool:
    """As `Sink.begin`: a finished run has all of its images in their folders."""
    if resumed and is_finished(place.out, now):
        check_complete(place.out)
        remove_leftovers(place.out)
        return True
    prepare_state(place.state)
    if resumed:
        set_strangers_aside(place.state)
        remove_unproven(place.state)
        check_images(place.state)
    return False


def put(place: Place, shard: Shard, contents: Iterable[OutputFile | Skipped]) -> Part:
    """As `Sink.put`: images are staged, and the rename of a shard's rows is its commit."""
    state = place.state
    check_no_link(os.fspath(state))
    roots, folders = dict[str, str](), set[str]()
    part = PartWriter(state, shard)
    try:
        for one in contents:
            part.set_split(one.split)
            if one.split not in roots:
                staged = staged_split(state, one.split)
                for above in (staged.parent, staged):
                    check_no_link(os.fspath(above))
                roots[one.split] = os.fspath(staged)
            root = roots[one.split]
            if isinstance(one, Skipped):
                part.add_skipped(skipped_line(one))
                continue
            folder = one.folder
            if folder not in folders:
                check_no_link(f"{root}/{folder}")
                folders.add(folder)
            file_name = f"{folder}/{one.name or one.output_id}{one.suffix}"
            if not _is_linked(one, f"{root}/{file_name}"):
                write_file(f"{root}/{file_name}", one.data)
            part.add_row(to_line({"file_name": file_name, **one.row}), len(one.data))
        return part.commit(flush)
    except BaseException:
        part.abandon()
        raise


def _is_linked(one: OutputFile, path: str) -> bool:
    """Make a staged image a link to the file that it is to be one to; False where it is to be none,
    where the file has other bytes by now than were read, and where that of another split cannot be
    linked to."""
    if one.link is None:
        return False
    try:
        link_file(one.link, path)
    except OSError as error:
        if one.split == TRAIN or error.errno not in _NO_LINKS:
            raise
        return False
    return Path(path).read_bytes() == one.data


def committed(place: Place, shard: Shard | None = None) -> Iterator[Part]:
    """As `Sink.committed`, by the parts; that their images are whole is looked at by `begin`."""
    return committed_parts(place.state, shard)


def finish(
    place: Place,
    classes: Sequence[str],
    summarise: Callable[[Published], dict[str, Any]],
    *,
    interrupted: bool,
) -> Published:
    """As `Sink.finish`: the folder of each split's images appears by one rename."""
    if interrupted:
        sweep(place.state)
    published = merge_parts(place.state)
    summary = summarise(published)
    publish(place.out, classes, summary, _card(classes, summary))
    remove_leftovers(place.out)
    return published


def _card(classes: Sequence[str], summary: dict[str, Any]) -> str:
    """The card of a run, by what its run.json says; none of its values decides about an image."""
    labels = Labels(summary.get("labels", Labels.single))
    dense = len(classes) <= summary["dense_labels"]
    name = str(summary["recipe"]["name"])
    return card_text(classes, labels, summary.get("splits", {}), name, dense=dense)
