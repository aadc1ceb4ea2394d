"""How fast the API may be asked: one pace for all that share a client.

The vendor allows 10 requests a second for a customer, whatever number of clients it runs. Requests are spaced evenly.
A second rule keeps eleven requests out of any one second, even if threads wake up late or connections are slow: the
eleventh request waits until a second and a little more has passed since the first one was really written to its
connection. Together this costs less than 2 % of the pace.

A 429 means that somebody else uses the same allowance: everybody is held, for as long as the server asks, the pace is
halved, and from the end of the hold on it recovers by a tenth for every second without another 429.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_SLACK = 1.018  # of the interval between two requests
_JITTER_SECONDS = 0.014  # how much less one request may take on its way to the server than an earlier one
_TURN_SECONDS = 0.005  # how soon it is noticed that a request was sent
_SLOWEST = 0.05  # of the full pace
_RECOVERY_PER_SECOND = 0.1


class Sending:
    """A request that is about to be sent; `at` is when it was (monotonic seconds), None until then."""

    def __init__(self) -> None:
        self.at: float | None = None

    def sent(self) -> None:
        """Call it when the request is written to its connection. Only the first call counts."""
        if self.at is None:
            self.at = time.monotonic()


class Pace:
    """Says when requests may be sent. Safe to share between threads."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = _SLACK / requests_per_second  # seconds
        together = max(1, int(requests_per_second))
        self._together_seconds = together / requests_per_second + _JITTER_SECONDS
        self._latest: deque[Sending] = deque(maxlen=together)
        self._share = 1.0  # of the full pace, as it was at the end of the last hold
        self._next = 0.0  # monotonic seconds, as the one below
        self._held_until = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    @contextmanager
    def request(self) -> Iterator[Sending]:
        """Sleep until the next request may be sent, by this thread or any other; the block sends it.

        The request counts as sent when the block says so, at its end at the latest.
        """
        # One thread at a time looks at the clock, and looks again when it wakes: nobody holds a moment
        # in advance that a 429 in the meantime would have to take back.
        sending = Sending()
        with self._turn:
            while (seconds := self._seconds_to_go(sending)) > 0:
                time.sleep(seconds)
        try:
            yield sending
        finally:
            sending.sent()

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

    def _seconds_to_go(self, sending: Sending) -> float:
        """Seconds until the next request may be sent; at 0 or less it is `sending`'s turn."""
        with self._lock:
            now = time.monotonic()
            wait = max(self._next - now, self._until_second_is_over(now))
            if wait <= 0:
                interval = self._interval / self._recovered(now)
                # Counted from when this one was due: one that is a little late makes those after it no later.
                self._next = max(self._next, now - interval / 20) + interval
                self._latest.append(sending)
            return wait

    def _until_second_is_over(self, now: float) -> float:
        """Seconds until one request more does not make too many within a second."""
        if len(self._latest) < (self._latest.maxlen or 1):
            return 0.0
        if (at := self._latest[0].at) is None:
            return _TURN_SECONDS
        return at + self._together_seconds - now

    def _recovered(self, now: float) -> float:
        """The share of the full pace that holds at `now`."""
        return min(1.0, self._share + _RECOVERY_PER_SECOND * max(0.0, now - self._held_until))
