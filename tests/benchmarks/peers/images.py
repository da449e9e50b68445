"""What all peers share: their arguments, pairs of images, and the file that an output goes to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tests.benchmarks.floor import CHROMA, image_paths, jpeg, make_class_folders

Image = npt.NDArray[np.uint8]  # BGR (H, W, 3)


class Task(NamedTuple):
    """One output: the path of its image and of a random partner, and where it goes."""

    path: str
    partner: str
    out: str


def arguments() -> tuple[str, str, int]:
    """IMAGES, OUT and WORKERS of the command line."""
    images, out, workers = sys.argv[1:]
    return images, out, int(workers)


def tasks(images: str, out: str) -> list[Task]:
    """One task an image, with uniformly drawn partners."""
    actual = image_paths(images)
    make_class_folders(actual, out)
    partners = np.random.default_rng(0).integers(len(actual), size=len(actual))
    return [
        Task(path, actual[partner][1], f"{out}/{name}/{Path(path).stem}.jpg")
        for (name, path), partner in zip(actual, partners, strict=True)
    ]


def in_pool(make: Callable[[Task], None]) -> None:
    """Make all outputs in a Pool, as a plain script does."""
    images, out, workers = arguments()
    cv2.setNumThreads(0)
    with Pool(workers) as pool:
        pool.map(make, tasks(images, out), chunksize=16)


def read(path: str) -> Image:
    """BGR pixels; raises ValueError where OpenCV cannot read them."""
    image = cv2.imread(path)
    if image is None:
        raise ValueError(path)
    return np.asarray(image, np.uint8)


def write(image: Image, out: str) -> None:
    """Write BGR pixels as augcli does by default: quality 95, 4:4:4."""
    cv2.imwrite(out, image, jpeg(CHROMA))


def cut_box(
    shape: tuple[int, ...], centre: tuple[int, int], lam: float
) -> tuple[int, int, int, int]:
    """The published cut around (row, column), clipped: top, bottom, left, right."""
    height, width = shape[:2]
    rows, columns = int(height * np.sqrt(1 - lam)), int(width * np.sqrt(1 - lam))
    top, bottom = np.clip([centre[0] - rows // 2, centre[0] + rows // 2], 0, height)
    left, right = np.clip([centre[1] - columns // 2, centre[1] + columns // 2], 0, width)
    return int(top), int(bottom), int(left), int(right)


def paste(target: Image, partner: Image, centre: tuple[int, int]) -> Image:
    """The target with a box of the partner around (row, column), at the same place."""
    top, bottom, left, right = cut_box(target.shape, centre, np.random.beta(1, 1))
    target[top:bottom, left:right] = partner[top:bottom, left:right]
    return target
