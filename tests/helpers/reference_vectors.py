"""The golden vectors beside this file, and how they are given to recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from augcli.image.fit import Fitted
from augcli.recipes.recipe import View
from augcli.saliency.detectors import detect

REFERENCE = Path(__file__).parents[1] / "reference"

Vectors = dict[str, npt.NDArray[Any]]


def load(name: str) -> Vectors:
    """The arrays of one file, such as `cutmix/box_table`."""
    with np.load(REFERENCE / f"{name}.npz") as file:
        return dict(file)


def cases(recipe: str, count: int) -> list[Any]:
    """The `count` cases of a recipe, as parameters of a test."""
    names = sorted(path.stem for path in (REFERENCE / recipe).glob("case_*.npz"))
    assert len(names) == count, f"{len(names)} cases of {recipe}, expected {count}"
    return [pytest.param(load(f"{recipe}/{name}"), id=name) for name in names]


def fitted(*images: npt.NDArray[np.uint8]) -> list[Fitted]:
    """Images as they are seen on the canvas of the first."""
    return [Fitted(image, images[0].shape[:2]) for image in images]


def views(*images: npt.NDArray[np.uint8]) -> list[View]:
    """What a draw may look at of these images."""
    return [
        View(seen, lambda d, image=image: detect(d.detector, [image], d.size)[0])
        for seen, image in zip(fitted(*images), images, strict=True)
    ]


class Scripted:
    """A generator whose draws are written down: each method gives the next of its values."""

    def __init__(self, **values: list[Any]) -> None:
        self._values = {method: list(given) for method, given in values.items()}

    def __getattr__(self, method: str) -> Any:
        return lambda *_: self._values[method].pop(0)

    def all_drawn(self) -> bool:
        """Whether nothing is left."""
        return not any(self._values.values())
