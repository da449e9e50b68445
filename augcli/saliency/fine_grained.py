"""Fine-grained static saliency: how far a pixel stands out from its surroundings, at six scales.

The detector of Montabone and Soto, "Human detection using a mobile platform and novel features
derived from a visual saliency mechanism" (Image and Vision Computing 28(3), 2010,
https://doi.org/10.1016/j.imavis.2009.06.006), as OpenCV's ``StaticSaliencyFineGrained`` computes
it, bit for bit and many times faster.

The image is turned to grey and smoothed twice. For each of six radii, the mean of a square window
without its centre is subtracted from the centre and the difference cut to whole grey levels.
Positive and negative differences are summed over the scales apart, each sum is stretched to
0..255, and the two are added in eight bits, wrapping round. OpenCV walks from pixel to pixel; here
a step is one array operation over a strip of rows that stays in the processor's cache.

Why the results are the same to the last bit:

- Window sums come from an integral image in float32, which rounds beyond 2**24. It is OpenCV's own
  integral, and a window's corners are combined in OpenCV's order. In a small or dark image nothing
  rounds; then any order will do, and one with fewer additions is taken. Replicating the integral's
  edges turns the clamping of windows at the image's border into a plain shift.
- Mean, difference and cut are the same float32 operations in the same order, only negated: from
  the centre minus the sum to the centre minus the mean. (OpenCV wraps a difference in a byte. Only
  rounding takes one beyond 255, and enough of it only in images of more than 8 megapixels.)
- OpenCV stretches by ``int(255 * float32(sum / peak))``. For every sum that can occur (at most
  6 * 255) that is the floor of ``255 * sum / peak``, so one scaled conversion does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from augcli.arrays.types import UInt8
from augcli.enums import OF_CONTRIB
from augcli.image.opencv import require_contrib
from augcli.saliency.centre_surround import Int16, Workspace, centre_surround, memory

# The images of a batch are interleaved. That saves calls, but an integral image of many channels
# takes longer: of larger images than this, one at a time is faster.
BATCHED = 1 << 13  # pixels; their window sums are exact
BATCH = 1 << 16  # pixels of all images of a batch
MAX_BATCH = 64  # images; OpenCV 5 stops at 128 channels


def saliency_map(image: UInt8) -> UInt8:
    """The fine-grained saliency map of an RGB image: uint8 (H, W, 3) to uint8 (H, W).

    Equals ``uint8(255 * map)`` of the float32 map of OpenCV's detector. Flat images give 0.
    Raises ValueError if `image` is empty or not uint8 (H, W, 3).
    """
    return saliency_maps([image])[0]


def saliency_maps(images: Sequence[UInt8]) -> list[UInt8]:
    """`saliency_map` of each image, in their order; small images of one size share operations."""
    same_shape: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"saliency needs uint8 (H, W, 3), not {image.dtype} {image.shape}")
        same_shape.setdefault(image.shape, []).append(index)
    maps: dict[int, UInt8] = {}
    for (height, width, _), indices in same_shape.items():
        area = height * width
        largest = min(BATCH // area, MAX_BATCH) if area <= BATCHED else 1
        batches = -(-len(indices) // largest)
        size = -(-len(indices) // batches)  # batches of one size share their working arrays
        for start in range(0, len(indices), size):
            batch = indices[start : start + size]
            maps.update(zip(batch, _batch_maps([images[i] for i in batch]), strict=True))
    return [maps[index] for index in range(len(images))]


def opencv_saliency_map(image: UInt8) -> UInt8:
    """`saliency_map` by OpenCV's own detector.

    Raises UserError if the installed OpenCV has no saliency module.
    """
    return opencv_map(opencv_detector("StaticSaliencyFineGrained"), image)


def opencv_detector(name: str) -> Any:
    """A new detector of ``cv2.saliency``; UserError if the installed OpenCV lacks that module."""
    if not hasattr(cv2, "saliency"):
        require_contrib(OF_CONTRIB)
    return getattr(cv2.saliency, f"{name}_create")()


def opencv_map(detector: Any, image: UInt8) -> UInt8:
    """``uint8(255 * map)`` of an OpenCV detector's float32 map of a uint8 RGB image (H, W, 3)."""
    _, saliency = detector.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    scaled: UInt8 = (255 * saliency).astype(np.uint8)
    return scaled


def _batch_maps(images: Sequence[UInt8]) -> list[UInt8]:
    """The maps of images of one shape, all at once."""
    height, width = images[0].shape[:2]
    if height == width == 1:  # nothing around it; OpenCV divides by zero and arrives at 0
        return [np.zeros((1, 1), np.uint8) for _ in images]
    work = memory.workspace((height, width, len(images)))
    _smooth_grey(images, work)
    on, off = centre_surround(work)
    if len(images) == 1:
        total = _stretch(on)
        total += _stretch(off, work.blurred)
        return [total]
    # From interleaved values to one image after the other.
    maps = _stretch_each(cv2.transpose(on.reshape(-1, len(images))))
    maps += _stretch_each(cv2.transpose(off.reshape(-1, len(images))))
    return list(maps.reshape(-1, height, width))


def _smooth_grey(images: Sequence[UInt8], work: Workspace) -> None:
    """Put the grey images, blurred by a 3x3 Gaussian twice and interleaved, into ``work.grey``."""
    grey, blurred = work.grey, work.blurred
    if len(images) == 1:
        cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY, dst=grey)
    else:
        stacked = cv2.cvtColor(np.concatenate(images), cv2.COLOR_RGB2GRAY)
        cv2.transpose(stacked.reshape(len(images), -1), dst=grey.reshape(-1, len(images)))
        grey, blurred = grey.reshape(work.shape), blurred.reshape(work.shape)
    cv2.GaussianBlur(grey, (3, 3), 0, dst=blurred)
    cv2.GaussianBlur(blurred, (3, 3), 0, dst=grey)


# A sum is scaled so that the image's maximum becomes 255, and rounded down. Fractions are multiples
# of 1 / peak, at least 1 / 1530: adding less makes the floor exact. Flat images stay zero.


def _stretch(sums: Int16, out: UInt8 | None = None) -> UInt8:
    """The sums of one image, int16 (H, W), each once or each twice, stretched to 0..255."""
    peak = cv2.norm(sums, cv2.NORM_INF) or 1.0
    return cv2.convertScaleAbs(
        sums, dst=out, alpha=255 / peak, beta=3e-4 - 0.5
    )  # rounds to nearest


def _stretch_each(sums: Int16) -> UInt8:
    """`_stretch` of each row of sums."""
    peaks = np.maximum(sums.max(axis=1, keepdims=True), 1)
    scaled = np.multiply(sums, (255 / peaks).astype(np.float32), dtype=np.float32)
    scaled += np.float32(3e-4)
    return scaled.astype(np.uint8)
