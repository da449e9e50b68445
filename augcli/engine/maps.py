"""Finds saliency for a run: by an image's pixels alone, or by a classifier that is asked for its
label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from augcli.data.labels import SoftLabel
from augcli.engine.plan import Run
from augcli.image.codec import Pixels
from augcli.recipes.recipe import Detection, SaliencyMap
from augcli.saliency.detectors import DETECTORS, detect

# Below this many bytes an image costs less than a call, and images are looked at together.
_SMALL = 96 * 96 * 3


def find_maps(
    run: Run,
    images: Sequence[Pixels],
    labels: Sequence[SoftLabel],
    detection: Detection,
    contents: Sequence[bytes] = (),
) -> Sequence[SaliencyMap]:
    """The saliency map of each image, in order; `contents` as `classifier_maps` takes them."""
    if detection.detector in DETECTORS or run.classifier is None:
        return detect(detection.detector, images, detection.size)
    from augcli.saliency.classifier import classifier_maps

    asked = [(label.ids, label.weights) for label in labels]
    detector, size = detection
    return classifier_maps(run.classifier, detector, images, asked, size, contents)


def without_cache(run: Run) -> Run:
    """The run with a classifier whose maps are not kept."""
    if run.classifier is None or run.classifier.cache is None:
        return run
    return replace(run, classifier=replace(run.classifier, cache=None))


@contextmanager
def served(run: Run) -> Iterator[Run]:
    """The run as workers are to have it: where its classifier runs on CUDA, in one process that
    serves them all, that process is there meanwhile."""
    if run.classifier is None:
        yield run
        return
    from augcli.classifier.server import serving

    with serving(run.classifier) as classifier:
        yield replace(run, classifier=classifier)


def found_together(run: Run, image: Pixels, detection: Detection) -> int:
    """How many images of a block are worth looking at together with `image`."""
    if detection.detector in DETECTORS or run.classifier is None:
        return 1 if image.nbytes > _SMALL else 1 << 16
    from augcli.saliency.classifier import images_at_once

    return images_at_once(run.classifier)
