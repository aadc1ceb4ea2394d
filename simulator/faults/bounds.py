"""The limits of the faults. Each fault ends, so that a load can succeed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The limits of the faults, in real seconds, or simulated seconds (of the platform's clock) where stated."""

    retry_after_seconds: int = 1
    """The longest `Retry-After`, which the client waits in real time."""
    slow_seconds: float = 0.05
    """The longest delay of a response."""
    skew_seconds: int = 20
    """The largest error of `Date`, in both directions, simulated. Together with `late_seconds` less than a settle time."""
    late_seconds: int = 30
    """The longest time that a change stays invisible, simulated."""
    crowd: int = 400
    """The number of calls a job touches within one second, or all calls of two days if there are fewer.

    Other faults remove some of them; more than 250 should remain.
    """
