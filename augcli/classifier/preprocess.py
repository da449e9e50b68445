"""From an image to a classifier's input tensor, and from a map of that input back to the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from augcli.arrays.types import Float32, Shape, UInt8
from augcli.image.fit import resize

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class Preprocessing:
    """What a classifier expects: its input is ``(pixel / scale - mean) / std``.

    size: (height, width) of the input, to which the whole image is stretched. mean, std: one
    number, or one for each channel in the model's own order. scale: 255 for pixels as 0..1, 1 for
    pixels as they are. order: that of the model's channels.
    """

    size: Shape
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 255.0
    order: Literal["rgb", "bgr"] = "rgb"


def resize_to(image: UInt8, size: Shape) -> UInt8:
    """An RGB image (H, W, 3) stretched to `size`: bilinear, over the area of a new pixel where that
    covers more than one old pixel, as Pillow does it and most classifiers were trained with."""
    height, width = size
    if image.shape[:2] == size:
        return image
    stretched = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(stretched)


def tensor_of(
    images: Sequence[UInt8], preprocessing: Preprocessing, layout: Layout, channels: int = 3
) -> Float32:
    """The input tensor of uint8 RGB images (H, W, 3), all of one size.

    Float32 (N, C, H, W), or (N, H, W, C) for layout "NHWC". For one channel the images are turned
    to grey. Each value is computed in float64 and rounded once.
    """
    table = _table(preprocessing, channels)
    tensor = np.empty((len(images), channels, *images[0].shape[:2]), np.float32)
    for planes, image in zip(tensor, images, strict=True):
        for channel, plane in enumerate(_planes(image, preprocessing.order, channels)):
            np.take(table[channel], plane, out=planes[channel])
    return tensor if layout == "NCHW" else np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))


def on_image(saliency_map: Float32, shape: Shape) -> Float32:
    """A map (h, w) of the input tensor in the pixels of its image: float32 `shape`, bilinear.

    Half a cell from the border the map goes on as it is there.
    """
    back: npt.NDArray[Any] = resize(saliency_map, shape)
    return back.astype(np.float32, copy=False)


def low_resolution(size: Shape, shorter: int | None) -> Shape:
    """The input size whose shorter side is `shorter`; `size` itself if that is no larger, or for
    None."""
    if shorter is None or shorter >= min(size):
        return size
    height, width = (max(shorter, round(side * shorter / min(size))) for side in size)
    return height, width


def _planes(image: UInt8, order: str, channels: int) -> list[UInt8]:
    if channels == 1:
        return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)]
    planes = [image[:, :, channel] for channel in range(3)]
    return planes if order == "rgb" else planes[::-1]


@lru_cache(maxsize=8)
def _table(preprocessing: Preprocessing, channels: int) -> Float32:
    """What each of the 256 levels becomes in each channel: (channels, 256)."""
    mean = np.broadcast_to(np.array(preprocessing.mean), channels)[:, None]
    std = np.broadcast_to(np.array(preprocessing.std), channels)[:, None]
    return ((np.arange(256) / preprocessing.scale - mean) / std).astype(np.float32)
