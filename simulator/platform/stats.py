"""Counts and arrival times of requests, so that tests can check how a client behaves."""

from __future__ import annotations

import threading
from collections import Counter, deque

_ARRIVALS_KEPT = 100_000


class Stats:
    """Requests below the API's prefix, whatever the response. Every thread may read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque(maxlen=_ARRIVALS_KEPT)
        self._requests = 0
        self._statuses: Counter[int] = Counter()

    @property
    def requests(self) -> int:
        """The number of requests that have arrived."""
        return self._requests

    @property
    def too_many(self) -> int:
        """The number of 429 responses."""
        return self.statuses[429]

    @property
    def statuses(self) -> Counter[int]:
        """The number of responses by status."""
        with self._lock:
            return Counter(self._statuses)

    @property
    def arrivals(self) -> tuple[float, ...]:
        """When requests arrived, in order: monotonic seconds; the last 100,000 of them."""
        with self._lock:
            return tuple(self._arrivals)

    def busiest(self, seconds: float = 1.0) -> int:
        """The most requests that arrived within any `seconds` (half-open)."""
        arrivals = self.arrivals
        most = first = 0
        for last, at in enumerate(arrivals):
            while at - arrivals[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def arrived(self, at: float) -> None:
        """A request arrived at `at` (monotonic seconds)."""
        with self._lock:
            self._requests += 1
            self._arrivals.append(at)

    def answered(self, status: int) -> None:
        """A request is about to be answered with `status`."""
        with self._lock:
            self._statuses[status] += 1
