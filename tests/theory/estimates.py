"""A ratio measured in independent replications, and the interval in which its true value lies.

Replications give a numerator and a denominator each. As in the marts a ratio is never averaged: it is the sum of the
numerators over that of the denominators, with the standard error of the ratio estimator (W. G. Cochran, "Sampling
Techniques", 3rd edition, 1977, chapter 6). Calls of one replication depend on each other, which is why only
differences between replications count; these are independent, so Student's t holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.999

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Estimate:
    """A measured ratio: standard error, and how far to either side the interval reaches."""

    value: float
    error: float
    half_width: float

    def agrees_with(self, expected: float) -> bool:
        return abs(self.value - expected) <= self.half_width

    def sees(self, bias: float) -> float:
        """How likely the interval leaves out a value that is off by `bias`."""
        inside = _NORMAL.cdf((self.half_width - bias) / self.error)
        return 1 - inside + _NORMAL.cdf((-self.half_width - bias) / self.error)


def ratio(parts: Sequence[tuple[float, float]]) -> Estimate:
    """Of (numerator, denominator), one pair a replication."""
    runs, total = len(parts), sum(denominator for _, denominator in parts)
    value = sum(numerator for numerator, _ in parts) / total
    squares = sum((numerator - value * denominator) ** 2 for numerator, denominator in parts)
    error = sqrt(squares * runs / (runs - 1)) / total
    return Estimate(value, error, error * student(runs - 1))


def student(freedom: int) -> float:
    """Two-sided quantile of Student's t at `CONFIDENCE`: M. Abramowitz, I. Stegun, "Handbook", 26.7.5."""
    z = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
