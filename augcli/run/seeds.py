"""Where every random number comes from."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

# By name: NumPy imports its random module at first use, which would be in each worker.
from numpy.random import Generator, Philox
from numpy.random.bit_generator import ISeedSequence


class _Key(ISeedSequence):
    """A key of Philox as it is; `Philox(key=...)` asks the system for entropy that it drops."""

    def __init__(self, key: bytes) -> None:
        self._words = np.frombuffer(key, "<u8")

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> npt.NDArray[Any]:
        return self._words[:n_words].astype(dtype)


def generator(seed: int, *purpose: str | int) -> Generator:
    """A Philox generator (Salmon et al., SC 2011) for one purpose under one seed."""
    name = "\0".join(map(str, (seed, *purpose)))
    key = _Key(hashlib.blake2b(name.encode(), digest_size=16).digest())
    return Generator(Philox(key))  # type: ignore[arg-type]


def output_id(seed: int, digest: str, source_id: str, copy: int, view: str) -> str:
    """16 hex digits that name an output: its seed, recipe, target, copy and view."""
    name = f"{seed}\0{digest}\0{source_id}\0{copy}\0{view}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
