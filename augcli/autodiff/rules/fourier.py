"""The discrete Fourier transform: linear in the real and imaginary parts of its input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from augcli.autodiff.graph import Dim, Value
from augcli.autodiff.ops import fixed, reshape, transpose
from augcli.autodiff.registry import vjp
from augcli.autodiff.rules.indexing import constant


@vjp("DFT")
def dft(
    g: Value,
    y: Value,
    x: Value,
    length: Value | None = None,
    along: Value | None = None,
    *,
    axis: int | None = None,
    inverse: int = 0,
    onesided: int = 0,
) -> Value:
    """A product with the transposed matrix. The last axis holds the parts, one or two."""
    rank = len(x.dims)
    if along is not None:
        axis = int(constant(along, "its axis").reshape(()))
    elif axis is None:
        axis = 1 if g.graph.opset < 20 else -2
    axis %= rank
    input_sides, output_sides = (
        (fixed(v.dims[axis], "a batch"), fixed(v.dims[-1], "a batch")) for v in (x, y)
    )
    points = None if length is None else int(constant(length, "its length").reshape(()))
    matrix = _matrix(input_sides, output_sides, points, bool(inverse), bool(onesided))

    order = [*(a for a in range(rank - 1) if a != axis), axis, rank - 1]
    lead: Sequence[Dim] = [x.dims[a] for a in order[:-2]]
    rows = reshape(transpose(g, order), (*lead, output_sides[0] * output_sides[1]))
    product = rows @ g.graph.constant(np.ascontiguousarray(matrix.T))
    return transpose(reshape(product, (*lead, *input_sides)), np.argsort(order).tolist())


def _matrix(
    input_sides: tuple[int, int],
    output_sides: tuple[int, int],
    points: int | None,
    inverse: bool,
    onesided: bool,
) -> npt.NDArray[np.float32]:
    """The transform as a matrix (inputs, outputs), where both are points times parts."""
    units = np.eye(input_sides[0] * input_sides[1]).reshape(-1, *input_sides)
    numbers = units[..., 0] + (1j * units[..., 1] if input_sides[1] == 2 else 0)
    if inverse:
        result = (np.fft.irfft if onesided else np.fft.ifft)(numbers, points)
    else:
        result = np.fft.rfft(numbers.real, points) if onesided else np.fft.fft(numbers, points)
    parts = np.stack([result.real, result.imag], -1)[..., : output_sides[1]]
    return parts.reshape(len(units), -1).astype(np.float32)
