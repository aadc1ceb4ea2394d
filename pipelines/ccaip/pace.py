"""How fast the API may be asked: one pace for all that share a client.

The vendor allows 10 requests a second for a customer, whatever number of clients it runs. Requests
are spaced evenly, never in bursts, so that no second of the server's clock sees more than its share.
A 429 means that somebody else uses the same allowance: everybody is held, for as long as the server
asks, the pace is halved, and from the end of the hold on it recovers by a tenth for every second
without another 429.
"""

from __future__ import annotations

import threading
import time

_SLACK = 1.02  # requests sent evenly arrive unevenly; 2 % keeps eleven out of any one second
_SLOWEST = 0.05  # of the full pace
_RECOVERY_PER_SECOND = 0.1


class Pace:
    """Says when requests may be sent. Safe to share between threads."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = _SLACK / requests_per_second  # seconds
        self._share = 1.0  # of the full pace, as it was at the end of the last hold
        self._next = 0.0  # monotonic seconds, as the one below
        self._held_until = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until the next request may be sent, by this thread or any other."""
        # One thread at a time looks at the clock, and looks again when it wakes: nobody holds a moment
        # in advance that a 429 in the meantime would have to take back.
        with self._turn:
            while (seconds := self._seconds_to_go()) > 0:
                time.sleep(seconds)

    def slow_down(self, seconds: float | None) -> None:
        """The server said 429: hold everybody for `seconds` if it told, and halve the pace."""
        with self._lock:
            now = time.monotonic()
            # Nothing is sent during a hold: another 429 in it answers a request from before, and says
            # nothing about the pace that is to come.
            if now >= self._held_until:
                self._share = max(_SLOWEST, self._recovered(now) / 2)
            hold = self._interval / self._share if seconds is None else seconds
            self._held_until = max(self._held_until, now + hold)
            self._next = max(self._next, self._held_until)

    def _seconds_to_go(self) -> float:
        """Seconds until the next request may be sent; at 0 or less it is taken as sent."""
        with self._lock:
            now = time.monotonic()
            if now >= self._next:
                # counted from now: who wakes up late makes everybody late, and no two are close together
                self._next = now + self._interval / self._recovered(now)
                return 0.0
            return self._next - now

    def _recovered(self, now: float) -> float:
        """The share of the full pace that holds at `now`."""
        return min(1.0, self._share + _RECOVERY_PER_SECOND * max(0.0, now - self._held_until))
