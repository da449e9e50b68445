"""Where every random number comes from."""

from __future__ import annotations

import hashlib
from struct import unpack
from typing import Any

import numpy as np
import numpy.typing as npt

# By name: NumPy imports its random module at first use, which would be in each worker.
from numpy.random import Generator, Philox
from numpy.random.bit_generator import ISeedSequence


class _Key(ISeedSequence):
    """A fixed key of Philox; `Philox(key=...)` would read entropy from the system and drop it."""

    def __init__(self, key: bytes) -> None:
        self._words = np.frombuffer(key, "<u8")

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> npt.NDArray[Any]:
        return self._words[:n_words].astype(dtype)


def generator(seed: int, *purpose: str | int) -> Generator:
    """A Philox generator (Salmon et al., SC 2011) for one purpose under one seed."""
    return Generator(Philox(_Key(_key(seed, purpose))))  # type: ignore[arg-type]


def rekey(rng: Generator, seed: int, *purpose: str | int) -> Generator:
    """`rng`, a Philox generator that nobody needs any more, as `generator` would return it: that
    costs half of a new one."""
    key = unpack("<2Q", _key(seed, purpose))
    rng.bit_generator.state = {**_FRESH, "state": {"counter": _ZEROS, "key": key}}
    return rng


_ZEROS = (0, 0, 0, 0)
_FRESH = {
    "bit_generator": "Philox",
    "buffer": _ZEROS,
    "buffer_pos": 4,  # all of it was used
    "has_uint32": 0,
    "uinteger": 0,
}


def _key(seed: int, purpose: tuple[str | int, ...]) -> bytes:
    name = "\0".join(map(str, (seed, *purpose)))
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def output_id(seed: int, digest: str, source_id: str, copy: int, view: str) -> str:
    """16 hex digits that name an output: its seed, recipe, target, copy and view."""
    name = f"{seed}\0{digest}\0{source_id}\0{copy}\0{view}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
