"""The golden vectors beside this file, and how they are given to recipes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest

from augcli.arrays.types import SaliencyMap
from augcli.image.fit import Fitted
from augcli.recipes.recipe import SaliencySpec, SourceView
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


def views(*images: npt.NDArray[np.uint8]) -> list[SourceView]:
    """What a draw may look at of these images."""
    return [
        SourceView(seen, partial(_saliency, image))
        for seen, image in zip(fitted(*images), images, strict=True)
    ]


def _saliency(image: npt.NDArray[np.uint8], spec: SaliencySpec) -> SaliencyMap:
    return detect(spec.detector, [image], spec.size)[0]


class Scripted(np.random.Generator):
    """A generator whose draws are written down: each method gives the next of its values, and what
    is not written down raises."""

    def __new__(cls, **_: list[Any]) -> Self:
        return super().__new__(cls)

    def __init__(self, **values: list[Any]) -> None:
        super().__init__(np.random.Philox(0))
        self._values = {method: list(draws) for method, draws in values.items()}

    def __getattribute__(self, method: str) -> Any:
        if method.startswith("_") or method == "all_drawn":
            return super().__getattribute__(method)
        return lambda *_: self._values[method].pop(0)

    def all_drawn(self) -> bool:
        """Whether nothing is left."""
        return not any(self._values.values())
