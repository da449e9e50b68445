"""Saliency maps from an ONNX classifier: where the evidence for an image's label lies.

What the maps depend on is a `ClassifierSpec`, which `classifier.build` checks before any work. On
the CPU each process runs the model itself, one image at a time, so that a map's bits depend on
nothing but the image, its label and the specification. On CUDA the images of several workers go
through one process, in batches of one size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import cv2
import numpy as np
import onnx
import PIL

from augcli.arrays.types import Float32, UInt8
from augcli.classifier.cache import Levels, content_key, open_cache
from augcli.classifier.graphs import (
    METHODS,
)
from augcli.classifier.preprocess import low_resolution, on_image, resize_to
from augcli.classifier.runner import runner_of
from augcli.classifier.server import request_maps
from augcli.classifier.spec import ClassifierSpec
from augcli.ort import onnxruntime

_VERSION = 1  # of what a map is

Label = tuple[Sequence[int], Sequence[float]]  # class ids of the data set, and their weights


def images_at_once(spec: ClassifierSpec) -> int:
    """How many images are worth handing to `classifier_maps` together."""
    return 1 if spec.device == "cpu" else spec.batch


def classifier_maps(
    spec: ClassifierSpec,
    detector: str,
    images: Sequence[UInt8],
    labels: Sequence[Label],
    size: int | None = None,
    contents: Sequence[bytes] = (),
) -> list[Float32]:
    """The saliency map of each uint8 RGB image (H, W, 3), in order: float32 (H, W), not negative.

    `labels` are soft labels in class ids of the data set: the map is that of the mixture of their
    logits. `size` is the shorter side on which the model sees an image, by default its full input.

    `contents` are bytes that stand for each image's pixels in the cache, where the caller has some
    that are shorter than the pixels, such as a file's digest and how the image was fitted.

    A map is rounded to 16 bits at the model's resolution and then brought to its image's. It is
    returned as it is where it is all zero or not finite, as a dead ReLU before the logits makes it.
    On the CPU its bits do not depend on the other images; on CUDA the last ones may.
    Raises UserError where the model cannot run, OSError where the process that runs it is gone.
    """
    shape = low_resolution(spec.preprocessing.size, size)
    cache = open_cache(spec.cache, spec.cache_size)
    weights = [_weights(spec, detector, label) for label in labels]
    maps: list[Levels | Float32 | None] = [None] * len(images)
    keys = [""] * len(images)
    if cache is not None:
        about = _key_of_maps(spec, detector, shape)
        shown = contents or [image.tobytes() for image in images]
        for place, (image, weight) in enumerate(zip(images, weights, strict=True)):
            label = b"" if weight is None else weight.tobytes()
            keys[place] = content_key(about, label, repr(image.shape).encode(), shown[place])
            cached = cache.get(keys[place])
            if cached is not None:
                with suppress(ValueError):  # somebody else's: it is made again
                    maps[place] = Levels.from_bytes(cached)
    missing = [place for place, levels in enumerate(maps) if levels is None]
    if missing:
        inputs = [resize_to(images[place], shape) for place in missing]
        labels_missing = [weights[place] for place in missing]
        together = (
            None
            if labels_missing[0] is None
            else np.stack([w for w in labels_missing if w is not None])
        )
        for place, raw in zip(missing, _run(spec, detector, size, inputs, together), strict=True):
            if not np.isfinite(raw).all():
                maps[place] = raw
                continue
            levels = maps[place] = Levels.of(raw)
            if cache is not None:
                cache.put(keys[place], levels.to_bytes())
    return [
        on_image(one.values() if isinstance(one, Levels) else one, image.shape[:2])
        for one, image in zip(maps, images, strict=True)
        if one is not None
    ]


@lru_cache(16)
def _key_of_maps(spec: ClassifierSpec, detector: str, shape: tuple[int, int]) -> bytes:
    """All that the maps of a classifier depend on but image and label."""
    depends = spec.identity() | {"class_map": None}  # the weights of the logits follow from it
    libraries = [onnx.__version__, onnxruntime.__version__, cv2.__version__, PIL.__version__]
    return json.dumps([detector, shape, spec.device, depends, _VERSION, libraries]).encode()


def _run(
    spec: ClassifierSpec,
    detector: str,
    size: int | None,
    images: Sequence[UInt8],
    weights: Float32 | None,
) -> Float32:
    if spec.server is not None:
        return request_maps(spec.server, detector, size, images, weights)
    return runner_of(spec, detector, size).maps(images, weights)


def _weights(spec: ClassifierSpec, detector: str, label: Label) -> Float32 | None:
    """The weight of each logit; None where the method or the target needs no label."""
    if spec.class_map is None or not METHODS[detector].labelled:
        return None
    weights = np.zeros(spec.outputs, np.float32)
    for class_id, weight in zip(*label, strict=True):
        place = spec.class_map[class_id]
        weights[max(place, 0)] += weight if place >= 0 else -weight
    return weights
