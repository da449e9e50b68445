"""FMix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field

from augcli.arrays.select import greatest, split
from augcli.arrays.types import Complex, Floats, Mask, Pixels, Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.recipes.recipe import Alpha, Augmented, Recipe, View

_ROWS_AT_ONCE = 64
_WORDS_AT_ONCE = 1 << 16

Spectrum = Literal["paper", "official"]


@dataclass(frozen=True, slots=True)
class Params:
    """The share of the target, how its pixels are counted and its edge softened, and the field of
    which they are the greatest values."""

    lam: float
    round_up: bool
    max_soft: float
    noise_seed: int
    decay: float
    spectrum: Spectrum


class FMix(Recipe):
    """FMix (Harris et al., 2020, https://arxiv.org/abs/2002.12047).

    A random field with a spectrum of low frequencies is cut at a threshold into two regions; the
    target shows in the one, its partner in the other. Labels mix by the area really shown.
    """

    name = "fmix"
    sources = 2
    params_type: ClassVar[type] = Params

    alpha: Alpha = Field(1.0, description="lam ~ Beta(alpha, alpha), the target's share")
    decay: float = Field(
        3.0, gt=0, le=10, description="power of the frequency by which the spectrum falls"
    )
    max_soft: float = Field(
        0.0, ge=0, le=0.5, description="share of pixels on either side of the edge that blend"
    )
    spectrum: Spectrum = Field(
        "paper",
        description="official: as the published code has it, which indexes rows where it means the"
        " real and the imaginary part: at most one wave across",
    )

    def draw(self, rng: np.random.Generator, views: Sequence[View]) -> Params:
        return Params(
            lam=float(rng.beta(self.alpha, self.alpha)),
            round_up=bool(rng.random() < 0.5),
            max_soft=self.max_soft,
            noise_seed=int(rng.integers(1 << 63)),
            decay=self.decay,
            spectrum=self.spectrum,
        )

    def moves(self, params: Params) -> bool:
        return False

    def goes_in(self, params: Params, shape: Shape) -> tuple[bool, ...]:
        pixels = shape[0] * shape[1]
        count, soft = _counts(pixels, params.lam, params.round_up, params.max_soft)
        return True, count < pixels or soft > 0

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        shares = draw_shares(params, target.canvas)
        if shares.dtype == bool:  # a mean of truth values takes ten times as long
            lam = int(np.count_nonzero(shares)) / shares.size
        else:
            lam = float(shares.mean())

        def shares_in(box: Box) -> tuple[float, float]:
            held = float(shares[box.slices].sum(dtype=np.float64))
            return held, box.area - held

        def blend(layers: Sequence[Fitted]) -> Floats:
            over, under = (layer.pixels() for layer in layers)
            mixed: Floats = shares * over + (1.0 - shares) * under
            return mixed

        mixed = mix(target.pixels(), partner.pixels(), shares)
        return Augmented(mixed, (lam, 1.0 - lam), shares_in=shares_in, blend=blend)


def draw_shares(params: Params, shape: Shape) -> Mask | Floats:
    """The target's share of each pixel of a canvas of `shape` (H, W): what `cut` makes of the
    `random_field` of these parameters.

    Of a hard edge, only the two values count between which the threshold lies. Where these are
    further apart than rounding moves any, as they are but for one of some 10,000 masks, the field
    that is found sooner has the same pixels above it.
    """
    count, soft = _counts(shape[0] * shape[1], params.lam, params.round_up, params.max_soft)
    if soft == 0 and params.spectrum == "paper":
        mask, gap = split(rough_field(params.noise_seed, shape, params.decay), count)
        if gap > _uncertainty(shape, params.decay):
            return mask
    noise = gaussian_noise(params.noise_seed, noise_shape(shape))
    field = random_field(noise, shape, params.decay, params.spectrum)
    return cut(field, params.lam, params.round_up, params.max_soft)


def random_field(noise: Complex, shape: Shape, decay: float, spectrum: Spectrum) -> Floats:
    """A field of `shape` (H, W), scaled to 0..1, from complex Gaussian noise of `noise_shape`.

    Where it does not vary, as on one pixel, it is 0.
    """
    height, width = shape
    columns = width // 2 + 1
    scaled = noise * _falling(shape, noise.shape[1], decay)
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
def _falling(shape: Shape, columns: int, decay: float) -> Floats:
    """The spectrum's amplitudes: a power of the frequency, which is taken as one wave at least."""
    height, width = shape
    waves = np.arange(columns)
    squared = np.fft.fftfreq(height)[:, None] ** 2 + (np.minimum(waves, width - waves) / width) ** 2
    amplitudes: Floats = np.maximum(squared, 1 / max(shape) ** 2) ** (-decay / 2)
    return amplitudes


@lru_cache(32)
def _uncertainty(shape: Shape, decay: float) -> float:
    """How far apart two values of a field must be for no rounding to change their order.

    A value is a sum over the spectrum. Whatever the order of that sum, and whether rows or columns
    come first, each of its H + W steps errs by less than 2**-50 of the sum of all magnitudes, which
    is eight times what one operation may. Two transforms move two values each: hence the 4. Scaled
    to 0..1, values so far apart remain apart.
    """
    height, width = shape
    magnitudes = _falling(shape, noise_shape(shape)[1], decay).sum()
    greatest_noise = math.sqrt(2.0) * float(_normal_quantiles()[-1])
    return 4 * (height + width) * 2.0**-50 * 2 * greatest_noise * float(magnitudes)


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


def rough_field(noise_seed: int, shape: Shape, decay: float) -> Floats:
    """The field (H, W) of the paper's spectrum before it is scaled, but for its last bits: these
    are rounded in the way that is the fastest.

    Columns are transformed as rows of the transposed spectrum, then rows, a few at a time. Memory
    is used again while it is in the processor's caches: that saves a third.
    """
    height, width = shape
    columns = width // 2 + 1
    waves = gaussian_noise(noise_seed, noise_shape(shape))
    waves *= _falling(shape, waves.shape[1], decay)
    turned = cv2.transpose(waves.view(np.float64).reshape(height, -1, 2)[:, :columns])
    del waves
    cv2.dft(turned, dst=turned, flags=cv2.DFT_INVERSE | cv2.DFT_ROWS)
    field = np.empty(shape)
    spectrum = np.empty((_ROWS_AT_ONCE, width, 2))  # of which OpenCV looks at the first half only
    flags = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_ROWS
    # For an odd length with a large factor NumPy takes half as long.
    by_numpy = width % 2 == 1 and cv2.getOptimalDFTSize(width) != width
    for top in range(0, height, _ROWS_AT_ONCE):
        rows, some = field[top : top + _ROWS_AT_ONCE], turned[:, top : top + _ROWS_AT_ONCE]
        if by_numpy:
            halves = cv2.transpose(some).view(np.complex128)[:, :, 0]
            rows[...] = np.fft.irfft(halves, width, norm="forward")
        else:
            cv2.transpose(some, dst=spectrum[: len(rows), :columns])
            cv2.dft(spectrum[: len(rows)], dst=rows, flags=flags)
    return field


def _packed_column(column: Complex) -> Floats:
    mirrored = np.roll(column[::-1], 1)
    hermitian = (column + mirrored.conj()) / 2
    parts = hermitian[: len(column) // 2 + 1].view(np.float64)
    return np.delete(parts, 1)[: len(column)]


def cut(field: Floats, lam: float, round_up: bool, max_soft: float) -> Mask | Floats:
    """The target's share of each pixel: whole for the lam * H * W greatest values of the field.

    That number is rounded up or down. With a soft edge, the shares of `max_soft` of all pixels on
    either side of it (fewer, where lam leaves less room) fall from 1 to 0 in even steps.
    """
    count, soft = _counts(field.size, lam, round_up, max_soft)
    if soft == 0:
        return greatest(field, count)
    whole = greatest(field, count - soft)
    edge = greatest(field, count + soft) & ~whole
    shares = whole.astype(np.float64)
    falling = np.empty(2 * soft)
    falling[np.argsort(-field[edge], kind="stable")] = np.linspace(1.0, 0.0, 2 * soft)
    shares[edge] = falling
    return shares


def _counts(pixels: int, lam: float, round_up: bool, max_soft: float) -> tuple[int, int]:
    """How many of so many pixels are the target's, and how many on either side of an edge blend."""
    count = (math.ceil if round_up else math.floor)(lam * pixels)
    return count, int(min(max_soft, lam, 1.0 - lam) * pixels)


def mix(target: Pixels, partner: Pixels, shares: Mask | Floats) -> Pixels:
    """The target where `shares` (H, W) is 1, the partner where it is 0, and blends between, rounded
    half to even; uint8 (H, W, 3)."""
    whole = shares if shares.dtype == bool else shares == 1
    mixed: Pixels = cv2.copyTo(target, whole.view(np.uint8), partner.copy())
    if shares.dtype != bool:
        edge = np.flatnonzero((shares > 0) & (shares < 1))
        share = shares.take(edge)[:, None]
        over, under = (image.reshape(-1, 3).take(edge, axis=0) for image in (target, partner))
        mixed.reshape(-1, 3)[edge] = np.rint(share * over + (1.0 - share) * under)
    return mixed


def gaussian_noise(seed: int, shape: Shape) -> Complex:
    """Complex numbers of `shape` whose parts are standard normal, for a seed, 0 <= seed < 2**64.

    Each part is the middle of one of 2**16 intervals of equal probability, picked by 16 raw bits
    of Philox-4x64-10 (Salmon et al., SC 2011): several times faster than NumPy's distribution, and
    unlike it the same for ever.
    """
    count = 2 * shape[0] * shape[1]
    words = np.random.Philox(key=seed).random_raw(-(-count // 4))
    picked = words.astype("<u8", copy=False).view("<u2")[:count]
    parts, table = np.empty(count), _normal_quantiles()
    for start in range(0, count, _WORDS_AT_ONCE):
        some = slice(start, start + _WORDS_AT_ONCE)
        np.take(table, picked[some], out=parts[some], mode="clip")  # the mode that needs no copy
    return parts.view(np.complex128).reshape(shape)


@cache
def _normal_quantiles() -> Floats:
    normal = NormalDist()
    upper = np.array([normal.inv_cdf((i + 0.5) / (1 << 16)) for i in range(1 << 15, 1 << 16)])
    return np.concatenate([-upper[::-1], upper])
