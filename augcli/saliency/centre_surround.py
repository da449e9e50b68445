"""The sums of centre-surround differences that the fine-grained map is made of.

For each of six radii, the mean of a square window without its centre is subtracted from the centre
and the difference cut to whole grey levels. Positive and negative differences are summed over the
radii apart. Everything is rounded as OpenCV's ``StaticSaliencyFineGrained`` rounds it:
`augcli.saliency.fine_grained` says how.

The operations on arrays are written down once for a shape of images and then repeated: for small
images, to cut out these arrays would take as long as to work on them.
"""

from __future__ import annotations

import functools
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from augcli.arrays.types import Float32, UInt8

RADII = (12, 24, 28, 48, 56, 112)  # half the side of a scale's window, in pixels

# Values worked on at a time: at four bytes each, a few such arrays fit into a core's cache.
STRIP = 1 << 17
MAX_KEPT = 1 << 25  # bytes of one working array that outlive a call
TILE = 8192  # values: NumPy copies a smaller operand again and again to repeat it

Shape = tuple[int, int, int]  # height, width, images
Int16 = npt.NDArray[np.int16]
Operation = tuple[Callable[..., Any], tuple[Any, ...]]  # to be called with these arguments


class Workspace:
    """Arrays for the steps of a map of interleaved images of one shape (height, width, images).

    ``grey`` is to be filled: uint8 (H, W * images). ``blurred`` is of its kind, and free.
    """

    def __init__(self, shape: Shape, take: Callable[..., npt.NDArray[Any]]) -> None:
        self.shape = height, width, images = shape
        self.take = take
        row = width * images
        # A window that covers the image from everywhere is the same for any larger radius.
        self.radii = Counter(min(radius, max(height, width)) for radius in RADII)
        # How far windows reach beyond the image, up or down and to the left or right.
        self.tall, self.wide = min(max(self.radii), height), min(max(self.radii), width)
        self.strips = -(-height // max(STRIP // row, 1))
        self.rows = -(-height // self.strips)

        self.grey: UInt8 = take("grey", (height, row), np.uint8)
        self.blurred: UInt8 = take("blurred", (height, row), np.uint8)
        self.values: Float32 = take("values", (self.rows, row), np.float32)
        self.levels: Int16 = take("levels", (self.rows, row), np.int16)
        self.net: Int16 = take("net", (height, row), np.int16)  # on - off
        self.total: Int16 = take("total", (height, row), np.int16)  # on + off
        self.on: Int16 = take("on", (height, row), np.int16)

        # The integral image with its edges replicated: entry (y, x) stands at (y, x + wide - 1),
        # values of the images side by side. Nothing overwrites the zeros to the left.
        rows, columns = height + 1 + self.tall, width + 2 * self.wide
        padded = take("integral", (rows, columns, images), np.float32)
        padded[: height + 1, : self.wide - 1] = 0
        self.entries = padded[: height + 1, self.wide - 1 : self.wide + width]
        self.beyond = padded[: height + 1, self.wide + width :]
        self.integral: Float32 = padded.reshape(len(padded), -1)

    @functools.cached_property
    def exact(self) -> list[Operation]:
        """From an integral image in which nothing rounds to ``net`` and ``total``."""
        return list(_exact(self))

    @functools.cached_property
    def rounded(self) -> list[Operation]:
        """From the integral image of one image to ``net`` and ``total``, whatever rounds."""
        return list(_rounded(self))


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
    # OpenCV's intermediate results are below twice the sum of the image.
    nothing_rounds = work.strips == 1 and work.entries[-1, -1].max() <= 1 << 23
    for function, arguments in work.exact if nothing_rounds else work.rounded:
        function(*arguments)
    on = np.add(work.total, work.net, out=work.on)
    off = np.subtract(work.total, work.net, out=work.net)
    return on, off


# Below, the window of pixel (y, x) is rows y - radius + 1 to y + radius and columns alike, clipped.


def _exact(work: Workspace) -> Iterator[Operation]:
    height, width, images = work.shape
    end, value = work.tall + height, work.values
    # Sums over a window's columns and all rows above: zeros, H + 1 rows, and the last of them
    # repeated.
    across = work.take("across", (height + 2 * work.tall, width * images), np.float32)
    across[: work.tall - 1] = 0
    rows = work.integral[: height + 1]
    level = work.net
    for radius, times in work.radii.items():
        left, right = _window_columns(work, radius)
        yield cv2.subtract, (rows[:, right], rows[:, left], across[work.tall - 1 : end])
        tall = min(radius, height)
        yield np.copyto, (across[end : end + tall], across[end - 1])
        yield (
            np.subtract,
            (across[work.tall - tall :][:height], across[work.tall + tall :][:height], value),
        )
        yield cv2.accumulate, (work.grey, value)
        divisor = work.take(f"divisor {radius}", value.shape, np.float32)
        np.matmul(_heights(height, radius), _widths(width, images, radius), out=divisor)
        yield np.divide, (value, divisor, value)
        yield cv2.accumulate, (work.grey, value)
        yield from _add_levels(value, times, level, work.net, work.total)
        level = work.levels


def _rounded(work: Workspace) -> Iterator[Operation]:
    height = work.shape[0]
    yield np.copyto, (work.integral[height + 1 :], work.integral[height])
    for top in range(0, height, work.rows):
        strip = slice(top, min(top + work.rows, height))
        centre, net, total = work.grey[strip], work.net[strip], work.total[strip]
        value, level = work.values[: len(centre)], net
        for radius, times in work.radii.items():
            yield from _rounded_sums(work, radius, top, value)
            yield cv2.accumulate, (centre, value)
            yield from _divide(work, value, radius, top)
            yield cv2.accumulate, (centre, value)
            yield from _add_levels(value, times, level, net, total)
            level = work.levels[: len(centre)]


def _add_levels(
    value: Float32, times: int, level: Int16, net: Int16, total: Int16
) -> Iterator[Operation]:
    """Add differences, cut to whole levels, to the net and the total sum.

    `level` is where to put them; if that is `net`, they are the first.
    """
    yield np.copyto, (level, value, "unsafe")
    if times > 1:
        yield np.multiply, (level, times, level)
    if level is net:
        yield np.absolute, (level, total)
    else:
        yield np.add, (net, level, net)
        yield np.absolute, (level, level)
        yield np.add, (total, level, total)


def _rounded_sums(work: Workspace, radius: int, top: int, out: Float32) -> Iterator[Operation]:
    """Negated sums over the windows of a strip of rows from `top`, rounded as OpenCV's are."""
    rows, tall = len(out), min(radius, work.shape[0])
    left, right = _window_columns(work, radius)
    lower = work.integral[top + tall + 1 : top + tall + 1 + rows]
    # Windows that begin at the upper edge have nothing above them to subtract.
    clipped = min(max(tall - top, 0), rows)
    if clipped:
        yield cv2.subtract, (lower[:clipped, left], lower[:clipped, right], out[:clipped])
    if clipped < rows:
        out, lower = out[clipped:], lower[clipped:]
        upper = work.integral[top + clipped - tall + 1 : top + rows - tall + 1]
        yield cv2.add, (lower[:, right], upper[:, left], out)
        yield cv2.subtract, (out, lower[:, left], out)
        yield cv2.subtract, (upper[:, right], out, out)


def _window_columns(work: Workspace, radius: int) -> tuple[slice, slice]:
    """Where a padded integral's rows have the left and the right edges of a row of windows."""
    _, width, images = work.shape
    wide = min(radius, width)
    left, right = (work.wide - wide) * images, (work.wide + wide) * images
    return slice(left, left + width * images), slice(right, right + width * images)


def _divide(work: Workspace, value: Float32, radius: int, top: int) -> Iterator[Operation]:
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
            yield np.matmul, (heights[clipped], widths, divisor)
            yield np.divide, (part, divisor, part)
    inner, repeated = value[begin:end].reshape(-1), _inner_divisor(width, radius)
    whole = len(inner) // len(repeated) * len(repeated)
    if whole:
        tiles = inner[:whole].reshape(-1, len(repeated))
        yield np.divide, (tiles, repeated, tiles)
    if rest := len(inner) - whole:
        yield np.divide, (inner[whole:], repeated[:rest], inner[whole:])


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
