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

import functools
import math
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from augcli.image.opencv import require_opencv

RADII = (12, 24, 28, 48, 56, 112)  # half the side of a scale's window, in pixels

# Values worked on at a time: at four bytes each, a few such arrays fit into a core's cache.
STRIP = 96_000
# The images of a batch are interleaved and count together: below this, calls cost more than
# arithmetic. Up to this, their window sums are exact.
BATCH = 1 << 16
MAX_BATCH = 64  # images; OpenCV 5 stops at 128 channels
MAX_KEPT = 1 << 25  # bytes of one working array that outlive a call
TILE = 8192  # values: NumPy copies a smaller operand again and again to repeat it

Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]
UInt8 = npt.NDArray[np.uint8]


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
        size = min(max(BATCH // (height * width), 1), MAX_BATCH)
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
        require_opencv()
    return getattr(cv2.saliency, f"{name}_create")()


def opencv_map(detector: Any, image: UInt8) -> UInt8:
    """``uint8(255 * map)`` of an OpenCV detector's float32 map of a uint8 RGB image (H, W, 3)."""
    _, saliency = detector.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    scaled: UInt8 = (255 * saliency).astype(np.uint8)
    return scaled


class _Memory(threading.local):
    """Working arrays, kept per thread: to a new one, page faults would be half of the cost."""

    def __init__(self) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
        """An array with anything in it, valid until the next `take` of this name."""
        size = math.prod(shape)
        array = self.arrays.get(name)
        if array is None or array.size < size:
            array = np.empty(size, dtype)
            if array.nbytes <= MAX_KEPT:
                self.arrays[name] = array
        return array[:size].reshape(shape)


_memory = _Memory()


def _batch_maps(images: Sequence[UInt8]) -> list[UInt8]:
    """The maps of images of one shape, all at once."""
    height, width = images[0].shape[:2]
    if height == width == 1:  # nothing around it; OpenCV divides by zero and arrives at 0
        return [np.zeros((1, 1), np.uint8) for _ in images]
    on, off = _centre_surround(_smoothed_grey(images))
    if len(images) == 1:
        found = _stretched(on)
        found += _stretched(off, _memory.take("off map", off.shape, np.uint8))
        return [found]
    # From interleaved values to one image after the other.
    maps = _each_stretched(cv2.transpose(on.reshape(-1, len(images))))
    maps += _each_stretched(cv2.transpose(off.reshape(-1, len(images))))
    return list(maps.reshape(-1, height, width))


def _smoothed_grey(images: Sequence[UInt8]) -> UInt8:
    """Grey images after two 3x3 Gaussian blurs, interleaved: uint8 (H, W, images)."""
    height, width = images[0].shape[:2]
    if len(images) == 1:
        grey = _memory.take("grey", (height, width), np.uint8)
        cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY, dst=grey)
    else:
        stacked = cv2.cvtColor(np.concatenate(images), cv2.COLOR_RGB2GRAY)
        grey = cv2.transpose(stacked.reshape(len(images), -1)).reshape(height, width, -1)
    blurred = _memory.take("blurred", grey.shape, np.uint8)
    cv2.GaussianBlur(grey, (3, 3), 0, dst=blurred)
    cv2.GaussianBlur(blurred, (3, 3), 0, dst=grey)
    return grey.reshape(height, width, -1)


def _centre_surround(grey: UInt8) -> tuple[Int16, Int16]:
    """How far centres lie above (on) and below (off) their surroundings, summed over the scales.

    `grey` is uint8 (H, W, images); the two are int16 (H, W * images) and hold twice the sums, from
    0 to 2 * 6 * 255.
    """
    height, width, images = grey.shape
    row = width * images
    # A window that covers the image from everywhere is the same for any larger radius.
    radii = Counter(min(radius, max(height, width)) for radius in RADII)
    reach = max(radii)
    integral = _padded_integral(grey, reach)
    strips = -(-height // max(STRIP // row, 1))
    rows = -(-height // strips)
    # OpenCV's intermediate results are below twice the sum of the image: nothing rounds.
    exact = strips == 1 and integral[height, -images:].max() <= 1 << 23
    if exact:
        across = _memory.take("across", (height + 2 * reach, row), np.float32)
        across[: reach - 1] = 0
    else:
        integral[height + 1 :] = integral[height]

    values = _memory.take("values", (rows, row), np.float32)
    levels = _memory.take("levels", (rows, row), np.int16)
    net = _memory.take("net", (height, row), np.int16)  # on - off
    total = _memory.take("total", (height, row), np.int16)  # on + off
    centres = grey.reshape(height, row)
    for top in range(0, height, rows):
        strip = slice(top, min(top + rows, height))
        centre, strip_net, strip_total = centres[strip], net[strip], total[strip]
        value = values[: len(centre)]
        level = strip_net  # of the first scale; the others are added
        for radius, count in radii.items():
            if exact:
                _exact_sums(integral, radius, reach, images, across, value)
            else:
                _rounded_sums(integral, radius, reach, top, value)
            cv2.accumulate(centre, value)
            _divide(value, grey.shape, radius, top)
            cv2.accumulate(centre, value)
            np.copyto(level, value, casting="unsafe")
            if count > 1:
                np.multiply(level, count, out=level)
            if level is strip_net:
                np.absolute(level, out=strip_total)
                level = levels[: len(centre)]
            else:
                np.add(strip_net, level, out=strip_net)
                np.absolute(level, out=level)
                np.add(strip_total, level, out=strip_total)
    on = np.add(total, net, out=_memory.take("on", (height, row), np.int16))
    off = np.subtract(total, net, out=net)
    return on, off


def _padded_integral(grey: UInt8, reach: int) -> Float32:
    """The integral image, float32 (H + 1 + reach, (W + 2 * reach) * images).

    Entry (y, x) stands at (y, x + reach - 1): the first and last column are replicated to both
    sides. The rows from H + 1 on are there to be filled.
    """
    height, width, images = grey.shape
    padded = _memory.take("integral", (height + 1 + reach, width + 2 * reach, images), np.float32)
    filled = padded[: height + 1]
    middle = filled[:, reach - 1 : reach + width]
    cv2.integral(grey, middle if images > 1 else middle[..., 0], cv2.CV_32F)
    filled[:, : reach - 1] = 0
    filled[:, reach + width :] = middle[:, -1:]
    return padded.reshape(len(padded), -1)


# Below, the window of pixel (y, x) is rows y - radius + 1 to y + radius and columns alike, clipped.


def _exact_sums(
    integral: Float32, radius: int, reach: int, images: int, across: Float32, out: Float32
) -> None:
    """Negated sums over all windows (H, W * images), of an integral in which nothing rounds.

    `across`, for sums over a window's columns and all rows above, has reach - 1 rows of zeros
    before these H + 1 and room for `reach` more after them.
    """
    height, row = out.shape
    left, right = _window_columns(radius, reach, images, row)
    rows, end = integral[: height + 1], reach + height
    cv2.subtract(rows[:, right], rows[:, left], dst=across[reach - 1 : end])
    across[end : end + radius] = across[end - 1]
    upper, lower = reach - radius, reach + radius
    np.subtract(across[upper : upper + height], across[lower : lower + height], out=out)


def _rounded_sums(integral: Float32, radius: int, reach: int, top: int, out: Float32) -> None:
    """Negated sums over the windows of a strip of rows from `top`, rounded as OpenCV rounds them.

    `integral` is of one image and has its last row replicated.
    """
    rows, row = out.shape
    left, right = _window_columns(radius, reach, 1, row)
    lower = integral[top + radius + 1 : top + radius + 1 + rows]
    # Windows that begin at the upper edge have nothing above them to subtract.
    clipped = min(max(radius - top, 0), rows)
    if clipped:
        cv2.subtract(lower[:clipped, left], lower[:clipped, right], dst=out[:clipped])
    if clipped < rows:
        out, lower = out[clipped:], lower[clipped:]
        upper = integral[top + clipped - radius + 1 : top + rows - radius + 1]
        cv2.add(lower[:, right], upper[:, left], dst=out)
        cv2.subtract(out, lower[:, left], dst=out)
        cv2.subtract(upper[:, right], out, dst=out)


def _window_columns(radius: int, reach: int, images: int, row: int) -> tuple[slice, slice]:
    """Where a padded integral's row has the left and the right edges of a row of windows."""
    left, right = (reach - radius) * images, (reach + radius) * images
    return slice(left, left + row), slice(right, right + row)


def _divide(value: Float32, shape: tuple[int, int, int], radius: int, top: int) -> None:
    """Divide a strip of rows from `top` by the pixels of each window but the centre."""
    height, width, _ = shape
    rows = len(value)
    if rows == height:
        np.divide(value, _whole_divisor(shape, radius), out=value)
        return
    # Between these rows, windows have their full height.
    begin = min(max(radius - 1 - top, 0), rows)
    end = max(min(height - radius - top, rows), begin)
    heights, widths = _heights(height, radius)[top : top + rows], _widths(width, 1, radius)
    for clipped in (slice(0, begin), slice(end, rows)):
        if clipped.start < clipped.stop:
            part = value[clipped]
            divisor = _memory.take("divisor", part.shape, np.float32)
            np.divide(part, np.matmul(heights[clipped], widths, out=divisor), out=part)
    if begin < end:
        inner, repeated = value[begin:end].reshape(-1), _inner_divisor(width, radius)
        whole = len(inner) // len(repeated) * len(repeated)
        tiles, rest = inner[:whole].reshape(-1, len(repeated)), inner[whole:]
        np.divide(tiles, repeated, out=tiles)
        np.divide(rest, repeated[: len(rest)], out=rest)


@functools.lru_cache(maxsize=24)  # four shapes; at most STRIP values each
def _whole_divisor(shape: tuple[int, int, int], radius: int) -> Float32:
    height, width, images = shape
    return np.matmul(_heights(height, radius), _widths(width, images, radius))


@functools.lru_cache(maxsize=96)
def _inner_divisor(width: int, radius: int) -> Float32:
    """The divisors of a row of windows of full height, as many times as make TILE values."""
    row = 2 * radius * _window_lengths(width, radius) - 1
    return np.tile(row, -(-TILE // width))


# The matrix product (height, -1) x (width, 1) is height * width - 1 in one pass, and exact: its
# terms are integers below 2**24.


@functools.lru_cache(maxsize=384)
def _heights(height: int, radius: int) -> Float32:
    lengths = _window_lengths(height, radius)
    return np.stack([lengths, np.full_like(lengths, -1)], axis=1)


@functools.lru_cache(maxsize=384)
def _widths(width: int, images: int, radius: int) -> Float32:
    lengths = np.repeat(_window_lengths(width, radius), images)
    return np.stack([lengths, np.ones_like(lengths)])


def _window_lengths(length: int, radius: int) -> Float32:
    """Along one axis, how many pixels of each position's window lie inside the image."""
    position = np.arange(length)
    end = np.minimum(position + radius + 1, length)
    return (end - np.maximum(position - radius + 1, 0)).astype(np.float32)


# A sum is scaled so that the image's maximum becomes 255, and rounded down. Fractions are multiples
# of 1 / peak, at least 1 / 1530: adding less makes the floor exact. Flat images stay zero.


def _stretched(sums: Int16, out: UInt8 | None = None) -> UInt8:
    """The sums of one image, int16 (H, W), each once or each twice, stretched to 0..255."""
    peak = cv2.norm(sums, cv2.NORM_INF) or 1.0
    return cv2.convertScaleAbs(
        sums, dst=out, alpha=255 / peak, beta=3e-4 - 0.5
    )  # rounds to nearest


def _each_stretched(sums: Int16) -> UInt8:
    """`_stretched` of each row of sums."""
    peaks = np.maximum(sums.max(axis=1, keepdims=True), 1)
    scaled = np.multiply(sums, (255 / peaks).astype(np.float32), dtype=np.float32)
    scaled += np.float32(3e-4)
    return scaled.astype(np.uint8)
