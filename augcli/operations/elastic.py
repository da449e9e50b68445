"""Elastic distortion: pixels displaced by smoothed noise, with or without an affine jitter before
it.

Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual
Document Analysis", ICDAR 2003; the jitter is that of ImageNet-C (Hendrycks and Dietterich, ICLR
2019, arXiv:1903.12261).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from augcli.arrays.noise import uniform_field
from augcli.arrays.types import Float32, Floats, Pixels
from augcli.errors import UnreadableImage
from augcli.operations.pixels import row_blocks

Samples = Pixels | Float32

Variant = Literal["imagenet", "tinyimagenet", "cifar"]

# ImageNet-C's severities 1 to 5: alpha, sigma and the largest offset of its affine jitter, as
# multiples of the image's side. Its 224-pixel images were given the strengths of 244 pixels.
_SEVERITIES: dict[Variant, tuple[tuple[float, float, float], ...]] = {
    "imagenet": (
        (2, 0.7, 0.1),
        (2, 0.08, 0.2),
        (0.05, 0.01, 0.02),
        (0.07, 0.01, 0.02),
        (0.12, 0.01, 0.02),
    ),
    "tinyimagenet": (
        (0, 0, 0.08),
        (0.05, 0.3, 0.06),
        (0.1, 0.08, 0.06),
        (0.1, 0.03, 0.03),
        (0.16, 0.03, 0.02),
    ),
    "cifar": (
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    ),
}
_IMAGENET_SCALE = 244 / 224
# The Gaussian ends at this many standard deviations.
_TRUNCATE = 3.0
_BLOCK = 64
# OpenCV gathers by 16-bit coordinates.
_LARGEST_SIDE = 2**15 - 2
_NO_MAP = np.empty(0, np.uint16)


class Strength(NamedTuple):
    """How strongly to distort, in pixels."""

    alpha: float
    """What smoothed noise U(-1, 1) is multiplied by."""
    sigma: float
    """The standard deviation of the Gaussian that smooths."""
    offset: float
    """The largest offset of the affine jitter's points, along each axis; 0 without a jitter."""


def simard_strength(side: int, alpha: float = 34.0, sigma: float = 4.0) -> Strength:
    """The strength for a side of `side` that `alpha` and `sigma` are for 29 pixels; Simard et al.
    found 34 and 4 best.

    The displacement grows with the side, so that the distortion looks the same at any size: as
    smoothing shrinks the noise by 1 / sigma, alpha grows with the square of the side.
    """
    scale = side / 29
    return Strength(alpha * scale * scale, sigma * scale, 0.0)


def corruption_strength(variant: Variant, severity: int, side: int) -> Strength:
    """ImageNet-C's strength (or that of Tiny ImageNet-C or CIFAR-C) at `severity`, 1 to 5."""
    scale = side * _IMAGENET_SCALE if variant == "imagenet" else side
    alpha, sigma, offset = _SEVERITIES[variant][severity - 1]
    return Strength(alpha * scale, sigma * scale, offset * scale)


def elastic(
    image: Pixels,
    seed: int,
    alpha: float,
    sigma: float,
    jitter: Floats | None = None,
) -> Pixels:
    """Displace the pixels of (H, W, 3) uint8 `image` by noise U(-1, 1), smoothed by `sigma` pixels,
    times `alpha` pixels.

    `seed` (64 bits) gives the noise of both axes. `jitter`, (3, 2) offsets in pixels, warps
    the image first, as `affine_jitter` says. Bilinear; the border reflects; rounded once. Raises
    UnreadableImage for a side of more than 32766 pixels.
    """
    if max(image.shape[:2]) > _LARGEST_SIDE:
        raise UnreadableImage(
            f"elastic distortion takes up to {_LARGEST_SIDE} pixels a side,"
            f" and this image has {image.shape[1]}x{image.shape[0]}"
        )
    noise_x, noise_y = 2.0 * uniform_field(seed, (2, *image.shape[:2])) - 1.0
    source = image if jitter is None else affine_jitter(image, jitter)
    dx, dy = displacement(noise_x, alpha, sigma), displacement(noise_y, alpha, sigma)
    return np.rint(displace(source, dx, dy)).astype(np.uint8)


def displacement(noise: Floats, alpha: float, sigma: float) -> Floats:
    """`alpha` times (H, W) `noise`, smoothed by a Gaussian of `sigma` pixels cut off at 3 sigma,
    the border reflected.
    """
    return alpha * _smooth_rows(_smooth_rows(noise, sigma).T, sigma).T


def displace(image: Samples, dx: Floats, dy: Floats) -> Float32:
    """(H, W, 3) `image` (uint8 or float32) read at (row + dy, column + dx); the border repeats its
    outermost pixel once.
    """
    height, width = image.shape[:2]
    x = np.arange(width) + dx
    y = np.arange(height)[:, None] + dy
    return read_bilinear(image, x, y, cv2.BORDER_REFLECT)


def jitter_points(height: int, width: int) -> Float32:
    """The three points (x, y) that ImageNet-C moves, (3, 2): corners of a square in the middle."""
    x, y, reach = width // 2, height // 2, min(height, width) // 3
    return np.array(
        [[x + reach, y + reach], [x + reach, y - reach], [x - reach, y - reach]], np.float32
    )


def affine_jitter(image: Samples, offsets: Floats) -> Float32:
    """Warp (H, W, 3) `image` so that `jitter_points` move by `offsets`, (3, 2) in pixels (x, y);
    float32, 0..255.

    Bilinear; the border reflects about its outermost pixel. Images under 3 pixels have no such
    points and stay.
    """
    height, width = image.shape[:2]
    before = jitter_points(height, width)
    if min(height, width) < 3:
        return image.astype(np.float32)
    after = before + offsets.astype(np.float32)
    (a, b, c), (d, e, f) = cv2.getAffineTransform(after, before)
    x, y = np.arange(width), np.arange(height)[:, None]
    return read_bilinear(image, a * x + b * y + c, d * x + e * y + f, cv2.BORDER_REFLECT_101)


def _smooth_rows(field: Floats, sigma: float) -> Floats:
    """`field` smoothed along its first axis, whose ends are mirrored with their outermost value.

    A product with a banded matrix, block by block: several times quicker than sliding the kernel,
    and in float64, so that any order of summation leads to the same pixels.
    """
    size = field.shape[0]
    radius = int(_TRUNCATE * sigma + 0.5)
    if radius == 0:
        return field
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    # A mirrored column has the period 2 * size: fold the kernel onto it. Row i of the matrix is
    # then kernel[j - i], plus kernel[j + i + 1] for what the mirrors add.
    period = 2 * size
    kernel = np.bincount(offsets % period, weights / weights.sum(), minlength=period)
    rows = sliding_window_view(np.tile(kernel, 2), size)
    result = np.empty_like(field)
    for first in range(0, size, _BLOCK):
        last = min(first + _BLOCK, size)
        near = slice(max(0, first - radius), min(size, last + radius))
        matrix = (
            rows[period - last + 1 : period - first + 1, near][::-1]
            + rows[first + 1 : last + 1, near]
        )
        result[first:last] = matrix @ field[near]
    return result


def read_bilinear(image: Samples, x: Floats, y: Floats, border: int) -> Float32:
    """(H, W, 3) `image` read at columns `x` and rows `y`, both (H, W), beyond the image as OpenCV's
    `border` says.

    Not `cv2.remap` with bilinear weights: those have five bits in many versions of OpenCV.
    """
    height, width = image.shape[:2]
    result = np.empty((height, width, 3), np.float32)
    limits = np.iinfo(np.int16)
    for block in row_blocks(height, width):
        left, top = np.floor(x[block]), np.floor(y[block])
        corner = np.empty((*left.shape, 2), np.int16)
        corner[..., 0] = np.clip(left, limits.min, limits.max - 1)
        corner[..., 1] = np.clip(top, limits.min, limits.max - 1)
        right_share, bottom_share = _thrice(x[block] - left), _thrice(y[block] - top)
        upper, lower = (
            _interpolate(
                _gather(image, corner, 0, down, border),
                _gather(image, corner, 1, down, border),
                right_share,
            )
            for down in (0, 1)
        )
        result[block] = _interpolate(upper, lower, bottom_share)
    return result


def _thrice(share: Floats) -> Float32:
    one = share.astype(np.float32)
    three: Float32 = cv2.merge([one, one, one])
    return three


def _gather(
    image: Samples,
    corner: npt.NDArray[np.int16],
    right: int,
    down: int,
    border: int,
) -> Float32:
    source = corner + np.array([right, down], np.int16)
    samples: Samples = cv2.remap(image, source, _NO_MAP, cv2.INTER_NEAREST, borderMode=border)
    return samples.astype(np.float32)


def _interpolate(start: Float32, end: Float32, share: Float32) -> Float32:
    """`start` + `share` of the way to `end`, in the memory of `end`."""
    end -= start
    end *= share
    end += start
    return end
