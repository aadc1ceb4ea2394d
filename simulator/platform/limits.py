"""The rate limit: requests a second over all clients, in real time.

The vendor documents the number (10) but not the algorithm. Here it is a token bucket of one second: a client that sends
evenly at the limit is never refused because of network jitter, and after a pause a burst of one second's requests
passes, as with limits that count by whole seconds. Refused requests do not count.
"""

from __future__ import annotations


class RateLimit:
    """A token bucket. Used by the server's single thread only."""

    def __init__(self, requests_per_second: float) -> None:
        if requests_per_second < 0:
            raise ValueError(f"requests_per_second is 0 (no limit) or more, not {requests_per_second}")
        self._rate = requests_per_second
        self._capacity = max(1.0, requests_per_second)
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def take(self, at: float) -> float:
        """0.0 if a request at `at` (monotonic seconds) may pass, else the seconds until one may."""
        if self._rate == 0:
            return 0.0
        if self._filled_at is not None:
            self._tokens = min(self._capacity, self._tokens + (at - self._filled_at) * self._rate)
        self._filled_at = at
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
