"""Holds an output directory against its manifest."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import warnings
from array import array
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from augcli.dataset.labels import class_folder
from augcli.manifest.reader import BadLine, read_classes, read_rows
from augcli.manifest.row import MANIFEST, SCHEMA_VERSION, Row

# A file whose digest is right was let through when it was made; Pillow would only warn.
Image.MAX_IMAGE_PIXELS = None

CLASSES, RUN = "classes.txt", "run.json"

_TOLERANCE = 1e-9
_TRANSPOSING = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112


class Fault(NamedTuple):
    """One thing that is wrong: where (a file below OUT/train, or a file of OUT), and what."""

    where: str
    what: str


class Verified(NamedTuple):
    """How many rows were checked, and what is wrong with them."""

    rows: int
    faults: list[Fault]


def verify(out: Path) -> Verified:
    """Check that every row has its file and every file its row, that sizes and hashes agree, that
    labels are mixtures over the class list, and that groups are whole.

    Rows are read one at a time; some 40 bytes of each are kept. Raises OSError where the manifest
    or the class list cannot be read at all.
    """
    train = out / "train"
    seen = _Seen()
    faults: list[Fault] = []
    classes: list[str] = []
    try:
        classes = read_classes(out / CLASSES)
    except UnicodeDecodeError as error:
        faults.append(Fault(CLASSES, f"it is no text: {error}"))
    for row in read_rows(train):
        if isinstance(row, BadLine):
            faults.append(Fault(MANIFEST, str(row)))
            continue
        seen.add(row)
        problems = (*_label_faults(row, classes), *file_faults(train, row))
        faults += [Fault(row.file_name, problem) for problem in problems]
    faults += _faults_between_rows(train, seen)
    counted = _counted(out)
    if counted is not None and counted != len(seen.files):
        faults.append(Fault(RUN, f"it counts {counted} outputs, and there are {len(seen.files)}"))
    known = np.sort(np.frombuffer(seen.files, np.int64))
    faults += [
        Fault(name, "no row names this file")
        for name in sorted(_files(train))
        if not _among(known, hash(name))
    ]
    return Verified(len(seen.files), faults)


def _counted(out: Path) -> int | None:
    """How many outputs the run counted, where OUT/run.json tells."""
    try:
        count = json.loads((out / RUN).read_text(encoding="utf-8"))["counts"]["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return count if isinstance(count, int) else None


class _Seen:
    """What has to be known of all rows at once, as columns of hashes and numbers."""

    def __init__(self) -> None:
        self.files = array("q")
        self.ids = array("q")
        self.groups = array("q")
        self.recipes = array("q")
        self.views = array("Q")
        self.view_names: dict[str, int] = {}

    def add(self, row: Row) -> None:
        self.files.append(hash(row.file_name))
        self.ids.append(hash(row.sample_id))
        self.groups.append(_group(row))
        self.recipes.append(hash(row.recipe))
        # A bit a view; a manifest with more kinds than the last bit is broken in all its groups.
        number = self.view_names.setdefault(row.view, min(len(self.view_names), 62))
        self.views.append(1 << number)

    def twice(self, column: array[int]) -> set[int]:
        """The hashes that stand twice."""
        hashes = np.sort(np.frombuffer(column, np.int64))
        return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())

    def broken_groups(self) -> tuple[set[int], dict[int, set[str]]]:
        """The groups that lack a view, or have one twice; and the views that each recipe has, which
        are all that any group of it has."""
        groups = np.frombuffer(self.groups, np.int64)
        order = np.argsort(groups, kind="stable")
        groups = groups[order]
        recipes = np.frombuffer(self.recipes, np.int64)[order]
        views = np.frombuffer(self.views, np.uint64)[order]
        starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
        found = np.bitwise_or.reduceat(views, starts) if len(starts) else views
        counts = np.diff(starts, append=len(groups))
        broken: set[int] = set()
        names: dict[int, set[str]] = {}
        for recipe in np.unique(recipes).tolist():
            bits = int(np.bitwise_or.reduce(views[recipes == recipe]))
            wrong = (found != bits) | (counts != bits.bit_count())
            broken.update(groups[starts][wrong & (recipes[starts] == recipe)].tolist())
            names[recipe] = {name for name, n in self.view_names.items() if bits >> n & 1}
        return broken, names


def _group(row: Row) -> int:
    return hash((row.recipe, row.group_id))


def _among(known: npt.NDArray[np.int64], number: int) -> bool:
    at = int(np.searchsorted(known, number))
    return at < len(known) and int(known[at]) == number


def _faults_between_rows(train: Path, seen: _Seen) -> Iterator[Fault]:
    """Names and ids that stand twice, and groups that are not whole: rows are read once more where
    there are such."""
    files, ids = seen.twice(seen.files), seen.twice(seen.ids)
    broken, whole = seen.broken_groups()
    if not (files or ids or broken):
        return
    named, numbered = set[str](), set[str]()
    groups: dict[tuple[str, str], list[str]] = {}
    for row in read_rows(train):
        if isinstance(row, BadLine):
            continue
        if row.file_name in named:
            yield Fault(row.file_name, "two rows name this file")
        if row.sample_id in numbered:
            yield Fault(row.file_name, f"two rows have the sample_id {row.sample_id}")
        if hash(row.file_name) in files:
            named.add(row.file_name)
        if hash(row.sample_id) in ids:
            numbered.add(row.sample_id)
        if _group(row) in broken:
            groups.setdefault((row.recipe, row.group_id), []).append(row.view)
    for (recipe, group), views in groups.items():
        missing = ", ".join(sorted(whole[hash(recipe)] - set(views))) or "none"
        yield Fault(f"group {group}", f"its views are {', '.join(views)}; missing: {missing}")


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
    elif row.file_name.partition("/")[0] != class_folder(row.class_name):
        yield f"the file does not lie in the folder of its class {row.class_name!r}"
    if row.soft_label is not None:
        dense = dict.fromkeys(range(len(classes)), 0.0) | dict(zip(ids, weights, strict=True))
        if row.soft_label != list(dense.values()):
            yield "soft_label and label_weights differ"
    if not 0.0 <= row.lam <= 1.0:
        yield f"lam {row.lam} is not between 0 and 1"
    if len(row.source_ids) != len(row.source_paths) or not row.source_ids:
        yield f"{len(row.source_ids)} source ids have {len(row.source_paths)} paths"
    for box in row.boxes:
        if len(box) != 4:
            yield f"box {box[:9]} is not [top, left, bottom, right]"
            continue
        top, left, bottom, right = box
        if not (0 <= top <= bottom <= row.height and 0 <= left <= right <= row.width):
            yield f"box {[top, left, bottom, right]} lies outside {row.width} x {row.height} pixels"


def file_faults(train: Path, row: Row) -> Iterator[str]:
    """What is wrong with the image that a row below `train` names."""
    parts = PurePosixPath(row.file_name).parts
    if len(parts) != 2 or ".." in parts or row.file_name.startswith("/"):
        yield "the file name is not <class>/<file>"
        return
    path = train / row.file_name
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            yield "it is no file"
            return
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != row.sha256:
                yield "the file's sha256 is not the row's"
                return
            file.seek(0)
            size, turned = _looked_at(file)
    except (FileNotFoundError, NotADirectoryError):
        yield "the file is missing"
        return
    except OSError as error:
        yield f"the file cannot be read: {error.strerror or error}"
        return
    except ValueError as error:
        yield f"the file is no image: {error}"
        return
    if (size[::-1] if turned else size) != (row.width, row.height):
        yield f"the image has {size[0]} x {size[1]} pixels, the row says {row.width} x {row.height}"


def _looked_at(file: BinaryIO) -> tuple[tuple[int, int], bool]:
    """An image's (width, height) as stored, and whether it is to be turned by a quarter. Raises
    ValueError where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                return image.size, image.getexif().get(_ORIENTATION) in _TRANSPOSING
    except Exception as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def _files(train: Path) -> Iterator[str]:
    """Every file below `train` but the manifest; links are files, and not followed."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(train / folder) as entries:
            for entry in entries:
                name = os.fsencode(f"{folder}{entry.name}").decode("utf-8", "backslashreplace")
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{folder}{entry.name}/")
                elif name != MANIFEST:
                    yield name


def _differ(a: float, b: float) -> bool:
    return not abs(a - b) <= _TOLERANCE
