"""How fast the API may be asked: one pace for all that share a client.

The vendor allows 10 requests a second for a customer, whatever number of clients it runs. Requests
are spaced evenly, never in bursts, so that no second of the server's clock sees more than its share.
A 429 means that somebody else uses the same allowance: the pace is halved, and recovers by a tenth
for every second without another 429.
"""

from __future__ import annotations

import threading
import time

_SLACK = 1.02  # requests sent evenly arrive unevenly; 2 % keeps eleven out of any one second
_SLOWEST = 0.05  # of the full pace
_RECOVERY_PER_SECOND = 0.1


class Pace:
    """Hands out the moments at which requests may be sent. Safe to share between threads."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = _SLACK / requests_per_second
        self._share = 1.0
        self._next = 0.0
        self._slowed_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            moment = max(now, self._next)
            share = min(1.0, self._share + _RECOVERY_PER_SECOND * (now - self._slowed_at))
            self._next = moment + self._interval / share
        time.sleep(max(0.0, moment - now))

    def slow_down(self, seconds: float | None) -> None:
        """The server said 429: pause everybody for `seconds` if it told, and halve the pace."""
        with self._lock:
            now = time.monotonic()
            self._share = max(
                _SLOWEST, min(1.0, self._share + _RECOVERY_PER_SECOND * (now - self._slowed_at)) / 2
            )
            self._slowed_at = now
            self._next = max(
                self._next, now + (seconds if seconds is not None else self._interval / self._share)
            )
