"""The saliency detectors that need nothing but the image, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from augcli.arrays.types import UInt8
from augcli.enums import OF_A_CLASSIFIER
from augcli.errors import UserError
from augcli.saliency.fine_grained import (
    opencv_detector,
    opencv_map,
    opencv_saliency_map,
    saliency_map,
    saliency_maps,
)
from augcli.saliency.names import why_no_detector

Function = Callable[[UInt8], UInt8]  # uint8 RGB (H, W, 3) to a map, uint8 (H, W)


def spectral_residual(image: UInt8) -> UInt8:
    """Saliency by spectral residual (Hou and Zhang, CVPR 2007,
    https://doi.org/10.1109/CVPR.2007.383267), as OpenCV computes it: uint8 (H, W).

    The detector looks at a grey copy of 64 x 64 pixels, whatever the image's size. Where this copy
    is flat, all of its spectrum but the mean is zero, and the map would be the rounding errors of
    a logarithm of zero; here it is 0. Raises UserError if OpenCV has no saliency module.
    """
    detector = opencv_detector("StaticSaliencySpectralResidual")
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (64, 64))
    if small.min() == small.max():
        return np.zeros(image.shape[:2], np.uint8)
    return opencv_map(detector, image)


FUNCTIONS: Mapping[str, Function] = {
    "fine-grained": saliency_map,
    "opencv-fine-grained": opencv_saliency_map,
    "spectral-residual": spectral_residual,
}


def detect(name: str, images: Sequence[UInt8], size: int | None = None) -> list[UInt8]:
    """The named detector's maps of uint8 RGB images (H, W, 3), in order, each uint8 (H, W).

    With `size`, an image whose shorter side exceeds it is first shrunk to that (by area), and its
    map enlarged again (bilinear). That is cheaper, but moves the peak. Raises UserError if there is
    no such detector.
    """
    if name in OF_A_CLASSIFIER:
        raise UserError(f"Saliency '{name}' needs a classifier; give --model FILE.onnx.")
    function = FUNCTIONS.get(name)
    if function is None:
        raise UserError(why_no_detector(name))
    shrunk = [_shrink(image, size) if size else image for image in images]
    if function is saliency_map:
        maps = saliency_maps(shrunk)
    else:
        maps = [function(image) for image in shrunk]
    return [_enlarge(small_map, image) for small_map, image in zip(maps, images, strict=True)]


def _shrink(image: UInt8, size: int) -> UInt8:
    height, width = image.shape[:2]
    scale = size / min(height, width)
    if scale >= 1:
        return image
    shape = max(round(width * scale), size), max(round(height * scale), size)
    shrunk: UInt8 = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    return shrunk


def _enlarge(map_of_shrunk: UInt8, image: UInt8) -> UInt8:
    height, width = image.shape[:2]
    if map_of_shrunk.shape == (height, width):
        return map_of_shrunk
    enlarged: UInt8 = cv2.resize(map_of_shrunk, (width, height), interpolation=cv2.INTER_LINEAR)
    return enlarged
