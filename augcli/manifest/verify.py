"""Holds an output directory against its manifest."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from augcli.dataset.labels import class_folder
from augcli.manifest.reader import BadLine, read_classes, read_rows
from augcli.manifest.row import MANIFEST, SCHEMA_VERSION, Row

_TOLERANCE = 1e-9
_TRANSPOSING = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112


class Fault(NamedTuple):
    """One thing that is wrong: where (a file below OUT/train, or a file of OUT), and what."""

    where: str
    what: str


class Verified(NamedTuple):
    """Everything that was checked."""

    rows: list[Row]
    faults: list[Fault]


def verify(out: Path) -> Verified:
    """Check that every row has its file and every file its row, that sizes and hashes agree, that
    labels are mixtures over the class list, and that groups are whole.

    Raises OSError where the manifest or the class list cannot be read at all.
    """
    train = out / "train"
    classes = read_classes(out / "classes.txt")
    rows: list[Row] = []
    faults: list[Fault] = []
    named: set[str] = set()
    ids: set[str] = set()
    for row in read_rows(train):
        if isinstance(row, BadLine):
            faults.append(Fault(MANIFEST, str(row)))
            continue
        rows.append(row)
        problems = (*_label_faults(row, classes), *file_faults(train, row))
        faults += [Fault(row.file_name, problem) for problem in problems]
        if row.file_name in named:
            faults.append(Fault(row.file_name, "two rows name this file"))
        if row.sample_id in ids:
            faults.append(Fault(row.file_name, f"two rows have the sample_id {row.sample_id}"))
        named.add(row.file_name)
        ids.add(row.sample_id)
    faults += _group_faults(rows)
    faults += [Fault(name, "no row names this file") for name in _files(train) if name not in named]
    return Verified(rows, faults)


def _label_faults(row: Row, classes: list[str]) -> Iterator[str]:
    ids, weights = row.label_ids, row.label_weights
    if row.schema_version != SCHEMA_VERSION:
        yield f"schema version {row.schema_version} is not {SCHEMA_VERSION}"
    if len(ids) != len(weights) or not ids:
        yield f"{len(ids)} label ids have {len(weights)} weights"
        return
    if len(set(ids)) != len(ids):
        yield "a label id stands twice"
    outside = [i for i in ids if not 0 <= i < len(classes)]
    if outside:
        yield f"label id {outside[0]} is not in classes.txt, which has {len(classes)} classes"
        return
    if not all(math.isfinite(w) and w > 0 for w in weights) or _differ(sum(weights), 1.0):
        yield f"label weights sum to {sum(weights):.12g}, or one is not positive"
    dominant = ids[weights.index(max(weights))]
    if row.label != dominant:
        yield f"label {row.label} is not the class of greatest weight, {dominant}"
    if not 0 <= row.label < len(classes) or row.class_name != classes[row.label]:
        yield f"class name {row.class_name!r} is not that of label {row.label}"
    elif PurePosixPath(row.file_name).parts[0] != class_folder(row.class_name):
        yield f"the file does not lie in the folder of its class {row.class_name!r}"
    if row.soft_label is not None:
        dense = dict.fromkeys(range(len(classes)), 0.0) | dict(zip(ids, weights, strict=True))
        if row.soft_label != list(dense.values()):
            yield "soft_label and label_weights differ"
    if not 0.0 <= row.lam <= 1.0:
        yield f"lam {row.lam} is not between 0 and 1"
    if len(row.source_ids) != len(row.source_paths) or not row.source_ids:
        yield f"{len(row.source_ids)} source ids have {len(row.source_paths)} paths"
    for top, left, bottom, right in row.boxes:
        if not (0 <= top <= bottom <= row.height and 0 <= left <= right <= row.width):
            yield f"box {[top, left, bottom, right]} lies outside {row.width} x {row.height} pixels"


def file_faults(train: Path, row: Row) -> Iterator[str]:
    """What is wrong with the image that a row below `train` names."""
    parts = PurePosixPath(row.file_name).parts
    if len(parts) != 2 or ".." in parts or row.file_name.startswith("/"):
        yield "the file name is not <class>/<file>"
        return
    try:
        data = (train / row.file_name).read_bytes()
    except FileNotFoundError:
        yield "the file is missing"
        return
    except OSError as error:
        yield f"the file cannot be read: {error.strerror}"
        return
    if hashlib.sha256(data).hexdigest() != row.sha256:
        yield "the file's sha256 is not the row's"
        return
    try:
        with Image.open(io.BytesIO(data)) as image:
            size = image.size
            turned = image.getexif().get(_ORIENTATION) in _TRANSPOSING
    except (OSError, ValueError, SyntaxError) as error:
        yield f"the file is no image: {error}"
        return
    if (size[::-1] if turned else size) != (row.width, row.height):
        yield f"the image has {size[0]} x {size[1]} pixels, the row says {row.width} x {row.height}"


def _group_faults(rows: list[Row]) -> Iterator[Fault]:
    """Every group has the views that the fullest groups of its recipe have."""
    views: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        views.setdefault((row.recipe, row.group_id), []).append(row.view)
    whole: dict[str, set[str]] = {}
    for (recipe, _), found in views.items():
        whole.setdefault(recipe, set()).update(found)
    for (recipe, group), found in views.items():
        if sorted(found) != sorted(whole[recipe]):
            missing = ", ".join(sorted(whole[recipe] - set(found))) or "none"
            yield Fault(f"group {group}", f"its views are {', '.join(found)}; missing: {missing}")


def _files(train: Path) -> Iterator[str]:
    for path in sorted(train.rglob("*")):
        if not path.is_dir() and path != train / MANIFEST:
            yield path.relative_to(train).as_posix()


def _differ(a: float, b: float) -> bool:
    return not abs(a - b) <= _TOLERANCE
