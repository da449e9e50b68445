"""How much of all labels each class has."""

from __future__ import annotations

from pathlib import Path

import orjson

from augcli.manifest.reader import read_lines

_DIGITS = 6


def label_mass(train: Path, classes: int) -> list[float]:
    """The sum of the label weights of each class over all rows below OUT/train, in class order, to
    six decimals."""
    mass = [0.0] * classes
    for _, _, line in read_lines(train):
        row = orjson.loads(line)
        for class_id, weight in zip(row["label_ids"], row["label_weights"], strict=True):
            mass[class_id] += weight
    return [round(one, _DIGITS) for one in mass]
