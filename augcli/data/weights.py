"""Weights of soft labels as files have them: in half precision, or rounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from augcli.text import count_text

# How far the sum of weights may be from 1 where they are used as they are, and where they are
# divided by it: half precision is off by 0.0005 at most, two digits of three weights by 0.01.
EXACT, NEAR = 1e-6, 0.01 + 1e-9
# Of many classes each weight may be off by half of the last digit that all are rounded to.
_DIGITS, _MOST = (6, 5, 4, 3), 0.05 + 1e-9
BEYOND = "not positive with the sum 1 (within 0.01, or what rounding explains)"


@dataclass(slots=True)
class Normaliser:
    """Brings weights to the sum 1, and counts those that needed it; `furthest` is how far the sum
    of any was from it."""

    count: int = 0
    furthest: float = 0.0

    def normalised(self, weights: Sequence[float], classes: int = 0) -> Sequence[float] | None:
        """Positive weights with the sum 1, of `classes` weights of which the others are 0 (if they
        are more); None where these are none, or have a sum that is further from it than 0.01 and
        than rounding explains."""
        if not weights or not all(math.isfinite(weight) and weight > 0.0 for weight in weights):
            return None
        difference = abs(sum(weights) - 1.0)
        if difference <= EXACT:
            return weights
        if not is_near(difference, weights, classes):
            return None
        self.note(1, difference)
        total = math.fsum(weights)
        return [weight / total for weight in weights]

    def note(self, count: int, furthest: float) -> None:
        """Count rows whose weights are divided by their sum, which is so far from 1 at most."""
        self.count += count
        self.furthest = max(self.furthest, furthest)

    def warnings(self, source: str) -> Iterator[str]:
        """One sentence, where any were divided by their sum."""
        if self.count:
            have = "has weights whose sum is" if self.count == 1 else "have weights whose sum is"
            within = "0.01" if self.furthest <= NEAR else f"{self.furthest:.2g}"
            yield (
                f"{source}: {count_text(self.count, 'row')} {have} not exactly 1, but within"
                f" {within} of it, as after rounding; they are divided by their sum."
            )


def is_near(difference: float, weights: Sequence[float], classes: int = 0) -> bool:
    """Whether the sum of weights, `difference` away from 1, is that of weights with the sum 1 which
    were rounded: within 0.01; or, where all have three to six digits, within half of the last one
    for each of the classes, and 0.05."""
    if difference <= NEAR:
        return True
    if not difference <= _MOST:
        return False
    count = max(classes, len(weights))
    return any(
        difference <= count * 0.5 * 10.0**-digits + 1e-9
        and all(abs(weight - round(weight, digits)) <= 1e-7 for weight in weights)
        for digits in _DIGITS
    )
