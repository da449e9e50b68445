"""What can be wrong with a row, and with the image that it names."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Generator, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from augcli.enums import Labels
from augcli.manifest.file_names import id_in
from augcli.manifest.kinds import Kinds
from augcli.manifest.row import OLDEST_SCHEMA, SCHEMA_VERSION, Row, boxes_column, label_columns
from augcli.published import CLASSES
from augcli.text import count_text

# Faults that are held; others are counted.
MOST_FAULTS = 1000
# The most pixels of an image where no run says it.
MOST_PIXELS = 100_000_000

_LONGEST_TEXT = 600
_OPTION = {Labels.multi: "--multi-label", Labels.none: "--unlabelled"}
_TOLERANCE = 1e-9


class Fault(NamedTuple):
    """One thing that is wrong: where (a file below OUT/train, below OUT where it is of another
    split, or a file of OUT), and what."""

    where: str
    what: str


class Faults:
    """The first faults of many (`first`), how many there are in all (`count`), their kinds, and the
    ids of the outputs that they are about (`outputs`: 8 bytes each)."""

    def __init__(self) -> None:
        self.first: list[Fault] = []
        self.count = 0
        self.outputs = array("Q")
        self.kinds = Kinds()

    def add(self, where: str, what: str) -> None:
        """Note a fault."""
        self.count += 1
        fault = Fault(_shortened(where), _shortened(what))
        self.kinds.add(*fault)
        if len(self.first) < MOST_FAULTS:
            self.first.append(fault)
        self.note_output(PurePosixPath(where).stem)

    def add_unseen(self, what: str, count: int) -> None:
        """Count more faults, of which is known what but not where."""
        self.count += count
        self.kinds.count(what, count)

    def note_output(self, name: str) -> None:
        """Note that an output is not as it should be, where `name` is the id of one, or that of its
        file without the ending."""
        output = id_in(name)
        if output is not None:
            self.outputs.append(int(output, 16))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


_OF_ONE = ("label", "class_name")
_OF_SEVERAL = ("label_ids", "label_weights", "soft_label")


NameFaults = Callable[[Row, Labels], Iterator[str]]


def row_faults(
    row: Row,
    classes: list[str],
    labels: Labels,
    name_faults: NameFaults,
    version: int | None = None,
) -> Iterator[str]:
    """What is wrong with a row by itself, of a data set with these classes and labels, of which all
    rows have this schema version (None: that is not known); `name_faults` says what is wrong with
    the name of its file."""
    if version is None and OLDEST_SCHEMA <= row.schema_version <= SCHEMA_VERSION:
        version = row.schema_version
    version = SCHEMA_VERSION if version is None else version
    if row.schema_version != version:
        yield f"schema version {row.schema_version} is not {version}"
    strange = [] if labels is Labels.single else [*_OF_ONE]
    strange += _OF_SEVERAL if labels is Labels.none else ()
    for name in strange:
        if name in row.model_fields_set:
            yield f"it has a {name}, which no row of a run with {_OPTION[labels]} has"
    if labels is not Labels.none and not (yield from _label_faults(row, classes, labels, version)):
        return
    if labels is not Labels.single or (
        row.label is not None
        and 0 <= row.label < len(classes)
        and row.class_name == classes[row.label]
    ):
        yield from name_faults(row, labels)
    if not 0.0 <= row.lam <= 1.0:
        yield f"lam {row.lam} is not between 0 and 1"
    if len(row.source_ids) != len(row.source_paths) or not row.source_ids:
        ids_text = count_text(len(row.source_ids), "source id")
        yield f"it has {ids_text} and {count_text(len(row.source_paths), 'source path')}"
    if row.boxes != boxes_column(row.boxes, version):
        yield "it has no box, not even the empty one"
    wrong = [box for box in row.boxes if len(box) != 4]
    if wrong:
        yield f"box {wrong[0][:9]} is not [top, left, bottom, right]"
        return
    for top, left, bottom, right in row.boxes:
        if not (0 <= top <= bottom <= row.height and 0 <= left <= right <= row.width):
            box = [top, left, bottom, right]
            yield f"box {box} lies outside {row.width} x {row.height} pixels"
            return


def _label_faults(
    row: Row, classes: list[str], labels: Labels, version: int
) -> Generator[str, None, bool]:
    """What is wrong with a row's label; False where nothing else needs to be looked at."""
    ids, weights = row.label_ids, row.label_weights
    if ids is None or weights is None:
        yield f"it has no {'label_ids' if ids is None else 'label_weights'}"
        return False
    may_be_empty = labels is not Labels.single and version == OLDEST_SCHEMA
    if len(ids) != len(weights) or (not ids and not may_be_empty):
        yield f"it has {count_text(len(ids), 'label id')} and {count_text(len(weights), 'weight')}"
        return False
    if len(set(ids)) != len(ids):
        yield "a label id stands twice"
    outside = [i for i in ids if not 0 <= i < len(classes)]
    if outside:
        of = count_text(len(classes), "class")
        yield f"label id {outside[0]} is not in {CLASSES}, which has {of}"
        return False
    if labels is Labels.multi:
        wrong = [w for w in weights if not 0.0 < w <= 1.0]
        if wrong and (ids, weights) != label_columns((), (), version):
            yield f"label weight {wrong[0]:.12g} is not above 0 and at most 1"
    elif not all(math.isfinite(w) and w > 0 for w in weights) or _differ(sum(weights), 1.0):
        yield f"label weights sum to {sum(weights):.12g}, or one is not positive"
    if labels is Labels.single:
        yield from _class_faults(row, classes, ids[weights.index(max(weights))])
    if row.soft_label is not None:
        dense = dict.fromkeys(range(len(classes)), 0.0) | dict(zip(ids, weights, strict=True))
        if row.soft_label != list(dense.values()):
            yield "soft_label and label_weights differ"
    return True


def _class_faults(row: Row, classes: list[str], dominant: int) -> Iterator[str]:
    """What is wrong with the class of greatest weight as a row names it."""
    if row.label is None or row.class_name is None:
        yield f"it has no {'label' if row.label is None else 'class_name'}"
        return
    if row.label != dominant:
        yield f"label {row.label} is not the class of greatest weight, {dominant}"
    if not 0 <= row.label < len(classes) or row.class_name != classes[row.label]:
        yield f"class name {row.class_name[:100]!r} is not that of label {row.label}"


def _differ(a: float, b: float) -> bool:
    return not abs(a - b) <= _TOLERANCE
