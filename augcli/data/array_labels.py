"""Labels in arrays: a number an image, or a weight for each class."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from augcli.data.class_numbers import MOST_CLASSES
from augcli.data.class_numbers import Labels as ClassIds
from augcli.data.label_kinds import OR_MULTI, RANGE
from augcli.data.listing import NO_CLASS
from augcli.data.weights import BEYOND, EXACT, NEAR, Normaliser, is_near
from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import count_text

_VALUES_AT_ONCE = 1 << 20


class Rows(Protocol):
    """An array, of a file or of memory; `where` names it in sentences. One that is `packed` is read
    whole."""

    @property
    def where(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def packed(self) -> int: ...

    def read_rows(self, start: int, stop: int) -> np.ndarray[Any, Any]: ...


class ArrayInMemory(NamedTuple):
    """Labels of (n, classes) that stand in memory."""

    where: str
    values: np.ndarray[Any, Any]
    packed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    def read_rows(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        return self.values[start:stop]


class ArrayLabels(NamedTuple):
    """Of the array that `where` names in sentences: one class an image, the dominant one where they
    are soft, and then all (ids, weights, ends); `classes` is how many there are, where that is
    known. `normaliser` knows which weights were divided by their sum."""

    where: str
    classes_of: ClassIds
    soft: tuple[array[int], array[float], array[int]] | None = None
    classes: int | None = None
    normaliser: Normaliser | None = None


def read_labels(stored: Rows, count: int, labels: Labels = Labels.single) -> ArrayLabels:
    """The labels of `count` images: integers of shape (n,) or (n, 1), one-hot integers or soft
    floats of shape (n, K), whose rows have the sum 1; multi-label ones are targets from 0 to 1 of
    shape (n, K).

    Raises UserError, with the row, for what is none of these, and OSError.
    """
    shape, kind, where = stored.shape, stored.dtype.kind, stored.where
    if not shape or shape[0] != count:
        number = count_text(shape[0] if shape else 1, "label")
        raise UserError(
            f"{where} has {number} for {count_text(count, 'image')}; give one for each."
        )
    if kind not in "biuf" or stored.dtype.itemsize > 8:
        raise UserError(
            f"{where} holds {stored.dtype}; labels are integers, or weights (n, classes)."
        )
    is_multi = labels is Labels.multi
    if is_multi and (len(shape) != 2 or shape[1] == 0):
        raise UserError(
            f"{where} has the shape {shape}; multi-label targets have (n, classes): leave out"
            " --multi-label, or save a target for each class."
        )
    if len(shape) == 1 or (not is_multi and len(shape) == 2 and shape[1] == 1 and kind != "f"):
        if kind in "bf":
            raise UserError(f"{where} holds {stored.dtype}; labels of shape (n,) are integers.")
        values = stored.read_rows(0, count).reshape(-1)
        if kind == "u" and count and int(values.max()) >> 62:
            row = int(values.argmax())
            raise UserError(
                f"{where}: row {row} has the label {values[row]}, which is no number of a"
                " class; fix it."
            )
        return ArrayLabels(where, values.astype(np.int64))
    if len(shape) != 2 or shape[1] == 0:
        raise UserError(f"{where} has the shape {shape}; labels have (n,), or (n, classes).")
    if shape[1] > MOST_CLASSES:
        raise UserError(
            f"{where} has weights for {shape[1]:,} classes, and at most {MOST_CLASSES:,} are read;"
            " leave out some."
        )
    return _read_soft(stored, count, shape[1], is_multi=is_multi)


def joined(parts: Sequence[ArrayLabels]) -> ArrayLabels:
    """The labels of several arrays, one behind the other, of as many classes."""
    normaliser = Normaliser()
    for part in parts:
        if part.normaliser is not None and part.normaliser.count:
            normaliser.note(part.normaliser.count, part.normaliser.furthest)
    classes_of = np.concatenate([part.classes_of for part in parts])
    if all(part.soft is None for part in parts):
        return ArrayLabels(parts[0].where, classes_of, None, parts[0].classes, normaliser)
    ids, weights, ends = array("i"), array("d"), array("q")
    for part in parts:
        count = len(part.classes_of)
        one = (part.classes_of.astype(np.int32), np.ones(count), np.arange(1, count + 1))
        of_part = one if part.soft is None else part.soft
        before = len(ids)
        ids.frombytes(np.asarray(of_part[0], np.int32).tobytes())
        weights.frombytes(np.asarray(of_part[1], np.float64).tobytes())
        ends.frombytes((np.asarray(of_part[2], np.int64) + before).tobytes())
    soft = ids, weights, ends
    return ArrayLabels(parts[0].where, classes_of, soft, parts[0].classes, normaliser)


def _read_soft(stored: Rows, count: int, classes: int, *, is_multi: bool) -> ArrayLabels:
    normaliser = Normaliser()
    ids, weights, ends = array("i"), array("d"), array("q")
    classes_of = np.empty(count, np.int64)
    step = max(_VALUES_AT_ONCE // classes, 1)
    whole = stored.read_rows(0, count) if stored.packed else None
    for start in range(0, count, step):
        stop = min(start + step, count)
        part = stored.read_rows(start, stop) if whole is None else whole[start:stop]
        rows = part.astype(np.float64)
        if is_multi:
            _check_targets(rows, start, stored)
        else:
            _check_rows(rows, start, stored, normaliser)
            rows /= rows.sum(axis=1, keepdims=True)
        classes_of[start:stop] = np.where(rows.any(axis=1), rows.argmax(axis=1), NO_CLASS)
        of, columns = np.nonzero(rows)
        ids.frombytes(columns.astype(np.int32).tobytes())
        weights.frombytes(rows[of, columns].tobytes())
        lengths = np.bincount(of, minlength=stop - start)
        ends.frombytes((np.cumsum(lengths) + (ends[-1] if ends else 0)).astype(np.int64).tobytes())
    if len(ids) == count and not is_multi:  # each on one class
        return ArrayLabels(stored.where, classes_of, None, classes, normaliser)
    return ArrayLabels(stored.where, classes_of, (ids, weights, ends), classes, normaliser)


def _place(stored: Rows) -> str:
    return stored.where.rstrip(",")


def _check_targets(rows: np.ndarray[Any, Any], start: int, stored: Rows) -> None:
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~((rows >= 0) & (rows <= 1)).all(axis=1))
    if len(bad):
        raise UserError(
            f"{_place(stored)}: row {start + int(bad[0])} has targets that are {RANGE}."
        )


def _check_rows(
    rows: np.ndarray[Any, Any], start: int, stored: Rows, normaliser: Normaliser
) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        sums = rows.sum(axis=1)
        whole = np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1)
        off = np.abs(sums - 1)
        inexact = np.flatnonzero(~(whole & (off <= EXACT)))
        far = np.flatnonzero(~(whole & (off <= NEAR)))
    near = [whole[row] and is_near(float(off[row]), rows[row].tolist()) for row in far]
    bad = far[~np.array(near, np.bool_)]
    if not len(bad) and len(inexact):
        normaliser.note(len(inexact), float(off[inexact].max()))
    if len(bad):
        row = int(bad[0])
        several = stored.dtype.kind in "biu" and bool(whole[row])
        what = (
            f"has {count_text(int(sums[row]), 'class')} and not one"
            if several
            else f"has weights that are {BEYOND}"
        )
        raise UserError(f"{_place(stored)}: row {start + row} {what}; fix it, or {OR_MULTI}.")
