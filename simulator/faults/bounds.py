"""How hard the faults strike. A storm is hostile, not hopeless: each fault has an end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The faults' largest measures. Real seconds unless called simulated (those of the platform's clock)."""

    retry_after_seconds: int = 1
    """What `Retry-After` asks for, at most: the client waits that long, in real time."""
    slow_seconds: float = 0.05
    """The longest that an answer is held back."""
    skew_seconds: int = 20
    """The most that `Date` is off, either way, simulated. With `late_seconds` less than a reader's settle time."""
    late_seconds: int = 30
    """The longest that a change stays unseen, simulated."""
    crowd: int = 400
    """How many calls a job touches within one second; all that changed in two days when there are fewer.

    Other faults take some of them away again; more than 250 are to be left.
    """
