"""How much of all labels each class has."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

_DIGITS = 6


def label_mass(lines: Iterable[bytes], classes: int) -> list[float]:
    """The sum of the label weights of each class over all rows, given as lines of a manifest, in
    class order, to six decimals."""
    mass = [0.0] * classes
    for line in lines:
        row = orjson.loads(line)
        for class_id, weight in zip(row["label_ids"], row["label_weights"], strict=True):
            mass[class_id] += weight
    return [round(one, _DIGITS) for one in mass]
