"""Rows of a manifest beside the images of tar archives: their soft labels count as in a folder."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from augcli.data.label_kinds import OR_MULTI, RANGE, are_targets
from augcli.data.listing import NO_CLASS, Listing
from augcli.data.metadata_classes import listed_classes
from augcli.data.source_options import SourceOptions
from augcli.data.weights import BEYOND, Normaliser
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.files import MIB, open_regular, parse_json
from augcli.published import CLASSES, is_archive_name
from augcli.text import count_text, shorten

# Keys that the rows of a run have, and other JSON beside images does not have together.
_OF_A_ROW = frozenset(("file_name", "sample_id", "source_ids", "sha256", "schema_version"))
_LARGEST_ID = (1 << 31) - 1


def is_row(values: dict[str, object]) -> bool:
    """Whether the object in a .json member is a row of a run."""
    return values.keys() >= _OF_A_ROW


def names_archives(manifest: Path) -> bool:
    """Whether the first row of a manifest names an image in an archive that stands beside it."""
    try:
        with open_regular(manifest) as file:
            row = parse_json(file.readline(MIB))
        name = row["file_name"].partition("/")[0]
        return is_archive_name(name) and (manifest.parent / name).is_file()
    except (OSError, UserError, ValueError, KeyError, TypeError, AttributeError):
        return False


@dataclass(slots=True)
class SampleRows:
    """The soft labels of images by the rows beside them, one image after another; `count` images
    have one. `names` are the classes that rows name, by their ids."""

    ids: array[int] = field(default_factory=lambda: array("i"))
    weights: array[float] = field(default_factory=lambda: array("d"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    count: int = 0
    names: dict[int, str] = field(default_factory=dict)
    _now: tuple[Sequence[int], Sequence[float]] | None = None

    def note(self, values: dict[str, Any]) -> None:
        """Note the row of the sample that is being read. One whose labels are none has none."""
        ids, weights = values.get("label_ids"), values.get("label_weights")
        if not isinstance(ids, list) or not isinstance(weights, list) or len(ids) != len(weights):
            return
        if not all(type(one) is int and 0 <= one <= _LARGEST_ID for one in ids):
            return
        if not all(type(one) in (int, float) for one in weights) or len(set(ids)) != len(ids):
            return
        self._now = ids, weights
        label, name = values.get("label"), values.get("class_name")
        if isinstance(label, int) and isinstance(name, str):
            self.names.setdefault(label, name)

    def close(self, count: int) -> None:
        """The sample is at its end, with so many images."""
        for _ in range(count):
            if self._now is not None:
                self.count += 1
                self.ids.extend(self._now[0])
                self.weights.extend(self._now[1])
            self.ends.append(len(self.ids))
        self._now = None


def with_rows(listing: Listing, rows: SampleRows, options: SourceOptions, source: Path) -> Listing:
    """The listing with the soft labels of the rows beside its images.

    Classes are those of the list beside the archives or above their folder, else those that rows
    name, else those of the options. Raises UserError where only some images have rows, where labels
    are none, and where a class has no name.
    """
    if rows.count < len(listing):
        raise UserError(
            f"SOURCE {source}: {rows.count} of {count_text(len(listing), 'image')} have a row of"
            " augcli beside them, with soft labels, and the others have none; give them apart, or"
            " name the key that holds the label of all with --label-column."
        )
    is_multi, normaliser = options.labels is Labels.multi, Normaliser()
    ids, weights, ends, class_of = array("i"), array("d"), array("q"), array("i")
    start = 0
    for index, end in enumerate(rows.ends):
        keys, values = rows.ids[start:end], rows.weights[start:end]
        start = end
        if is_multi:
            pairs = [(key, one) for key, one in zip(keys, values, strict=True) if one]
            given: Sequence[float] | None = [one for _, one in pairs]
            keys = array("i", (key for key, _ in pairs))
            given = given if are_targets(values) else None
        else:
            given = normaliser.normalised(values)
        if given is None:
            name = listing.sample(index).relative
            what = f"{RANGE}, one for each class; fix them" if is_multi else (
                f"{BEYOND}; fix them, or {OR_MULTI}"
            )  # fmt: skip
            raise UserError(f"SOURCE {source}: the label weights beside {name} are {what}.")
        ids.extend(keys)
        weights.extend(given)
        ends.append(len(ids))
        class_of.append(keys[given.index(max(given))] if len(keys) else NO_CLASS)
    classes = _classes(rows, max(ids, default=-1) + 1, options, source, listing)
    return replace(
        listing,
        classes=classes,
        class_of=np.array(class_of, np.int32),
        soft_ids=np.array(ids, np.int32),
        soft_weights=np.array(weights, np.float64),
        soft_ends=np.array(ends, np.int64),
        labels=options.labels,
        warnings=(*listing.warnings, *normaliser.warnings(str(source))),
    )


def _classes(
    rows: SampleRows, least: int, options: SourceOptions, source: Path, listing: Listing
) -> tuple[str, ...]:
    """The names of at least so many classes."""
    root = Path(os.fsdecode(listing.root))
    classes = listed_classes(root / "archive" if listing.archives else root) or options.classes
    if classes is None:
        names = rows.names
        are_all = names.keys() >= set(range(least)) and len({*names.values()}) == len(names)
        if are_all and names.keys() == set(range(len(names))):
            return tuple(names[number] for number in range(len(names)))
        raise UserError(
            f"SOURCE {source} does not name all its classes; put the {CLASSES} of its run beside"
            " it, with one class a line, or give that with --classes."
        )
    if least > len(classes):
        raise UserError(
            f"SOURCE {source} has class {least - 1}, which is not one of"
            f" {count_text(len(classes), 'class')} ({shorten(classes[0], 40)}, ...); give the"
            f" {CLASSES} of its run."
        )
    return tuple(classes)
