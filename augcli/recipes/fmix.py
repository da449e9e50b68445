"""FMix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field

from augcli.arrays.select import greatest
from augcli.arrays.types import Floats, Mask, Pixels, Shape
from augcli.image.box import Box
from augcli.image.fit import Fitted
from augcli.operations.smooth_field import (
    Spectrum,
    greatest_of_field,
    smooth_field,
)
from augcli.recipes.recipe import Alpha, Augmented, Recipe, SourceView


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

    def draw(self, rng: np.random.Generator, sources: Sequence[SourceView]) -> Params:
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
        lam = share_of_target(shares)

        def shares_in(box: Box) -> tuple[float, float]:
            inside = float(shares[box.slices].sum(dtype=np.float64))
            return inside, box.area - inside

        def blend(layers: Sequence[Fitted]) -> Floats:
            over, under = (layer.pixels() for layer in layers)
            mixed: Floats = shares * over + (1.0 - shares) * under
            return mixed

        mixed = mix(target.pixels(), partner.pixels(), shares)
        return Augmented(mixed, (lam, 1.0 - lam), shares_in=shares_in, blend=blend)


def draw_shares(params: Params, shape: Shape) -> Mask | Floats:
    """The target's share of each pixel of a canvas of `shape` (H, W): the field, cut."""
    count, soft = _counts(shape[0] * shape[1], params.lam, params.round_up, params.max_soft)
    field = params.noise_seed, shape, params.decay, params.spectrum
    if soft == 0:
        return greatest_of_field(*field, count)
    return cut(smooth_field(*field), params.lam, params.round_up, params.max_soft)


def share_of_target(shares: Mask | Floats) -> float:
    """The mean of the target's shares of all pixels."""
    if shares.dtype == bool:  # a mean of truth values takes ten times as long
        return int(np.count_nonzero(shares)) / shares.size
    return float(shares.mean())


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
