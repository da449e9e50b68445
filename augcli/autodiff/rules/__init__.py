"""The vector-Jacobian products, by family. Importing this package fills the registry."""

from augcli.autodiff.rules import (
    convolution,
    elementwise,
    fourier,
    indexing,
    linear,
    normalisation,
    pooling,
    reduction,
    resize,
    shape,
)

__all__ = [
    "convolution",
    "elementwise",
    "fourier",
    "indexing",
    "linear",
    "normalisation",
    "pooling",
    "reduction",
    "resize",
    "shape",
]
