"""Joins the parts of all shards into one manifest and one list of skipped inputs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from augcli.errors import RunFailed
from augcli.files import parse_json
from augcli.manifest.row import to_line
from augcli.store import parts
from augcli.store.layout import ERRORS, MANIFEST, staged_train


class Published(NamedTuple):
    """How many rows, skipped inputs and outputs that these cost a finished run has; the bytes of
    all its images together; the SHA-256 of its manifest in hex."""

    rows: int
    errors: int
    lost: int
    image_bytes: int
    sha256: str


def merge_parts(state: Path) -> Published:
    """Join the committed parts in plan order: rows into the staged manifest, errors beside it, each
    input that was skipped once, however many blocks it was a target of."""
    train = staged_train(state)
    train.mkdir(parents=True, exist_ok=True)
    rows = image_bytes = 0
    skipped: dict[str, dict[str, Any]] = {}
    digest = hashlib.sha256()
    for path in (train / MANIFEST, state / ERRORS):
        path.unlink(missing_ok=True)  # it may be a link
    with (train / MANIFEST).open("xb") as manifest, (state / ERRORS).open("xb") as errors:
        for part in parts.proven_parts(state):
            for line in part.row_lines():
                digest.update(line)
                manifest.write(line)
            for line in part.skipped_lines():
                now = _skipped_input(line)
                before = skipped.setdefault(now["source_id"], now)
                if before is not now:
                    before["outputs"] += now["outputs"]
            rows += part.rows
            image_bytes += part.images
        errors.writelines(to_line(values).encode() for values in skipped.values())
        for file in (manifest, errors):
            file.flush()
            os.fsync(file.fileno())
    lost = sum(values["outputs"] for values in skipped.values())
    return Published(rows, len(skipped), lost, image_bytes, digest.hexdigest())


def _skipped_input(line: bytes) -> dict[str, Any]:
    """A part's line about an input that was skipped; raises RunFailed where it is none."""
    try:
        values = parse_json(line)
        if isinstance(values["source_id"], str) and type(values["outputs"]) is int:
            return dict(values)
    except (ValueError, KeyError, TypeError):
        pass
    raise RunFailed("A part of the run has a line about a skipped input that is none.")
