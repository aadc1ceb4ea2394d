"""A source of calls as a storm shows them, and what of it is true in the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from simulator.calls import CallSource, CallVersion
from simulator.faults.afterwards import Silent
from simulator.faults.layer import Json
from simulator.faults.moving import Touches
from simulator.faults.timing import Vanishing

SETTLING = timedelta(days=5)
"""Nothing changes any more so long after the source's last change and the last request of the storm.

The longest way: 6 hours to a shrunk array, 12 to a redaction, two days to the job that touches
hundreds, 6 hours to a silent correction, a day until a call that is dated ahead by one is in the past. Those dated 400 days
ahead stay so.
"""


class StormySource:
    """Calls in a storm. Safe to read from threads, so that a test can ask while the platform serves."""

    def __init__(
        self, top: CallSource, touches: Touches, silent: Silent | None, vanishing: Vanishing | None
    ) -> None:
        self._top = top
        self._touches = touches
        self._silent = silent
        self._vanishing = vanishing
        self._lock = threading.RLock()
        self._asked: tuple[datetime, int] | None = None
        self._answer: Sequence[CallVersion] = ()

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call that the API shows at `now` (UTC), once each."""
        with self._lock:
            # what was touched since counts: it may have come about before `now`
            asked = now, self._touches.count
            if asked != self._asked:
                self._answer, self._asked = self._top.versions(now), asked
            return self._answer

    def body(self, call_id: int, now: datetime) -> Json:
        """The call as the API shows it at `now` (UTC); KeyError when it has vanished."""
        with self._lock:
            return self._top.body(call_id, now)

    def truth(self, now: datetime) -> dict[int, Json]:
        """Every call as the API answers it at `now` (UTC). From `SETTLING` after the last change on: for good."""
        with self._lock:
            return {each.call_id: self.body(each.call_id, now) for each in self.versions(now)}

    def silent(self, now: datetime) -> frozenset[int]:
        """Calls that have changed since their `updated_at`: who read them in between has them stale."""
        with self._lock:
            return self._silent.silent(now) if self._silent else frozenset()

    def vanished(self, now: datetime) -> frozenset[int]:
        """Calls that were there and are not in the truth: who read them before has them still."""
        with self._lock:
            return self._vanishing.vanished(now) if self._vanishing else frozenset()
