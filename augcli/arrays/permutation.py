"""A keyed pseudo-random order of 0..n-1 that is computed, not stored."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

_ROUNDS = 6
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)


class Permutation:
    """A bijection of range(n), uniform enough to shuffle a data set: a Feistel network on the next
    even power of two, walked until it lands inside the range (Black and Rogaway, CT-RSA 2002)."""

    def __init__(self, n: int, key: bytes) -> None:
        half = max(1, ((n - 1).bit_length() + 1) // 2)
        digest = hashlib.blake2b(key, digest_size=8 * _ROUNDS).digest()
        self._n = np.uint64(n)
        self._half = np.uint64(half)
        self._mask = np.uint64((1 << half) - 1)
        self._keys = np.frombuffer(digest, "<u8").astype(np.uint64)

    def __call__(self, positions: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """The elements at `positions` (uint64, each below n) of the permuted range."""
        result = self._network(positions)
        outside = result >= self._n
        while outside.any():
            result[outside] = self._network(result[outside])
            outside = result >= self._n
        return result

    def _network(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            left, right = right, left ^ (self._round(right, key) & self._mask)
        return (left << self._half) | right

    @staticmethod
    def _round(values: npt.NDArray[np.uint64], key: np.uint64) -> npt.NDArray[np.uint64]:
        mixed = (values ^ key) * _MULTIPLIER
        mixed ^= mixed >> _SHIFT
        mixed *= _MULTIPLIER
        mixed ^= mixed >> _SHIFT
        return mixed
