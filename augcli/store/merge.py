"""Joins the parts of all shards into one manifest a split and one list of skipped inputs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from augcli.errors import RunFailed
from augcli.files import parse_json
from augcli.manifest.row import to_line
from augcli.store import parts
from augcli.store.layout import ERRORS, MANIFEST, TRAIN, staged_split


class PublishedSplit(NamedTuple):
    """How many rows, skipped inputs and outputs that these cost another split of a finished run
    has; the bytes of all its images together; the SHA-256 of its manifest in hex."""

    rows: int
    errors: int
    lost: int
    image_bytes: int
    sha256: str


class Published(NamedTuple):
    """How many rows a finished run has in its training split, how many inputs of all splits were
    skipped, and how many outputs of the training split these cost; the bytes of all its images
    together; the SHA-256 of its manifest in hex. `splits` are the others, by their names in OUT."""

    rows: int
    errors: int
    lost: int
    image_bytes: int
    sha256: str
    splits: dict[str, PublishedSplit]


@dataclass
class _Manifest:
    """The manifest of a split that is being written."""

    file: BinaryIO
    rows: int = 0
    image_bytes: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


def merge_parts(
    state: Path, lines_of: Callable[[parts.Part], Iterable[bytes]] = parts.Part.row_lines
) -> Published:
    """Join the committed parts in plan order: rows into the staged manifest of their split, errors
    beside the splits, each input that was skipped once, however many blocks it was a target of.

    `lines_of` gives the lines of the manifest for the rows of a part, where these are others.
    """
    skipped: dict[str, dict[str, Any]] = {}
    manifests = {TRAIN: _open_manifest(state, TRAIN)}
    try:
        for part in parts.proven_parts(state):
            manifest = manifests.get(part.split)
            if manifest is None:
                manifest = manifests[part.split] = _open_manifest(state, part.split)
            for line in lines_of(part):
                manifest.digest.update(line)
                manifest.file.write(line)
            for line in part.skipped_lines():
                now = _skipped_input(line)
                before = skipped.setdefault(now["source_id"], now)
                if before is not now:
                    before["outputs"] += now["outputs"]
            manifest.rows += part.rows
            manifest.image_bytes += part.images
        (state / ERRORS).unlink(missing_ok=True)  # it may be a link
        with (state / ERRORS).open("xb") as errors:
            errors.writelines(to_line(values).encode() for values in skipped.values())
            _bring_to_disk(errors)
        for manifest in manifests.values():
            _bring_to_disk(manifest.file)
    finally:
        for manifest in manifests.values():
            manifest.file.close()
    joined = {name: _published(name, one, skipped) for name, one in manifests.items()}
    train = joined.pop(TRAIN)._replace(errors=len(skipped))
    return Published(*train, joined)


def _open_manifest(state: Path, split: str) -> _Manifest:
    folder = staged_split(state, split)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)  # it may be a link
    return _Manifest((folder / MANIFEST).open("xb"))


def _bring_to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _published(
    split: str, manifest: _Manifest, skipped: dict[str, dict[str, Any]]
) -> PublishedSplit:
    lost = [one["outputs"] for one in skipped.values() if one.get("split", TRAIN) == split]
    sha256 = manifest.digest.hexdigest()
    return PublishedSplit(manifest.rows, len(lost), sum(lost), manifest.image_bytes, sha256)


def _skipped_input(line: bytes) -> dict[str, Any]:
    """A part's line about an input that was skipped; raises RunFailed where it is none."""
    try:
        values = parse_json(line)
        if isinstance(values["source_id"], str) and type(values["outputs"]) is int:
            return dict(values)
    except (ValueError, KeyError, TypeError):
        pass
    raise RunFailed("A part of the run has a line about a skipped input that is none.")
