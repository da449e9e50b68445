"""Errors of a classifier, and what becomes of them under the corruptions of ImageNet-C.

Labels are classes (N,), or soft labels (N, K) whose rows sum to 1: then what is counted for an
image is the label's weight of the class that is predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Floats
from augcli.errors import BadValue
from augcli.text import shorten

Values = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer] | Floats

# AlexNet's mean error over the five severities of each of the fifteen corruptions, by which those
# of ImageNet-C are divided (Hendrycks and Dietterich, ICLR 2019; numbers of the published code).
ALEXNET_ERRORS: Mapping[str, float] = MappingProxyType(
    {
        "gaussian_noise": 0.886428,
        "shot_noise": 0.894468,
        "impulse_noise": 0.922640,
        "defocus_blur": 0.819880,
        "glass_blur": 0.826268,
        "motion_blur": 0.785948,
        "zoom_blur": 0.798360,
        "snow": 0.866816,
        "frost": 0.826572,
        "fog": 0.819324,
        "brightness": 0.564592,
        "contrast": 0.853204,
        "elastic_transform": 0.646056,
        "pixelate": 0.717840,
        "jpeg_compression": 0.606500,
    }
)
# And on clean images: torchvision's weights reach 56.522 %.
ALEXNET_CLEAN_ERROR = 0.43478


def correctness(probabilities: Values, labels: Labels, k: int = 1) -> Floats:
    """How far each image is classified correctly, (N,): 1 where one of the `k` most probable of
    (N, K) classes is the label, else 0; of soft labels, the weight of these `k` classes.

    Of equal probabilities the first counts as greater. Raises BadValue for other shapes, classes
    that there are not, and probabilities that are no numbers.
    """
    check_probabilities(probabilities)
    check_labels(labels, probabilities.shape)
    if labels.ndim == 1:
        return (_places(probabilities, labels.astype(np.intp)) < k).astype(np.float64)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    result: Floats = np.take_along_axis(labels, best, axis=1).sum(axis=1, dtype=np.float64)
    return result


def _places(probabilities: Values, labels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """How many classes are before the label in the order of their probability."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return np.count_nonzero(before, axis=1)


def error(probabilities: Values, labels: Labels) -> float:
    """The share of images (N, K) whose most probable class is not the label."""
    return 1.0 - float(correctness(probabilities, labels).mean())


def top_k_error(probabilities: Values, labels: Labels, k: int = 5) -> float:
    """The share of images (N, K) whose label is none of the `k` most probable classes."""
    return 1.0 - float(correctness(probabilities, labels, k).mean())


def by_class(values: Floats, classes: npt.NDArray[np.integer], count: int) -> Floats:
    """The mean of one value for each image, (N,), over the images of each of `count` classes,
    (count,); NaN for a class without images."""
    check_classes(classes, count)
    if values.shape != classes.shape:
        raise BadValue(f"there are {len(values)} values for the labels of {len(classes)} images")
    sums = np.bincount(classes, values, minlength=count)
    numbers = np.bincount(classes, minlength=count)
    means = np.full(count, np.nan)
    np.divide(sums, numbers, out=means, where=numbers > 0)
    return means


def corruption_errors(
    errors: Mapping[str, Values], reference: Mapping[str, float] = ALEXNET_ERRORS
) -> dict[str, float]:
    """The corruption error CE of each corruption: the mean error over its severities, (5,), divided
    by that of a reference, AlexNet.

    Raises BadValue for a corruption that the reference lacks.
    """
    return {
        name: _mean_over_severities(name, values) / _of(reference, name)
        for name, values in errors.items()
    }


def relative_corruption_errors(
    errors: Mapping[str, Values],
    clean: float,
    reference: Mapping[str, float] = ALEXNET_ERRORS,
    reference_clean: float = ALEXNET_CLEAN_ERROR,
) -> dict[str, float]:
    """By how much each corruption raises the error over that on clean images, divided by how much
    it raises the error of a reference, AlexNet; errors as `corruption_errors` takes them."""
    return {
        name: (_mean_over_severities(name, values) - clean)
        / (_of(reference, name) - reference_clean)
        for name, values in errors.items()
    }


def mean_corruption_error(
    errors: Mapping[str, Values], reference: Mapping[str, float] = ALEXNET_ERRORS
) -> float:
    """mCE: the mean of `corruption_errors` over the corruptions of the reference.

    Raises BadValue where `errors` lack one of these: a mean over others is another number.
    """
    _check_complete(errors, reference)
    ces = corruption_errors({name: errors[name] for name in reference}, reference)
    return float(np.mean([*ces.values()]))


def relative_mean_corruption_error(
    errors: Mapping[str, Values],
    clean: float,
    reference: Mapping[str, float] = ALEXNET_ERRORS,
    reference_clean: float = ALEXNET_CLEAN_ERROR,
) -> float:
    """Relative mCE: the mean of `relative_corruption_errors`; raises BadValue as
    `mean_corruption_error`."""
    _check_complete(errors, reference)
    chosen = {name: errors[name] for name in reference}
    relative = relative_corruption_errors(chosen, clean, reference, reference_clean)
    return float(np.mean([*relative.values()]))


def plain_mean_error(errors: Mapping[str, Values]) -> float:
    """The mean error over all corruptions and severities, not divided by anything, as AugMix gives
    it for CIFAR-10-C and CIFAR-100-C."""
    return float(np.mean([_mean_over_severities(name, one) for name, one in errors.items()]))


def check_probabilities(probabilities: Values) -> None:
    """Raise BadValue for what is no (N, K) array of numbers with N and K at least 1."""
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise BadValue(
            f"probabilities have the shape {probabilities.shape}, and (images, classes) is needed"
        )
    if not np.isfinite(probabilities).all():
        raise BadValue("a probability is infinite, or no number")


def check_classes(classes: npt.NDArray[np.integer], count: int) -> None:
    """Raise BadValue for labels (N,) that are none of `count` classes."""
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
        raise BadValue(f"labels have the shape {classes.shape} and the type {classes.dtype}")
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        wrong = classes.min() if classes.min() < 0 else classes.max()
        raise BadValue(f"a label is class {wrong}, and there are {count} classes, 0 to {count - 1}")


def check_labels(labels: Labels, shape: tuple[int, ...]) -> None:
    """Raise BadValue where labels do not fit probabilities of `shape`."""
    if len(labels) != shape[0]:
        raise BadValue(f"there are {len(labels)} labels for {shape[0]} predictions")
    if labels.ndim != 2:
        check_classes(labels, shape[1])  # type: ignore[arg-type]
    elif labels.shape != shape:
        raise BadValue(f"labels are of {labels.shape[1]} classes, predictions of {shape[1]}")


def _mean_over_severities(name: str, errors: Values) -> float:
    if np.ndim(errors) != 1 or len(errors) == 0 or not np.isfinite(errors).all():
        raise BadValue(f"errors of {shorten(name)} are no list of one error a severity")
    return float(np.mean(errors))


def _of(reference: Mapping[str, float], name: str) -> float:
    if name not in reference:
        raise BadValue(f"the reference has no error for {shorten(name)}")
    return reference[name]


def _check_complete(errors: Mapping[str, Values], reference: Mapping[str, float]) -> None:
    missing = [name for name in reference if name not in errors]
    if missing:
        raise BadValue(f"{', '.join(missing[:3])} {'is' if len(missing) == 1 else 'are'} missing")
