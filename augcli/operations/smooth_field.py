"""Smooth random fields: Gaussian noise whose spectrum falls with a power of the frequency, as FMix
(Harris et al., 2020, https://arxiv.org/abs/2002.12047) cuts them.

`smooth_field` is the field; `greatest_of_field` is a mask of its greatest values, and takes two
thirds of the time for it (row "fmix" of the benchmark).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from augcli.arrays.noise import greatest_normal, normal_field
from augcli.arrays.select import greatest, split
from augcli.arrays.types import Complex, Floats, Mask, Shape

_ROWS_AT_ONCE = 64

Spectrum = Literal["paper", "official"]


def smooth_field(seed: int, shape: Shape, decay: float, spectrum: Spectrum = "paper") -> Floats:
    """The field (H, W) of a seed, scaled to 0..1; 0 where it does not vary, as on one pixel."""
    return field_of_noise(gaussian_noise(seed, noise_shape(shape)), shape, decay, spectrum)


def greatest_of_field(
    seed: int, shape: Shape, decay: float, spectrum: Spectrum, count: int
) -> Mask:
    """A mask (H, W) of the `count` greatest values of `smooth_field`; equal ones count in raster
    order.

    Only the two values matter between which the threshold lies. Where these are further apart than
    rounding moves any, as they are but for one of some 10,000 masks, the field that is computed
    sooner has the same pixels above it.
    """
    if spectrum == "paper":
        mask, gap = split(rough_field(seed, shape, decay), count)
        if gap > uncertainty(shape, decay):
            return mask
    return greatest(smooth_field(seed, shape, decay, spectrum), count)


def field_of_noise(noise: Complex, shape: Shape, decay: float, spectrum: Spectrum) -> Floats:
    """A field of `shape` (H, W), scaled to 0..1, from complex Gaussian noise of `noise_shape`.

    Where it does not vary, as on one pixel, it is 0.
    """
    height, width = shape
    columns = width // 2 + 1
    scaled = noise * _amplitudes(shape, noise.shape[1], decay)
    if spectrum == "paper":
        waves = scaled[:, :columns]
    else:
        real, imaginary = scaled[0, :height], scaled[1 % height, :height]
        waves = np.zeros((height, max(columns, 2)), np.complex128)
        waves[: len(real), 0] = real.real + 1j * imaginary.real
        waves[: len(real), 1] = real.imag + 1j * imaginary.imag
    field = real_waves(waves[:, :columns], width)
    low, high = field.min(), field.max()
    field -= low
    field /= (high - low) or 1.0
    return field


@lru_cache(32)
def _amplitudes(shape: Shape, columns: int, decay: float) -> Floats:
    """The spectrum's amplitudes: a power of the frequency, which is taken as one wave at least."""
    height, width = shape
    waves = np.arange(columns)
    squared = np.fft.fftfreq(height)[:, None] ** 2 + (np.minimum(waves, width - waves) / width) ** 2
    amplitudes: Floats = np.maximum(squared, 1 / max(shape) ** 2) ** (-decay / 2)
    return amplitudes


def noise_shape(shape: Shape) -> Shape:
    """How much noise a field of `shape` takes: half of a spectrum, and where the width is odd a
    column more, which only the published code makes something of."""
    height, width = shape
    return height, width // 2 + 1 + width % 2


def real_waves(spectrum: Complex, width: int) -> Floats:
    """The real (H, W) array with this half of a spectrum (H, W // 2 + 1), times H * W: that of
    `numpy.fft.irfft2`.

    OpenCV's transform is several times faster. It takes the real and imaginary parts of a row side
    by side, but for the first and, where W is even, the last column, whose imaginary parts belong
    to no real array: of those, half of the rows are given, down the column.
    """
    height, pairs = len(spectrum), (width - 1) // 2
    packed = np.empty((height, width))
    packed[:, 1 : 1 + 2 * pairs] = spectrum[:, 1 : 1 + pairs].view(np.float64)
    packed[:, 0] = _packed_column(spectrum[:, 0])
    if width % 2 == 0:
        packed[:, -1] = _packed_column(spectrum[:, -1])
    waves: Floats = cv2.dft(packed, flags=cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT)
    return waves


def _packed_column(column: Complex) -> Floats:
    mirrored = np.roll(column[::-1], 1)
    hermitian = (column + mirrored.conj()) / 2
    parts = hermitian[: len(column) // 2 + 1].view(np.float64)
    return np.delete(parts, 1)[: len(column)]


def rough_field(seed: int, shape: Shape, decay: float) -> Floats:
    """The field (H, W) of the paper's spectrum before it is scaled, but for its last bits: these
    are rounded in the way that is the fastest.

    Columns are transformed as rows of the transposed spectrum, then rows, a few at a time. Memory
    is used again while it is in the processor's caches: that saves a third.
    """
    height, width = shape
    columns = width // 2 + 1
    waves = gaussian_noise(seed, noise_shape(shape))
    waves *= _amplitudes(shape, waves.shape[1], decay)
    transposed = cv2.transpose(waves.view(np.float64).reshape(height, -1, 2)[:, :columns])
    del waves
    cv2.dft(transposed, dst=transposed, flags=cv2.DFT_INVERSE | cv2.DFT_ROWS)
    field = np.empty(shape)
    spectrum = np.empty((_ROWS_AT_ONCE, width, 2))  # of which OpenCV looks at the first half only
    flags = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_ROWS
    # For an odd length with a large factor NumPy takes half as long.
    by_numpy = width % 2 == 1 and cv2.getOptimalDFTSize(width) != width
    for top in range(0, height, _ROWS_AT_ONCE):
        rows, some = field[top : top + _ROWS_AT_ONCE], transposed[:, top : top + _ROWS_AT_ONCE]
        if by_numpy:
            halves = cv2.transpose(some).view(np.complex128)[:, :, 0]
            rows[...] = np.fft.irfft(halves, width, norm="forward")
        else:
            cv2.transpose(some, dst=spectrum[: len(rows), :columns])
            cv2.dft(spectrum[: len(rows)], dst=rows, flags=flags)
    return field


@lru_cache(32)
def uncertainty(shape: Shape, decay: float) -> float:
    """How far apart two values of a field must be for no rounding to change their order.

    A value is a sum over the spectrum. Whatever the order of that sum, and whether rows or columns
    come first, each of its H + W steps errs by less than 2**-50 of the sum of all magnitudes, which
    is eight times what one operation may. Two transforms move two values each: hence the 4. Scaled
    to 0..1, values so far apart remain apart.
    """
    height, width = shape
    magnitudes = _amplitudes(shape, noise_shape(shape)[1], decay).sum()
    greatest_noise = math.sqrt(2.0) * greatest_normal()
    return 4 * (height + width) * 2.0**-50 * 2 * greatest_noise * float(magnitudes)


def gaussian_noise(seed: int, shape: Shape) -> Complex:
    """Complex numbers of `shape` whose parts are standard normal, for a seed, 0 <= seed < 2**64."""
    return normal_field(seed, (shape[0], 2 * shape[1])).view(np.complex128)
