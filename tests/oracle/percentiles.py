"""Shares and percentiles, with nothing where there is nothing to divide or to rank."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ratio(numerator: float, denominator: float) -> float | None:
    """None where the denominator is 0."""
    return numerator / denominator if denominator else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Interpolated between the two nearest ranks; None of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    low, high = ranked[math.floor(place)], ranked[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))
