"""Images and labels as arrays: what is refused of them, and who is whose partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from augcli.arrays.permutation import Permutation
from augcli.arrays.types import Pixels
from augcli.data.labels import SoftLabel, one_hot
from augcli.errors import UserError
from augcli.text import count_text

_TOLERANCE = 1e-6


def checked_images(images: Any) -> list[Pixels]:
    """Images, each uint8 (H, W, 3), contiguous; raises UserError for anything else."""
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise UserError(
            f"images is an array of shape {images.shape}; give (n, H, W, 3), or a list of images."
        )
    checked = []
    for at, image in enumerate(images):
        if not isinstance(image, np.ndarray):
            raise UserError(
                f"images[{at}] is a {type(image).__name__}; give a NumPy array, as"
                " np.asarray(image.convert('RGB')) makes it of a Pillow image."
            )
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise UserError(
                f"images[{at}] is {image.dtype} of shape {image.shape}; give uint8 RGB (H, W, 3)."
            )
        checked.append(np.ascontiguousarray(image))
    if not checked:
        raise UserError("images is empty; give at least one.")
    return checked


def checked_labels(
    labels: Any,
    count: int,
    n_classes: int | None,
    classes: Sequence[str] | None,
    multi_label: bool,
) -> tuple[list[SoftLabel], int]:
    """The labels of `count` images, and how many classes there are; raises UserError."""
    values = np.asarray(labels)
    number = _class_count(n_classes, classes)
    if values.ndim == 0 or len(values) != count:
        had = "none" if values.ndim == 0 else str(len(values))
        raise UserError(f"There are {count_text(count, 'image')} and {had} labels; give one each.")
    if values.ndim == 1 and np.issubdtype(values.dtype, np.integer):
        return _of_ids(values, number, multi_label)
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.number):
        raise UserError(
            f"labels is {values.dtype} of shape {values.shape}; give class ids (n,) or weights"
            " (n, classes)."
        )
    if number is not None and values.shape[1] != number:
        raise UserError(
            f"labels has {values.shape[1]} columns, and there are {count_text(number, 'class')}."
        )
    return _of_weights(values.astype(np.float64), multi_label), values.shape[1]


def _class_count(n_classes: int | None, classes: Sequence[str] | None) -> int | None:
    if n_classes is not None and (isinstance(n_classes, bool) or n_classes < 1):
        raise UserError(f"n_classes={n_classes} is not a whole number of at least 1.")
    if classes is None:
        return n_classes
    if isinstance(classes, str) or len(set(classes)) != len(classes) or not len(classes):
        raise UserError("classes is a list of the classes' names, each of them once.")
    if n_classes is not None and n_classes != len(classes):
        raise UserError(
            f"n_classes={n_classes}, and classes names {len(classes)}; leave n_classes out."
        )
    return len(classes)


def _of_ids(
    ids: npt.NDArray[Any], number: int | None, multi_label: bool
) -> tuple[list[SoftLabel], int]:
    if multi_label:
        raise UserError("With multi_label=True, labels are weights (n, classes), not class ids.")
    if number is None:
        raise UserError("labels are class ids; say how many classes there are with n_classes.")
    wrong = ids[(ids < 0) | (ids >= number)]
    if len(wrong):
        raise UserError(f"Label {wrong[0]} is none of {count_text(number, 'class')} from 0 on.")
    return [one_hot(int(one)) for one in ids], number


def _of_weights(weights: npt.NDArray[np.float64], multi_label: bool) -> list[SoftLabel]:
    for at, row in enumerate(weights):
        if not (np.isfinite(row).all() and (row >= 0).all() and (row <= 1 + _TOLERANCE).all()):
            raise UserError(f"labels[{at}] has a weight that is not from 0 to 1.")
        if not multi_label and abs(float(row.sum()) - 1) > _TOLERANCE * max(1, len(row)):
            raise UserError(
                f"The weights of labels[{at}] sum to {row.sum():.6g}, not to 1; give"
                " multi_label=True where each class stands for itself."
            )
    return [
        SoftLabel(tuple(np.flatnonzero(row).tolist()), tuple(row[row > 0].tolist()))
        for row in weights
    ]


def partner_order(
    count: int, seed: int, digest: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A random cycle through a batch, and the place of each image in it: the partners of an image
    are those behind it, so that each serves as often as any other."""
    permutation = Permutation(count, f"arrays\0{seed}\0{digest}".encode())
    order = permutation(np.arange(count, dtype=np.uint64)).astype(np.int64)
    return order, np.argsort(order)
