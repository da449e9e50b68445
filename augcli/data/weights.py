"""Weights of soft labels as files have them: in half precision, or rounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augcli.text import count_text

# How far the sum of weights may be from 1 where they are used as they are, and where they are
# divided by it: half precision is off by 0.0005 at most, two digits of three weights by 0.01.
_EXACT, _NEAR = 1e-6, 0.01 + 1e-9
BEYOND = "not positive with the sum 1 (within 0.01)"


@dataclass(slots=True)
class Normaliser:
    """Brings weights to the sum 1, and counts those that needed it."""

    count: int = 0

    def normalised(self, weights: Sequence[float]) -> Sequence[float] | None:
        """Positive weights with the sum 1; None where these are none, or have a sum that is further
        than 0.01 from it."""
        if not weights or not all(math.isfinite(weight) and weight > 0.0 for weight in weights):
            return None
        difference = abs(sum(weights) - 1.0)
        if difference <= _EXACT:
            return weights
        if not difference <= _NEAR:
            return None
        self.count += 1
        total = math.fsum(weights)
        return [weight / total for weight in weights]

    def warnings(self, source: str) -> Iterator[str]:
        """One sentence, where any were divided by their sum."""
        if self.count:
            have = "has weights whose sum is" if self.count == 1 else "have weights whose sum is"
            yield (
                f"{source}: {count_text(self.count, 'row')} {have} not exactly 1, but within 0.01"
                " of it, as after rounding; they are divided by their sum."
            )
