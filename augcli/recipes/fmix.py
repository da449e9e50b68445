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
import numpy.typing as npt
from pydantic import Field

from augcli.image.box import Box
from augcli.image.fit import Fitted, Pixels, Shape
from augcli.image.ranks import greatest
from augcli.recipes.recipe import Alpha, Augmented, Recipe, View

Spectrum = Literal["paper", "official"]
Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Mask = npt.NDArray[np.bool_]


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

    def apply(self, images: Sequence[Fitted], params: Params) -> Augmented:
        target, partner = images
        noise = gaussian_noise(params.noise_seed, noise_shape(target.canvas))
        field = random_field(noise, target.canvas, params.decay, params.spectrum)
        shares = cut(field, params.lam, params.round_up, params.max_soft)
        lam = float(shares.mean(dtype=np.float64))

        def shares_in(box: Box) -> tuple[float, float]:
            held = float(shares[box.slices].sum(dtype=np.float64))
            return held, box.area - held

        mixed = mix(target.pixels(), partner.pixels(), shares)
        return Augmented(mixed, (lam, 1.0 - lam), shares_in=shares_in)


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
    low, high, _, _ = cv2.minMaxLoc(field)
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


def cut(field: Floats, lam: float, round_up: bool, max_soft: float) -> Mask | Floats:
    """The target's share of each pixel: whole for the lam * H * W greatest values of the field.

    That number is rounded up or down. With a soft edge, the shares of `max_soft` of all pixels on
    either side of it (fewer, where lam leaves less room) fall from 1 to 0 in even steps.
    """
    pixels = field.size
    count = (math.ceil if round_up else math.floor)(lam * pixels)
    soft = int(min(max_soft, lam, 1.0 - lam) * pixels)
    if soft == 0:
        return greatest(field, count)
    whole = greatest(field, count - soft)
    edge = greatest(field, count + soft) & ~whole
    shares = whole.astype(np.float64)
    falling = np.empty(2 * soft)
    falling[np.argsort(-field[edge], kind="stable")] = np.linspace(1.0, 0.0, 2 * soft)
    shares[edge] = falling
    return shares


def mix(target: Pixels, partner: Pixels, shares: Mask | Floats) -> Pixels:
    """The target where `shares` (H, W) is 1, the partner where it is 0, and blends between, rounded
    half to even; uint8 (H, W, 3)."""
    mixed: Pixels = cv2.copyTo(target, (shares == 1).view(np.uint8), partner.copy())
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
    return _normal_quantiles().take(picked).view(np.complex128).reshape(shape)


@cache
def _normal_quantiles() -> Floats:
    normal = NormalDist()
    upper = np.array([normal.inv_cdf((i + 0.5) / (1 << 16)) for i in range(1 << 15, 1 << 16)])
    return np.concatenate([-upper[::-1], upper])
