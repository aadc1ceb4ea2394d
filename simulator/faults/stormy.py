"""A source of calls with a storm's changes, and its final truth."""

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
"""After this time since the source's last change and the storm's last request nothing changes any more.

At most: 6 hours to a shrunk array, 12 to a redaction, two days to the job that touches hundreds, 6 hours to a silent
correction, and a day until a call dated a day ahead is in the past. Those dated 400 days ahead stay in the future.
"""


class StormySource:
    """Calls in a storm. Can be read from several threads, so that a test can query it while the platform serves."""

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
        """Every call in the API at `now` (UTC), once each."""
        with self._lock:
            # calls touched since then count: the touch may be before `now`
            asked = now, self._touches.count
            if asked != self._asked:
                self._answer, self._asked = self._top.versions(now), asked
            return self._answer

    def body(self, call_id: int, now: datetime) -> Json:
        """The call in the API at `now` (UTC). Raises KeyError if it has vanished."""
        with self._lock:
            return self._top.body(call_id, now)

    def truth(self, now: datetime) -> dict[int, Json]:
        """Every call in the API at `now` (UTC). Final from `SETTLING` after the last change on."""
        with self._lock:
            return {each.call_id: self.body(each.call_id, now) for each in self.versions(now)}

    def silent(self, now: datetime) -> frozenset[int]:
        """Calls that have changed since their `updated_at`: a reader may have a stale version."""
        with self._lock:
            return self._silent.silent(now) if self._silent else frozenset()

    def vanished(self, now: datetime) -> frozenset[int]:
        """Calls that existed and are not in the truth: a reader may still have them."""
        with self._lock:
            return self._vanishing.vanished(now) if self._vanishing else frozenset()
