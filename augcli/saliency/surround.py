"""The sums of centre-surround differences that the fine-grained map is made of.

For each of six radii, the mean of a square window without its centre is subtracted from the centre
and the difference cut to whole grey levels. Positive and negative differences are summed over the
radii apart. Everything is rounded as OpenCV's ``StaticSaliencyFineGrained`` rounds it:
`augcli.saliency.fine_grained` says how. Arrays and views of them are kept from image to image of
one shape: for small images, making them took as long as the arithmetic.
"""

from __future__ import annotations

import functools
import math
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

RADII = (12, 24, 28, 48, 56, 112)  # half the side of a scale's window, in pixels

# Values worked on at a time: at four bytes each, a few such arrays fit into a core's cache.
STRIP = 1 << 17
MAX_KEPT = 1 << 25  # bytes of one working array that outlive a call
TILE = 8192  # values: NumPy copies a smaller operand again and again to repeat it

Shape = tuple[int, int, int]  # height, width, images
Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]
UInt8 = npt.NDArray[np.uint8]


class _Scale(NamedTuple):
    """The arrays that `_exact_sums` and the division of one radius read and write."""

    times: int  # scales have this radius
    left: Float32
    right: Float32
    below: Float32
    upper: Float32
    lower: Float32
    divisor: Float32


class Workspace:
    """Arrays for the steps of a map of interleaved images of one shape (height, width, images).

    ``grey`` is to be filled: uint8 (H, W * images).
    """

    def __init__(self, shape: Shape, take: Callable[..., npt.NDArray[Any]]) -> None:
        self.shape = height, width, images = shape
        row = width * images
        # A window that covers the image from everywhere is the same for any larger radius.
        self.radii = Counter(min(radius, max(height, width)) for radius in RADII)
        self.reach = reach = max(self.radii)
        self.strips = -(-height // max(STRIP // row, 1))
        self.rows = -(-height // self.strips)

        self.grey: UInt8 = take("grey", (height, row), np.uint8)
        self.blurred: UInt8 = take("blurred", (height, row), np.uint8)
        self.values: Float32 = take("values", (self.rows, row), np.float32)
        self.levels: Int16 = take("levels", (self.rows, row), np.int16)
        self.net: Int16 = take("net", (height, row), np.int16)  # on - off
        self.total: Int16 = take("total", (height, row), np.int16)  # on + off
        self.on: Int16 = take("on", (height, row), np.int16)

        # The integral image with its edges replicated: entry (y, x) stands at (y, x + reach - 1),
        # values of the images side by side. Nothing overwrites the zeros to the left.
        padded = take("integral", (height + 1 + reach, width + 2 * reach, images), np.float32)
        padded[: height + 1, : reach - 1] = 0
        self.entries = padded[: height + 1, reach - 1 : reach + width]
        self.beyond = padded[: height + 1, reach + width :]
        self.integral: Float32 = padded.reshape(len(padded), -1)
        self.take = take

    @functools.cached_property
    def scales(self) -> list[_Scale]:
        height, width, images = self.shape
        reach, end = self.reach, self.reach + height
        # Sums over a window's columns and all rows above: zeros, H + 1 rows, and the last of them
        # repeated.
        across = self.take("across", (height + 2 * reach, width * images), np.float32)
        across[: reach - 1] = 0
        self.across: Float32 = across[reach - 1 : end]
        scales = []
        for radius, count in self.radii.items():
            left, right = _window_columns(radius, reach, self.shape)
            divisor = self.take(f"divisor {radius}", (height, width * images), np.float32)
            np.matmul(_heights(height, radius), _widths(width, images, radius), out=divisor)
            scales.append(
                _Scale(
                    count,
                    self.integral[: height + 1, left],
                    self.integral[: height + 1, right],
                    across[end : end + radius],
                    across[reach - radius : end - radius],
                    across[reach + radius : end + radius],
                    divisor,
                )
            )
        return scales


class Memory(threading.local):
    """Working arrays, kept per thread: to a new one, page faults would be half of the cost."""

    def __init__(self) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.last: Workspace | None = None

    def take(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
        """An array with anything in it, valid until the next `take` of this name."""
        size = math.prod(shape)
        array = self.arrays.get(name)
        if array is None or array.size < size:
            array = np.empty(size, dtype)
            if array.nbytes <= MAX_KEPT:
                self.arrays[name] = array
        return array[:size].reshape(shape)

    def workspace(self, shape: Shape) -> Workspace:
        """The last one if it has this shape; else a new one, which takes the last one's arrays."""
        work, self.last = self.last, None
        if work is None or work.shape != shape:
            work = Workspace(shape, self.take)
        if work.integral.nbytes <= MAX_KEPT:
            self.last = work
        return work


memory = Memory()


def centre_surround(work: Workspace) -> tuple[Int16, Int16]:
    """How far centres lie above (on) and below (off) their surroundings, summed over the scales.

    The two are int16 (H, W * images), hold twice the sums, from 0 to 2 * 6 * 255, and are valid
    until the next call.
    """
    if work.shape[2] > 1:
        cv2.integral(work.grey.reshape(work.shape), work.entries, cv2.CV_32F)
    else:
        cv2.integral(work.grey, work.entries[..., 0], cv2.CV_32F)
    work.beyond[:] = work.entries[:, -1:]
    # OpenCV's intermediate results are below twice the sum of the image: nothing rounds.
    if work.strips == 1 and work.entries[-1, -1].max() <= 1 << 23:
        for number, scale in enumerate(work.scales):
            _exact_sums(work, scale)
            cv2.accumulate(work.grey, work.values)
            np.divide(work.values, scale.divisor, out=work.values)
            cv2.accumulate(work.grey, work.values)
            level = work.levels if number else work.net
            _add_levels(work.values, scale.times, level, work.net, work.total)
    else:
        _in_strips(work)
    on = np.add(work.total, work.net, out=work.on)
    off = np.subtract(work.total, work.net, out=work.net)
    return on, off


def _in_strips(work: Workspace) -> None:
    """The sums of one image, strip by strip, whatever rounds in them."""
    height = work.shape[0]
    work.integral[height + 1 :] = work.integral[height]
    for top in range(0, height, work.rows):
        strip = slice(top, min(top + work.rows, height))
        centre, net, total = work.grey[strip], work.net[strip], work.total[strip]
        value = work.values[: len(centre)]
        level = net
        for radius, count in work.radii.items():
            _rounded_sums(work, radius, top, value)
            cv2.accumulate(centre, value)
            _divide(work, value, radius, top)
            cv2.accumulate(centre, value)
            _add_levels(value, count, level, net, total)
            level = work.levels[: len(centre)]


def _add_levels(value: Float32, count: int, level: Int16, net: Int16, total: Int16) -> None:
    """Add differences, cut to whole levels, to the net and the total sum.

    `level` is where to put them; if that is `net`, they are the first.
    """
    np.copyto(level, value, casting="unsafe")
    if count > 1:
        np.multiply(level, count, out=level)
    if level is net:
        np.absolute(level, out=total)
    else:
        np.add(net, level, out=net)
        np.absolute(level, out=level)
        np.add(total, level, out=total)


# Below, the window of pixel (y, x) is rows y - radius + 1 to y + radius and columns alike, clipped.


def _exact_sums(work: Workspace, scale: _Scale) -> None:
    """Put the negated sums over all windows into ``work.values``, where nothing rounds."""
    cv2.subtract(scale.right, scale.left, dst=work.across)
    scale.below[:] = work.across[-1]
    np.subtract(scale.upper, scale.lower, out=work.values)


def _rounded_sums(work: Workspace, radius: int, top: int, out: Float32) -> None:
    """Negated sums over the windows of a strip of rows from `top`, rounded as OpenCV's are."""
    rows = len(out)
    left, right = _window_columns(radius, work.reach, work.shape)
    lower = work.integral[top + radius + 1 : top + radius + 1 + rows]
    # Windows that begin at the upper edge have nothing above them to subtract.
    clipped = min(max(radius - top, 0), rows)
    if clipped:
        cv2.subtract(lower[:clipped, left], lower[:clipped, right], dst=out[:clipped])
    if clipped < rows:
        out, lower = out[clipped:], lower[clipped:]
        upper = work.integral[top + clipped - radius + 1 : top + rows - radius + 1]
        cv2.add(lower[:, right], upper[:, left], dst=out)
        cv2.subtract(out, lower[:, left], dst=out)
        cv2.subtract(upper[:, right], out, dst=out)


def _window_columns(radius: int, reach: int, shape: Shape) -> tuple[slice, slice]:
    """Where a padded integral's rows have the left and the right edges of a row of windows."""
    _, width, images = shape
    left, right = (reach - radius) * images, (reach + radius) * images
    return slice(left, left + width * images), slice(right, right + width * images)


def _divide(work: Workspace, value: Float32, radius: int, top: int) -> None:
    """Divide values, of a strip of rows from `top`, by the pixels of each window but the centre."""
    height, width, _ = work.shape
    rows = len(value)
    # Between these rows, windows have their full height.
    begin = min(max(radius - 1 - top, 0), rows)
    end = max(min(height - radius - top, rows), begin)
    heights, widths = _heights(height, radius)[top : top + rows], _widths(width, 1, radius)
    for clipped in (slice(0, begin), slice(end, rows)):
        if clipped.start < clipped.stop:
            part = value[clipped]
            divisor = work.take("strip's divisor", part.shape, np.float32)
            np.divide(part, np.matmul(heights[clipped], widths, out=divisor), out=part)
    if begin < end:
        inner, repeated = value[begin:end].reshape(-1), _inner_divisor(width, radius)
        whole = len(inner) // len(repeated) * len(repeated)
        tiles, rest = inner[:whole].reshape(-1, len(repeated)), inner[whole:]
        np.divide(tiles, repeated, out=tiles)
        np.divide(rest, repeated[: len(rest)], out=rest)


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
