"""Blends with a degenerate image, with the pixels of Pillow's ImageEnhance, and the jitter of
colours made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from augcli.arrays.types import Pixels
from augcli.operations.pixels import as_pixels, row_blocks
from augcli.operations.tone import look_up

Adjustment = Literal["brightness", "contrast", "saturation", "hue"]

# ITU-R 601 luma in 16-bit fixed point, with the half that rounds it: below 2^24, so exact in
# float32.
_LUMA = np.array([[19595, 38470, 7471, 0x8000]], np.float32) / np.float32(0x10000)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / np.float32(13)
_EVERY_VALUE = np.arange(256, dtype=np.uint8)


def blend(first: Pixels, second: Pixels, alpha: float) -> Pixels:
    """(1 - alpha) `first` + alpha `second`, as `PIL.Image.blend`: in float32, truncated, clipped
    outside 0 <= alpha <= 1.

    Both are uint8 of the same shape (H, W, 3) or (N,). With alpha in 0..0.4 and another image as
    `second` this is the operation "SamplePairing" of AutoAugment's search space.
    """
    # Rows of values, whatever the shape, so that no inner loop is three long.
    rows, columns = first.shape[0], int(np.prod(first.shape[1:], dtype=np.int64))
    result = np.empty((rows, columns), np.uint8)
    flat_first, flat_second = first.reshape(rows, columns), second.reshape(rows, columns)
    for block in row_blocks(rows, max(1, columns // 3)):
        start = flat_first[block].astype(np.float32)
        value = flat_second[block].astype(np.float32)
        value -= start
        value *= np.float32(alpha)
        value += start
        result[block] = np.clip(value, 0, 255, out=value)
    return result.reshape(first.shape)


def grey(image: Pixels) -> Pixels:
    """The luma of (H, W, 3) RGB `image`, (H, W): (19595 R + 38470 G + 7471 B + 32768) >> 16, as
    Pillow's mode "L".
    """
    height, width = image.shape[:2]
    result = np.empty((height, width), np.uint8)
    for block in row_blocks(height, width):
        result[block] = cv2.transform(image[block].astype(np.float32), _LUMA)
    return result


def brightness(image: Pixels, factor: float) -> Pixels:
    """Blend black with (H, W, 3) `image`: factor 0 is black, 1 the image, more is brighter."""
    return look_up(image, blend(np.zeros(256, np.uint8), _EVERY_VALUE, factor))


def contrast(image: Pixels, factor: float) -> Pixels:
    """Blend the mean grey of (H, W, 3) `image` with it: factor 0 is flat grey, 1 the image."""
    luma = grey(image)
    mean = int(cv2.sumElems(luma)[0] / luma.size + 0.5)
    return look_up(image, blend(np.full(256, mean, np.uint8), _EVERY_VALUE, factor))


def color(image: Pixels, factor: float) -> Pixels:
    """Blend the grey version of (H, W, 3) `image` with it: factor 0 is black and white, 1 the
    image.
    """
    result = np.empty_like(image, order="C")
    for block in row_blocks(*image.shape[:2]):
        part = image[block]
        result[block] = blend(as_pixels(cv2.cvtColor(grey(part), cv2.COLOR_GRAY2RGB)), part, factor)
    return result


def sharpness(image: Pixels, factor: float) -> Pixels:
    """Blend a smoothed copy of (H, W, 3) `image` with it: factor 0 is smooth, 2 sharp."""
    return blend(_smooth(image), image, factor)


def hue(image: Pixels, turn: float) -> Pixels:
    """Turn the hue of (H, W, 3) `image` by `turn` of the colour circle, -0.5 to 0.5, as
    torchvision's `adjust_hue`.

    Through Pillow's 8-bit HSV, which is lossy: a turn of 0 changes pixels too.
    """
    hsv = np.array(Image.fromarray(image).convert("HSV"))
    hsv[..., 0] += np.uint8(int(turn * 255) % 256)
    height, width = image.shape[:2]
    hsv_image = Image.frombuffer("HSV", (width, height), hsv.tobytes(), "raw", "HSV", 0, 1)
    return np.array(hsv_image.convert("RGB"))


_ADJUST: dict[Adjustment, Callable[[Pixels, float], Pixels]] = {
    "brightness": brightness,
    "contrast": contrast,
    "saturation": color,
    "hue": hue,
}


def color_jitter(image: Pixels, adjustments: Iterable[tuple[Adjustment, float]]) -> Pixels:
    """Adjust (H, W, 3) `image` in the order given, as torchvision's ColorJitter does.

    Each adjustment has a factor (hue: the turn). Brightness, contrast and saturation leave the
    image as it is at 1.
    """
    result = image.copy()
    for adjustment, factor in adjustments:
        result = _ADJUST[adjustment](result, factor)
    return result


def _smooth(image: Pixels) -> Pixels:
    """Pillow's SMOOTH filter: weights 1 around a centre of 5, over 13, rounded; the outermost
    pixels stay.

    A thirteenth is at least 1/26 away from any half, so no way of summing in floats can round
    another way.
    """
    height, width = image.shape[:2]
    if height < 3 or width < 3:
        return image
    result = as_pixels(cv2.filter2D(image, -1, _SMOOTH))
    result[[0, -1]] = image[[0, -1]]
    result[:, [0, -1]] = image[:, [0, -1]]
    return result
