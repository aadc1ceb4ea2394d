"""The rate of requests, shared by all users of a client.

The vendor allows 10 requests a second per customer, however many clients it runs. Requests are spaced evenly. A second
rule prevents eleven requests within one second, even if threads wake up late or connections are slow: the eleventh
request waits until slightly more than a second has passed since the first one was written to its connection. Together
this costs less than 2 % of the rate.

A 429 means that another client uses the same allowance. All requests are then held for as long as the server asks, the
rate is halved, and after the hold it recovers by a tenth for every second without another 429.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_REQUESTS_PER_SECOND = 10.0
"""The vendor's limit for a customer, shared by all its clients."""

DEFAULT_LONGEST_RETRY_AFTER_SECONDS = 900.0

_SLACK = 1.018  # factor of the interval between two requests
_JITTER_SECONDS = 0.014  # how much faster a request may reach the server than an earlier one
_TURN_SECONDS = 0.005  # how often to check whether a request was sent
_SLOWEST = 0.05  # share of the full rate
_RECOVERY_PER_SECOND = 0.1


class Sending:
    """A request that is about to be sent; `at` is when it was (monotonic seconds), None until then."""

    def __init__(self) -> None:
        self.at: float | None = None

    def sent(self) -> None:
        """Call this when the request is written to its connection. Only the first call counts."""
        if self.at is None:
            self.at = time.monotonic()


class Pace:
    """Decides when requests may be sent. Can be shared between threads."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = _SLACK / requests_per_second  # seconds
        together = max(1, int(requests_per_second))
        self._together_seconds = together / requests_per_second + _JITTER_SECONDS
        self._latest: deque[Sending] = deque(maxlen=together)
        self._share = 1.0  # share of the full rate at the end of the last hold
        self._next = 0.0  # monotonic seconds, like the next one
        self._held_until = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    @contextmanager
    def request(self) -> Iterator[Sending]:
        """Wait until a request may be sent, which the block then does.

        The request counts as sent when the block reports it, or at the end of the block.
        """
        # One thread at a time checks the clock, and checks again when it wakes: no turn is reserved in advance
        # that a 429 would have to cancel.
        sending = Sending()
        with self._turn:
            while (seconds := self._seconds_to_go(sending)) > 0:
                time.sleep(seconds)
        try:
            yield sending
        finally:
            sending.sent()

    def slow_down(self, seconds: float | None) -> None:
        """After a 429: hold all requests for `seconds`, if given, and halve the rate."""
        with self._lock:
            now = time.monotonic()
            # Nothing is sent during a hold: another 429 answers an earlier request and says nothing about the
            # new rate.
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
                # Counted from when this one was due, so that a late request does not delay those after it.
                self._next = max(self._next, now - interval / 20) + interval
                self._latest.append(sending)
            return wait

    def _until_second_is_over(self, now: float) -> float:
        """Seconds until another request does not exceed the limit within a second."""
        if len(self._latest) < (self._latest.maxlen or 1):
            return 0.0
        if (at := self._latest[0].at) is None:
            return _TURN_SECONDS
        return at + self._together_seconds - now

    def _recovered(self, now: float) -> float:
        """The share of the full rate that is allowed at `now`."""
        return min(1.0, self._share + _RECOVERY_PER_SECOND * max(0.0, now - self._held_until))
