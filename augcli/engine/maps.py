"""Finds saliency for a run: by an image's pixels alone, or by a classifier that is asked for its
label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from augcli.arrays.types import Pixels, SaliencyMap
from augcli.data.labels import SoftLabel
from augcli.engine.plan import Run
from augcli.enums import OF_THE_IMAGE
from augcli.recipes.recipe import SaliencySpec
from augcli.saliency.detectors import detect

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec

# Below this many bytes an image costs less than a call, and images are looked at together.
_SMALL = 96 * 96 * 3


def find_maps(
    classifier: ClassifierSpec | None,
    images: Sequence[Pixels],
    labels: Sequence[SoftLabel],
    spec: SaliencySpec,
    contents: Sequence[bytes] = (),
) -> Sequence[SaliencyMap]:
    """The saliency map of each image, in order, by the classifier of a run, or without one;
    `contents` as `classifier_maps` takes them."""
    if spec.detector in OF_THE_IMAGE or classifier is None:
        return detect(spec.detector, images, spec.size)
    from augcli.saliency.classifier import classifier_maps

    weights = [(label.ids, label.weights) for label in labels]
    detector, size = spec
    return classifier_maps(classifier, detector, images, weights, size, contents)


def with_classifier(run: Run, classifier: ClassifierSpec | None) -> Run:
    """The run with its classifier run in another way."""
    return replace(run, runtime=replace(run.runtime, classifier=classifier))


def without_cache(run: Run) -> Run:
    """The run with a classifier whose maps are not kept."""
    classifier = run.runtime.classifier
    return run if classifier is None else with_classifier(run, replace(classifier, cache=None))


@contextmanager
def served(run: Run) -> Iterator[Run]:
    """The run as workers are to have it: where its classifier runs on CUDA, in one process that
    serves them all, that process is there meanwhile."""
    if run.runtime.classifier is None:
        yield run
        return
    from augcli.classifier.server import serving

    with serving(run.runtime.classifier) as classifier:
        yield with_classifier(run, classifier)


def images_per_call(run: Run, image: Pixels, spec: SaliencySpec) -> int:
    """How many images of a block are worth looking at together with `image`."""
    if spec.detector in OF_THE_IMAGE or run.runtime.classifier is None:
        return 1 if image.nbytes > _SMALL else 1 << 16
    from augcli.saliency.classifier import images_at_once

    return images_at_once(run.runtime.classifier)
