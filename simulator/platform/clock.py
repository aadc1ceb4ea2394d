"""The platform's clock, independent of this machine's.

Frozen at an instant (so that tests are reproducible), or running at a multiple of real time. Every thread may read and
move it.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import datetime, timedelta
from typing import NamedTuple

from simulator.platform.instants import as_utc


class _Anchor(NamedTuple):
    """`at` (UTC) was shown when the monotonic clock read `real_seconds`; from there on it runs at `speed`."""

    at: datetime
    real_seconds: float
    speed: float

    def now(self) -> datetime:
        if self.speed == 0:
            return self.at
        return self.at + timedelta(seconds=(time.monotonic() - self.real_seconds) * self.speed)


class Clock:
    """A clock that shows `at` (UTC) and runs at `speed` times real time; 0, the default, is frozen."""

    def __init__(self, at: datetime, speed: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._anchor = _anchored(as_utc(at), speed)

    @classmethod
    def frozen(cls, at: datetime) -> Clock:
        """A clock that stands at `at` until it is moved."""
        return cls(at)

    @classmethod
    def running(cls, at: datetime, speed: float = 1.0) -> Clock:
        """A clock that shows `at` now and runs on at `speed` times real time."""
        return cls(at, speed)

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; 0 if frozen."""
        return self._anchor.speed

    def now(self) -> datetime:
        """The clock's time in UTC."""
        return self._anchor.now()

    def reading(self) -> datetime:
        """The time of responses: `now()`, in whole seconds if the clock is running.

        So the state is computed once per simulated second rather than per request, and the `Date` header is
        exactly the instant of the response.
        """
        anchor = self._anchor
        return anchor.now() if anchor.speed == 0 else anchor.now().replace(microsecond=0)

    def set(self, at: datetime) -> None:
        """Show `at` (UTC) from now on, at the same speed; earlier than now is allowed."""
        with self._lock:
            self._anchor = _anchored(as_utc(at), self._anchor.speed)

    def advance(self, by: timedelta) -> None:
        """Show `by` more than now, at the same speed."""
        with self._lock:
            self._anchor = _anchored(self._anchor.now() + by, self._anchor.speed)

    def run(self, speed: float) -> None:
        """Continue from now at `speed` times real time; 0 freezes."""
        with self._lock:
            self._anchor = _anchored(self._anchor.now(), speed)


def _anchored(at: datetime, speed: float) -> _Anchor:
    if not (math.isfinite(speed) and speed >= 0):
        raise ValueError(f"a clock's speed is 0 or more, not {speed}")
    return _Anchor(at, time.monotonic(), speed)
