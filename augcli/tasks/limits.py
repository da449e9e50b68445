"""The bounds of numbers that several callers take as options."""

from __future__ import annotations

from typing import NamedTuple

# What a run may make: file systems hold no more, and a thousand CPUs take months for it.
MOST_OUTPUTS = 10_000_000_000
# What OpenCV decodes at most.
MOST_PIXELS = 1 << 30
# MiB that a process can address at most (47 bits).
MOST_MEMORY = 1 << 27
# The shorter side of a map, which no image that can be decoded exceeds.
LARGEST_MAP = 1 << 15
# Of a scale, a mean or a standard deviation.
MOST_OF_PIXELS = 1_000_000
_MOST_IMAGES = 1 << 40


class Bounds(NamedTuple):
    """The least and the greatest value of an option, and whether it is a whole number."""

    least: float
    most: float
    kind: type[int] | type[float] = int


LIMITS = {
    "copies": Bounds(1, 1_000_000),
    "dense_labels": Bounds(0, 1_000_000),
    "examples": Bounds(1, 200),
    "keep_size": Bounds(0, 1, float),
    "label_smoothing": Bounds(0, 1, float),
    "limit": Bounds(1, _MOST_IMAGES),
    "max_errors": Bounds(0, MOST_OUTPUTS),
    "max_pixels": Bounds(1, MOST_PIXELS),
    "max_seconds": Bounds(0.1, 1_000_000, float),
    "memory": Bounds(16, MOST_MEMORY),
    "per_class": Bounds(1, MOST_OUTPUTS),
    "quality": Bounds(1, 100),
    "replay": Bounds(0, MOST_OUTPUTS),
    "saliency_size": Bounds(1, LARGEST_MAP),
    "scale": Bounds(1e-6, MOST_OF_PIXELS, float),
    "seed": Bounds(0, 2**63 - 1),
    "tau": Bounds(0, 1, float),
    "workers": Bounds(1, 1024),
}
